//! Types of ICMP, of which a name is a number in each family, and codes.

use std::ops::RangeInclusive;

use super::list::contains;
use super::numbers::{NO_NAME, NO_NUMBER, Numbers};
use crate::names::icmp;
use crate::names::words::quoted;

/// Types, as far as they are numbers.
pub const TYPE: Numbers = Numbers {
    noun: "an ICMP type",
    min: 0,
    max: 255,
    example: "[\"echo-request\", \"echo-reply\"]",
    number: NO_NUMBER,
    name: NO_NAME,
    names: || icmp::type_names().collect(),
    explain: explain_type,
    ..Numbers::BYTES
};

/// Codes, as far as they are numbers. What a name stands for depends on the type beside it.
pub const CODE: Numbers = Numbers {
    noun: "an ICMP code",
    min: 0,
    max: 255,
    example: "[0, \"2-5\"]",
    names: || icmp::code_names().collect(),
    ..Numbers::BYTES
};

fn explain_type(text: &str, _: &str, _: &str) -> Option<String> {
    let (_, meant) = icmp::OTHER_WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))?;
    Some(format!(
        "unknown ICMP type {}; did you mean `{meant}`?",
        quoted(text)
    ))
}

/// A set of ICMP types over both families, by the rule of all lists.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IcmpTypeList(pub Vec<IcmpTypeEntry>);

/// One entry of an [`IcmpTypeList`]: a name stands for its number in each family that has it, a
/// number for itself in both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IcmpTypeEntry {
    /// Written with a leading `!`.
    pub negated: bool,
    /// Types of ICMP in IPv4, inclusive at both ends.
    pub v4: Option<RangeInclusive<u8>>,
    /// Types of ICMPv6.
    pub v6: Option<RangeInclusive<u8>>,
}

impl IcmpTypeEntry {
    /// Whether it has this type of ICMPv6, or of ICMP.
    #[must_use]
    pub fn has(&self, v6: bool, kind: u8) -> bool {
        let range = if v6 { &self.v6 } else { &self.v4 };
        range.as_ref().is_some_and(|range| range.contains(&kind))
    }
}

impl IcmpTypeList {
    /// Whether the list has this type of ICMPv6, or of ICMP.
    #[must_use]
    pub fn contains(&self, v6: bool, kind: u8) -> bool {
        contains(self.0.iter().map(|it| (it.negated, it.has(v6, kind))))
    }

    /// Whether it has any type of the family.
    #[must_use]
    pub fn reaches(&self, v6: bool) -> bool {
        (0..=u8::MAX).any(|kind| self.contains(v6, kind))
    }
}
