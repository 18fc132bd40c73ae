//! Prefixes to the nodes of a multibit trie, and those that its leaves leave to the hash.
//!
//! Owns where a branch ends. A branch goes on while more lengths of prefixes are below it than a leaf
//! may leave to the hash, so that what is looked up in vain stays bounded; it ends as early as it
//! may, since each node is a look-up and a cache line.

use xdp_fw_common::lpm::{NODE, ROOT_BITS, ROOT_NODES, STRIDE};
use xdp_fw_common::tables::CLASS_OUTSIDE;

use super::family::{LpmAddress, Prefix};

/// The nodes of one table, in the making: counted, and written if there is room for them.
pub(super) struct Nodes<'a, 'n, A: LpmAddress> {
    /// Lengths that a leaf may leave to the hash.
    lengths: usize,
    /// The lengths of which prefixes can be there, the longest first.
    pub(super) hashable: Vec<u8>,
    /// Nodes so far.
    pub(super) count: u32,
    /// Prefixes behind leaves so far.
    pub(super) hashed: Vec<&'a Prefix<A>>,
    /// Whether every entry so far was within what there is to write to.
    pub(super) fits: bool,
    /// Zeros, to be written to.
    entries: Option<&'n mut [A::Entry]>,
}

impl<'a, 'n, A: LpmAddress> Nodes<'a, 'n, A> {
    /// The nodes of prefixes in order. Into `entries`, of zeros, they are written.
    pub(super) fn of(
        prefixes: &'a [Prefix<A>],
        lengths: usize,
        entries: Option<&'n mut [A::Entry]>,
    ) -> Self {
        let mut counts = [0; 129];
        for prefix in prefixes {
            if let Some(count) = counts.get_mut(usize::from(prefix.1)) {
                *count += 1;
            }
        }
        let mut nodes = Self {
            lengths: lengths.min(A::LENGTHS),
            hashable: A::hashed(&counts),
            count: ROOT_NODES,
            hashed: Vec::new(),
            fits: true,
            entries,
        };
        nodes.fill(0, prefixes, 0, CLASS_OUTSIDE);
        nodes
    }

    /// Fills a node that decides over the bits after `depth`; the root if there are none before.
    /// All of `prefixes` are longer than that and below it, or it is the root.
    fn fill(&mut self, node: usize, prefixes: &'a [Prefix<A>], depth: u8, class: u32) {
        let stride = if depth == 0 { ROOT_BITS } else { STRIDE };
        let reach = depth + stride;
        let first = node * NODE;
        let slot = |prefix: &Prefix<A>| {
            let bits = (prefix.0.bits() >> (128 - reach)) as usize;
            bits & ((1 << stride) - 1)
        };
        self.set(first, 1 << stride, A::leaf(class, &[], &[]));
        // The last slot and the class of each prefix around the present slot.
        let mut around: Vec<(usize, u32)> = Vec::new();
        for below in prefixes.chunk_by(|a, b| slot(a) == slot(b)) {
            let Some(number) = below.first().map(slot) else {
                continue;
            };
            while around.pop_if(|prefix| prefix.0 < number).is_some() {}
            let longer = below.partition_point(|prefix| prefix.1 <= reach);
            let (ending, longer) = below.split_at(longer);
            for &(_, length, class) in ending {
                let slots = 1 << (reach - length);
                self.set(first + number, slots, A::leaf(class, &[], &[]));
                around.push((number + slots - 1, class));
            }
            if !longer.is_empty() {
                let class = around.last().map_or(class, |prefix| prefix.1);
                let entry = self.branch(longer, reach, class);
                self.set(first + number, 1, entry);
            }
        }
    }

    /// What to do about the prefixes below an entry: a leaf where it may be one, else a node.
    fn branch(&mut self, prefixes: &'a [Prefix<A>], depth: u8, class: u32) -> A::Entry {
        if let Some(lengths) = self.lengths(prefixes) {
            self.hashed.extend(prefixes);
            return A::leaf(class, &lengths, &self.hashable);
        }
        let node = self.count;
        self.count += 1;
        self.fill(node as usize, prefixes, depth, class);
        A::child(node)
    }

    /// The lengths of the prefixes, the longest first; `None` if a leaf may not leave them to the
    /// hash.
    fn lengths(&self, prefixes: &[Prefix<A>]) -> Option<Vec<u8>> {
        let mut lengths = Vec::new();
        for prefix in prefixes {
            if !lengths.contains(&prefix.1) {
                if lengths.len() == self.lengths || !self.hashable.contains(&prefix.1) {
                    return None;
                }
                lengths.push(prefix.1);
            }
        }
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        Some(lengths)
    }

    fn set(&mut self, first: usize, count: usize, entry: A::Entry) {
        let Some(entries) = self.entries.as_deref_mut() else {
            return;
        };
        match entries.get_mut(first..first + count) {
            Some(entries) => entries.fill(entry),
            None => self.fits = false,
        }
    }
}
