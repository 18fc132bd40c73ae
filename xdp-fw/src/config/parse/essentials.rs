//! `essentials`: all, none, or words.
//!
//! Owns the spellings of the words. Which packets a word stands for, the policy core knows.

use toml::de::DeValue;
use xdp_fw_common::{Essential, Essentials};

use super::field::{Item, Scope};
use super::value::{entries, list, signed, text};
use crate::names::words::{means_any, quoted, suggestion};

/// Every word, the usual spelling first.
pub(super) const WORDS: &[(&str, Essential)] = &[
    ("arp", Essential::Arp),
    ("neighbor-discovery", Essential::NeighborDiscovery),
    ("neighbour-discovery", Essential::NeighborDiscovery),
    ("router-discovery", Essential::RouterDiscovery),
    ("redirect", Essential::Redirect),
    ("mld", Essential::Mld),
    ("igmp", Essential::Igmp),
    ("path-mtu", Essential::PathMtu),
    ("dhcp", Essential::Dhcp),
    ("dhcpv6", Essential::Dhcpv6),
];

/// What people call some of them.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("nd", "neighbor-discovery"),
    ("ndp", "neighbor-discovery"),
    ("ra", "router-discovery"),
    ("router-advertisement", "router-discovery"),
    ("icmp-redirect", "redirect"),
    ("pmtu", "path-mtu"),
    ("packet-too-big", "path-mtu"),
    ("fragmentation-needed", "path-mtu"),
    ("dhcpv4", "dhcp"),
    ("dhcp6", "dhcpv6"),
    ("bootp", "dhcp"),
];

/// The words for editors and for the reference, with and without `!`.
pub(super) fn suggested() -> Vec<&'static str> {
    vec![
        "arp",
        "neighbor-discovery",
        "router-discovery",
        "redirect",
        "mld",
        "igmp",
        "path-mtu",
        "dhcp",
        "dhcpv6",
        "!arp",
        "!neighbor-discovery",
        "!router-discovery",
        "!redirect",
        "!mld",
        "!igmp",
        "!path-mtu",
        "!dhcp",
        "!dhcpv6",
    ]
}

/// `true`, `false`, or the union of the plain words (with none: all) without that of the negated ones.
pub(super) fn essentials(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Essentials> {
    match item.value.get_ref() {
        DeValue::Boolean(true) => return Some(Essentials::ALL),
        DeValue::Boolean(false) => return Some(Essentials::NONE),
        DeValue::Array(array) if array.is_empty() => {
            let message =
                "`essentials` is an empty list; expected `false` for none, or at least one entry";
            scope.report.wrong(item.offset(), message.to_owned());
            return None;
        }
        _ => {}
    }
    let words = entries(list(item, scope, word)?);
    let of = |negated: bool| {
        let words = words.iter().filter(move |(sign, _)| *sign == negated);
        words.map(|(_, kind)| *kind).collect::<Essentials>()
    };
    let (plain, negated) = (of(false), of(true));
    let all = if plain.is_empty() {
        Essentials::ALL
    } else {
        plain
    };
    let left = negated.iter().fold(all, Essentials::without);
    if left.is_empty() {
        let message = "nothing is left of `essentials`; expected `false` if that is meant";
        scope.report.warn(item.offset(), message.to_owned());
    }
    Some(left)
}

fn word(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<(bool, Essential)> {
    let (negated, word) = signed(text(item, scope)?);
    let known = WORDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word));
    if let Some((_, kind)) = known {
        return Some((negated, *kind));
    }
    let other = OTHER_WORDS
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(word));
    let hint = match other {
        Some((_, meant)) => format!("; did you mean `{meant}`?"),
        None if means_any(word) => "; expected `true` for all of them".to_owned(),
        None if word.eq_ignore_ascii_case("none") => "; expected `false` for none".to_owned(),
        None => {
            let words = WORDS.iter().map(|(word, _)| *word);
            suggestion(word, words, item.key.expects)
        }
    };
    let message = format!("`{}` cannot be {}{hint}", item.key.name, quoted(word));
    scope.report.wrong(item.offset(), message);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_word_and_is_suggested() {
        for kind in Essential::ALL {
            let first = WORDS.iter().find(|(_, known)| *known == kind);
            assert_eq!(first.map(|(word, _)| *word), Some(kind.name()));
            assert!(suggested().contains(&kind.name()));
            assert!(suggested().contains(&format!("!{}", kind.name()).as_str()));
        }
    }
}
