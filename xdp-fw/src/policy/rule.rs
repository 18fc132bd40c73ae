//! A rule in force, and what it asks on each dimension.

use std::collections::BTreeMap;

use xdp_fw_common::packet::Mac;
use xdp_fw_common::tables::RuleKind;
use xdp_fw_common::{Dimension, Verdict};

use super::model::List;
use crate::criteria::Ranges;

/// A rule in force: what it asks is ANDed; a dimension that it does not ask about may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The identity of its counter.
    pub name: String,
    /// What happens to a packet it matches.
    pub verdict: Verdict,
    /// Whether it decides.
    pub kind: RuleKind,
    /// What it asks.
    pub asks: BTreeMap<Dimension, Ask>,
}

/// What a rule asks on one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// IP addresses: an index into [`super::Policy::lists`].
    Addresses(usize),
    /// Numbers, as the core reads them from a packet.
    Numbers(Ranges),
    /// Patterns of interface names.
    Interfaces(List<String>),
    /// Ethernet addresses.
    Macs(List<Mac>),
}

impl Rule {
    /// Adds what a criterion asks. Numbers that two criteria ask on one dimension are those of both.
    pub(super) fn ask(&mut self, dimension: Dimension, ask: Ask) {
        let ask = match (self.asks.get(&dimension), ask) {
            (Some(Ask::Numbers(these)), Ask::Numbers(those)) => Ask::Numbers(these.and(&those)),
            (_, ask) => ask,
        };
        self.asks.insert(dimension, ask);
    }

    /// What it asks on a dimension of IP addresses; `None` on any other.
    pub(super) fn addresses(&self, dimension: Dimension) -> Option<&usize> {
        match self.asks.get(&dimension) {
            Some(Ask::Addresses(list)) => Some(list),
            _ => None,
        }
    }

    /// What it asks on a dimension of Ethernet addresses; `None` on any other.
    pub(super) fn macs(&self, dimension: Dimension) -> Option<&List<Mac>> {
        match self.asks.get(&dimension) {
            Some(Ask::Macs(list)) => Some(list),
            _ => None,
        }
    }

    /// What it asks about the interface.
    pub(super) fn interface(&self) -> Option<&List<String>> {
        match self.asks.get(&Dimension::Interface) {
            Some(Ask::Interfaces(list)) => Some(list),
            _ => None,
        }
    }

    /// What it asks on a dimension of numbers; `None` on any other.
    pub(super) fn numbers(&self, dimension: Dimension) -> Option<&Ranges> {
        match self.asks.get(&dimension) {
            Some(Ask::Numbers(numbers)) => Some(numbers),
            _ => None,
        }
    }
}
