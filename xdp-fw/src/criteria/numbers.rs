//! The kinds of numbers: protocols, ports, families, VLAN ids, lengths, times to live, DSCP, ECN.
//!
//! Owns their bounds and their names. Never parses an entry: the configuration's parser does.

use std::ops::RangeInclusive;

use super::list::contains;
use crate::names::words::{decimal, means_any, quoted};
use crate::names::{dscp, protocols};

/// What `vlan = "none"` is: no VLAN id.
pub const VLAN_NONE: u16 = xdp_fw_common::tables::VLAN_NONE;

/// A set of numbers, by the rule of all lists. Ends are inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NumberList<T>(pub Vec<NumberEntry<T>>);

impl<T: PartialOrd> NumberList<T> {
    /// Whether the list has this number.
    #[must_use]
    pub fn contains(&self, number: &T) -> bool {
        contains(
            self.0
                .iter()
                .map(|it| (it.negated, it.range.contains(number))),
        )
    }
}

/// One entry of a [`NumberList`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NumberEntry<T> {
    /// Written with a leading `!`.
    pub negated: bool,
    /// Inclusive at both ends.
    pub range: RangeInclusive<T>,
}

/// A kind of number: how messages call it, how far it goes, and its names.
#[derive(Debug)]
pub struct Numbers {
    /// With its article: "a port".
    pub noun: &'static str,
    /// The least that may be written.
    pub min: u32,
    /// The greatest.
    pub max: u32,
    /// Whether the names are all there is, and a number stands for its name: no ranges.
    pub only_names: bool,
    /// What a packet may have, in ascending ranges: a list that only takes away leaves the rest of it.
    pub values: &'static [(u128, u128)],
    /// A list that could have been meant by "a,b".
    pub example: &'static str,
    /// The number of a name.
    pub number: fn(&str) -> Option<u32>,
    /// The usual name of a number.
    pub name: fn(u32) -> Option<&'static str>,
    /// Every name, to suggest one.
    pub names: fn() -> Vec<&'static str>,
    /// Warns of a name that others understand differently.
    pub warn: fn(&str) -> Option<&'static str>,
    /// Says what is wrong with a text, under this key and with this end of "expected …", where this
    /// kind of number knows better than the others.
    pub explain: fn(&str, &str, &str) -> Option<String>,
}

pub(super) const NO_NUMBER: fn(&str) -> Option<u32> = |_| None;
pub(super) const NO_NAME: fn(u32) -> Option<&'static str> = |_| None;

impl Numbers {
    /// Numbers of 8 bits without names, as a base for others.
    pub(super) const BYTES: Self = Self {
        noun: "a number",
        min: 0,
        max: 255,
        only_names: false,
        values: &[(0, 255)],
        example: "[1, \"2-5\"]",
        number: NO_NUMBER,
        name: NO_NAME,
        names: Vec::new,
        warn: |_| None,
        explain: |_, _, _| None,
    };

    /// A number as an operator reads it: by its name, if it has one.
    #[must_use]
    pub fn shown(&self, number: u32) -> String {
        (self.name)(number).map_or_else(|| number.to_string(), str::to_owned)
    }
}

/// Ports.
pub const PORT: Numbers = Numbers {
    noun: "a port",
    max: 65535,
    values: &[(0, 65535)],
    example: "[80, \"8000-8099\"]",
    explain: explain_port,
    ..Numbers::BYTES
};

/// Upper-layer protocols.
pub const PROTOCOL: Numbers = Numbers {
    noun: "a protocol",
    example: "[\"tcp\", \"udp\"]",
    number: |name| protocols::number(name).map(u32::from),
    name: |number| protocols::name(u8::try_from(number).ok()?),
    names: || protocols::names().collect(),
    warn: warn_of_ipip,
    explain: explain_protocol,
    ..Numbers::BYTES
};

/// IP versions.
pub const FAMILY: Numbers = Numbers {
    noun: "a family",
    min: 4,
    max: 6,
    only_names: true,
    values: &[(4, 4), (6, 6)],
    example: "[\"ipv4\", \"ipv6\"]",
    number: |name| named(FAMILIES, name),
    name: |number| name_in(FAMILIES, number),
    names: || names_in(FAMILIES),
    explain: explain_family,
    ..Numbers::BYTES
};

const FAMILIES: &[(&str, u32)] = &[("ipv4", 4), ("ipv6", 6)];

/// VLAN ids, and [`VLAN_NONE`].
pub const VLAN: Numbers = Numbers {
    noun: "a VLAN id",
    min: 1,
    max: 4094,
    values: &[(0, VLAN_NONE as u128)],
    example: "[7, \"100-199\"]",
    number: |name| named(NO_VLAN, name),
    name: |number| name_in(NO_VLAN, number),
    names: || names_in(NO_VLAN),
    explain: explain_vlan,
    ..Numbers::BYTES
};

const NO_VLAN: &[(&str, u32)] = &[("none", VLAN_NONE as u32)];

/// Lengths of packets.
pub const LENGTH: Numbers = Numbers {
    noun: "a length",
    max: 65535,
    values: &[(0, 65535)],
    example: "[40, \"1400-1500\"]",
    ..Numbers::BYTES
};

/// Times to live, hop limits.
pub const TTL: Numbers = Numbers {
    noun: "a TTL",
    example: "[1, \"64-255\"]",
    ..Numbers::BYTES
};

/// Differentiated services code points.
pub const DSCP: Numbers = Numbers {
    noun: "a DSCP",
    max: 63,
    values: &[(0, 63)],
    example: "[\"ef\", \"cs6\"]",
    number: |name| named(dscp::NAMES, name),
    name: dscp::name,
    names: dscp::names,
    ..Numbers::BYTES
};

/// Explicit congestion notification, with the names of nft.
pub const ECN: Numbers = Numbers {
    noun: "an ECN",
    max: 3,
    values: &[(0, 3)],
    example: "[\"ect0\", \"ect1\"]",
    number: |name| named(ECN_NAMES, name),
    name: |number| name_in(ECN_NAMES, number),
    names: || names_in(ECN_NAMES),
    ..Numbers::BYTES
};

const ECN_NAMES: &[(&str, u32)] = &[("not-ect", 0), ("ect1", 1), ("ect0", 2), ("ce", 3)];

/// The number of a name, whatever its case.
fn named(names: &[(&str, u32)], name: &str) -> Option<u32> {
    let is_it = |(known, _): &&(&str, u32)| known.eq_ignore_ascii_case(name);
    names.iter().find(is_it).map(|(_, number)| *number)
}

/// The first name of a number.
fn name_in(names: &[(&'static str, u32)], number: u32) -> Option<&'static str> {
    let known = names.iter().find(|(_, known)| *known == number);
    known.map(|(name, _)| *name)
}

fn names_in(names: &[(&'static str, u32)]) -> Vec<&'static str> {
    names.iter().map(|(name, _)| *name).collect()
}

impl Numbers {
    /// The number that a text names. Of a kind that has names alone, a number names itself.
    #[must_use]
    pub fn named(&self, text: &str) -> Option<u32> {
        let itself = || decimal(text).filter(|number| (self.name)(*number).is_some());
        (self.number)(text).or_else(|| self.only_names.then(itself).flatten())
    }
}

fn warn_of_ipip(name: &str) -> Option<&'static str> {
    name.eq_ignore_ascii_case("ipip")
        .then_some("`ipip` means protocol 4, as on Linux; IANA calls 94 so: write `ipencap` or 94")
}

fn explain_port(text: &str, _: &str, expects: &str) -> Option<String> {
    let is_word = text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !text.contains(',')
        && !means_any(text);
    is_word.then(|| {
        format!(
            "{} is not a number, and names of services are not looked up; expected {}",
            quoted(text),
            expects
        )
    })
}

fn explain_protocol(text: &str, key: &str, _: &str) -> Option<String> {
    text.eq_ignore_ascii_case("ip").then(|| {
        format!(
            "{} is not a protocol; leave `{}` out to match every one",
            quoted(text),
            key
        )
    })
}

fn explain_family(text: &str, key: &str, expects: &str) -> Option<String> {
    let near = match text.to_ascii_lowercase().as_str() {
        "ip" => {
            return Some(format!(
                "{} is not a family; leave `{}` out to match every one",
                quoted(text),
                key
            ));
        }
        "inet" | "ip4" | "v4" => "ipv4",
        "inet6" | "ip6" | "v6" => "ipv6",
        // There is nothing between 4 and 6: a range is a slip.
        _ if !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-') =>
        {
            return Some(format!(
                "{} is not a family; expected {}",
                quoted(text),
                expects
            ));
        }
        _ => return None,
    };
    Some(format!(
        "unknown family {}; did you mean `{near}`?",
        quoted(text)
    ))
}

fn explain_vlan(text: &str, _: &str, _: &str) -> Option<String> {
    let why = match text {
        "0" => "only carries a priority, and the frame counts as untagged; expected \"none\"",
        "4095" => "is reserved (IEEE 802.1Q); expected 1 to 4094",
        "untagged" => return Some("unknown VLAN id `untagged`; did you mean `none`?".into()),
        _ => return None,
    };
    Some(format!("VLAN id {text} {why}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_of_a_code_point_repeats_and_the_classes_are_where_they_belong() {
        let names: BTreeSet<_> = dscp::names().into_iter().collect();
        assert_eq!(names.len(), dscp::NAMES.len());
        for class in 0..=7 {
            assert_eq!(DSCP.named(&format!("CS{class}")), Some(class * 8));
        }
        for (class, drop) in (1..=4).flat_map(|class| (1..=3).map(move |drop| (class, drop))) {
            let name = format!("af{class}{drop}");
            assert_eq!(DSCP.named(&name), Some(class * 8 + drop * 2), "{name}");
        }
    }

    #[test]
    fn a_family_is_a_name_or_its_number() {
        for (text, number) in [
            ("IPv4", Some(4)),
            ("6", Some(6)),
            ("5", None),
            ("4-6", None),
        ] {
            assert_eq!(FAMILY.named(text), number, "{text}");
        }
        assert_eq!(PROTOCOL.named("6"), None);
    }
}
