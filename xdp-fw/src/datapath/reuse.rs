//! Address tables that a new generation has in common with one that is pinned.
//!
//! Owns the record `tables` of what a generation's address maps hold, and whether they may be those of
//! a new one: they must have been filled with the same content, by its hash; be the very maps that
//! were, by their ids; and be of the shape that the object wants. They are frozen once they are filled.
//! What cannot be used is made anew, never refused: a reload must not fail for it.

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use aya::maps::{MapData, MapInfo};
use bytemuck::{Pod, Zeroable};
use sha2::{Digest as _, Sha256};

use super::addresses::{MAPS, TABLES, Table};
use super::description::{pin, pin_array, read_array};
use super::error::chain;
use super::loader::Loader;
use super::pins::{check_map, exists, remove};
use super::{Error, sys};
use crate::policy::{Content, Tables};

/// What the maps of one address table hold, and which they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Record {
    content: Content,
    /// By id, in the order of [`Table::maps`].
    maps: [u32; MAPS],
}

// SAFETY: bytemuck::Pod proves #[repr(C)] without padding at compile time.
unsafe impl aya::Pod for Record {}

/// Per table, what is known of the maps that another generation has filled; `None` where they are
/// to be filled.
pub(super) type Reused = [Option<Record>; TABLES.len()];

/// For tables that are all fresh.
pub(super) const NOTHING: Reused = [None; TABLES.len()];

/// What the maps of each table are to hold.
pub(super) type Contents = [Content; TABLES.len()];

/// What identifies what this version puts into the maps of each table.
pub(super) fn contents(loader: &Loader, tables: &Tables) -> Contents {
    TABLES.each_ref().map(|table| {
        let mut hash = Sha256::new();
        hash.update(loader.version());
        hash.update(table.content(tables));
        hash.finalize().into()
    })
}

/// Pins in the directory of a new generation those maps of `former` ones that hold what its tables
/// want.
pub(super) fn take(loader: &Loader, former: &[PathBuf], to: &Path, contents: &Contents) -> Reused {
    let records: Vec<_> = former.iter().map(|from| (from, read(from))).collect();
    let take = |number: usize, table: &Table| {
        let of = |records: &[Record]| {
            let record = records.get(number).copied();
            record.filter(|record| Some(&record.content) == contents.get(number))
        };
        let mut found = records
            .iter()
            .filter_map(|(from, records)| Some((from, of(records)?)));
        found
            .find(|(from, record)| take_table(loader, from, to, table, record))
            .map(|(_, record)| record)
    };
    let mut reused = NOTHING;
    for (number, (table, reused)) in TABLES.iter().zip(&mut reused).enumerate() {
        *reused = take(number, table);
    }
    reused
}

/// Whether all maps of a table are what they should be, and pinned in `to` now; else none is.
fn take_table(loader: &Loader, from: &Path, to: &Path, table: &Table, record: &Record) -> bool {
    for (map, id) in table.maps().into_iter().zip(record.maps) {
        if let Err(error) = take_map(loader, from, to, map, id) {
            tracing::warn!("{error}; the table is built anew");
            for map in table.maps() {
                // What cannot be removed is in the way of the new map, which says so.
                let _ = remove(&to.join(map));
            }
            return false;
        }
    }
    true
}

/// Pins it first and looks then: what is looked at is what is used.
fn take_map(loader: &Loader, from: &Path, to: &Path, map: &str, id: u32) -> Result<(), Error> {
    let (from, to) = (from.join(map), to.join(map));
    let unusable = |problem: String| Error::pin(&from, problem, "nothing needs to be done");
    MapData::from_pin(&from)
        .map_err(|error| unusable(format!("cannot be opened: {}", chain(&error))))?
        .pin(&to)
        .map_err(|error| Error::kernel(format!("pin {}", to.display()), &error))?;
    let shape = loader.shape(map);
    let shape = shape.ok_or_else(|| unusable("not a map of this version".to_owned()))?;
    let is_there = check_map(&to, shape)?;
    let found = MapInfo::from_pin(&to).map(|info| info.id()).ok();
    if !is_there || found != Some(id) {
        return Err(unusable("another map than was pinned there".to_owned()));
    }
    Ok(())
}

/// Closes the maps that are filled now, and pins the record of what is in all of them.
pub(super) fn record(directory: &Path, contents: &Contents, reused: &Reused) -> Result<(), Error> {
    let mut records = Vec::with_capacity(TABLES.len());
    for ((table, reused), content) in TABLES.iter().zip(reused).zip(contents) {
        records.push(match reused {
            Some(known) => *known,
            None => Record {
                content: *content,
                maps: close(directory, table)?,
            },
        });
    }
    pin_array(&directory.join(pin::TABLES), &records)
}

/// From now on nobody changes the maps of a table; their ids.
fn close(directory: &Path, table: &Table) -> Result<[u32; MAPS], Error> {
    let mut ids = [0; MAPS];
    for (map, id) in table.maps().into_iter().zip(&mut ids) {
        let path = directory.join(map);
        let refused = |error: &(dyn std::error::Error + 'static)| {
            Error::kernel(format!("close {}", path.display()), error)
        };
        let data = MapData::from_pin(&path).map_err(|e| refused(&e))?;
        sys::freeze(data.fd().as_fd()).map_err(|e| refused(&e))?;
        *id = data.info().map_err(|e| refused(&e))?.id();
    }
    Ok(ids)
}

/// Pins the maps and the record of a generation a second time. What cannot be pinned is missing
/// only when the next generation looks for it.
pub(super) fn pin_again(from: &Path, to: &Path) {
    let maps = TABLES.iter().flat_map(Table::maps);
    for name in maps.chain([pin::TABLES]) {
        let path = from.join(name);
        if !exists(&path).unwrap_or(true) {
            continue;
        }
        let pinned = MapData::from_pin(&path).map(|map| map.pin(to.join(name)));
        if !matches!(pinned, Ok(Ok(()))) {
            tracing::warn!(
                "{}: cannot be kept; its table is built anew",
                path.display()
            );
        }
    }
}

/// What a generation's maps hold; nothing if that is not known, as of one of an earlier version.
fn read(generation: &Path) -> Vec<Record> {
    let path = generation.join(pin::TABLES);
    if !exists(&path).unwrap_or(true) {
        return Vec::new();
    }
    let entries = u32::try_from(TABLES.len()).unwrap_or(u32::MAX);
    read_array(&path, Some(entries)).unwrap_or_else(|error| {
        tracing::warn!("{error}; its tables are built anew");
        Vec::new()
    })
}
