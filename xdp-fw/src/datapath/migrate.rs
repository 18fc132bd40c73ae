//! From an earlier layout of the pins to this one, without an unfiltered instant and without losing
//! a packet from a total: `docs/adr/0014`.
//!
//! Before the first commit, what the old filter counted is copied under the rules of the same name,
//! and what was copied is pinned as `carried`. After it the old links move over and are pointed at
//! our root. Then what the old filter counted in between joins the totals, and its pins go. Every
//! step can be repeated: whoever is interrupted, the next process goes on.

use std::collections::HashMap;
use std::fs;

use xdp_fw_common::wire::Counter;

use super::description::{self, Described, Slot};
use super::layout::{Counted, Former, reasons};
use super::owner::Datapath;
use super::pins::{Pins, exists, remove};
use super::{Error, counters, links, sys};
use crate::fault::{self, Point};

/// What was copied from the old counters, and into what.
struct Carried {
    /// The generation whose totals are `retired`.
    number: u64,
    /// Its totals, without what the old filter counted since.
    retired: [Counter; 2],
    /// The old counters by slot, as they were copied.
    counters: Vec<Counter>,
}

impl Datapath {
    /// What there is to take over into a first generation.
    pub(super) fn inheritance(&self) -> Result<Option<Counted>, Error> {
        match (&self.in_force, &self.former) {
            (None, Some(former)) => former.read(),
            _ => Ok(None),
        }
    }

    /// Puts the old counts where `described` counts on. Nothing counts there yet: no link leads to
    /// its filter.
    pub(super) fn inherit(&mut self, counted: Counted, described: &Described) -> Result<(), Error> {
        for (slot, ..) in reasons() {
            self.counters.put(slot, counted.at(slot))?;
        }
        for (from, to) in kept(&counted.rules, &described.rules) {
            self.counters.put(to, counted.at(from))?;
        }
        let carried = Carried {
            number: described.generation.number,
            retired: described.retired,
            counters: counted.counters,
        };
        carried.pin(&self.pins)?;
        fault::point(Point::MigrationCarried)?;
        Ok(())
    }

    /// Takes over what an earlier layout filters, once this one has a generation in force. What
    /// cannot be done now is tried again with the next commit: the old filter stays in force there.
    pub(super) fn migrate(&mut self) {
        if let Err(error) = self.try_migrate() {
            tracing::error!("an earlier version's filter is still in force: {error}");
        }
    }

    fn try_migrate(&mut self) -> Result<(), Error> {
        let (Some(in_force), Some(former)) = (&self.in_force, &self.former) else {
            return Ok(());
        };
        let carried = Carried::for_generation(&self.pins, in_force)?;
        move_links(former, &self.pins)?;
        fault::point(Point::MigrationMoved)?;
        self.align_links()?;
        fault::point(Point::MigrationAligned)?;
        self.require_aligned()?;
        self.account(&carried)?;
        fault::point(Point::MigrationAccounted)?;
        if let Some(former) = &self.former {
            // First what was accounted for, so that nobody does it again.
            let counters = former.pins.counters();
            remove(&counters)
                .map_err(|error| Error::kernel(format!("remove {}", counters.display()), &error))?;
            fault::point(Point::MigrationRemoved)?;
            former.remove()?;
            tracing::info!("taken over from {}", former.pins.root().display());
        }
        self.former = None;
        forget_carried(&self.pins)
    }

    /// As long as one link holds an old root, the old pins must stay: its filter is the old one.
    fn require_aligned(&self) -> Result<(), Error> {
        let links = links::list(&self.pins)?;
        let mut live = links.iter().filter(|link| link.interface.is_some());
        match live.find(|link| link.program != self.root_id) {
            None => Ok(()),
            Some(link) => Err(Error::pin(
                &self.pins.link(link.number),
                "still leads to the earlier version's filter",
                "see the log; the next reload tries again",
            )),
        }
    }

    /// What the old filter counted since it was copied joins the totals by verdict.
    fn account(&mut self, carried: &Carried) -> Result<(), Error> {
        // A packet may still be on its way through it.
        let _ = sys::wait_for_running_programs();
        let counted = match &self.former {
            Some(former) => former.read()?,
            None => None,
        };
        let (Some(counted), Some(in_force)) = (counted, &mut self.in_force) else {
            return Ok(());
        };
        let mut retired = carried.retired;
        for (slot, verdict) in counted.slots() {
            let before = carried.counters.get(slot as usize).copied();
            let since = since(&before.unwrap_or_default(), &counted.at(slot));
            if let Some(total) = retired.get_mut(verdict as usize) {
                counters::add(total, &since);
            }
        }
        let directory = self.pins.generation(in_force.generation.number);
        description::set_retired(&directory, retired)?;
        in_force.retired = retired;
        Ok(())
    }
}

/// Adds to the totals of a first generation what old rules counted that it does not have.
pub(super) fn retire(counted: &Counted, rules: &[Slot], retired: &mut [Counter; 2]) {
    let kept = kept(&counted.rules, rules);
    let gone = counted.rules.iter().filter(|rule| !rule.shadow);
    for rule in gone.filter(|rule| !kept.contains_key(&rule.slot)) {
        if let Some(total) = retired.get_mut(rule.verdict as usize) {
            counters::add(total, &counted.at(rule.slot));
        }
    }
}

/// Removes what an interrupted migration left, where there is nothing to migrate from any more.
pub(super) fn forget_carried(pins: &Pins) -> Result<(), Error> {
    for path in [pins.new_carried(), pins.carried()] {
        remove(&path)
            .map_err(|error| Error::kernel(format!("remove {}", path.display()), &error))?;
    }
    Ok(())
}

/// From old slots to new ones, for rules of the same name.
fn kept(old: &[Slot], new: &[Slot]) -> HashMap<u32, u32> {
    let new: HashMap<(&str, bool), u32> = new
        .iter()
        .map(|rule| ((rule.name.as_str(), rule.shadow), rule.slot))
        .collect();
    let same = |rule: &Slot| Some((rule.slot, *new.get(&(rule.name.as_str(), rule.shadow))?));
    old.iter().filter_map(same).collect()
}

/// Moves the pins. Each link stays what it is: it still leads to the old root, and filters.
fn move_links(former: &Former, pins: &Pins) -> Result<(), Error> {
    if !exists(&former.pins.links())? {
        return Ok(());
    }
    let _locks = (former.pins.lock_links()?, pins.lock_links()?);
    for link in links::list(&former.pins)? {
        let from = former.pins.link(link.number);
        let to = links::free(pins)?;
        fs::rename(&from, &to)
            .map_err(|error| Error::kernel(format!("move {}", from.display()), &error))?;
        fault::point(Point::MigrationMovedOne)?;
    }
    Ok(())
}

fn since(before: &Counter, now: &Counter) -> Counter {
    Counter {
        packets: now.packets.wrapping_sub(before.packets),
        bytes: now.bytes.wrapping_sub(before.bytes),
        last_seen: now.last_seen,
    }
}

impl Carried {
    /// What was carried into the generation in force. Another one may have been committed since it
    /// was, or none was carried at all: then its totals are what is added to.
    fn for_generation(pins: &Pins, in_force: &Described) -> Result<Self, Error> {
        let number = in_force.generation.number;
        let carried = Self::read(pins)?;
        match carried {
            Some(carried) if carried.number == number => Ok(carried),
            other => {
                let carried = Self {
                    number,
                    retired: in_force.retired,
                    counters: other.map(|it| it.counters).unwrap_or_default(),
                };
                carried.pin(pins)?;
                Ok(carried)
            }
        }
    }

    fn read(pins: &Pins) -> Result<Option<Self>, Error> {
        if !exists(&pins.carried())? {
            return Ok(None);
        }
        let mut values = description::read_array::<Counter>(&pins.carried(), None)?.into_iter();
        let [pass, drop, head] = std::array::from_fn(|_| values.next().unwrap_or_default());
        Ok(Some(Self {
            number: head.packets,
            retired: [pass, drop],
            counters: values.collect(),
        }))
    }

    fn pin(&self, pins: &Pins) -> Result<(), Error> {
        let head = Counter {
            packets: self.number,
            ..Counter::default()
        };
        let mut values = self.retired.to_vec();
        values.push(head);
        values.extend(&self.counters);
        let (beside, path) = (pins.new_carried(), pins.carried());
        let refused =
            |error: std::io::Error| Error::kernel(format!("pin {}", path.display()), &error);
        remove(&beside).map_err(refused)?;
        description::pin_array(&beside, &values)?;
        fs::rename(&beside, &path).map_err(refused)
    }
}
