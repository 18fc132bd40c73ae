//! A file of which not one key is ours: another file, named by a slip or reached by a link.
//!
//! Owns that nothing of it is quoted. A key that is nearly ours is named by ours: `[Interface]` is
//! nearly ours, and a private key follows it.

use toml::de::DeTable;

use super::report::Report;
use crate::config::foreign;
use crate::names::words::nearest;

/// How many lines say what a file is.
const LINES: usize = 20;

/// What is to be said of errors of syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// What they are about.
    Quoted,
    /// What they are, and nothing of the file.
    Unquoted,
    /// Nothing: it is another format, or has none.
    Settled,
}

/// Reports a document of which no key is one of `known`, unless its `has_errors` of syntax say enough.
pub(super) fn report(
    document: &DeTable<'_>,
    text: &str,
    known: &[&str],
    has_errors: bool,
    report: &mut Report<'_>,
) -> Syntax {
    let is_ours = document
        .keys()
        .any(|key| known.contains(&key.get_ref().as_ref()));
    if is_ours || (document.is_empty() && !has_errors) {
        return Syntax::Quoted;
    }
    report.withhold();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let expected = match known {
        ["interfaces", ..] => "a configuration that begins with `interfaces = [\"eth0\"]`",
        _ => "[set.NAME], [[rule]] or [[expect]]",
    };
    let first = document.keys().map(|key| key.span().start).min();
    if let Some(format) = foreign::of_lines(lines.take(LINES)).filter(foreign::Format::is_sure) {
        let message = format!("this is {}; expected {expected}", format.name());
        report.syntax(first.unwrap_or(0), true, message);
        return Syntax::Settled;
    }
    if has_errors {
        return Syntax::Unquoted;
    }
    let mut keys: Vec<_> = document.keys().collect();
    keys.sort_by_key(|key| key.span().start);
    let near = keys
        .iter()
        .find_map(|key| Some((key, nearest(key.get_ref(), known.iter().copied())?)));
    let (offset, expected) = match near {
        Some((key, near)) => (key.span().start, format!("did you mean `{near}`?")),
        None => (first.unwrap_or(0), format!("expected {expected}")),
    };
    let message = format!("no key of this file is known, so nothing of it is quoted; {expected}");
    report.syntax(offset, true, message);
    Syntax::Settled
}
