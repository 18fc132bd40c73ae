//! Address tables of many prefixes: their maps, and the look-ups over them.
//!
//! Functions of their own, called and not inlined: policies without such tables must not pay for
//! them in registers and stack.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    btf_maps::{Array, HashMap},
    macros::btf_map,
};
use xdp_fw_common::{
    Dimension,
    index::{self, IndexV4, IndexV6, LongV4, LongV6, V4_PACK, V6_LENGTHS, V6_PACK},
    tables::{CLASS_BROKEN, CLASS_OUTSIDE},
};

use crate::maps::{setting, trie_v6};

/// User space writes a whole index at once.
const MAPPED: usize = BPF_F_MMAPABLE as usize;

/// First 20 bits of the source -> entries of 16 neighbouring /24s.
#[btf_map]
static SOURCE_V4_INDEX: Array<[u32; V4_PACK], 1, MAPPED> = Array::new();

/// IPv4 prefix longer than /24 -> class of the source.
#[btf_map]
static SOURCE_V4_LONG: HashMap<LongV4, u32, 1> = HashMap::new();

/// Hash of the first 32 bits of the source / 32 -> entries of 32 hashes.
#[btf_map]
static SOURCE_V6_INDEX: Array<[u16; V6_PACK], 1, MAPPED> = Array::new();

/// IPv6 prefix of at least /32 -> class of the source.
#[btf_map]
static SOURCE_V6_LONG: HashMap<LongV6, u32, 1> = HashMap::new();

/// As for the source.
#[btf_map]
static DESTINATION_V4_INDEX: Array<[u32; V4_PACK], 1, MAPPED> = Array::new();

/// As for the source.
#[btf_map]
static DESTINATION_V4_LONG: HashMap<LongV4, u32, 1> = HashMap::new();

/// As for the source.
#[btf_map]
static DESTINATION_V6_INDEX: Array<[u16; V6_PACK], 1, MAPPED> = Array::new();

/// As for the source.
#[btf_map]
static DESTINATION_V6_LONG: HashMap<LongV6, u32, 1> = HashMap::new();

/// The class of an IPv4 address by the index of `dimension`.
#[inline(always)]
pub(crate) fn class_v4(dimension: Dimension, address: [u8; 4]) -> u32 {
    let address = u32::from_ne_bytes(address);
    match dimension {
        Dimension::Source => source_v4(address),
        _ => destination_v4(address),
    }
}

/// The class of an IPv6 address by the index of `dimension`.
#[inline(always)]
pub(crate) fn class_v6(dimension: Dimension, address: [u8; 16]) -> u32 {
    let [first, second]: [u64; 2] = bytemuck::cast(address);
    match dimension {
        Dimension::Source => source_v6(first, second),
        _ => destination_v6(first, second),
    }
}

#[inline(never)]
fn source_v4(address: u32) -> u32 {
    v4(&Indexed::<false>, address)
}

#[inline(never)]
fn destination_v4(address: u32) -> u32 {
    v4(&Indexed::<true>, address)
}

#[inline(never)]
fn source_v6(first: u64, second: u64) -> u32 {
    v6(&Indexed::<false>, first, second)
}

#[inline(never)]
fn destination_v6(first: u64, second: u64) -> u32 {
    v6(&Indexed::<true>, first, second)
}

#[inline(always)]
fn v4(index: &impl IndexV4, address: u32) -> u32 {
    index::class_v4(index, address.to_ne_bytes()).unwrap_or(CLASS_BROKEN)
}

#[inline(always)]
fn v6(index: &impl IndexV6, first: u64, second: u64) -> u32 {
    index::class_v6(index, bytemuck::cast([first, second])).unwrap_or(CLASS_BROKEN)
}

/// The maps of the source's index, or of the destination's.
struct Indexed<const DESTINATION: bool>;

impl<const DESTINATION: bool> Indexed<DESTINATION> {
    const DIMENSION: Dimension = if DESTINATION {
        Dimension::Destination
    } else {
        Dimension::Source
    };
}

impl<const DESTINATION: bool> IndexV4 for Indexed<DESTINATION> {
    #[inline(always)]
    fn entry(&self, index: u32) -> Option<u32> {
        let maps = match Self::DIMENSION {
            Dimension::Source => &SOURCE_V4_INDEX,
            _ => &DESTINATION_V4_INDEX,
        };
        let entries = maps.get(index / V4_PACK as u32)?;
        entries.get(index as usize % V4_PACK).copied()
    }

    #[inline(always)]
    fn long(&self, prefix: &LongV4) -> Option<u32> {
        // SAFETY: filled before the commit and never changed after it.
        let class = unsafe {
            match Self::DIMENSION {
                Dimension::Source => SOURCE_V4_LONG.get(prefix),
                _ => DESTINATION_V4_LONG.get(prefix),
            }
        };
        class.copied()
    }
}

impl<const DESTINATION: bool> IndexV6 for Indexed<DESTINATION> {
    #[inline(always)]
    fn bits(&self) -> u32 {
        setting!(index_bits[Self::DIMENSION as usize])
    }

    #[inline(always)]
    fn length(&self, number: usize) -> u8 {
        match number {
            0..V6_LENGTHS => setting!(lengths_v6[Self::DIMENSION as usize][number]),
            _ => 0,
        }
    }

    #[inline(always)]
    fn entry(&self, index: u32) -> Option<u16> {
        let maps = match Self::DIMENSION {
            Dimension::Source => &SOURCE_V6_INDEX,
            _ => &DESTINATION_V6_INDEX,
        };
        let entries = maps.get(index / V6_PACK as u32)?;
        entries.get(index as usize % V6_PACK).copied()
    }

    #[inline(always)]
    fn long(&self, prefix: &LongV6) -> Option<u32> {
        // SAFETY: as above.
        let class = unsafe {
            match Self::DIMENSION {
                Dimension::Source => SOURCE_V6_LONG.get(prefix),
                _ => DESTINATION_V6_LONG.get(prefix),
            }
        };
        class.copied()
    }

    #[inline(always)]
    fn short(&self, address: [u8; 16]) -> u32 {
        if setting!(short_v6[Self::DIMENSION as usize]) == 1 {
            trie_v6(Self::DIMENSION, address)
        } else {
            CLASS_OUTSIDE
        }
    }
}
