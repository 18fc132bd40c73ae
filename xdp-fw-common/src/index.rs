//! Address tables for many prefixes: an index by leading bits, and an exact match behind it.
//!
//! A trie walks a node per bit that tells prefixes apart, each in a cache line of its own. Here the
//! first look-up says which lengths are worth a second one, which for most addresses is none.
//! Owns the layout of both maps and the look-up. (IPv4: the first table of DIR-24-8, Gupta, Lin and
//! McKeown, INFOCOM 1998, with a hash in place of the second. IPv6: a hash per length after Waldvogel
//! et al., SIGCOMM 1997, with a filter in front in place of the binary search.)

use bytemuck::{Pod, Zeroable};

use crate::tables::CLASS_OUTSIDE;

/// Entries of an IPv4 index: one per /24.
pub const V4_ENTRIES: u32 = 1 << 24;
/// Entries of an IPv4 index in one value of its map, which is a cache line.
pub const V4_PACK: usize = 16;
/// The largest class that an entry of an IPv4 index can hold.
pub const V4_CLASS_MAX: u32 = (1 << V4_CLASS_BITS) - 1 + CLASS_OUTSIDE;
/// Prefixes up to this length are in the entries of an IPv4 index themselves.
pub const V4_INDEX_LENGTH: u8 = 24;

const V4_CLASS_BITS: u32 = 24;
const V4_LENGTH_MAX: u8 = 32;

/// Entries of an IPv6 index in one value of its map, which is a cache line.
pub const V6_PACK: usize = 32;
/// Lengths of IPv6 prefixes that one table can have, those in its trie aside.
pub const V6_LENGTHS: usize = 16;
/// Prefixes shorter than this are in the trie: an index goes by the first 32 bits.
pub const V6_INDEX_LENGTH: u8 = 32;

/// An IPv4 prefix longer than [`V4_INDEX_LENGTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct LongV4 {
    /// In network byte order, without host bits.
    pub address: [u8; 4],
    /// Bits.
    pub length: u32,
}

/// An IPv6 prefix of at least [`V6_INDEX_LENGTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct LongV6 {
    /// In network byte order, without host bits.
    pub address: [u8; 16],
    /// Bits.
    pub length: u32,
}

/// What the look-up of an IPv4 address needs.
pub trait IndexV4 {
    /// The entry of a /24 by its first 24 bits; `None` only if the table is broken.
    fn entry(&self, index: u32) -> Option<u32>;
    /// The class of a longer prefix, if it is in the table.
    fn long(&self, prefix: &LongV4) -> Option<u32>;
}

/// What the look-up of an IPv6 address needs.
pub trait IndexV6 {
    /// The index has two to the power of this many entries.
    fn bits(&self) -> u32;
    /// The `number`th of the lengths in use, the longest first; 0 beyond the last.
    fn length(&self, number: usize) -> u8;
    /// A bit per length that a prefix with these leading bits may have; `None` only if the table is
    /// broken.
    fn entry(&self, index: u32) -> Option<u16>;
    /// The class of a prefix, if it is in the table.
    fn long(&self, prefix: &LongV6) -> Option<u32>;
    /// The class by the prefixes shorter than [`V6_INDEX_LENGTH`].
    fn short(&self, address: [u8; 16]) -> u32;
}

/// The entry of a /24 of this class, from [`CLASS_OUTSIDE`] to [`V4_CLASS_MAX`]. It is zero for
/// [`CLASS_OUTSIDE`]: what nobody has written is outside.
#[must_use]
pub const fn v4_entry(class: u32) -> u32 {
    class - CLASS_OUTSIDE
}

/// The same entry where a prefix of this length, longer than [`V4_INDEX_LENGTH`], is in its /24.
#[must_use]
pub const fn v4_entry_with(entry: u32, length: u8) -> u32 {
    // The longest is the lowest bit.
    entry | 1 << V4_CLASS_BITS << (V4_LENGTH_MAX - length)
}

/// The entry of an IPv6 index for an address; several leading bits may share one.
#[must_use]
#[inline(always)]
pub const fn v6_entry_of(address: [u8; 16], bits: u32) -> u32 {
    let [a, b, c, d, ..] = address;
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4): neighbours do not collide.
    let hash = u32::from_be_bytes([a, b, c, d]).wrapping_mul(0x9e37_79b1);
    ((hash as u64) >> (32 - bits)) as u32
}

/// The class of an IPv4 address; `None` only if the table is broken.
#[inline(always)]
pub fn class_v4(index: &impl IndexV4, address: [u8; 4]) -> Option<u32> {
    let bits = u32::from_be_bytes(address);
    let entry = index.entry(bits >> 8)?;
    let lengths = entry >> V4_CLASS_BITS;
    if lengths != 0 {
        let mut shorter = 0;
        while shorter < 8 {
            if lengths >> shorter & 1 == 1 {
                let prefix = LongV4 {
                    address: (bits & u32::MAX << shorter).to_be_bytes(),
                    length: u32::from(V4_LENGTH_MAX) - shorter,
                };
                if let Some(class) = index.long(&prefix) {
                    return Some(class);
                }
            }
            shorter += 1;
        }
    }
    Some((entry & ((1 << V4_CLASS_BITS) - 1)) + CLASS_OUTSIDE)
}

/// The class of an IPv6 address; `None` only if the table is broken.
#[inline(always)]
pub fn class_v6(index: &impl IndexV6, address: [u8; 16]) -> Option<u32> {
    let lengths = u32::from(index.entry(v6_entry_of(address, index.bits()))?);
    if lengths != 0 {
        let mut number = 0;
        while number < V6_LENGTHS {
            if lengths >> number & 1 == 1 {
                let prefix = long_v6(address, index.length(number));
                if let Some(class) = index.long(&prefix) {
                    return Some(class);
                }
            }
            number += 1;
        }
    }
    Some(index.short(address))
}

/// The prefix of this length around an address; a length below [`V6_INDEX_LENGTH`] is that.
#[must_use]
#[inline(always)]
pub const fn long_v6(address: [u8; 16], length: u8) -> LongV6 {
    let bits = u128::from_be_bytes(address);
    let [high, low] = [(bits >> 64) as u64, bits as u64];
    let length = length as u32;
    let (high, low) = if length <= 64 {
        (high & u64::MAX << ((64 - length) & 63), 0)
    } else {
        (high, low & u64::MAX << ((128 - length) & 63))
    };
    LongV6 {
        address: ((high as u128) << 64 | low as u128).to_be_bytes(),
        length,
    }
}
