//! What sets the tables of IPv4 addresses apart from those of IPv6.
//!
//! Owns nothing but the difference. How entries and cells are made up is
//! [`xdp_fw_common::lpm`]'s and [`xdp_fw_common::exact`]'s.

use std::cmp::Reverse;
use std::net::{Ipv4Addr, Ipv6Addr};

use bytemuck::Pod;
use xdp_fw_common::exact::{self, BucketV4, BucketV6, V4_CELLS, V6_CELLS};
use xdp_fw_common::lpm::{self, ROOT_BITS, V4_LENGTHS, V6_LENGTHS};

/// A prefix of the table, its length, and its class.
pub type Prefix<A> = (A, u8, u32);

/// An address of either family.
pub trait LpmAddress: Copy {
    /// An entry of a node.
    type Entry: Pod;
    /// A bucket of the hash.
    type Bucket: Pod;

    /// Lengths that a leaf can have behind it, at most.
    const LENGTHS: usize;
    /// Prefixes in a bucket.
    const CELLS: usize;

    /// Its bits, the first one on top.
    fn bits(self) -> u128;
    /// The lengths of which prefixes can be in the hash, the longest first: of those with a prefix
    /// that is longer than the root, of which `prefixes` tells how many there are.
    fn hashed(prefixes: &[usize; 129]) -> Vec<u8>;
    /// The entry that ends with this class and leaves these lengths to the hash, which are some of
    /// those that can be, in the same order.
    fn leaf(class: u32, lengths: &[u8], hashed: &[u8]) -> Self::Entry;
    /// The entry that goes on in a node.
    fn child(node: u32) -> Self::Entry;
    /// Where a prefix's sequence of buckets starts.
    fn hash(prefix: &Prefix<Self>, seed: u32) -> u64;
    /// Puts a prefix into a bucket; false if there is no room.
    fn insert(bucket: &mut Self::Bucket, prefix: &Prefix<Self>) -> bool;
}

impl LpmAddress for Ipv4Addr {
    type Entry = u32;
    type Bucket = BucketV4;

    const LENGTHS: usize = V4_LENGTHS;
    const CELLS: usize = V4_CELLS;

    fn bits(self) -> u128 {
        u128::from(self.to_bits()) << 96
    }

    fn hashed(prefixes: &[usize; 129]) -> Vec<u8> {
        // An entry has a bit for each: those with the most prefixes.
        let mut lengths = longer_than_the_root(prefixes);
        lengths.sort_by_key(|length| Reverse(prefixes.get(usize::from(*length))));
        lengths.truncate(V4_LENGTHS);
        lengths.sort_unstable_by_key(|length| Reverse(*length));
        lengths
    }

    fn leaf(class: u32, lengths: &[u8], hashed: &[u8]) -> u32 {
        let numbers = (0..).zip(hashed);
        let bits = numbers.filter(|(_, length)| lengths.contains(length));
        let bits = bits.fold(0, |bits, (number, _)| bits | 1 << number);
        lpm::v4_leaf(class, bits)
    }

    fn child(node: u32) -> u32 {
        lpm::v4_child(node)
    }

    fn hash(&(address, length, _): &Prefix<Self>, seed: u32) -> u64 {
        exact::v4_hash(address.to_bits(), length.into(), seed)
    }

    fn insert(bucket: &mut BucketV4, &(address, length, class): &Prefix<Self>) -> bool {
        exact::v4_insert(bucket, address.to_bits(), length, class)
    }
}

impl LpmAddress for Ipv6Addr {
    type Entry = u64;
    type Bucket = BucketV6;

    const LENGTHS: usize = V6_LENGTHS;
    const CELLS: usize = V6_CELLS;

    fn bits(self) -> u128 {
        self.to_bits()
    }

    fn hashed(prefixes: &[usize; 129]) -> Vec<u8> {
        longer_than_the_root(prefixes)
    }

    fn leaf(class: u32, lengths: &[u8], _: &[u8]) -> u64 {
        lpm::v6_leaf(class, lengths)
    }

    fn child(node: u32) -> u64 {
        lpm::v6_child(node)
    }

    fn hash(&(address, length, _): &Prefix<Self>, seed: u32) -> u64 {
        exact::v6_hash(words(address), length.into(), seed)
    }

    fn insert(bucket: &mut BucketV6, &(address, length, class): &Prefix<Self>) -> bool {
        exact::v6_insert(bucket, words(address), length, class)
    }
}

/// The longest first.
fn longer_than_the_root(prefixes: &[usize; 129]) -> Vec<u8> {
    let lengths = (0..=128u8).zip(prefixes).rev();
    let longer = lengths.filter(|(length, count)| *length > ROOT_BITS && **count > 0);
    longer.map(|(length, _)| length).collect()
}

fn words(address: Ipv6Addr) -> [u64; 2] {
    let bits = address.to_bits();
    [(bits >> 64) as u64, bits as u64]
}
