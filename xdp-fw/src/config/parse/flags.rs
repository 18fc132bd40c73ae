//! `tcp_flags` and `fragment`: what a few bits of a header must say.
//!
//! Owns the names of the bits. Never knows where in a packet they are.

use super::field::{Item, Scope};
use super::value::{entries, list, signed, text};
use crate::criteria::fragments::WORDS;
use crate::criteria::{FragmentEntry, FragmentList, TcpFlags};
use crate::names::tcp_flags;
use crate::names::words::{means_any, nearest, one_of, quoted, suggestion};

/// A list of combinations of flags, any of which may match.
pub(super) fn tcp_flags(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Vec<TcpFlags>> {
    Some(entries(list(item, scope, combination)?))
}

fn combination(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<TcpFlags> {
    let text = text(item, scope)?;
    match flags(text, item.key.expects) {
        Ok(flags) => Some(flags),
        Err(message) => {
            scope.report.wrong(item.offset(), message);
            None
        }
    }
}

/// `syn,!ack`.
fn flags(text: &str, expects: &str) -> Result<TcpFlags, String> {
    if text.is_empty() {
        return Err(format!("no flag of TCP; expected {expects}"));
    }
    let unspaced: String = text.chars().filter(|char| !char.is_whitespace()).collect();
    if unspaced != text && flags(&unspaced, expects).is_ok() {
        return Err(format!(
            "{} has a space; expected \"{unspaced}\"",
            quoted(text)
        ));
    }
    let mut flags = TcpFlags { set: 0, clear: 0 };
    for word in text.split(',') {
        let (negated, name) = signed(word);
        let bit = tcp_flags::bit(name).ok_or_else(|| explain_flag(text, name, expects))?;
        if negated {
            flags.clear |= bit;
        } else {
            flags.set |= bit;
        }
    }
    let both = flags.set & flags.clear;
    match tcp_flags::NAMES.iter().find(|(_, bit)| both & bit != 0) {
        None => Ok(flags),
        Some((name, _)) => Err(format!(
            "{} can never match: `{name}` cannot be both set and clear; expected one of the two",
            quoted(text)
        )),
    }
}

fn explain_flag(text: &str, name: &str, expects: &str) -> String {
    if name.is_empty() {
        return format!("{} has an empty entry; expected {expects}", quoted(text));
    }
    if text.contains(['/', '|', '+', '&']) {
        return format!(
            "{} is not a combination of flags; expected {expects}",
            quoted(text)
        );
    }
    if name.eq_ignore_ascii_case("none") || name.eq_ignore_ascii_case("null") {
        return format!(
            "unknown flag {}; expected each flag that must be clear, such as \"!syn,!ack\"",
            quoted(name)
        );
    }
    if name.eq_ignore_ascii_case("established") {
        return format!(
            "unknown flag {}: the filter keeps no connections; expected [\"ack\", \"rst\"]",
            quoted(name)
        );
    }
    let names = || tcp_flags::NAMES.iter().map(|(name, _)| *name);
    match nearest(name, names()) {
        Some(near) => format!("unknown flag {}; did you mean `{near}`?", quoted(name)),
        None => format!(
            "unknown flag {}; expected {}",
            quoted(name),
            one_of(names())
        ),
    }
}

/// A list of kinds of fragments.
pub(super) fn fragments(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<FragmentList> {
    Some(FragmentList(entries(list(item, scope, fragment)?)))
}

fn fragment(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<FragmentEntry> {
    let (negated, word) = signed(text(item, scope)?);
    let known = WORDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word));
    if let Some((_, kinds)) = known {
        return Some(FragmentEntry {
            negated,
            kinds: kinds.to_vec(),
        });
    }
    let message = if means_any(word) {
        format!(
            "{} is not a kind of fragment; leave `{}` out to match every packet",
            quoted(word),
            item.key.name
        )
    } else {
        let names = WORDS.iter().map(|(name, _)| *name);
        let hint = suggestion(word, names, item.key.expects);
        format!("`{}` cannot be {}{hint}", item.key.name, quoted(word))
    };
    scope.report.wrong(item.offset(), message);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_set_or_clear() {
        let parsed = |text| flags(text, "flags").map(|flags| (flags.set, flags.clear));
        assert_eq!(parsed("syn,!ack"), Ok((2, 16)));
        assert_eq!(
            parsed("FIN,Psh,urg,!ece,!cwr,rst"),
            Ok((1 | 4 | 8 | 32, 64 | 128))
        );
        assert_eq!(parsed("syn,syn"), Ok((2, 0)));
    }

    #[test]
    fn what_is_not_a_combination_is_explained() {
        let explained = |text| flags(text, "flags such as \"syn,!ack\"").unwrap_err();
        insta::assert_snapshot!(
            [
                "",
                ",",
                "syn,",
                "syn, !ack",
                "syn,!syn",
                "sync",
                "syn/ack",
                "syn|ack",
                "!",
                "!!syn",
                "established",
                "none",
                "quiet",
            ]
            .map(explained)
            .join("\n")
        );
    }
}
