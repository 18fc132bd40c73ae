//! Addresses that are left out of sets while a policy is made of a configuration.
//!
//! Owns what that does to the sets, and for which sets it may be done. Whose addresses they are, and
//! until when, is the caller's to say. The configuration stays what it is, and so does its hash.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::{Action, AddressList, Addresses, Config, Set};

/// The addresses that are left out, by set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeftOut(BTreeMap<String, BTreeSet<IpAddr>>);

impl LeftOut {
    /// Adds an address that is left out of a set.
    pub fn insert(&mut self, set: &str, address: IpAddr) {
        self.0.entry(set.to_owned()).or_default().insert(address);
    }

    /// Adds what another leaves out.
    pub fn extend(&mut self, other: &Self) {
        for (set, address) in other.iter() {
            self.insert(set, address);
        }
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is left out of the set.
    #[must_use]
    pub fn contains(&self, set: &str, address: IpAddr) -> bool {
        let addresses = self.0.get(set);
        addresses.is_some_and(|addresses| addresses.contains(&address))
    }

    /// Whether the address is left out of any set.
    #[must_use]
    pub fn names(&self, address: IpAddr) -> bool {
        self.0
            .values()
            .any(|addresses| addresses.contains(&address))
    }

    /// Each set with an address.
    pub fn iter(&self) -> impl Iterator<Item = (&str, IpAddr)> {
        self.0.iter().flat_map(|(set, addresses)| {
            let addresses = addresses.iter();
            addresses.map(move |address| (set.as_str(), *address))
        })
    }

    /// The same for these addresses alone.
    #[must_use]
    pub fn of(&self, addresses: &[IpAddr]) -> Self {
        let mut some = Self::default();
        for (set, address) in self.iter() {
            if addresses.contains(&address) {
                some.insert(set, address);
            }
        }
        some
    }

    /// Takes the addresses out of the sets.
    pub fn apply(&self, sets: &mut BTreeMap<String, Set>) {
        for (name, addresses) in &self.0 {
            if let Some(set) = sets.get_mut(name) {
                set.prefixes = Arc::new(set.prefixes.without(addresses));
            }
        }
    }
}

/// The names of the sets that enabled rules name, and that only drop rules name, never with `!`:
/// whoever is left out of one of these meets fewer drops, and nothing else.
#[must_use]
pub fn only_dropped(config: &Config) -> BTreeSet<&str> {
    let (mut dropped, mut others) = (BTreeSet::new(), BTreeSet::new());
    for rule in config.rules.iter().filter(|rule| rule.enabled) {
        for (name, negated) in rule.address_lists().flat_map(sets) {
            if rule.action == Action::Drop && !negated {
                dropped.insert(name);
            } else {
                others.insert(name);
            }
        }
    }
    dropped.retain(|name| !others.contains(name));
    dropped
}

/// The sets of a list, and whether it takes them away.
fn sets(list: &AddressList) -> impl Iterator<Item = (&str, bool)> {
    list.0.iter().filter_map(|entry| match &entry.addresses {
        Addresses::Set(name) => Some((name.as_str(), entry.negated)),
        Addresses::Prefix(_) => None,
    })
}
