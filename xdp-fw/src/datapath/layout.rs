//! Earlier layouts of the pins: how what they counted is read.
//!
//! A layout is described by the types that lie in its maps. What its pins are called, and that the
//! filter in slot 0 of `entry` names the generation in force, is the same in all of them. Only
//! reads; [`super::migrate`] knows what becomes of it.

use std::fs::File;
use std::path::Path;

use aya::Pod;
use aya::maps::{Map, MapData, MapType, PerCpuArray};
use bytemuck::Zeroable;
use nix::fcntl::Flock;
use xdp_fw_common::wire::{self, reason_slot};
use xdp_fw_common::{Reason, Verdict};

use super::description::{Slot, pin, read_array};
use super::pins::{Pins, Shape, check_map, exists};
use super::removal::{self, Removed};
use super::{Error, counters, snapshot};

/// Every earlier layout, the latest first. The one here is made up: it keeps migration in working
/// order until there is a real one, and is in no release.
const EARLIER: &[Layout] = if cfg!(debug_assertions) {
    &[Layout {
        version: 0,
        counters: counters_shape::<v0::Counter>(),
        read: read::<v0::Counter, v0::Rule>,
    }]
} else {
    &[]
};

/// What tells one layout from the others.
struct Layout {
    /// Its directory is `v` and this.
    version: u32,
    counters: Shape,
    read: fn(&Pins) -> Result<Counted, Error>,
}

/// Layout 0: counters that do not know when, shorter names.
mod v0 {
    use bytemuck::{Pod, Zeroable};
    use xdp_fw_common::Verdict;

    use super::Slot;

    #[derive(Clone, Copy, Pod, Zeroable)]
    #[repr(C)]
    pub(super) struct Counter {
        packets: u64,
        bytes: u64,
    }

    #[derive(Clone, Copy, Pod, Zeroable)]
    #[repr(C)]
    pub(super) struct Rule {
        slot: u32,
        verdict: u32,
        name: [u8; 32],
    }

    // SAFETY: bytemuck::Pod proves #[repr(C)] without padding at compile time.
    unsafe impl aya::Pod for Counter {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Rule {}

    impl From<Counter> for super::wire::Counter {
        fn from(Counter { packets, bytes }: Counter) -> Self {
            Self {
                packets,
                bytes,
                last_seen: 0,
            }
        }
    }

    impl From<Rule> for Slot {
        fn from(rule: Rule) -> Self {
            let name = rule.name.split(|byte| *byte == 0).next();
            Self {
                name: String::from_utf8_lossy(name.unwrap_or_default()).into_owned(),
                slot: rule.slot,
                verdict: Verdict::from_wire(rule.verdict as u8),
                shadow: false,
            }
        }
    }
}

/// A pin directory of an earlier layout, beside ours, that nobody else owns.
pub(super) struct Former {
    pub(super) pins: Pins,
    layout: &'static Layout,
    /// Held as long as this lives.
    _lock: Flock<File>,
}

/// What a filter of an earlier layout has counted.
pub(super) struct Counted {
    /// By slot, over all CPUs.
    pub(super) counters: Vec<wire::Counter>,
    /// The rules in force.
    pub(super) rules: Vec<Slot>,
}

impl Former {
    /// Those that lie beside `pins`, the latest first. Their owner and mode are checked.
    pub(super) fn all(pins: &Pins) -> Result<Vec<Self>, Error> {
        let Some((above, version)) = pins.above().zip(pins.version()) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for layout in EARLIER.iter().filter(|layout| layout.version < version) {
            let pins = Pins::new(&above.join(format!("v{}", layout.version)));
            if exists(pins.root())? {
                pins.check()?;
                found.push(Self {
                    _lock: pins.lock()?,
                    pins,
                    layout,
                });
            }
        }
        Ok(found)
    }

    /// What its filter has counted up to now; `None` once its counters are gone.
    pub(super) fn read(&self) -> Result<Option<Counted>, Error> {
        if !check_map(&self.pins.counters(), &self.layout.counters)? {
            return Ok(None);
        }
        (self.layout.read)(&self.pins).map(Some)
    }

    /// Removes its links and all its pins.
    pub(super) fn remove(&self) -> Result<Removed, Error> {
        removal::remove_everything(&self.pins, &self.layout.counters)
    }
}

impl Counted {
    pub(super) fn at(&self, slot: u32) -> wire::Counter {
        let counter = self.counters.get(slot as usize);
        counter.copied().unwrap_or_else(wire::Counter::zeroed)
    }

    /// Every slot that is part of a total, with its verdict.
    pub(super) fn slots(&self) -> impl Iterator<Item = (u32, Verdict)> {
        let reasons = reasons().map(|(slot, _, verdict)| (slot, verdict));
        let rules = self.rules.iter().filter(|rule| !rule.shadow);
        reasons.chain(rules.map(|rule| (rule.slot, rule.verdict)))
    }
}

/// The slots of reasons. A reason keeps its number for ever.
pub(super) fn reasons() -> impl Iterator<Item = (u32, Reason, Verdict)> {
    let both = |reason| Verdict::ALL.map(|verdict| (reason, verdict));
    let all = Reason::ALL.into_iter().flat_map(both);
    all.map(|(reason, verdict)| (reason_slot(reason, verdict), reason, verdict))
}

const fn counters_shape<C>() -> Shape {
    Shape {
        kind: MapType::PerCpuArray,
        key: 4,
        value: size_of::<C>() as u32,
        entries: None,
        flags: 0,
    }
}

/// Reads a layout with counters `C` and rules `R`, after the shape of its counters was checked.
fn read<C, R>(pins: &Pins) -> Result<Counted, Error>
where
    C: Pod + Into<wire::Counter>,
    R: Pod + Into<Slot>,
{
    let rules: Vec<R> = match snapshot::directory_in_force(pins)? {
        Some(generation) => read_array(&generation.join(pin::RULES), None)?,
        None => Vec::new(),
    };
    Ok(Counted {
        counters: read_counters::<C>(&pins.counters())?,
        rules: rules.into_iter().map(Into::into).collect(),
    })
}

fn read_counters<C: Pod + Into<wire::Counter>>(path: &Path) -> Result<Vec<wire::Counter>, Error> {
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("read {}", path.display()), error)
    };
    let array: PerCpuArray<_, C> = MapData::from_pin(path)
        .and_then(Map::from_map_data)
        .and_then(PerCpuArray::try_from)
        .map_err(|e| refused(&e))?;
    let sum = |slot| {
        let values = array.get(&slot, 0).map_err(|e| refused(&e))?;
        let mut sum = wire::Counter::zeroed();
        for value in values.iter() {
            counters::add(&mut sum, &(*value).into());
        }
        Ok(sum)
    };
    (0..array.len()).map(sum).collect()
}
