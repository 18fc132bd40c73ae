//! The address tables of a generation: how large they are, and what goes into them.
//!
//! Owns the shape of each table: which prefixes are in nodes, which ones in a hash, and how large
//! that is. The same prefixes have the same shape, whatever stood there before. How they are looked
//! up is [`xdp_fw_common::lpm`]'s.

use std::net::{Ipv4Addr, Ipv6Addr};

use xdp_fw_common::Dimension;
use xdp_fw_common::exact::{PROBES, bucket, next};
use xdp_fw_common::lpm::{NODE, V4_LENGTHS};

use super::address_table::AddressTable;
use super::family::{LpmAddress, Prefix};
use super::nodes::Nodes;
use super::tables::Tables;

/// Of how many lengths the prefixes may be that one leaf leaves to the hash. With none, all
/// prefixes are in nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaves {
    /// Of IPv4.
    pub v4: usize,
    /// Of IPv6.
    pub v6: usize,
}

impl Default for Leaves {
    /// Each length is a look-up in the hash, which addresses in no prefix make in vain; and each
    /// level of nodes is one that waits for the one before it.
    fn default() -> Self {
        Self { v4: 2, v6: 3 }
    }
}

/// The shape of one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// Nodes of the trie; 0 where there is no prefix.
    pub nodes: u32,
    /// Buckets of the hash.
    pub buckets: u32,
    /// Prefixes in the hash.
    pub hashed: usize,
    seed: u32,
    /// Of IPv4, the lengths of the prefixes in the hash, the longest first; 0 beyond the last.
    hashable: [u8; V4_LENGTHS],
    lengths: usize,
}

/// The shapes of one dimension's tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shapes {
    /// Of the IPv4 prefixes.
    pub v4: Shape,
    /// Of the IPv6 prefixes.
    pub v6: Shape,
}

/// A table that was written into less than it takes. Written all the same, it would leave prefixes
/// out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A node lies behind the last entry.
    #[error("its nodes take more entries than there are")]
    Nodes,
    /// A prefix found no room in any of its buckets.
    #[error("a prefix has no room in its hash")]
    Hash,
}

/// One dimension's prefixes of one family, ready to be written.
#[derive(Debug, Clone, Copy)]
pub struct Lpm<'a, A> {
    prefixes: &'a [Prefix<A>],
    /// How large it is.
    pub shape: Shape,
}

impl Tables {
    /// Decides on the shape of each table.
    pub(super) fn shape_addresses(&mut self) {
        let shapes = [Dimension::Source, Dimension::Destination].map(|it| self.shapes(it));
        let settings = &mut self.settings;
        let v4 = shapes.map(|shapes| shapes.v4);
        settings.prefixes_v4 = v4.map(|shape| u32::from(shape.nodes != 0));
        settings.lengths_v4 = v4.map(|shape| shape.hashable);
        settings.buckets_v4 = v4.map(|shape| shape.buckets);
        settings.seed_v4 = v4.map(|shape| shape.seed);
        let v6 = shapes.map(|shapes| shapes.v6);
        settings.prefixes_v6 = v6.map(|shape| u32::from(shape.nodes != 0));
        settings.buckets_v6 = v6.map(|shape| shape.buckets);
        settings.seed_v6 = v6.map(|shape| shape.seed);
    }

    /// How large the tables of one dimension are, which is source or destination. Where that is
    /// known, no prefix is looked at.
    #[must_use]
    pub fn shapes(&self, dimension: Dimension) -> Shapes {
        let table = self.addresses(dimension);
        let shapes = || Shapes {
            v4: Shape::of(&table.v4, self.leaves.v4),
            v6: Shape::of(&table.v6, self.leaves.v6),
        };
        *table.known().shapes.get_or_init(shapes)
    }

    /// The IPv4 prefixes of one dimension.
    #[must_use]
    pub fn v4(&self, dimension: Dimension) -> Lpm<'_, Ipv4Addr> {
        Lpm {
            prefixes: &self.addresses(dimension).v4,
            shape: self.shapes(dimension).v4,
        }
    }

    /// The IPv6 prefixes of one dimension.
    #[must_use]
    pub fn v6(&self, dimension: Dimension) -> Lpm<'_, Ipv6Addr> {
        Lpm {
            prefixes: &self.addresses(dimension).v6,
            shape: self.shapes(dimension).v6,
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
}

impl Shape {
    /// Whatever makes two tables of the same prefixes differ.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let numbers = [self.nodes, self.buckets, self.seed].map(u64::from);
        let numbers = numbers.into_iter().chain([self.lengths as u64]);
        numbers.flat_map(u64::to_be_bytes).collect()
    }

    /// Hashes that are tried, each larger than the one before.
    const ATTEMPTS: u32 = 16;
    /// Free cells are what ends a search early: half of them.
    const SPARSENESS: usize = 2;

    fn of<A: LpmAddress>(prefixes: &[Prefix<A>], lengths: usize) -> Self {
        Self::with(prefixes, lengths, Self::ATTEMPTS)
    }

    fn with<A: LpmAddress>(prefixes: &[Prefix<A>], lengths: usize, attempts: u32) -> Self {
        if prefixes.is_empty() {
            return Self::default();
        }
        let nodes = Nodes::of(prefixes, lengths, None);
        let (count, hashed) = (nodes.count, nodes.hashed);
        let mut hashable = [0; V4_LENGTHS];
        for (element, length) in hashable.iter_mut().zip(nodes.hashable) {
            *element = length;
        }
        for seed in 0..attempts {
            let Some(buckets) = buckets::<A>(hashed.len(), seed) else {
                break;
            };
            if fits(&hashed, buckets, seed) {
                return Self {
                    nodes: count,
                    buckets,
                    hashed: hashed.len(),
                    seed,
                    hashable,
                    lengths,
                };
            }
        }
        // Only prefixes that were made for it collide under so many seeds.
        Self {
            nodes: Nodes::of(prefixes, 0, None).count,
            ..Self::default()
        }
    }
}

impl<A: LpmAddress> Lpm<'_, A> {
    /// How many prefixes there are.
    #[must_use]
    pub fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    /// How many entries all nodes have.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.shape.nodes as usize * NODE
    }

    /// Writes the table into zeros: as many entries as [`Self::entries`] says and as many buckets
    /// as the shape.
    ///
    /// # Errors
    /// [`Unfit`] where there are fewer, or the shape is not that of these prefixes. What was written
    /// must not be used then.
    pub fn write(&self, entries: &mut [A::Entry], buckets: &mut [A::Bucket]) -> Result<(), Unfit> {
        let nodes = Nodes::of(self.prefixes, self.shape.lengths, Some(entries));
        if !nodes.fits {
            return Err(Unfit::Nodes);
        }
        let insert = |prefix| {
            let mut sequence = sequence(prefix, self.shape.buckets, self.shape.seed);
            sequence.any(|at| {
                let bucket = buckets.get_mut(at as usize);
                bucket.is_some_and(|bucket| A::insert(bucket, prefix))
            })
        };
        let fits = nodes.hashed.into_iter().all(insert);
        fits.then_some(()).ok_or(Unfit::Hash)
    }
}

/// The buckets that a prefix may be in.
fn sequence<A: LpmAddress>(
    prefix: &Prefix<A>,
    buckets: u32,
    seed: u32,
) -> impl Iterator<Item = u32> + use<A> {
    let hashes = std::iter::successors(Some(A::hash(prefix, seed)), |hash| Some(next(*hash)));
    hashes.take(PROBES).map(move |hash| bucket(hash, buckets))
}

/// How many buckets so many prefixes take, more with each attempt; `None` if no map has as many.
fn buckets<A: LpmAddress>(prefixes: usize, attempt: u32) -> Option<u32> {
    let cells = prefixes.checked_mul(Shape::SPARSENESS)?;
    let buckets = u32::try_from(cells.div_ceil(A::CELLS)).ok()?;
    buckets.checked_add((buckets / 4).checked_mul(attempt)?)
}

/// Whether every prefix has room in one of its buckets.
fn fits<A: LpmAddress>(prefixes: &[&Prefix<A>], buckets: u32, seed: u32) -> bool {
    let mut taken = vec![0u8; buckets as usize];
    prefixes.iter().all(|prefix| {
        sequence(prefix, buckets, seed).any(|at| match taken.get_mut(at as usize) {
            Some(taken) if usize::from(*taken) < A::CELLS => {
                *taken += 1;
                true
            }
            _ => false,
        })
    })
}

#[cfg(test)]
#[path = "lpm_tests.rs"]
mod tests;
