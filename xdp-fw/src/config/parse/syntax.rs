//! Words the TOML parser's errors for an operator.
//!
//! Owns the line between an error that spoils one value and one after which the rest of the
//! document is a guess. Never parses TOML itself.

use std::borrow::Cow;

use toml::de::Error;

use super::report::Report;
use super::stranger::Syntax;
use crate::config::defaults::MAX_PROBLEMS_PER_FILE;
use crate::names::words::quoted;

/// Errors about a value that is not TOML, after which the parser goes on with the next key.
const BAD_VALUE: &[&str] = &[
    "string values must be quoted",
    "invalid boolean",
    "invalid date",
    "invalid time",
    "invalid float",
    "invalid mantissa",
    "invalid fraction",
    "invalid exponent",
    "invalid integer",
    "invalid hexadecimal",
    "invalid octal",
    "invalid binary",
    "unexpected leading zero",
    "unexpected sign",
    "redundant",
    "integers with a radix cannot be signed",
    "radix must be lowercase",
    "`_` may only go between digits",
];

/// Other errors that leave the structure of the document whole.
const HARMLESS: &[&str] = &[
    "duplicate key",
    "missing escaped value",
    "too few unicode",
    // Ends with its line; where that tears a list, the list has an error of its own.
    "invalid basic string",
    "invalid literal string",
];

/// Reports the syntax errors, in the order of the text, up to the first that breaks its
/// structure: the parser's guesses after that one would send the operator astray.
pub(super) fn report(text: &str, mut errors: Vec<Error>, said: Syntax, report: &mut Report<'_>) {
    if said == Syntax::Settled {
        return;
    }
    errors.sort_by_key(offset);
    for (count, error) in errors.iter().enumerate() {
        let breaks = !starts_with(error, BAD_VALUE) && !starts_with(error, HARMLESS);
        let last = count + 1 == MAX_PROBLEMS_PER_FILE;
        let (offset, message) = worded(text, error);
        let message = match said {
            Syntax::Unquoted => unquoted(error, message),
            Syntax::Quoted | Syntax::Settled => message,
        };
        report.syntax(offset, breaks || last, message);
        if breaks || last {
            break;
        }
    }
}

fn offset(error: &Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

fn starts_with(error: &Error, prefixes: &[&str]) -> bool {
    prefixes
        .iter()
        .any(|prefix| error.message().starts_with(prefix))
}

/// The same without what the file says.
fn unquoted(error: &Error, message: String) -> String {
    if starts_with(error, BAD_VALUE) {
        return "this is not a value; expected text in quotes, a number, true or false".into();
    }
    match error.message() {
        "duplicate key" => "a key is written twice; expected it once".into(),
        _ => message,
    }
}

/// Where the error is and what it says.
fn worded(text: &str, error: &Error) -> (usize, String) {
    if starts_with(error, BAD_VALUE) {
        // The parser points at the character that it stumbled over; the operator reads words.
        let (start, word) = word_at(text, offset(error));
        return (start, bad_value(word));
    }
    (offset(error), message(text, error))
}

fn message(text: &str, error: &Error) -> String {
    let span = error.span().unwrap_or_default();
    if error.message() == "duplicate key" {
        let key = text.get(span).unwrap_or_default().trim_matches(['"', '\'']);
        return format!("key {} is written twice; expected it once", quoted(key));
    }
    let (what, expected) = match error.message().split_once(", expected ") {
        Some((what, expected)) => (what, Cow::from(expected)),
        None => (error.message(), Cow::from("valid TOML")),
    };
    match what {
        "invalid unquoted key" if text.get(span).is_some_and(|text| text.starts_with(':')) => {
            "`:` cannot follow a key; expected `=`".into()
        }
        "missing comma between array elements" => {
            format!("{what}; expected `,`, or `]` before this to close the list")
        }
        "invalid basic string" | "invalid literal string" if expected.len() == 3 => {
            format!("text without its closing quote; expected {expected}")
        }
        _ => format!("{what}; expected {expected}"),
    }
}

fn bad_value(word: &str) -> String {
    if word.is_empty() {
        return "value missing; expected text in quotes, a number, true or false, or a list".into();
    }
    let lower = word.to_lowercase();
    if ["true", "false"].contains(&lower.as_str()) {
        return format!("{} is not a value; expected {lower}", quoted(word));
    }
    let unzeroed = word.trim_start_matches('0');
    if !unzeroed.is_empty() && unzeroed.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!(
            "{} has a leading zero; expected {}",
            quoted(word),
            quoted(unzeroed)
        );
    }
    format!(
        "{0} is not a value; expected {0} in quotes, a number, true or false",
        quoted(word)
    )
}

/// The bare word around `offset` and where it begins, without what could surround a value on its
/// line.
fn word_at(text: &str, offset: usize) -> (usize, &str) {
    let is_end = |char: char| char.is_whitespace() || ",]}#=\"'[{".contains(char);
    let (before, after) = text.split_at_checked(offset).unwrap_or_default();
    let start = before.trim_end_matches(|char| !is_end(char)).len();
    let end = offset + after.find(is_end).unwrap_or(after.len());
    (start, text.get(start..end).unwrap_or_default())
}
