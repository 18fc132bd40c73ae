//! The addresses of one dimension, swept when somebody wants to see them.
//!
//! Owns what is known of them without: where the lists and prefixes are those of an earlier
//! compilation, that is all that a reload needs, which carries the maps over. Never decides what it
//! is that identifies a table ([`super::content`]), nor which maps hold it ([`super::lpm`]).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Deref;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::thread;

use super::addresses::{Classified, classify};
use super::content::Content;
use super::criteria::Membership;
use super::lpm::{Leaves, Shapes};
use super::model::AddressList;
use super::tables::Tables;
use super::weight::Left;
use crate::config::Prefixes;

/// From so many prefixes on a sweep takes longer than a thread to start.
const LONG: usize = 10_000;

/// Longest-prefix match to class ids, both families. Entries are canonical, unique and sorted by
/// address and then length; each entry's class is complete, so that the longest match is the
/// answer; entries that say the same as their parent are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressEntries {
    /// IPv4 prefixes.
    pub v4: Vec<(Ipv4Addr, u8, u32)>,
    /// IPv6 prefixes.
    pub v6: Vec<(Ipv6Addr, u8, u32)>,
}

/// The [`AddressEntries`] of one dimension. Looking at them takes a sweep over all prefixes, once.
#[derive(Debug, Clone, Default)]
pub struct AddressTable {
    known: Arc<Known>,
    entries: OnceLock<AddressEntries>,
}

/// What a compilation leaves for the next one.
#[derive(Debug, Clone, Default)]
pub struct Memo {
    pub(super) leaves: Leaves,
    source: Arc<Known>,
    destination: Arc<Known>,
}

/// What is known of a table without its entries.
#[derive(Debug, Default)]
pub(super) struct Known {
    origin: Origin,
    /// Per class, the lists that its addresses lie in.
    memberships: Vec<Membership>,
    pub(super) shapes: OnceLock<Shapes>,
    pub(super) content_v4: OnceLock<Content>,
    pub(super) content_v6: OnceLock<Content>,
}

/// What a table is made of: nothing else has an influence on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The lists of the dimension; groups are numbered as here.
    lists: Vec<AddressList>,
    groups: Vec<Arc<Prefixes>>,
}

impl Origin {
    /// Of these lists. Groups that none of them names have no part in it.
    pub(super) fn of(lists: &[&AddressList], groups: &[Arc<Prefixes>]) -> Self {
        let mut numbers = vec![None; groups.len()];
        let mut origin = Self::default();
        for list in lists {
            let mut entries = |of: &[usize]| {
                let mut number = |&group: &usize| {
                    let (number, prefixes) = numbers.get_mut(group).zip(groups.get(group))?;
                    Some(*number.get_or_insert_with(|| {
                        origin.groups.push(Arc::clone(prefixes));
                        origin.groups.len() - 1
                    }))
                };
                // One that does not exist stays one that does not.
                of.iter()
                    .map(|group| number(group).unwrap_or(usize::MAX))
                    .collect()
            };
            let (plain, negated) = (entries(&list.plain), entries(&list.negated));
            origin.lists.push(AddressList { plain, negated });
        }
        origin
    }

    /// Prefixes that a sweep looks at.
    fn prefixes(&self) -> usize {
        self.groups.iter().map(|group| group.len()).sum()
    }

    fn is(&self, other: &Self) -> bool {
        let same = |(one, other): (&Arc<Prefixes>, &Arc<Prefixes>)| {
            Arc::ptr_eq(one, other) || one == other
        };
        self.lists == other.lists
            && self.groups.len() == other.groups.len()
            && self.groups.iter().zip(&other.groups).all(same)
    }

    pub(super) fn groups(&self) -> &[Arc<Prefixes>] {
        &self.groups
    }

    fn classify(&self, left: &Left) -> Classified {
        classify(&self.lists, &self.groups, left)
    }
}

impl AddressTable {
    /// Sweeps, unless it is known what would come of it.
    pub(super) fn of(origin: Origin, before: Option<&Arc<Known>>, left: &Left) -> Self {
        if let Some(known) = before.filter(|known| known.origin.is(&origin)) {
            return Self {
                known: Arc::clone(known),
                entries: OnceLock::new(),
            };
        }
        let Classified {
            entries,
            memberships,
        } = origin.classify(left);
        let known = Known {
            origin,
            memberships,
            ..Known::default()
        };
        Self {
            known: Arc::new(known),
            entries: entries.into(),
        }
    }

    /// Whether it would be swept to be looked at.
    #[must_use]
    pub fn is_swept(&self) -> bool {
        self.entries.get().is_some()
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// Per class, the lists that its addresses lie in.
    pub(super) fn memberships(&self) -> &[Membership] {
        &self.known.memberships
    }
}

impl Deref for AddressTable {
    type Target = AddressEntries;

    fn deref(&self) -> &AddressEntries {
        self.entries
            .get_or_init(|| self.known.origin.classify(&Left::endless()).entries)
    }
}

impl PartialEq for AddressTable {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// For tests of what is behind the sweep.
#[cfg(test)]
impl From<AddressEntries> for AddressTable {
    fn from(entries: AddressEntries) -> Self {
        Self {
            entries: entries.into(),
            ..Self::default()
        }
    }
}

/// The tables of source and destination, at the same time where both take their time; unfinished where
/// `left` is passed.
pub(super) fn sweep_both(
    [source, destination]: [Origin; 2],
    before: &Memo,
    leaves: Leaves,
    left: &Left,
) -> [AddressTable; 2] {
    let is_comparable = before.leaves == leaves;
    let known = |known| is_comparable.then_some(known);
    let (source_known, destination_known) = (known(&before.source), known(&before.destination));
    let is_long = |origin: &Origin| origin.prefixes() >= LONG;
    if is_long(&source) && is_long(&destination) {
        let sweep_source = || AddressTable::of(source.clone(), source_known, left);
        return thread::scope(|scope| {
            let beside = thread::Builder::new().name("sweep".to_owned());
            let beside = beside.spawn_scoped(scope, sweep_source);
            let destination = AddressTable::of(destination, destination_known, left);
            let source = match beside {
                Ok(source) => source.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // The host has no thread to give.
                Err(_) => sweep_source(),
            };
            [source, destination]
        });
    }
    [
        AddressTable::of(source, source_known, left),
        AddressTable::of(destination, destination_known, left),
    ]
}

impl Tables {
    /// What the next compilation needs not to work out again, as long as it is kept. The prefixes in
    /// it are shared, and no entry is.
    #[must_use]
    pub fn memo(&self) -> Memo {
        Memo {
            leaves: self.leaves,
            source: Arc::clone(&self.source.known),
            destination: Arc::clone(&self.destination.known),
        }
    }
}
