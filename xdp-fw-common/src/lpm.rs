//! Longest prefix match: a multibit trie, and an exact match behind its leaves.
//!
//! The trie takes 16 bits of an address at once and then four at a time, a cache line each. Where
//! few lengths of prefixes are left, it ends, and the leaf says which ones are worth a look-up in a
//! hash ([`crate::exact`]). So a handful of prefixes and a million cost about the same, and a table
//! is as large as what is in it.
//! Owns the layout of the nodes and the look-up. (Controlled prefix expansion: Srinivasan and
//! Varghese, SIGMETRICS 1998. A hash per length: Waldvogel et al., SIGCOMM 1997, with the trie in
//! place of the binary search.)

use crate::exact::{self, BucketV4, BucketV6};
use crate::tables::CLASS_OUTSIDE;

/// Bits of an address that its first entry is found by.
pub const ROOT_BITS: u8 = 16;
/// Bits of an address that each entry after it is found by.
pub const STRIDE: u8 = 4;
/// Entries of a node.
pub const NODE: usize = 1 << STRIDE;
/// Nodes that make up the root; children come after them.
pub const ROOT_NODES: u32 = 1 << (ROOT_BITS - STRIDE);

/// The largest class that an entry can hold.
pub const CLASS_MAX: u32 = (1 << CLASS_BITS) - 1 + CLASS_OUTSIDE;

/// Lengths of IPv4 prefixes that can be in the hash of one table.
pub const V4_LENGTHS: usize = 8;
/// Lengths of IPv6 prefixes that one leaf can have behind it.
pub const V6_LENGTHS: usize = 4;

pub(crate) const CLASS_BITS: u32 = 23;
pub(crate) const CLASS_MASK: u32 = (1 << CLASS_BITS) - 1;

const V4_LEVELS: usize = (32 - ROOT_BITS as usize) / STRIDE as usize;
const V6_LEVELS: usize = (128 - ROOT_BITS as usize) / STRIDE as usize;

const V4_CHILD: u32 = 1 << 31;
const V6_CHILD: u64 = 1 << 63;

/// What the look-up of an IPv4 address needs.
pub trait TableV4 {
    /// An entry of a node; `None` only if the table is broken.
    fn entry(&self, node: u32, number: u32) -> Option<u32>;
    /// A bucket of the hash; `None` only if the table is broken.
    fn bucket(&self, index: u32) -> Option<&BucketV4>;
    /// How many buckets the hash has.
    fn buckets(&self) -> u32;
    /// What hashing starts from.
    fn seed(&self) -> u32;
    /// The `number`th of the lengths of prefixes in the hash, the longest first; 0 beyond the last.
    fn length(&self, number: usize) -> u8;
}

/// What the look-up of an IPv6 address needs.
pub trait TableV6 {
    /// An entry of a node; `None` only if the table is broken.
    fn entry(&self, node: u32, number: u32) -> Option<u64>;
    /// A bucket of the hash; `None` only if the table is broken.
    fn bucket(&self, index: u32) -> Option<&BucketV6>;
    /// How many buckets the hash has.
    fn buckets(&self) -> u32;
    /// What hashing starts from.
    fn seed(&self) -> u32;
}

/// The entry that ends with this class, from [`CLASS_OUTSIDE`] to [`CLASS_MAX`], unless a longer
/// prefix is in the hash: a bit for each of these numbers, which are those of its length. It is zero
/// for [`CLASS_OUTSIDE`] and no length: what nobody has written is outside.
#[must_use]
pub const fn v4_leaf(class: u32, lengths: u8) -> u32 {
    (lengths as u32) << CLASS_BITS | (class - CLASS_OUTSIDE)
}

/// The entry that goes on in a node.
#[must_use]
pub const fn v4_child(node: u32) -> u32 {
    V4_CHILD | node
}

/// As [`v4_leaf`], with the lengths themselves, at most [`V6_LENGTHS`], the longest first.
#[must_use]
pub fn v6_leaf(class: u32, lengths: &[u8]) -> u64 {
    let leaf = u64::from(class - CLASS_OUTSIDE);
    let lengths = lengths.iter().zip(0..);
    lengths.fold(leaf, |leaf, (&length, number)| {
        leaf | u64::from(length) << (CLASS_BITS + 8 * number)
    })
}

/// The entry that goes on in a node.
#[must_use]
pub const fn v6_child(node: u32) -> u64 {
    V6_CHILD | node as u64
}

/// The class of an IPv4 address; `None` only if the table is broken.
#[inline(always)]
pub fn class_v4(table: &impl TableV4, address: [u8; 4]) -> Option<u32> {
    let bits = u32::from_be_bytes(address);
    let mut entry = table.entry(bits >> 20, bits >> 16 & 15)?;
    let mut rest = bits << ROOT_BITS;
    let mut level = 0;
    while entry & V4_CHILD != 0 {
        if level == V4_LEVELS {
            return None;
        }
        entry = table.entry(entry & !V4_CHILD, rest >> 28)?;
        rest <<= STRIDE;
        level += 1;
    }
    let lengths = entry >> CLASS_BITS;
    if lengths != 0 {
        let mut number = 0;
        while number < V4_LENGTHS {
            if lengths >> number & 1 == 1 {
                let length = u32::from(table.length(number));
                let prefix = bits & u32::MAX << (32_u32.wrapping_sub(length) & 31);
                let found = exact::find_v4(table, prefix, length)?;
                if found != exact::NOT_FOUND {
                    return Some(found);
                }
            }
            number += 1;
        }
    }
    Some((entry & CLASS_MASK) + CLASS_OUTSIDE)
}

/// The class of an IPv6 address; `None` only if the table is broken.
#[inline(always)]
pub fn class_v6(table: &impl TableV6, address: [u8; 16]) -> Option<u32> {
    let bits = u128::from_be_bytes(address);
    let [high, low] = [(bits >> 64) as u64, bits as u64];
    let mut entry = table.entry((high >> 52) as u32, (high >> 48) as u32 & 15)?;
    let (mut rest, mut after) = (
        high << ROOT_BITS | low >> (64 - ROOT_BITS),
        low << ROOT_BITS,
    );
    let mut level = 0;
    while entry & V6_CHILD != 0 {
        if level == V6_LEVELS {
            return None;
        }
        entry = table.entry(entry as u32, (rest >> 60) as u32)?;
        rest = rest << STRIDE | after >> (64 - STRIDE);
        after <<= STRIDE;
        level += 1;
    }
    let mut lengths = entry >> CLASS_BITS;
    let mut number = 0;
    while number < V6_LENGTHS {
        let length = lengths as u8;
        if length == 0 {
            break;
        }
        let found = exact::find_v6(table, leading([high, low], length), length)?;
        if found != exact::NOT_FOUND {
            return Some(found);
        }
        lengths >>= 8;
        number += 1;
    }
    Some((entry as u32 & CLASS_MASK) + CLASS_OUTSIDE)
}

/// The first bits of an address, of which there is at least one; the others are zero.
#[must_use]
#[inline(always)]
pub const fn leading(address: [u64; 2], length: u8) -> [u64; 2] {
    let length = length as u32;
    if length <= 64 {
        [address[0] & u64::MAX << ((64 - length) & 63), 0]
    } else {
        [address[0], address[1] & u64::MAX << ((128 - length) & 63)]
    }
}
