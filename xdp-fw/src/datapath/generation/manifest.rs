//! What a generation's pins tell of it, and how that is written.
//!
//! Owns the names of the pins and the arrays that describe a generation. Builds none and loads nothing.

use std::path::Path;

use aya::Pod;
use aya::maps::{Array, Map, MapData, MapType};
use bytemuck::Zeroable as _;
use xdp_fw_common::Verdict;
use xdp_fw_common::tables::RuleKind;
use xdp_fw_common::wire::{Counter, GenerationInfo, RULE_NAME_MAX, RuleEntry};

use crate::datapath::error::Error;
use crate::datapath::generation::addresses::{TABLES, Table};
use crate::datapath::model::{Described, Generation, Slot};
use crate::datapath::pins::{Shape, check_map};

/// Names of the pins in a generation's directory.
pub(in crate::datapath) mod pin {
    pub(crate) const FILTER: &str = "filter";
    pub(crate) const PROBE: &str = "probe";
    /// What the probe decided last.
    pub(crate) const RESULT: &str = "result";
    /// A [`super::RuleEntry`] per rule, in file order.
    pub(crate) const RULES: &str = "rules";
    /// A [`super::RuleEntry`] per rule that the commit removed.
    pub(crate) const GONE: &str = "gone";
    /// What its address maps hold, which are pinned by their names in the object.
    pub(crate) const TABLES: &str = "tables";
    /// The [`super::GenerationInfo`]; pinned last, so what has it is whole.
    pub(crate) const INFO: &str = "info";

    /// Every one of them, `info` first: without it the others are nothing.
    pub(crate) fn all() -> impl Iterator<Item = &'static str> {
        let maps = super::TABLES.iter().flat_map(super::Table::maps);
        [INFO, FILTER, PROBE, RESULT, RULES, GONE, TABLES]
            .into_iter()
            .chain(maps)
    }
}

pub(in crate::datapath) fn entries(slots: &[Slot]) -> Vec<RuleEntry> {
    slots
        .iter()
        .map(|slot| {
            let mut name = [0; RULE_NAME_MAX + 1];
            for (to, from) in name.iter_mut().zip(slot.name.bytes().take(RULE_NAME_MAX)) {
                *to = from;
            }
            RuleEntry {
                name,
                slot: slot.slot,
                verdict: slot.verdict as u16,
                kind: slot.kind as u16,
            }
        })
        .collect()
}

/// Makes and pins an array with these values; it has at least one entry, and no name is empty.
pub(in crate::datapath) fn pin_array<V: Pod>(path: &Path, values: &[V]) -> Result<(), Error> {
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("pin {}", path.display()), error)
    };
    let length = u32::try_from(values.len()).unwrap_or(u32::MAX).max(1);
    let mut array: Array<MapData, V> = Array::create(length, 0).map_err(|e| refused(&e))?;
    for (index, value) in (0..).zip(values) {
        array.set(index, value, 0).map_err(|e| refused(&e))?;
    }
    array.pin(path).map_err(|e| refused(&e))
}

/// Reads a generation from its pins; their shapes are checked first.
pub(in crate::datapath) fn describe(directory: &Path) -> Result<Described, Error> {
    let info = read_info(directory)?;
    Ok(Described {
        generation: Generation::from_info(&info),
        retired: info.retired,
        rules: read_slots(&directory.join(pin::RULES))?,
        gone: read_slots(&directory.join(pin::GONE))?,
    })
}

/// Writes other totals of what is gone into a generation that is pinned.
pub(in crate::datapath) fn set_retired(
    directory: &Path,
    retired: [Counter; 2],
) -> Result<(), Error> {
    let path = directory.join(pin::INFO);
    let info = GenerationInfo {
        retired,
        ..read_info(directory)?
    };
    MapData::from_pin(&path)
        .and_then(Map::from_map_data)
        .and_then(Array::try_from)
        .and_then(|mut array| array.set(0, info, 0))
        .map_err(|error| Error::kernel(format!("write {}", path.display()), &error))
}

pub(in crate::datapath) fn read_info(directory: &Path) -> Result<GenerationInfo, Error> {
    let info: Vec<GenerationInfo> = read_array(&directory.join(pin::INFO), Some(1))?;
    Ok(info.first().copied().unwrap_or_else(GenerationInfo::zeroed))
}

fn read_slots(path: &Path) -> Result<Vec<Slot>, Error> {
    let entries: Vec<RuleEntry> = read_array(path, None)?;
    let slots = entries.iter().filter_map(|entry| {
        let name = entry.name.split(|byte| *byte == 0).next()?;
        let name = std::str::from_utf8(name)
            .ok()
            .filter(|name| !name.is_empty())?;
        Some(Slot {
            name: name.to_owned(),
            slot: entry.slot,
            verdict: Verdict::from_wire(entry.verdict as u8),
            kind: u8::try_from(entry.kind)
                .ok()
                .and_then(RuleKind::from_wire)
                .unwrap_or(RuleKind::Decides),
        })
    });
    Ok(slots.collect())
}

pub(in crate::datapath) fn read_array<V: Pod>(
    path: &Path,
    entries: Option<u32>,
) -> Result<Vec<V>, Error> {
    let shape = Shape {
        kind: MapType::Array,
        key: 4,
        value: size_of::<V>() as u32,
        entries,
        flags: 0,
    };
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("read {}", path.display()), error)
    };
    if !check_map(path, &shape)? {
        return Err(refused(&std::io::Error::from_raw_os_error(libc::ENOENT)));
    }
    let data = MapData::from_pin(path).map_err(|e| refused(&e))?;
    let array: Array<_, V> = Map::from_map_data(data)
        .and_then(Array::try_from)
        .map_err(|e| refused(&e))?;
    array
        .iter()
        .collect::<Result<_, _>>()
        .map_err(|e| refused(&e))
}
