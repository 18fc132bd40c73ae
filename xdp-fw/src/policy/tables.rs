//! The compiled policy, ready to be put into maps or judged by on the host.
//!
//! Owns the shape of the result. How it is made is `compile`'s work.

use xdp_fw_common::packet::Mac;
use xdp_fw_common::tables::{NUMBERS_PACK, Row, RuleKind};
use xdp_fw_common::wire::Settings;
use xdp_fw_common::{Dimension, Verdict};

use super::address_table::AddressTable;
use super::lpm::Leaves;

/// Everything that the maps of one generation hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// Policies, and where each dimension's rows and values begin. `coarse_clock` is the
    /// datapath's to set.
    pub settings: Settings,
    /// The rules in force, in file order; bit `i` of every row is rule `i`.
    pub rules: Vec<NamedRule>,
    /// Classes of source addresses.
    pub source: AddressTable,
    /// Classes of destination addresses.
    pub destination: AddressTable,
    /// Classes of interfaces by index, ascending. Of those that were there at compile time, the
    /// ones that lie in other lists than an interface that no rule names.
    pub interfaces: Vec<(u32, u32)>,
    /// Classes of source Ethernet addresses, ascending, of those that lie in other lists than one
    /// that no rule names.
    pub source_macs: Vec<(Mac, u32)>,
    /// Classes of destination Ethernet addresses, likewise.
    pub destination_macs: Vec<(Mac, u32)>,
    /// Per dimension, the class of each number; empty where it has none or is not in use.
    pub numbers: [Vec<u16>; Dimension::COUNT],
    /// Rows of all dimensions in use, each from `settings.rows[dimension]` on, as many as
    /// `settings.row_counts[dimension]` says.
    pub rows: Vec<Row>,
    /// Prefixes that the rules in force name, as written: what operators count.
    pub prefixes: u64,
    /// What shapes the tables of addresses.
    pub leaves: Leaves,
}

/// A rule as far as the maps need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRule {
    /// The identity of its counter.
    pub name: String,
    /// What it does.
    pub verdict: Verdict,
    /// Whether it decides.
    pub kind: RuleKind,
}

impl Tables {
    /// Values of the number table that its dimensions take, each from `settings.values` on.
    pub(crate) fn number_values(&self) -> usize {
        self.large_numbers()
            .map(|(_, classes)| classes.len().div_ceil(NUMBERS_PACK))
            .sum()
    }

    /// The dimensions in use that are in the number table, and their classes.
    pub(crate) fn large_numbers(&self) -> impl Iterator<Item = (Dimension, &[u16])> {
        self.numbers()
            .filter(|(dimension, _)| dimension.byte_table().is_none())
    }

    /// The rows of one dimension, by class; none where it is not in use.
    pub(crate) fn rows_of(&self, dimension: Dimension) -> &[Row] {
        let of = |array: &[u32; Dimension::COUNT]| array.get(dimension as usize).copied();
        let rows = of(&self.settings.rows).zip(of(&self.settings.row_counts));
        let rows = rows.and_then(|(first, count)| {
            let first = first as usize;
            self.rows.get(first..first.checked_add(count as usize)?)
        });
        rows.unwrap_or_default()
    }

    /// Every dimension in use that classifies numbers, and the classes.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (Dimension, &[u16])> {
        let all = Dimension::ALL.into_iter().zip(&self.numbers);
        all.filter(|(_, classes)| !classes.is_empty())
            .map(|(dimension, classes)| (dimension, classes.as_slice()))
    }
}
