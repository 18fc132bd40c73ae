//! Address tables: their maps, and the look-ups over them.
//!
//! Functions of their own, called and not inlined: what they need of registers and stack is theirs.
//! And with names that are seen from outside: such a function the verifier walks once, and any other
//! one anew for each state that its callers are in.

use aya_ebpf::{bindings::BPF_F_MMAPABLE, btf_maps::Array, macros::btf_map};
use xdp_fw_common::{
    Dimension,
    exact::{BucketV4, BucketV6},
    lpm::{self, NODE, TableV4, TableV6, V4_LENGTHS},
    tables::CLASS_BROKEN,
};

use crate::maps::setting;

/// User space writes a whole table at once.
const MAPPED: usize = BPF_F_MMAPABLE as usize;

/// Number of a node -> its entries, of the source. The root comes first.
#[btf_map]
static SOURCE_V4: Array<[u32; NODE], 1, MAPPED> = Array::new();

/// Hash of a prefix -> prefixes with their classes, of the source.
#[btf_map]
static SOURCE_V4_HASH: Array<BucketV4, 1, MAPPED> = Array::new();

/// Number of a node -> its entries, of the source. The root comes first.
#[btf_map]
static SOURCE_V6: Array<[u64; NODE], 1, MAPPED> = Array::new();

/// Hash of a prefix -> prefixes with their classes, of the source.
#[btf_map]
static SOURCE_V6_HASH: Array<BucketV6, 1, MAPPED> = Array::new();

/// As for the source.
#[btf_map]
static DESTINATION_V4: Array<[u32; NODE], 1, MAPPED> = Array::new();

/// As for the source.
#[btf_map]
static DESTINATION_V4_HASH: Array<BucketV4, 1, MAPPED> = Array::new();

/// As for the source.
#[btf_map]
static DESTINATION_V6: Array<[u64; NODE], 1, MAPPED> = Array::new();

/// As for the source.
#[btf_map]
static DESTINATION_V6_HASH: Array<BucketV6, 1, MAPPED> = Array::new();

/// The class of an IPv4 address by the table of `dimension`.
#[inline(always)]
pub(crate) fn class_v4(dimension: Dimension, address: [u8; 4]) -> u32 {
    let address = u32::from_ne_bytes(address);
    match dimension {
        Dimension::Source => source_v4(address),
        _ => destination_v4(address),
    }
}

/// The class of an IPv6 address by the table of `dimension`.
#[inline(always)]
pub(crate) fn class_v6(dimension: Dimension, address: [u8; 16]) -> u32 {
    let [first, second]: [u64; 2] = bytemuck::cast(address);
    match dimension {
        Dimension::Source => source_v6(first, second),
        _ => destination_v6(first, second),
    }
}

#[unsafe(no_mangle)]
extern "C" fn source_v4(address: u32) -> u32 {
    v4(&Maps::<false>, address)
}

#[unsafe(no_mangle)]
extern "C" fn destination_v4(address: u32) -> u32 {
    v4(&Maps::<true>, address)
}

#[unsafe(no_mangle)]
extern "C" fn source_v6(first: u64, second: u64) -> u32 {
    v6(&Maps::<false>, first, second)
}

#[unsafe(no_mangle)]
extern "C" fn destination_v6(first: u64, second: u64) -> u32 {
    v6(&Maps::<true>, first, second)
}

#[inline(always)]
fn v4(table: &impl TableV4, address: u32) -> u32 {
    lpm::class_v4(table, address.to_ne_bytes()).unwrap_or(CLASS_BROKEN)
}

#[inline(always)]
fn v6(table: &impl TableV6, first: u64, second: u64) -> u32 {
    lpm::class_v6(table, bytemuck::cast([first, second])).unwrap_or(CLASS_BROKEN)
}

/// The maps of the source, or of the destination.
struct Maps<const DESTINATION: bool>;

impl<const DESTINATION: bool> TableV4 for Maps<DESTINATION> {
    #[inline(always)]
    fn entry(&self, node: u32, number: u32) -> Option<u32> {
        let nodes = if DESTINATION {
            &DESTINATION_V4
        } else {
            &SOURCE_V4
        };
        let entries = nodes.get(node)?;
        entries.get(number as usize % NODE).copied()
    }

    #[inline(always)]
    fn bucket(&self, index: u32) -> Option<&BucketV4> {
        if DESTINATION {
            DESTINATION_V4_HASH.get(index)
        } else {
            SOURCE_V4_HASH.get(index)
        }
    }

    #[inline(always)]
    fn buckets(&self) -> u32 {
        setting!(buckets_v4[DESTINATION as usize])
    }

    #[inline(always)]
    fn seed(&self) -> u32 {
        setting!(seed_v4[DESTINATION as usize])
    }

    #[inline(always)]
    fn length(&self, number: usize) -> u8 {
        match number {
            0..V4_LENGTHS => setting!(lengths_v4[DESTINATION as usize][number]),
            _ => 0,
        }
    }
}

impl<const DESTINATION: bool> TableV6 for Maps<DESTINATION> {
    #[inline(always)]
    fn entry(&self, node: u32, number: u32) -> Option<u64> {
        let nodes = if DESTINATION {
            &DESTINATION_V6
        } else {
            &SOURCE_V6
        };
        let entries = nodes.get(node)?;
        entries.get(number as usize % NODE).copied()
    }

    #[inline(always)]
    fn bucket(&self, index: u32) -> Option<&BucketV6> {
        if DESTINATION {
            DESTINATION_V6_HASH.get(index)
        } else {
            SOURCE_V6_HASH.get(index)
        }
    }

    #[inline(always)]
    fn buckets(&self) -> u32 {
        setting!(buckets_v6[DESTINATION as usize])
    }

    #[inline(always)]
    fn seed(&self) -> u32 {
        setting!(seed_v6[DESTINATION as usize])
    }
}
