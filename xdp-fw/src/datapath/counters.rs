//! The shared counters, from user space: read, fold, zero.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aya::maps::{Map, MapData, MapType, PerCpuArray, PerCpuValues};
use aya::util::nr_cpus;
use nix::time::{ClockId, clock_gettime};
use xdp_fw_common::Reason;
use xdp_fw_common::wire::{COUNTER_SLOTS, Counter, reason_slot};

use super::generation::Slot;
use super::pins::{Shape, check_map};
use super::{Count, Error};

/// What the pinned counters must look like.
pub(super) const SHAPE: Shape = Shape {
    kind: MapType::PerCpuArray,
    key: 4,
    value: size_of::<Counter>() as u32,
    entries: Some(COUNTER_SLOTS),
};

/// The pinned counter array.
pub(super) struct Counters {
    array: PerCpuArray<MapData, Counter>,
    clock: Clock,
}

impl Counters {
    /// Opens the pin after a check of its shape; `None` if there is none.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, Error> {
        if !check_map(path, &SHAPE)? {
            return Ok(None);
        }
        let array = MapData::from_pin(path)
            .and_then(Map::from_map_data)
            .and_then(PerCpuArray::try_from)
            .map_err(|error| Error::kernel(format!("open {}", path.display()), &error))?;
        Ok(Some(Self {
            array,
            clock: Clock::now(),
        }))
    }

    /// One slot, summed over all CPUs.
    pub(super) fn read(&self, slot: u32) -> Result<Count, Error> {
        let sum = self.sum(slot)?;
        Ok(Count {
            packets: sum.packets,
            bytes: sum.bytes,
            last_seen: self.clock.wall(sum.last_seen),
        })
    }

    fn sum(&self, slot: u32) -> Result<Counter, Error> {
        let values = self
            .array
            .get(&slot, 0)
            .map_err(|error| Error::kernel(format!("read counter {slot}"), &error))?;
        let mut sum = Counter::default();
        for value in values.iter() {
            sum.packets = sum.packets.wrapping_add(value.packets);
            sum.bytes = sum.bytes.wrapping_add(value.bytes);
            sum.last_seen = sum.last_seen.max(value.last_seen);
        }
        Ok(sum)
    }

    /// Adds what rules counted that are gone to the totals of their verdict, and zeroes their
    /// slots. No packet may be counted there any more.
    pub(super) fn fold(&mut self, gone: &[Slot]) -> Result<(), Error> {
        for rule in gone {
            let counted = self.sum(rule.slot)?;
            let total_slot = reason_slot(Reason::Rule, rule.verdict);
            let mut total = self.sum(total_slot)?;
            total.packets = total.packets.wrapping_add(counted.packets);
            total.bytes = total.bytes.wrapping_add(counted.bytes);
            total.last_seen = total.last_seen.max(counted.last_seen);
            self.write(rule.slot, Counter::default())?;
            self.write(total_slot, total)?;
        }
        Ok(())
    }

    /// Sets a slot to zero on every CPU.
    pub(super) fn zero(&mut self, slot: u32) -> Result<(), Error> {
        self.write(slot, Counter::default())
    }

    /// Sets a slot's first CPU to `value` and all others to zero.
    fn write(&mut self, slot: u32, value: Counter) -> Result<(), Error> {
        let action = || format!("write counter {slot}");
        let cpus = nr_cpus().map_err(|(_, error)| Error::kernel(action(), &error))?;
        let mut values = vec![Counter::default(); cpus];
        if let Some(first) = values.first_mut() {
            *first = value;
        }
        let values = PerCpuValues::try_from(values).map_err(|e| Error::kernel(action(), &e))?;
        self.array
            .set(slot, values, 0)
            .map_err(|error| Error::kernel(action(), &error))
    }
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
