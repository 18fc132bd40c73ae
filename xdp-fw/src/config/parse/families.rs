//! Which families of addresses a rule's lists reach.
//!
//! Owns what that means for sets. Never looks at anything but families: a list that comes to
//! nothing within one is not seen here.

use std::collections::BTreeMap;

use ipnetwork::IpNetwork;

use crate::config::model::Set;
use crate::config::prefixes::Prefixes;
use crate::criteria::{AddressEntry, AddressList, Addresses};

/// Some of IPv4 and IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Families {
    pub(super) v4: bool,
    pub(super) v6: bool,
}

impl Families {
    const NONE: Self = Self {
        v4: false,
        v6: false,
    };
    pub(super) const BOTH: Self = Self { v4: true, v6: true };

    fn of(prefix: &IpNetwork) -> Self {
        Self {
            v4: prefix.is_ipv4(),
            v6: prefix.is_ipv6(),
        }
    }

    fn of_all(prefixes: &Prefixes) -> Self {
        Self {
            v4: !prefixes.v4().is_empty(),
            v6: !prefixes.v6().is_empty(),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            v4: self.v4 || other.v4,
            v6: self.v6 || other.v6,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            v4: self.v4 && other.v4,
            v6: self.v6 && other.v6,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            v4: self.v4 && !other.v4,
            v6: self.v6 && !other.v6,
        }
    }

    /// The name of the only family, if there is only one.
    pub(super) fn only(self) -> Option<&'static str> {
        match (self.v4, self.v6) {
            (true, false) => Some("IPv4"),
            (false, true) => Some("IPv6"),
            _ => None,
        }
    }
}

/// The families of each set.
pub(super) struct SetFamilies<'a>(BTreeMap<&'a str, OfSet>);

/// The families that a set reaches, and those that it covers as a whole (by a /0).
struct OfSet {
    reached: Families,
    covered: Families,
}

impl<'a> SetFamilies<'a> {
    pub(super) fn of(sets: &'a BTreeMap<String, Set>) -> Self {
        let entry = |(name, set): (&'a String, &Set)| {
            // What an empty set will hold one day is not known.
            let reached = if set.prefixes.is_empty() {
                Families::BOTH
            } else {
                Families::of_all(&set.prefixes)
            };
            let covered = covered(set.prefixes.iter());
            (name.as_str(), OfSet { reached, covered })
        };
        Self(sets.iter().map(entry).collect())
    }

    /// The families in which a list has an address left.
    pub(super) fn left(&self, list: &AddressList) -> Families {
        let reached = |entry: &AddressEntry| match &entry.addresses {
            Addresses::Prefix(prefix) => Families::of(prefix),
            Addresses::Set(name) => self
                .0
                .get(name.as_str())
                .map_or(Families::BOTH, |set| set.reached),
        };
        let covered = |entry: &AddressEntry| match &entry.addresses {
            Addresses::Prefix(prefix) => covered([*prefix]),
            Addresses::Set(name) => self
                .0
                .get(name.as_str())
                .map_or(Families::NONE, |set| set.covered),
        };
        let (negated, plain): (Vec<_>, Vec<_>) = list.0.iter().partition(|entry| entry.negated);
        let left = if plain.is_empty() {
            Families::BOTH
        } else {
            let plain = plain.into_iter().map(reached);
            plain.fold(Families::NONE, Families::or)
        };
        let negated = negated.into_iter().map(covered);
        left.without(negated.fold(Families::NONE, Families::or))
    }
}

fn covered(prefixes: impl IntoIterator<Item = IpNetwork>) -> Families {
    let whole = prefixes.into_iter().filter(|prefix| prefix.prefix() == 0);
    whole.fold(Families::NONE, |all, prefix| all.or(Families::of(&prefix)))
}
