//! The maps of addresses: tries, and indexes with hashes behind them.
//!
//! Owns their names and how each is filled. Which of them holds what, the policy has decided.

use aya::Ebpf;
use aya::maps::lpm_trie::Key;
use aya::maps::{LpmTrie, Map};
use xdp_fw_common::Dimension;
use xdp_fw_common::index::{V4_PACK, V6_PACK};

use super::Error;
use super::fill::{fill_hash, map, refused};
use super::mapping::Mapping;
use crate::policy::{IndexV4, Tables};

/// The maps of one dimension.
pub(super) struct Maps {
    dimension: Dimension,
    v4: Family,
    v6: Family,
}

/// The maps of one family.
struct Family {
    trie: &'static str,
    index: &'static str,
    long: &'static str,
}

/// The maps of every dimension that classifies addresses.
pub(super) const ADDRESSES: [Maps; 2] = [
    Maps {
        dimension: Dimension::Source,
        v4: Family {
            trie: "SOURCE_V4",
            index: "SOURCE_V4_INDEX",
            long: "SOURCE_V4_LONG",
        },
        v6: Family {
            trie: "SOURCE_V6",
            index: "SOURCE_V6_INDEX",
            long: "SOURCE_V6_LONG",
        },
    },
    Maps {
        dimension: Dimension::Destination,
        v4: Family {
            trie: "DESTINATION_V4",
            index: "DESTINATION_V4_INDEX",
            long: "DESTINATION_V4_LONG",
        },
        v6: Family {
            trie: "DESTINATION_V6",
            index: "DESTINATION_V6_INDEX",
            long: "DESTINATION_V6_LONG",
        },
    },
];

/// Each map and its number of entries; those that are not used are as small as can be.
pub(super) fn sizes(maps: &Maps, tables: &Tables) -> [(&'static str, usize); 6] {
    let table = tables.addresses(maps.dimension);
    let v4 = match tables.index_v4(maps.dimension) {
        None => [table.v4.len(), 0, 0],
        Some(index) => [0, IndexV4::ENTRIES / V4_PACK, index.long().count()],
    };
    let v6 = match tables.index_v6(maps.dimension) {
        None => [table.v6.len(), 0, 0],
        Some(index) => [
            index.short().count(),
            index.entries() / V6_PACK,
            index.long().count(),
        ],
    };
    let names = |family: &Family| [family.trie, family.index, family.long];
    let [a, b, c] = names(&maps.v4);
    let [d, e, f] = names(&maps.v6);
    let [[u, v, w], [x, y, z]] = [v4, v6];
    [(a, u), (b, v), (c, w), (d, x), (e, y), (f, z)]
}

/// Fills them.
pub(super) fn fill(ebpf: &mut Ebpf, maps: &Maps, tables: &Tables) -> Result<(), Error> {
    let table = tables.addresses(maps.dimension);
    match tables.index_v4(maps.dimension) {
        None => {
            let entries = table.v4.iter();
            let entries = entries.map(|(address, length, class)| (address.octets(), length, class));
            fill_trie(ebpf, maps.v4.trie, entries)?;
        }
        Some(index) => {
            index.write(mapping(ebpf, maps.v4.index, IndexV4::ENTRIES)?.values());
            fill_hash(ebpf, maps.v4.long, index.long())?;
        }
    }
    match tables.index_v6(maps.dimension) {
        None => fill_v6(ebpf, maps, table.v6.iter()),
        Some(index) => {
            index.write(mapping(ebpf, maps.v6.index, index.entries())?.values());
            fill_hash(ebpf, maps.v6.long, index.long())?;
            fill_v6(ebpf, maps, index.short())
        }
    }
}

fn fill_v6<'a>(
    ebpf: &mut Ebpf,
    maps: &Maps,
    entries: impl Iterator<Item = &'a (std::net::Ipv6Addr, u8, u32)>,
) -> Result<(), Error> {
    let entries = entries.map(|(address, length, class)| (address.octets(), length, class));
    fill_trie(ebpf, maps.v6.trie, entries)
}

fn fill_trie<'a, A: aya::Pod>(
    ebpf: &mut Ebpf,
    name: &str,
    entries: impl Iterator<Item = (A, &'a u8, &'a u32)>,
) -> Result<(), Error> {
    let mut trie: LpmTrie<_, A, u32> = map(ebpf, name)?;
    for (address, length, class) in entries {
        let key = Key::new(u32::from(*length), address);
        trie.insert(&key, class, 0)
            .map_err(|error| refused(name, &error))?;
    }
    Ok(())
}

/// The values of an array of the object, in this process's memory.
fn mapping<T: bytemuck::Pod>(
    ebpf: &mut Ebpf,
    name: &str,
    length: usize,
) -> Result<Mapping<T>, Error> {
    let array: &Map = ebpf.map(name).ok_or_else(|| Error::Kernel {
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
