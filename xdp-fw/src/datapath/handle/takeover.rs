//! From an earlier layout of the pins to this one, without an unfiltered instant and without losing
//! a packet from a total: `docs/adr/0014`.
//!
//! Before the first commit, the counts of the old filter are copied under the rules of the same
//! name, and their totals are pinned as `carried`. After it the old links move over and are pointed
//! at our root. Then what the old filter counted in between joins the totals, and its pins go. Every
//! step can be repeated: whoever is interrupted, the next process goes on.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};

use nix::fcntl::Flock;
use xdp_fw_common::wire::{Counter, REASON_SLOTS, reason_slot};
use xdp_fw_common::{Essential, Reason, Verdict};

use crate::datapath::counters::{Counters, add};
use crate::datapath::error::Error;
use crate::datapath::generation::manifest;
use crate::datapath::handle::Datapath;
use crate::datapath::handle::removal::{self, Removed};
use crate::datapath::kernel::sys;
use crate::datapath::model::{Described, Slot};
use crate::datapath::pins::shared::{SHARED, Writer};
use crate::datapath::pins::{Pins, exists, remove};
use crate::datapath::{attach, read};
use crate::fault::{self, Point};

/// Layouts before this one, the latest first. There is none yet: with debug assertions, a pin
/// directory `v2` stands for the next layout, so that tests take over from layout 1.
const EARLIER: &[u32] = if cfg!(debug_assertions) { &[1] } else { &[] };

/// A pin directory of an earlier layout, beside ours, that nobody else owns.
pub(in crate::datapath) struct Earlier {
    pins: Pins,
    /// Held as long as this lives.
    _lock: Flock<File>,
}

impl Earlier {
    /// Those that lie beside `pins`, the latest first. Their owner and mode are checked.
    pub(in crate::datapath) fn beside(pins: &Pins) -> Result<Vec<Self>, Error> {
        let Some((above, version)) = pins.above().zip(pins.version()) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for earlier in EARLIER.iter().filter(|earlier| **earlier < version) {
            let pins = Pins::new(&above.join(format!("v{earlier}")));
            if exists(pins.root())? {
                pins.check()?;
                let _lock = pins.lock()?;
                found.push(Self { pins, _lock });
            }
        }
        Ok(found)
    }

    /// What its filter has counted up to now; `None` once its counters are gone. Layout 1 has the
    /// types of this version: who changes one reads its old form here.
    pub(in crate::datapath) fn read(&self) -> Result<Option<Counted>, Error> {
        let Some(counters) = Counters::open(&self.pins)? else {
            return Ok(None);
        };
        let described = match read::in_force(&self.pins) {
            // Only the pins say which slots its rules had.
            Err(Error::Lost { .. }) => None,
            other => other?,
        };
        let (rules, gone, retired) = described
            .map(|it| (it.rules, it.gone, it.retired))
            .unwrap_or_default();
        let of_rules = rules.iter().chain(&gone).map(|rule| rule.slot);
        let slots = (0..REASON_SLOTS).chain(of_rules);
        let counts = slots.map(|slot| Ok((slot, counters.sum(slot)?)));
        Ok(Some(Counted {
            counts: counts.collect::<Result<_, Error>>()?,
            rules,
            gone,
            retired,
        }))
    }

    /// Removes its links and all its pins.
    pub(in crate::datapath) fn remove(&self) -> Result<Removed, Error> {
        removal::remove_everything(&self.pins, &SHARED)
    }

    /// Removes what packets were counted in.
    fn remove_counts(&self) -> Result<(), Error> {
        let counts = SHARED.iter().filter(|map| map.writer == Writer::Packets);
        for path in counts.map(|map| map.path(&self.pins)) {
            remove(&path)
                .map_err(|error| Error::kernel(format!("remove {}", path.display()), &error))?;
        }
        Ok(())
    }

    /// Moves its links' pins. Each link stays what it is: it still leads to the old root, and
    /// filters.
    fn move_links(&self, pins: &Pins) -> Result<(), Error> {
        if !exists(&self.pins.links())? {
            return Ok(());
        }
        let _locks = (self.pins.lock_links()?, pins.lock_links()?);
        for link in attach::list(&self.pins)? {
            let from = self.pins.link(link.hook, link.number);
            let to = attach::free(pins, link.hook)?;
            fs::rename(&from, &to)
                .map_err(|error| Error::kernel(format!("move {}", from.display()), &error))?;
            fault::point(Point::TakeoverMovedOne)?;
        }
        Ok(())
    }
}

/// What a filter of an earlier layout has counted, over all CPUs.
pub(in crate::datapath) struct Counted {
    /// By slot: every slot of a reason, and those of its rules.
    counts: BTreeMap<u32, Counter>,
    rules: Vec<Slot>,
    gone: Vec<Slot>,
    retired: [Counter; 2],
}

impl Counted {
    fn at(&self, slot: u32) -> Counter {
        self.counts.get(&slot).copied().unwrap_or_default()
    }

    /// The counts that no rule of `rules` goes on with, by verdict.
    pub(in crate::datapath) fn retired(&self, rules: &[Slot]) -> [Counter; 2] {
        let kept = kept(&self.rules, rules);
        let left = self.rules.iter().chain(&self.gone);
        let left = left.filter(|rule| !rule.kind.is_shadow() && !kept.contains_key(&rule.slot));
        self.sum(left.map(|rule| (rule.slot, rule.verdict)))
    }

    /// All packets that it counted, by verdict.
    fn totals(&self) -> [Counter; 2] {
        let reasons = Reason::ALL
            .into_iter()
            .flat_map(|reason| Verdict::ALL.map(|verdict| (reason_slot(reason, verdict), verdict)));
        let essentials = Essential::ALL.map(|kind| (kind.slot(), Verdict::Pass));
        let rules = self.rules.iter().chain(&self.gone);
        let rules = rules.filter(|rule| !rule.kind.is_shadow());
        let rules = rules.map(|rule| (rule.slot, rule.verdict));
        self.sum(reasons.chain(essentials).chain(rules))
    }

    fn sum(&self, slots: impl Iterator<Item = (u32, Verdict)>) -> [Counter; 2] {
        let mut sums = self.retired;
        for (slot, verdict) in slots {
            if let Some(sum) = sums.get_mut(verdict as usize) {
                add(sum, &self.at(slot));
            }
        }
        sums
    }
}

/// The totals at the copy.
struct Carried {
    /// The generation whose totals are `retired`.
    number: u64,
    /// Its totals, without what the old filter counted since.
    retired: [Counter; 2],
    /// The totals of the old filter.
    before: [Counter; 2],
}

impl Datapath {
    /// What there is to take over into a first generation.
    pub(in crate::datapath) fn inheritance(&self) -> Result<Option<Counted>, Error> {
        match (&self.in_force, &self.earlier) {
            (None, Some(earlier)) => earlier.read(),
            _ => Ok(None),
        }
    }

    /// Puts the old counts where `described` counts on. Nothing counts there yet: no link leads to
    /// its filter.
    pub(in crate::datapath) fn inherit(
        &mut self,
        counted: &Counted,
        described: &Described,
    ) -> Result<(), Error> {
        // A reason and a kind of essential keep their slot for ever.
        for slot in 0..REASON_SLOTS {
            self.counters.put(slot, counted.at(slot))?;
        }
        for (from, to) in kept(&counted.rules, &described.rules) {
            self.counters.put(to, counted.at(from))?;
        }
        let carried = Carried {
            number: described.generation.number,
            retired: described.retired,
            before: counted.totals(),
        };
        carried.pin(&self.pins)?;
        fault::point(Point::TakeoverCarried)?;
        Ok(())
    }

    /// Takes over what an earlier layout filters, once this one has a generation in force. What
    /// cannot be done now is tried again with the next commit: the old filter stays in force there.
    pub(in crate::datapath) fn take_over(&mut self) {
        if let Err(error) = self.try_take_over() {
            tracing::error!("an earlier version's filter is still in force: {error}");
        }
    }

    fn try_take_over(&mut self) -> Result<(), Error> {
        let (Some(in_force), Some(earlier)) = (&self.in_force, &self.earlier) else {
            return Ok(());
        };
        let carried = Carried::for_generation(&self.pins, in_force)?;
        earlier.move_links(&self.pins)?;
        fault::point(Point::TakeoverMoved)?;
        self.align_links()?;
        fault::point(Point::TakeoverAligned)?;
        self.require_aligned()?;
        self.account(&carried)?;
        fault::point(Point::TakeoverAccounted)?;
        if let Some(earlier) = &self.earlier {
            // First what was accounted for, so that nobody does it again.
            earlier.remove_counts()?;
            fault::point(Point::TakeoverRemoved)?;
            earlier.remove()?;
            tracing::info!("taken over from {}", earlier.pins.root().display());
        }
        self.earlier = None;
        forget_carried(&self.pins)
    }

    /// As long as one link holds an old root, the old pins must stay: its filter is the old one.
    fn require_aligned(&self) -> Result<(), Error> {
        let links = attach::list(&self.pins)?;
        let mut live = links.iter().filter(|link| link.interface.is_some());
        match live.find(|link| link.program != self.root_id) {
            None => Ok(()),
            Some(link) => Err(Error::pin(
                &self.pins.link(link.hook, link.number),
                "still leads to the earlier version's filter",
                "see the log; the next reload tries again",
            )),
        }
    }

    /// What the old filter counted since it was copied joins the totals by verdict.
    fn account(&mut self, carried: &Carried) -> Result<(), Error> {
        // A packet may still be on its way through it.
        let _ = sys::wait_for_running_programs();
        let counted = match &self.earlier {
            Some(earlier) => earlier.read()?,
            None => None,
        };
        let (Some(counted), Some(in_force)) = (counted, &mut self.in_force) else {
            return Ok(());
        };
        let mut retired = carried.retired;
        let both = carried.before.iter().zip(counted.totals());
        for (total, (before, now)) in retired.iter_mut().zip(both) {
            add(total, &since(before, &now));
        }
        let directory = self.pins.generation(in_force.generation.number);
        manifest::set_retired(&directory, retired)?;
        in_force.retired = retired;
        Ok(())
    }
}

/// Removes what an interrupted take-over left, where there is nothing to take over any more.
pub(in crate::datapath) fn forget_carried(pins: &Pins) -> Result<(), Error> {
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
        .map(|rule| ((rule.name.as_str(), rule.kind.is_shadow()), rule.slot))
        .collect();
    let same = |rule: &Slot| {
        Some((
            rule.slot,
            *new.get(&(rule.name.as_str(), rule.kind.is_shadow()))?,
        ))
    };
    old.iter().filter_map(same).collect()
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
        match Self::read(pins)? {
            Some(carried) if carried.number == number => Ok(carried),
            other => {
                let carried = Self {
                    number,
                    retired: in_force.retired,
                    before: other.map(|it| it.before).unwrap_or_default(),
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
        let mut values = manifest::read_array::<Counter>(&pins.carried(), Some(5))?.into_iter();
        let mut next = || values.next().unwrap_or_default();
        Ok(Some(Self {
            number: next().packets,
            retired: [next(), next()],
            before: [next(), next()],
        }))
    }

    fn pin(&self, pins: &Pins) -> Result<(), Error> {
        let number = Counter {
            packets: self.number,
            ..Counter::default()
        };
        let ([passed, dropped], [passed_before, dropped_before]) = (self.retired, self.before);
        let values = [number, passed, dropped, passed_before, dropped_before];
        let (beside, path) = (pins.new_carried(), pins.carried());
        let refused =
            |error: std::io::Error| Error::kernel(format!("pin {}", path.display()), &error);
        remove(&beside).map_err(refused)?;
        manifest::pin_array(&beside, &values)?;
        fs::rename(&beside, &path).map_err(refused)
    }
}
