//! The maps that all generations share: one table of them.
//!
//! Owns what each is called in the object and among the pins, what it looks like, and who writes it.
//! Loading, adoption, removal and the take-over walk the table.

use std::path::PathBuf;

use aya::maps::{MapData, MapType};
use xdp_fw_common::wire::{COUNTER_SLOTS, Counter};

use crate::datapath::error::Error;
use crate::datapath::model::Hook;
use crate::datapath::pins::{Pins, Shape, check_map};

/// A map that all generations share.
pub(in crate::datapath) struct SharedMap {
    /// Its name in the object.
    pub(in crate::datapath) object: &'static str,
    /// Its name among the pins.
    pin: &'static str,
    /// What it must look like.
    pub(in crate::datapath) shape: Shape,
    pub(in crate::datapath) writer: Writer,
}

/// Who may write a shared map while packets run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::datapath) enum Writer {
    /// The daemon alone.
    Daemon,
    /// The programs, with each packet. A probe must not refer to it. The daemon writes only what no
    /// generation refers to.
    Packets,
}

/// The program array whose slot 0 is the commit point of XDP programs.
static COMMIT_SLOT: SharedMap = SharedMap {
    object: "ENTRY",
    pin: "entry",
    shape: Shape {
        kind: MapType::ProgramArray,
        key: 4,
        value: 4,
        entries: Some(1),
        flags: 0,
    },
    writer: Writer::Daemon,
};

/// What was counted, by CPU: slots of reasons, then of rules.
pub(in crate::datapath) static PACKET_COUNTS: SharedMap = SharedMap {
    object: "COUNTERS",
    pin: "counters",
    shape: Shape {
        kind: MapType::PerCpuArray,
        key: 4,
        value: size_of::<Counter>() as u32,
        entries: Some(COUNTER_SLOTS),
        flags: 0,
    },
    writer: Writer::Packets,
};

/// Every shared map, in the order of their removal: with a commit slot goes what an attach needs.
pub(in crate::datapath) static SHARED: [&SharedMap; 2] = [&COMMIT_SLOT, &PACKET_COUNTS];

/// Where a hook's filter is committed. Each program type has an array of its own: the kernel takes
/// programs of one type into a program array.
pub(in crate::datapath) const fn commit_slot(hook: Hook) -> &'static SharedMap {
    match hook {
        Hook::XdpIngress => &COMMIT_SLOT,
    }
}

impl SharedMap {
    /// Its pin.
    pub(in crate::datapath) fn path(&self, pins: &Pins) -> PathBuf {
        pins.root().join(self.pin)
    }

    /// Whether it is pinned.
    ///
    /// # Errors
    /// [`Error::Pin`] for something else at its place.
    pub(in crate::datapath) fn check(&self, pins: &Pins) -> Result<bool, Error> {
        check_map(&self.path(pins), &self.shape)
    }

    /// Opens the pin after a check of its shape; `None` if there is none.
    pub(in crate::datapath) fn open(&self, pins: &Pins) -> Result<Option<MapData>, Error> {
        if !self.check(pins)? {
            return Ok(None);
        }
        let path = self.path(pins);
        // Not by id: opening one by its id takes CAP_SYS_ADMIN, which the unit does not have.
        MapData::from_pin(&path)
            .map(Some)
            .map_err(|error| Error::kernel(format!("open {}", path.display()), &error))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aya_obj::Object;

    use super::*;
    use crate::datapath::object::OBJECT;

    #[test]
    fn a_shared_map_looks_as_the_object_wants_it() {
        let object = Object::parse(OBJECT).unwrap();
        for shared in SHARED {
            let map = &object.maps[shared.object];
            let shape = &shared.shape;
            assert_eq!(map.map_type(), shape.kind as u32, "{}", shared.object);
            let sizes = (map.key_size(), map.value_size(), map.map_flags());
            assert_eq!(sizes, (shape.key, shape.value, shape.flags));
            assert_eq!(Some(map.max_entries()), shape.entries);
        }
    }

    #[test]
    fn no_two_shared_maps_have_a_pin_in_common() {
        let pins: BTreeSet<_> = SHARED.iter().map(|shared| shared.pin).collect();
        assert_eq!(pins.len(), SHARED.len());
    }
}
