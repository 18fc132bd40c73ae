//! Exact match of long prefixes: a hash whose buckets are cache lines.
//!
//! It is filled once, before any program sees it, and never changed. So it needs no locks, no lists
//! and no free space: a prefix is in the first bucket of its sequence that had room, and a bucket
//! that has room ends the search. Owns the layout of buckets and the search.

use bytemuck::{Pod, Zeroable};

use crate::lpm::{CLASS_BITS, CLASS_MASK, TableV4, TableV6};
use crate::tables::CLASS_OUTSIDE;

/// Prefixes in a bucket of the IPv4 hash.
pub const V4_CELLS: usize = 8;
/// Prefixes in a bucket of the IPv6 hash.
pub const V6_CELLS: usize = 3;
/// Buckets that a prefix may be in.
pub const PROBES: usize = 8;

/// Each cell is the prefix in the upper half, its length, and its class; 0 is free.
pub type BucketV4 = [u64; V4_CELLS];

/// Prefixes in a bucket of the IPv6 hash, and what is said of each; 0 is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BucketV6 {
    prefixes: [[u64; 2]; V6_CELLS],
    /// Length and class.
    tags: [u32; V6_CELLS],
    padding: u32,
}

/// Not the class of any prefix: none is [`crate::tables::CLASS_ABSENT`].
pub(crate) const NOT_FOUND: u32 = 0;

/// Odd, and without a pattern: the golden ratio, and Murmur's (Appleby) second factor.
const FACTORS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc4ce_b9fe_1a85_ec53];

/// A cell of the IPv4 hash. Of the prefix, without host bits, the length is not 0.
#[must_use]
pub const fn v4_cell(prefix: u32, length: u8, class: u32) -> u64 {
    v4_key(prefix, length as u32) << CLASS_BITS | (class - CLASS_OUTSIDE) as u64
}

/// Puts a prefix into a bucket; false if there is no room.
pub fn v4_insert(bucket: &mut BucketV4, prefix: u32, length: u8, class: u32) -> bool {
    let free = bucket.iter_mut().find(|cell| **cell == 0);
    free.map(|cell| *cell = v4_cell(prefix, length, class))
        .is_some()
}

/// Puts a prefix into a bucket; false if there is no room.
pub fn v6_insert(bucket: &mut BucketV6, prefix: [u64; 2], length: u8, class: u32) -> bool {
    let cells = bucket.prefixes.iter_mut().zip(&mut bucket.tags);
    let mut free = cells.filter(|(_, tag)| **tag == 0);
    let free = free.next();
    free.map(|cell| {
        *cell.0 = prefix;
        *cell.1 = v6_tag(u32::from(length), class - CLASS_OUTSIDE);
    })
    .is_some()
}

/// The sequence of buckets of an IPv4 prefix starts from this.
#[must_use]
#[inline(always)]
pub const fn v4_hash(prefix: u32, length: u32, seed: u32) -> u64 {
    mixed(v4_key(prefix, length) ^ (seed as u64) << 48)
}

/// The sequence of buckets of an IPv6 prefix starts from this.
#[must_use]
#[inline(always)]
pub const fn v6_hash(prefix: [u64; 2], length: u32, seed: u32) -> u64 {
    // The seed comes before the product, so that what collides under one does not under another.
    let first = (prefix[0] ^ seed as u64).wrapping_mul(FACTORS[1]);
    mixed(first ^ (first >> 32) ^ prefix[1] ^ (length as u64) << 56)
}

/// The bucket at this place of a sequence, of `buckets`.
#[must_use]
#[inline(always)]
pub const fn bucket(hash: u64, buckets: u32) -> u32 {
    (((hash >> 32) * buckets as u64) >> 32) as u32
}

/// The next place of a sequence.
#[must_use]
#[inline(always)]
pub const fn next(hash: u64) -> u64 {
    hash.wrapping_mul(FACTORS[1])
}

/// The class of an IPv4 prefix, or [`NOT_FOUND`]; `None` only if the table is broken.
#[inline(always)]
pub(crate) fn find_v4(table: &impl TableV4, prefix: u32, length: u32) -> Option<u32> {
    let key = v4_key(prefix, length);
    let mut hash = v4_hash(prefix, length, table.seed());
    let mut probe = 0;
    while probe < PROBES {
        let cells = table.bucket(bucket(hash, table.buckets()))?;
        for cell in cells {
            if cell >> CLASS_BITS == key {
                return Some((*cell as u32 & CLASS_MASK) + CLASS_OUTSIDE);
            }
        }
        let [.., last] = cells;
        if *last == 0 {
            break;
        }
        hash = next(hash);
        probe += 1;
    }
    Some(NOT_FOUND)
}

/// The class of an IPv6 prefix, or [`NOT_FOUND`]; `None` only if the table is broken.
#[inline(always)]
pub(crate) fn find_v6(table: &impl TableV6, prefix: [u64; 2], length: u8) -> Option<u32> {
    let length = u32::from(length);
    let mut hash = v6_hash(prefix, length, table.seed());
    let mut probe = 0;
    while probe < PROBES {
        let cells = table.bucket(bucket(hash, table.buckets()))?;
        for (found, tag) in cells.prefixes.iter().zip(&cells.tags) {
            if *found == prefix && tag >> CLASS_BITS == length {
                return Some((tag & CLASS_MASK) + CLASS_OUTSIDE);
            }
        }
        let [.., last] = cells.tags;
        if last == 0 {
            break;
        }
        hash = next(hash);
        probe += 1;
    }
    Some(NOT_FOUND)
}

#[inline(always)]
const fn v4_key(prefix: u32, length: u32) -> u64 {
    // Above the class, a cell has nine bits for the length.
    (prefix as u64) << (32 - CLASS_BITS) | length as u64
}

#[inline(always)]
const fn v6_tag(length: u32, class: u32) -> u32 {
    length << CLASS_BITS | class
}

#[inline(always)]
const fn mixed(value: u64) -> u64 {
    let value = value.wrapping_mul(FACTORS[0]);
    (value ^ (value >> 32)).wrapping_mul(FACTORS[1])
}
