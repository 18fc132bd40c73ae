//! What is known of lists of interfaces without knowing the interfaces.
//!
//! Owns when one glob is known to match all that another does.

use super::warning;
use crate::config::model::Rule;
use crate::config::problem::Problem;
use crate::criteria::InterfaceList;
use crate::names::pattern::{exact, literal_start, matches, prefix_of};

/// Whether every interface of `these` is one of `those`; false if that is not known.
pub(super) fn are_within(these: &InterfaceList, those: &InterfaceList) -> bool {
    fn patterns(list: &InterfaceList, negated: bool) -> impl Iterator<Item = &str> {
        let entries = list.0.iter().filter(move |entry| entry.negated == negated);
        entries.map(|entry| entry.pattern.as_str())
    }
    // What the second excludes, the first must exclude as well.
    let excludes = patterns(those, true)
        .all(|pattern| patterns(these, true).any(|other| is_within(pattern, other)));
    let mut wanted = patterns(those, false).peekable();
    if wanted.peek().is_none() {
        return excludes;
    }
    let has_plain = patterns(these, false).next().is_some();
    excludes
        && has_plain
        && patterns(these, false)
            .all(|pattern| patterns(those, false).any(|other| is_within(pattern, other)))
}

/// Whether `other` is known to match every name that `pattern` does.
fn is_within(pattern: &str, other: &str) -> bool {
    if pattern == other || exact(pattern).is_some_and(|name| matches(other, &name)) {
        return true;
    }
    let start = literal_start(pattern);
    prefix_of(other).is_some_and(|prefix| start.starts_with(&prefix))
}

/// Warns of a rule for interfaces that the configuration does not attach to.
pub(super) fn never_attached(rule: &Rule, attached: &[String]) -> Option<Problem> {
    let list = rule.interface.as_ref()?;
    let mut plain = list.0.iter().filter(|entry| !entry.negated).peekable();
    plain.peek()?;
    // Two globs may have a name in common; nothing is said of them.
    let may_meet = |pattern: &str, other: &str| match (exact(pattern), exact(other)) {
        (None, None) => true,
        (None, Some(name)) => matches(pattern, &name),
        (Some(name), _) => matches(other, &name),
    };
    let meets = |pattern: &str| attached.iter().any(|other| may_meet(pattern, other));
    let patterns: Vec<&str> = plain.map(|entry| entry.pattern.as_str()).collect();
    if patterns.iter().any(|pattern| meets(pattern)) {
        return None;
    }
    let message = format!(
        "rule `{}` can never match: no entry of `interfaces` is for `{}`; expected one, or another `interface`",
        rule.name,
        patterns.join("` or `")
    );
    Some(warning(&rule.position, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criteria::InterfaceEntry;

    fn list(text: &str) -> InterfaceList {
        let entry = |word: &str| InterfaceEntry {
            negated: word.starts_with('!'),
            pattern: word.trim_start_matches('!').to_owned(),
        };
        InterfaceList(text.split(' ').map(entry).collect())
    }

    #[test]
    fn a_list_is_within_another_only_if_that_is_sure() {
        for (these, those) in [
            ("eth0", "eth0"),
            ("eth0", "eth*"),
            ("eth0 eth1", "wan* eth?"),
            ("wan1*", "wan*"),
            ("wan?", "wan*"),
            ("w*n", "*"),
            ("eth* !eth1", "eth* !eth1"),
            ("eth* !eth?", "eth* !eth1"),
            ("!eth*", "!eth1"),
        ] {
            assert!(are_within(&list(these), &list(those)), "{these} {those}");
        }
        for (these, those) in [
            // It is, but nobody needs to know.
            ("eth0", "!wan*"),
            ("eth*", "eth0"),
            ("eth*", "eth?"),
            ("eth0 wan0", "eth0"),
            ("!eth0", "eth*"),
            ("eth*", "eth* !eth1"),
            ("eth* !eth1", "eth* !eth?"),
            ("*0", "eth*"),
            ("", "eth*"),
        ] {
            assert!(!are_within(&list(these), &list(those)), "{these} {those}");
        }
    }
}
