//! The compiled policy on the host: the kernel's look-ups over vectors.
//!
//! Owns the longest-prefix match, done as a trie does it and not as the compiler thinks, so that
//! one checks the other. Counts shadow rules for itself and touches no other counter.

use std::net::{Ipv4Addr, Ipv6Addr};

use xdp_fw_common::packet::Mac;
use xdp_fw_common::tables::{self, CLASS_OUTSIDE, Row, Rule};
use xdp_fw_common::wire::REASON_SLOTS;
use xdp_fw_common::{Arrival, Dimension, Effects, Essentials, Verdict};

use super::address_table::AddressEntries;
use super::tables::Tables;

/// [`Tables`] as [`xdp_fw_common::decide()`] wants them. Rule `i` has the slot
/// [`REASON_SLOTS`]` + i`.
#[derive(Debug, Clone)]
pub struct HostTables<'a> {
    tables: &'a Tables,
    source: Lengths,
    destination: Lengths,
}

impl<'a> HostTables<'a> {
    /// Looks once at every prefix; what follows is a binary search per prefix length.
    pub fn new(tables: &'a Tables) -> Self {
        Self {
            tables,
            source: Lengths::of(&tables.source),
            destination: Lengths::of(&tables.destination),
        }
    }

    fn addresses(&self, dimension: Dimension) -> (&AddressEntries, &Lengths) {
        if dimension == Dimension::Source {
            (&self.tables.source, &self.source)
        } else {
            (&self.tables.destination, &self.destination)
        }
    }
}

impl tables::Tables for HostTables<'_> {
    fn default_action(&self) -> Verdict {
        verdict(self.tables.settings.default_action)
    }

    fn malformed(&self) -> Verdict {
        verdict(self.tables.settings.malformed)
    }

    fn non_ip(&self) -> Verdict {
        verdict(self.tables.settings.non_ip)
    }

    fn essentials(&self) -> Essentials {
        Essentials::from_bits(self.tables.settings.essentials)
    }

    fn has_rules(&self) -> bool {
        self.tables.settings.rules != 0
    }

    fn has_shadow_rules(&self) -> bool {
        self.tables.settings.shadow == 1
    }

    fn is_basic(&self) -> bool {
        self.tables.settings.is_basic()
    }

    fn uses(&self, dimension: Dimension) -> bool {
        self.tables.settings.uses(dimension)
    }

    fn class_v4(&self, dimension: Dimension, address: [u8; 4]) -> u32 {
        let (table, lengths) = self.addresses(dimension);
        let address = u32::from_be_bytes(address);
        let masked = |length: u8| {
            let mask = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            (Ipv4Addr::from_bits(address & !mask), length)
        };
        longest_match(&table.v4, &lengths.v4, masked)
    }

    fn class_v6(&self, dimension: Dimension, address: [u8; 16]) -> u32 {
        let (table, lengths) = self.addresses(dimension);
        let address = u128::from_be_bytes(address);
        let masked = |length: u8| {
            let mask = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            (Ipv6Addr::from_bits(address & !mask), length)
        };
        longest_match(&table.v6, &lengths.v6, masked)
    }

    fn class_number(&self, dimension: Dimension, value: u32) -> Option<u32> {
        let classes = self.tables.numbers.get(dimension as usize)?;
        classes.get(value as usize).copied().map(u32::from)
    }

    fn class_interface(&self, interface: u32) -> u32 {
        class_of_key(&self.tables.interfaces, &interface)
    }

    fn class_mac(&self, dimension: Dimension, address: Mac) -> u32 {
        let classes = if dimension == Dimension::SourceMac {
            &self.tables.source_macs
        } else {
            &self.tables.destination_macs
        };
        class_of_key(classes, &address)
    }

    fn has_single_word_rows(&self) -> bool {
        self.tables.settings.single_word == 1
    }

    fn single_word_rule(&self, slot: usize) -> Option<Rule> {
        let mut bits = 0..u64::BITS;
        self.rule(bits.find(|bit| tables::bit_slot(1 << bit) == slot)?)
    }

    fn single_word_row(&self, dimension: Dimension, class: u32) -> Option<u64> {
        self.row(dimension, class).map(|row| row.word(0))
    }

    fn row(&self, dimension: Dimension, class: u32) -> Option<&Row> {
        self.tables.rows_of(dimension).get(class as usize)
    }

    fn rule(&self, index: u32) -> Option<Rule> {
        let rule = self.tables.rules.get(index as usize)?;
        Some(Rule {
            verdict: rule.verdict as u8,
            kind: rule.kind as u8,
            reserved: [0; 2],
            slot: REASON_SLOTS.checked_add(index)?,
        })
    }
}

/// What decisions over [`HostTables`] count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorder {
    /// The slot of each packet.
    pub slots: Vec<u32>,
    /// The shadow rules that matched, by index in file order.
    pub shadows: Vec<u32>,
}

impl Effects for Recorder {
    fn count(&mut self, slot: u32, _: &Arrival) -> bool {
        self.slots.push(slot);
        true
    }

    fn count_shadow(&mut self, slot: u32, _: &Arrival) {
        self.shadows.extend(slot.checked_sub(REASON_SLOTS));
    }
}

/// The class of a value that is looked up as it is.
fn class_of_key<K: Ord>(classes: &[(K, u32)], key: &K) -> u32 {
    let found = classes.binary_search_by(|entry| entry.0.cmp(key));
    let entry = found.ok().and_then(|index| classes.get(index));
    entry.map_or(CLASS_OUTSIDE, |entry| entry.1)
}

fn verdict(setting: u32) -> Verdict {
    Verdict::from_wire(u8::try_from(setting).unwrap_or(u8::MAX))
}

/// The prefix lengths of a table, longest first.
#[derive(Debug, Clone)]
struct Lengths {
    v4: Vec<u8>,
    v6: Vec<u8>,
}

impl Lengths {
    fn of(table: &AddressEntries) -> Self {
        Self {
            v4: descending(table.v4.iter().map(|entry| entry.1)),
            v6: descending(table.v6.iter().map(|entry| entry.1)),
        }
    }
}

fn descending(lengths: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut seen = [false; 256];
    for length in lengths {
        if let Some(seen) = seen.get_mut(usize::from(length)) {
            *seen = true;
        }
    }
    let all = (0..=u8::MAX).zip(seen).rev();
    all.filter(|length| length.1)
        .map(|length| length.0)
        .collect()
}

/// The class of the longest prefix; `masked` is the address at a prefix length.
fn longest_match<A: Copy + Ord>(
    entries: &[(A, u8, u32)],
    lengths: &[u8],
    masked: impl Fn(u8) -> (A, u8),
) -> u32 {
    let at = |&length: &u8| {
        let found = entries.binary_search_by_key(&masked(length), |entry| (entry.0, entry.1));
        found.ok().and_then(|index| entries.get(index))
    };
    lengths
        .iter()
        .find_map(at)
        .map_or(CLASS_OUTSIDE, |entry| entry.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_answers_and_the_ends_belong_to_it() {
        let entry = |text: &str, length, class| (text.parse::<Ipv4Addr>().unwrap(), length, class);
        let entries = [
            entry("0.0.0.0", 0, 2),
            entry("10.0.0.0", 8, 3),
            entry("10.0.0.0", 24, 4),
            entry("255.255.255.255", 32, 5),
        ];
        let tables = AddressEntries {
            v4: entries.to_vec(),
            v6: Vec::new(),
        };
        let lengths = Lengths::of(&tables);
        assert_eq!(lengths.v4, [32, 24, 8, 0]);
        for (address, class) in [
            ("9.255.255.255", 2),
            ("10.0.0.255", 4),
            ("10.0.1.0", 3),
            ("10.255.255.255", 3),
            ("11.0.0.0", 2),
            ("255.255.255.255", 5),
        ] {
            let address: u32 = address.parse::<Ipv4Addr>().unwrap().to_bits();
            let masked = |length: u8| {
                let mask = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                (Ipv4Addr::from_bits(address & !mask), length)
            };
            assert_eq!(longest_match(&entries, &lengths.v4, masked), class);
        }
        assert_eq!(
            longest_match(&[], &[], |length| ((), length)),
            CLASS_OUTSIDE
        );
    }
}
