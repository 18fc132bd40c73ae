//! The maps of addresses: tries, and indexes with hashes behind them.
//!
//! Owns their names and how each is filled. Which of them holds what, the policy has decided.

use std::net::Ipv6Addr;

use aya::maps::lpm_trie::Key;
use aya::maps::{LpmTrie, Map};
use xdp_fw_common::Dimension;
use xdp_fw_common::index::{V4_PACK, V6_PACK};

use super::Error;
use super::fill::{Maps, fill_hash, map, refused};
use super::mapping::Mapping;
use crate::policy::{Content, IndexV4, Tables};

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// The table of one family in one dimension: the prefixes that are carried over together, or not.
pub(super) struct Table {
    dimension: Dimension,
    family: Family,
    trie: &'static str,
    index: &'static str,
    long: &'static str,
}

/// Maps of a table.
pub(super) const MAPS: usize = 3;

/// Every table of addresses.
pub(super) const TABLES: [Table; 4] = [
    Table {
        dimension: Dimension::Source,
        family: Family::V4,
        trie: "SOURCE_V4",
        index: "SOURCE_V4_INDEX",
        long: "SOURCE_V4_LONG",
    },
    Table {
        dimension: Dimension::Source,
        family: Family::V6,
        trie: "SOURCE_V6",
        index: "SOURCE_V6_INDEX",
        long: "SOURCE_V6_LONG",
    },
    Table {
        dimension: Dimension::Destination,
        family: Family::V4,
        trie: "DESTINATION_V4",
        index: "DESTINATION_V4_INDEX",
        long: "DESTINATION_V4_LONG",
    },
    Table {
        dimension: Dimension::Destination,
        family: Family::V6,
        trie: "DESTINATION_V6",
        index: "DESTINATION_V6_INDEX",
        long: "DESTINATION_V6_LONG",
    },
];

impl Table {
    /// The names of its maps.
    pub(super) const fn maps(&self) -> [&'static str; MAPS] {
        [self.trie, self.index, self.long]
    }

    /// What identifies its content.
    pub(super) fn content(&self, tables: &Tables) -> Content {
        match self.family {
            Family::V4 => tables.content_v4(self.dimension),
            Family::V6 => tables.content_v6(self.dimension),
        }
    }

    /// The number of entries of each map; one that is not used is as small as can be.
    pub(super) fn sizes(&self, tables: &Tables) -> [usize; MAPS] {
        let table = tables.addresses(self.dimension);
        match self.family {
            Family::V4 => match tables.index_v4(self.dimension) {
                None => [table.v4.len(), 0, 0],
                Some(index) => [0, IndexV4::ENTRIES / V4_PACK, index.long().count()],
            },
            Family::V6 => match tables.index_v6(self.dimension) {
                None => [table.v6.len(), 0, 0],
                Some(index) => [
                    index.short().count(),
                    index.entries() / V6_PACK,
                    index.long().count(),
                ],
            },
        }
    }

    /// Fills the maps.
    pub(super) fn fill(&self, maps: &mut Maps, tables: &Tables) -> Result<(), Error> {
        match self.family {
            Family::V4 => self.fill_v4(maps, tables),
            Family::V6 => self.fill_v6(maps, tables),
        }
    }

    fn fill_v4(&self, maps: &mut Maps, tables: &Tables) -> Result<(), Error> {
        match tables.index_v4(self.dimension) {
            None => {
                let entries = tables.addresses(self.dimension).v4.iter();
                let entries =
                    entries.map(|(address, length, class)| (address.octets(), length, class));
                fill_trie(maps, self.trie, entries)
            }
            Some(index) => {
                index.write(mapping(maps, self.index, IndexV4::ENTRIES)?.values());
                fill_hash(maps, self.long, index.long())
            }
        }
    }

    fn fill_v6(&self, maps: &mut Maps, tables: &Tables) -> Result<(), Error> {
        match tables.index_v6(self.dimension) {
            None => {
                let entries = tables.addresses(self.dimension).v6.iter();
                fill_trie(maps, self.trie, octets_v6(entries))
            }
            Some(index) => {
                index.write(mapping(maps, self.index, index.entries())?.values());
                fill_hash(maps, self.long, index.long())?;
                fill_trie(maps, self.trie, octets_v6(index.short()))
            }
        }
    }
}

fn octets_v6<'a>(
    entries: impl Iterator<Item = &'a (Ipv6Addr, u8, u32)>,
) -> impl Iterator<Item = ([u8; 16], &'a u8, &'a u32)> {
    entries.map(|(address, length, class)| (address.octets(), length, class))
}

fn fill_trie<'a, A: aya::Pod>(
    maps: &mut Maps,
    name: &str,
    entries: impl Iterator<Item = (A, &'a u8, &'a u32)>,
) -> Result<(), Error> {
    let mut trie: LpmTrie<_, A, u32> = map(maps, name)?;
    for (address, length, class) in entries {
        let key = Key::new(u32::from(*length), address);
        trie.insert(&key, class, 0)
            .map_err(|error| refused(name, &error))?;
    }
    Ok(())
}

/// The values of an array of the object, in this process's memory.
pub(super) fn mapping<T: bytemuck::Pod>(
    maps: &mut Maps,
    name: &str,
    length: usize,
) -> Result<Mapping<T>, Error> {
    let array: &Map = maps.map(name).ok_or_else(|| Error::Kernel {
        action: format!("find map {name} in the BPF object"),
        cause: "it is not there".to_owned(),
        remedy: "this build is broken: rebuild it".to_owned(),
    })?;
    let Map::Array(data) = array else {
        return Err(Error::Kernel {
            action: format!("fill map {name}"),
            cause: "it is not an array".to_owned(),
            remedy: "this build is broken: rebuild it".to_owned(),
        });
    };
    Mapping::new(data.fd(), length)
        .map_err(|error| Error::kernel(format!("map {name} into memory"), &error))
}
