//! A line of a set file: a prefix or a range of addresses, `#` and `;` comments.
//!
//! Owns what a line may say, and the explanation of one that does not. Never counts lines.

use super::address;
use super::range::{self, Bad};
use super::words::quoted;
use crate::config::prefixes::Unsorted;

/// What a line says, without comment and spaces.
pub(in crate::config) fn content(line: &str) -> &str {
    let end = line.bytes().position(|byte| byte == b'#' || byte == b';');
    let content = end.and_then(|end| line.get(..end)).unwrap_or(line);
    content.trim_ascii()
}

/// Adds the prefixes of a line; false if there is something else than prefixes.
pub(in crate::config) fn read(content: &str, prefixes: &mut Unsorted) -> bool {
    if content.is_empty() {
        return true;
    }
    if let Some(prefix) = address::prefix(content) {
        prefixes.push(prefix);
        return true;
    }
    let range = range::prefixes(content);
    let is_range = range.is_ok();
    let range = range.into_iter().flatten();
    range.for_each(|prefix| prefixes.push(prefix));
    is_range
}

/// What is wrong with a line that is neither a prefix nor a range.
pub(in crate::config) fn explain(content: &str) -> String {
    let subject = quoted(content);
    match range::prefixes(content) {
        Err(Bad::Mixed) => {
            return format!(
                "{subject} goes from one family to the other; expected two addresses of one"
            );
        }
        Err(Bad::Reversed(from, to)) => {
            return format!("range {subject} is reversed; expected {to} - {from}");
        }
        Ok(_) | Err(Bad::NotARange) => {}
    }
    if content.starts_with(['!', '@']) {
        return format!("{subject} is for rules; expected a prefix");
    }
    match content.split_once(|char: char| char.is_ascii_whitespace()) {
        Some((first, rest)) if address::prefix(first).is_some() => format!(
            "{} follows a prefix; expected one prefix per line, comments after # or ;",
            quoted(rest.trim_ascii())
        ),
        _ => address::explain(content),
    }
}
