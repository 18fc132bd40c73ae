//! What a new generation follows: which counters it takes over, and which must stay as they are.
//!
//! Pure. Without a base this is `docs/adr/0006`. While a base is kept, nothing that it refers to
//! is retired or handed out, so that it can come back at any moment: `docs/adr/0010`.

use std::collections::{BTreeSet, HashMap};

use xdp_fw_common::wire::Counter;

use crate::datapath::counters::slots;
use crate::datapath::error::Error;
use crate::datapath::model::{Described, Slot};
use crate::policy::NamedRule;

/// What a new generation follows.
#[derive(Clone, Copy)]
pub(in crate::datapath) struct Predecessor<'a> {
    /// The number after which its own comes.
    pub(in crate::datapath) last: u64,
    /// The generation in force, if any.
    pub(in crate::datapath) in_force: Option<&'a Described>,
    /// The generation that may come back, if one is kept.
    pub(in crate::datapath) base: Option<&'a Described>,
}

impl<'a> Predecessor<'a> {
    /// A slot for each of `rules`.
    ///
    /// A rule keeps its slot with its name. One that becomes a shadow rule, or ceases to be one,
    /// counts something else from then on and takes a new slot: see `docs/adr/0006`.
    pub(in crate::datapath) fn assign(&self, rules: &[NamedRule]) -> Result<Vec<Slot>, Error> {
        let shadows: HashMap<&str, bool> = rules
            .iter()
            .map(|rule| (rule.name.as_str(), rule.kind.is_shadow()))
            .collect();
        // The base comes last: where both have a name, its slot is the one to come back to.
        let known = self.rules(self.in_force).iter().chain(self.base_rules());
        let held = known
            .filter(|rule| shadows.get(rule.name.as_str()) == Some(&rule.kind.is_shadow()))
            .map(|rule| (rule.name.clone(), rule.slot))
            .collect();
        let mut barred: BTreeSet<u32> = self.gone_before().iter().map(|rule| rule.slot).collect();
        barred.extend(self.referred());
        let names = rules.iter().map(|rule| rule.name.as_str());
        let slots = slots::assign(names, &held, &barred)?;
        let rules = rules.iter().zip(slots).map(|(rule, slot)| Slot {
            name: rule.name.clone(),
            slot,
            verdict: rule.verdict,
            kind: rule.kind,
        });
        Ok(rules.collect())
    }

    /// Rules that `rules` leaves out, but whose slots still count: those in force, and those that
    /// went before and would come back with the base.
    pub(in crate::datapath) fn gone(&self, rules: &[Slot]) -> Vec<Slot> {
        let kept: BTreeSet<u32> = rules.iter().map(|rule| rule.slot).collect();
        let base = self.base_slots();
        let before = self.gone_before().iter();
        self.rules(self.in_force)
            .iter()
            .chain(before.filter(|rule| base.contains(&rule.slot)))
            .filter(|rule| !kept.contains(&rule.slot))
            .cloned()
            .collect()
    }

    /// Rules that went before and do not come back: their counts join the totals, and their slots
    /// come free.
    pub(in crate::datapath) fn retiring(&self) -> Vec<Slot> {
        let base = self.base_slots();
        let gone = self.gone_before().iter();
        gone.filter(|rule| !base.contains(&rule.slot))
            .cloned()
            .collect()
    }

    /// The totals that it takes over, without [`Self::retiring`].
    pub(in crate::datapath) fn retired(&self) -> [Counter; 2] {
        self.in_force
            .map_or_else(Default::default, |before| before.retired)
    }

    /// Slots of `rules` that start at zero.
    pub(in crate::datapath) fn fresh(&self, rules: &[Slot]) -> Vec<u32> {
        let referred: BTreeSet<u32> = self.referred().collect();
        let slots = rules.iter().map(|rule| rule.slot);
        slots.filter(|slot| !referred.contains(slot)).collect()
    }

    /// Slots of what is in force and of the base.
    fn referred(&self) -> impl Iterator<Item = u32> + use<'a> {
        let rules = self.rules(self.in_force).iter().chain(self.base_rules());
        rules.map(|rule| rule.slot)
    }

    fn base_slots(&self) -> BTreeSet<u32> {
        self.base_rules().iter().map(|rule| rule.slot).collect()
    }

    fn base_rules(&self) -> &'a [Slot] {
        self.rules(self.base)
    }

    fn rules(&self, of: Option<&'a Described>) -> &'a [Slot] {
        of.map_or(&[], |described| &described.rules)
    }

    fn gone_before(&self) -> &'a [Slot] {
        self.in_force.map_or(&[], |before| &before.gone)
    }
}

#[cfg(test)]
#[path = "predecessor_tests.rs"]
mod tests;
