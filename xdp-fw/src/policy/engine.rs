//! Which table holds a dimension's prefixes: a trie, or an index with hashes behind it.
//!
//! Owns the choice, and what goes into an index. A trie weighs little and takes longer with every
//! prefix; an index weighs much and takes as long for a million as for one. How they are looked up is
//! [`xdp_fw_common::index`]'s.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use xdp_fw_common::Dimension;
use xdp_fw_common::index::{
    LongV4, LongV6, V4_CLASS_MAX, V4_ENTRIES, V4_INDEX_LENGTH, V6_INDEX_LENGTH, V6_LENGTHS,
    long_v6, v4_entry, v4_entry_with, v6_entry_of,
};

use super::address_table::{AddressEntries, AddressTable};
use super::tables::Tables;

/// From how many prefixes on a table is an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Of IPv4: an index takes 64 MiB.
    pub v4: usize,
    /// Of IPv6: an index takes a few bytes a prefix.
    pub v6: usize,
}

impl Default for Thresholds {
    /// Where a look-up in a trie takes twice as long as one in an index.
    fn default() -> Self {
        Self {
            v4: 8_192,
            v6: 8_192,
        }
    }
}

/// The smallest and the largest IPv6 index, as powers of two of its entries.
const V6_BITS: RangeInclusive<u32> = 10..=22;

/// Entries of an IPv6 index per prefix, so that few addresses find one by chance.
const V6_SPARSENESS: usize = 8;

/// What holds the prefixes of one dimension.
#[derive(Debug, Clone, Copy)]
pub(super) struct Engine {
    v4: bool,
    /// Lengths behind the index, if there is one.
    v6: Option<[u8; V6_LENGTHS]>,
    short: bool,
    bits: u32,
}

impl Engine {
    fn of(table: &AddressEntries, thresholds: Thresholds) -> Self {
        Self {
            v4: table.v4.len() >= thresholds.v4.max(1) && fits_v4(&table.v4),
            v6: (table.v6.len() >= thresholds.v6)
                .then(|| lengths_v6(&table.v6))
                .flatten(),
            short: table.v6.iter().any(|entry| entry.1 < V6_INDEX_LENGTH),
            bits: bits_v6(table.v6.len()),
        }
    }
}

impl Tables {
    /// Decides on the table of each dimension and family.
    pub(super) fn choose_engines(&mut self, thresholds: Thresholds) {
        for (number, dimension) in [Dimension::Source, Dimension::Destination]
            .into_iter()
            .enumerate()
        {
            let table = self.addresses(dimension);
            let engine = table
                .known()
                .engine
                .get_or_init(|| Engine::of(table, thresholds));
            let Engine {
                v4,
                v6,
                short,
                bits,
            } = *engine;
            set(&mut self.settings.index_v4, number, u32::from(v4));
            set(&mut self.settings.index_v6, number, u32::from(v6.is_some()));
            if let Some(lengths) = v6 {
                set(&mut self.settings.index_bits, number, bits);
                set(&mut self.settings.short_v6, number, u32::from(short));
                set(&mut self.settings.lengths_v6, number, lengths);
            }
        }
    }

    /// Prefixes of one dimension, which is source or destination.
    #[must_use]
    pub fn addresses(&self, dimension: Dimension) -> &AddressTable {
        if dimension == Dimension::Source {
            &self.source
        } else {
            &self.destination
        }
    }

    /// The index that holds the IPv4 prefixes of a dimension; `None` where it is a trie.
    #[must_use]
    pub fn index_v4(&self, dimension: Dimension) -> Option<IndexV4<'_>> {
        let is_index = get(&self.settings.index_v4, dimension) == 1;
        is_index.then(|| IndexV4(&self.addresses(dimension).v4))
    }

    /// The index that holds the IPv6 prefixes of a dimension; `None` where it is a trie.
    #[must_use]
    pub fn index_v6(&self, dimension: Dimension) -> Option<IndexV6<'_>> {
        let is_index = get(&self.settings.index_v6, dimension) == 1;
        is_index.then(|| IndexV6 {
            entries: &self.addresses(dimension).v6,
            bits: get(&self.settings.index_bits, dimension),
            lengths: get(&self.settings.lengths_v6, dimension),
        })
    }
}

/// What goes into the maps of an IPv4 index.
#[derive(Debug, Clone, Copy)]
pub struct IndexV4<'a>(&'a [(Ipv4Addr, u8, u32)]);

impl<'a> IndexV4<'a> {
    /// Entries that the index has.
    pub const ENTRIES: usize = V4_ENTRIES as usize;

    /// Writes the index, of [`Self::ENTRIES`] zeros: a prefix after the one around it.
    pub fn write(&self, index: &mut [u32]) {
        for &(address, length, class) in self.0 {
            let first = (address.to_bits() >> 8) as usize;
            if length > V4_INDEX_LENGTH {
                if let Some(entry) = index.get_mut(first) {
                    *entry = v4_entry_with(*entry, length);
                }
                continue;
            }
            let entries = 1 << (V4_INDEX_LENGTH - length);
            if let Some(entries) = index.get_mut(first..first + entries) {
                entries.fill(v4_entry(class));
            }
        }
    }

    /// The prefixes behind the index, and their classes.
    pub fn long(&self) -> impl Iterator<Item = (LongV4, u32)> + use<'a> {
        let long = self.0.iter().filter(|entry| entry.1 > V4_INDEX_LENGTH);
        long.map(|&(address, length, class)| {
            let prefix = LongV4 {
                address: address.octets(),
                length: length.into(),
            };
            (prefix, class)
        })
    }
}

/// What goes into the maps of an IPv6 index.
#[derive(Debug, Clone, Copy)]
pub struct IndexV6<'a> {
    entries: &'a [(Ipv6Addr, u8, u32)],
    bits: u32,
    lengths: [u8; V6_LENGTHS],
}

impl<'a> IndexV6<'a> {
    /// Entries that the index has.
    #[must_use]
    pub fn entries(&self) -> usize {
        1 << self.bits
    }

    /// Writes the index, of [`Self::entries`] zeros.
    pub fn write(&self, index: &mut [u16]) {
        for &(address, length, _) in self.entries {
            let number = self.lengths.iter().position(|&known| known == length);
            let at = v6_entry_of(address.octets(), self.bits) as usize;
            if let (Some(number), Some(entry)) = (number, index.get_mut(at)) {
                *entry |= 1 << number;
            }
        }
    }

    /// The prefixes behind the index, and their classes.
    pub fn long(&self) -> impl Iterator<Item = (LongV6, u32)> + use<'a> {
        let long = self
            .entries
            .iter()
            .filter(|entry| entry.1 >= V6_INDEX_LENGTH);
        long.map(|&(address, length, class)| (long_v6(address.octets(), length), class))
    }

    /// The prefixes that are too short for the index, for the trie.
    pub fn short(&self) -> impl Iterator<Item = &'a (Ipv6Addr, u8, u32)> + use<'a> {
        self.entries
            .iter()
            .filter(|entry| entry.1 < V6_INDEX_LENGTH)
    }
}

/// Whether every class can be told in an entry.
fn fits_v4(entries: &[(Ipv4Addr, u8, u32)]) -> bool {
    entries.iter().all(|entry| entry.2 <= V4_CLASS_MAX)
}

/// The lengths of the prefixes that go behind an index, the longest first; `None` if they are too
/// many, or if there is none.
fn lengths_v6(entries: &[(Ipv6Addr, u8, u32)]) -> Option<[u8; V6_LENGTHS]> {
    let lengths = entries.iter().map(|entry| entry.1);
    let lengths: BTreeSet<u8> = lengths
        .filter(|&length| length >= V6_INDEX_LENGTH)
        .collect();
    if lengths.is_empty() || lengths.len() > V6_LENGTHS {
        return None;
    }
    let mut array = [0; V6_LENGTHS];
    for (element, length) in array.iter_mut().zip(lengths.into_iter().rev()) {
        *element = length;
    }
    Some(array)
}

fn bits_v6(prefixes: usize) -> u32 {
    let entries = prefixes.saturating_mul(V6_SPARSENESS).max(1);
    entries.ilog2().clamp(*V6_BITS.start(), *V6_BITS.end())
}

fn set<T>(array: &mut [T; 2], number: usize, value: T) {
    if let Some(element) = array.get_mut(number) {
        *element = value;
    }
}

fn get<T: Copy + Default>(array: &[T; 2], dimension: Dimension) -> T {
    array.get(dimension as usize).copied().unwrap_or_default()
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
