//! The shared counters, from user space: read, retire, zero.
//!
//! - `slots`: which name gets which slot
//! - `predecessor`: which slots earlier generations hold

pub(in crate::datapath) mod predecessor;
pub(in crate::datapath) mod slots;

use std::time::{Duration, SystemTime};

use aya::maps::{Map, MapData, PerCpuArray, PerCpuValues};
use aya::util::nr_cpus;
use nix::time::{ClockId, clock_gettime};
use xdp_fw_common::wire::Counter;

use self::predecessor::Predecessor;
use crate::datapath::error::Error;
use crate::datapath::kernel::sys;
use crate::datapath::model::Count;
use crate::datapath::model::Slot;
use crate::datapath::pins::Pins;
use crate::datapath::pins::shared::PACKET_COUNTS;

/// The pinned counter array.
pub(in crate::datapath) struct Counters {
    array: PerCpuArray<MapData, Counter>,
    clock: Clock,
}

impl Counters {
    /// Opens the pin after a check of its shape; `None` if there is none.
    pub(in crate::datapath) fn open(pins: &Pins) -> Result<Option<Self>, Error> {
        let Some(map) = PACKET_COUNTS.open(pins)? else {
            return Ok(None);
        };
        let array = Map::from_map_data(map)
            .and_then(PerCpuArray::try_from)
            .map_err(|error| Error::kernel("open the counters", &error))?;
        Ok(Some(Self {
            array,
            clock: Clock::now(),
        }))
    }

    /// One slot, summed over all CPUs.
    pub(in crate::datapath) fn read(&self, slot: u32) -> Result<Count, Error> {
        Ok(self.count(&self.sum(slot)?))
    }

    /// The same as the kernel keeps it.
    pub(in crate::datapath) fn sum(&self, slot: u32) -> Result<Counter, Error> {
        let values = self
            .array
            .get(&slot, 0)
            .map_err(|error| Error::kernel(format!("read counter {slot}"), &error))?;
        let mut sum = Counter::default();
        for value in values.iter() {
            add(&mut sum, value);
        }
        Ok(sum)
    }

    /// Several slots as one.
    pub(in crate::datapath) fn read_all(
        &self,
        slots: impl IntoIterator<Item = u32>,
    ) -> Result<Count, Error> {
        let mut sum = Counter::default();
        for slot in slots {
            add(&mut sum, &self.sum(slot)?);
        }
        Ok(self.count(&sum))
    }

    /// What rules counted that are gone, by the number of their verdict, on top of `before`. What a
    /// shadow rule counted was counted elsewhere too, and is forgotten.
    pub(in crate::datapath) fn retire(
        &self,
        gone: &[Slot],
        mut before: [Counter; 2],
    ) -> Result<[Counter; 2], Error> {
        for rule in gone.iter().filter(|rule| !rule.kind.is_shadow()) {
            let counted = self.sum(rule.slot)?;
            if let Some(total) = before.get_mut(rule.verdict as usize) {
                add(total, &counted);
            }
        }
        Ok(before)
    }

    /// The totals of a generation that follows: what went before and does not come back is in
    /// them, once no packet can add to it any more.
    pub(in crate::datapath) fn retire_after_grace(
        &self,
        before: &Predecessor<'_>,
    ) -> Result<[Counter; 2], Error> {
        let retiring = before.retiring();
        if !retiring.is_empty() {
            // A packet may still be on its way through the filter that the commit replaced.
            // Kernels with nohz_full, and some sandboxes, do not wait; it has had milliseconds.
            let _ = sys::wait_for_running_programs();
        }
        self.retire(&retiring, before.retired())
    }

    /// A sum as the kernel keeps it, for people.
    pub(in crate::datapath) fn count(&self, sum: &Counter) -> Count {
        Count {
            packets: sum.packets,
            bytes: sum.bytes,
            last_seen: self.clock.wall(sum.last_seen),
        }
    }

    /// Sets a slot to zero on every CPU. No generation may refer to it.
    pub(in crate::datapath) fn zero(&mut self, slot: u32) -> Result<(), Error> {
        self.put(slot, Counter::default())
    }

    /// Sets a slot to a total. No packet may be counted in it meanwhile.
    pub(in crate::datapath) fn put(&mut self, slot: u32, total: Counter) -> Result<(), Error> {
        let action = || format!("write counter {slot}");
        let cpus = nr_cpus().map_err(|(_, error)| Error::kernel(action(), &error))?;
        let mut values = vec![Counter::default(); cpus];
        if let Some(first) = values.first_mut() {
            *first = total;
        }
        let values =
            PerCpuValues::try_from(values).map_err(|error| Error::kernel(action(), &error))?;
        self.array
            .set(slot, values, 0)
            .map_err(|error| Error::kernel(action(), &error))
    }
}

pub(in crate::datapath) fn add(sum: &mut Counter, value: &Counter) {
    sum.packets = sum.packets.wrapping_add(value.packets);
    sum.bytes = sum.bytes.wrapping_add(value.bytes);
    sum.last_seen = sum.last_seen.max(value.last_seen);
}

/// Both clocks at one instant, to turn the kernel's into a date.
#[derive(Debug, Clone, Copy)]
struct Clock {
    wall: SystemTime,
    monotonic: Duration,
}

impl Clock {
    fn now() -> Self {
        let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
        Self {
            wall: SystemTime::now(),
            monotonic: monotonic.unwrap_or_default(),
        }
    }

    /// The date of a `CLOCK_MONOTONIC` in nanoseconds; `None` for 0, which is never.
    fn wall(&self, nanoseconds: u64) -> Option<SystemTime> {
        if nanoseconds == 0 {
            return None;
        }
        let age = self
            .monotonic
            .saturating_sub(Duration::from_nanos(nanoseconds));
        self.wall.checked_sub(age)
    }
}
