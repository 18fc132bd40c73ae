//! A line of a set file: a prefix or a range of addresses; `#`, `;` and `//` comments.
//!
//! Owns what a line may say, and the explanation of one that does not. Never counts lines.

use ipnetwork::IpNetwork;

pub(in crate::config) use super::address::Fault;
use super::range::{self, Bad};
use super::{address, mapped};
use crate::config::prefixes::Unsorted;
use crate::names::words::quoted;

/// What a line says, without comment, spaces, and the comma that separates it from the next.
pub(in crate::config) fn content(line: &str) -> &str {
    // Where files are joined, a mark is in the middle.
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let end = line.bytes().position(|byte| byte == b'#' || byte == b';');
    let content = end.and_then(|end| line.get(..end)).unwrap_or(line);
    let content = without_slashes(content).trim_ascii();
    match content.strip_suffix(',').map(str::trim_ascii_end) {
        Some(before) if !before.is_empty() => before,
        _ => content,
    }
}

/// Without a comment after `//`, which needs a space before it: `192.0.2.0//24` is a slip.
fn without_slashes(line: &str) -> &str {
    let mut comments = line.match_indices("//").map(|(at, _)| line.get(..at));
    let is_comment = |before: &&str| before.is_empty() || before.ends_with([' ', '\t', ',']);
    comments
        .find_map(|before| before.filter(is_comment))
        .unwrap_or(line)
}

/// What a line turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Line {
    /// Nothing but a comment.
    Blank,
    /// Prefixes.
    Prefixes,
    /// Prefixes of IPv4 in the notation of IPv6.
    Mapped,
    /// All of IPv4 in the notation of IPv6.
    AllMapped,
    /// Something else; [`explain`] says what.
    Bad,
}

/// Adds the prefixes of a line.
pub(in crate::config) fn read(content: &str, prefixes: &mut Unsorted) -> Line {
    if content.is_empty() {
        return Line::Blank;
    }
    if let Some(prefix) = address::prefix(content) {
        prefixes.push(prefix);
        return kind(content, &prefix);
    }
    let Ok(range) = range::prefixes(content) else {
        return Line::Bad;
    };
    let kind = range
        .first()
        .map_or(Line::Bad, |prefix| kind(content, prefix));
    range.into_iter().for_each(|prefix| prefixes.push(prefix));
    kind
}

fn kind(content: &str, prefix: &IpNetwork) -> Line {
    match mapped::is_folded(content, prefix) {
        false => Line::Prefixes,
        true if prefix.prefix() == 0 => Line::AllMapped,
        true => Line::Mapped,
    }
}

/// What other formats begin a comment with; `!192.0.2.1` without a space is a negation.
fn is_comment(content: &str) -> bool {
    let signs = ["%", "! ", "--", "/*", "REM ", "dnl "];
    signs.iter().any(|sign| content.starts_with(sign))
}

/// What is wrong with a line that is neither a prefix nor a range.
pub(in crate::config) fn explain(content: &str) -> Fault {
    match range::prefixes(content) {
        Err(Bad::Mixed) => {
            return Fault::address(
                quoted(content),
                "goes from one family to the other; expected two addresses of one",
            );
        }
        Err(Bad::Reversed(from, to)) => {
            return Fault::address(
                format!("range {}", quoted(content)),
                format!("is reversed; expected {to} - {from}"),
            );
        }
        Ok(_) | Err(Bad::NotARange) => {}
    }
    if is_comment(content) {
        return Fault::other(
            content,
            "looks like a comment; expected #, ; or // before it",
        );
    }
    if content.starts_with(['!', '@']) {
        return Fault::other(content, "is for rules; expected a prefix");
    }
    let fault = Fault::of(content);
    if fault.is_address {
        return fault;
    }
    let is_space = |char: char| char.is_ascii_whitespace() || char == ',';
    match content.split_once(is_space) {
        Some((first, rest)) if address::prefix(first).is_some() => Fault::other(
            rest.trim_ascii(),
            "follows a prefix; expected one prefix per line, comments after #, ; or //",
        ),
        _ => fault,
    }
}
