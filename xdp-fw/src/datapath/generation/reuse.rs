//! Address tables that a new generation has in common with one that is pinned.
//!
//! Owns the record `tables` of what a generation's address maps hold, and whether they may be those of
//! a new one: they must have been filled with the same content, by its hash; be the very maps that
//! were, by their ids; and be of the shape that the object wants. They are frozen once they are filled.
//! What cannot be used is made again, never refused: a reload must not fail for it.
//!
//! The loader opens pins by their names, and makes an empty map where there is none: which maps it
//! has in fact is looked at afterwards.

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use aya::maps::{Map, MapData, MapInfo};
use bytemuck::{Pod, Zeroable};
use sha2::{Digest as _, Sha256};

use crate::datapath::error::Error;
use crate::datapath::error::chain;
use crate::datapath::generation::addresses::{MAPS, TABLES, Table};
use crate::datapath::generation::fill::Maps;
use crate::datapath::generation::loader::Loader;
use crate::datapath::generation::manifest::{pin, pin_array, read_array};
use crate::datapath::kernel::sys;
use crate::datapath::pins::{check_map, exists, remove};
use crate::policy::{Content, Tables};

/// What the maps of one address table hold, and which they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(in crate::datapath) struct Record {
    content: Content,
    /// By id, in the order of [`Table::maps`].
    maps: [u32; MAPS],
}

// SAFETY: bytemuck::Pod proves #[repr(C)] without padding at compile time.
unsafe impl aya::Pod for Record {}

/// Per table, what is known of the maps that another generation has filled; `None` where they are
/// to be filled.
pub(in crate::datapath) type Reused = [Option<Record>; TABLES.len()];

/// For tables that are all fresh.
pub(in crate::datapath) const NOTHING: Reused = [None; TABLES.len()];

/// The address maps of a generation by id: of each table, in the order of [`Table::maps`].
pub(in crate::datapath) type Ids = [[u32; MAPS]; TABLES.len()];

/// In the place of a content that is not known: no table wants it.
const UNKNOWN: Content = [0; 32];

/// What the maps of each table are to hold.
pub(in crate::datapath) type Contents = [Content; TABLES.len()];

/// What identifies what this version puts into the maps of each table.
pub(in crate::datapath) fn contents(loader: &Loader, tables: &Tables) -> Contents {
    TABLES.each_ref().map(|table| {
        let mut hash = Sha256::new();
        hash.update(loader.version());
        hash.update(table.content(tables));
        hash.finalize().into()
    })
}

/// Pins in the directory of a new generation those maps of `former` ones that hold what its tables
/// want.
///
/// # Errors
/// A pin that is not to be used and cannot be removed: it would be taken for the new map.
pub(in crate::datapath) fn take(
    loader: &Loader,
    former: &[PathBuf],
    to: &Path,
    contents: &Contents,
) -> Result<Reused, Error> {
    let records: Vec<_> = former.iter().map(|from| (from, read(from))).collect();
    let take = |number: usize, table: &Table| -> Result<Option<Record>, Error> {
        let of = |records: &[Record]| {
            let record = records.get(number).copied();
            record.filter(|record| Some(&record.content) == contents.get(number))
        };
        for (from, records) in &records {
            if let Some(record) = of(records)
                && take_table(loader, from, to, table, &record)?
            {
                return Ok(Some(record));
            }
        }
        Ok(None)
    };
    let mut reused = NOTHING;
    for (number, (table, reused)) in TABLES.iter().zip(&mut reused).enumerate() {
        *reused = take(number, table)?;
    }
    Ok(reused)
}

/// The address maps that a generation has.
pub(in crate::datapath) fn identify(maps: &Maps) -> Result<Ids, Error> {
    let id = |name: &str| {
        let refused = |error: &(dyn std::error::Error + 'static)| {
            Error::kernel(format!("ask which map {name} is"), error)
        };
        let missing = std::io::Error::other("not an array of the BPF object");
        let Some(Map::Array(data)) = maps.map(name) else {
            return Err(refused(&missing));
        };
        data.info().map(|info| info.id()).map_err(|e| refused(&e))
    };
    let mut ids = [[0; MAPS]; TABLES.len()];
    for (table, ids) in TABLES.iter().zip(&mut ids) {
        for (name, to) in table.maps().into_iter().zip(ids) {
            *to = id(name)?;
        }
    }
    Ok(ids)
}

/// Whether those that are reused are those that were found: who removes a pin meanwhile has the loader
/// make an empty map in its place.
pub(in crate::datapath) fn are_as_found(reused: &Reused, ids: &Ids) -> bool {
    let mut both = reused.iter().zip(ids);
    both.all(|(reused, ids)| reused.is_none_or(|record| record.maps == *ids))
}

/// Removes every address map from the directory of a new generation.
pub(in crate::datapath) fn clear(directory: &Path) -> Result<(), Error> {
    TABLES
        .iter()
        .try_for_each(|table| remove_table(directory, table))
}

fn remove_table(directory: &Path, table: &Table) -> Result<(), Error> {
    for map in table.maps() {
        let pin = directory.join(map);
        remove(&pin).map_err(|error| Error::kernel(format!("remove {}", pin.display()), &error))?;
    }
    Ok(())
}

/// Whether all maps of a table are what they should be, and pinned in `to` now; else none is.
fn take_table(
    loader: &Loader,
    from: &Path,
    to: &Path,
    table: &Table,
    record: &Record,
) -> Result<bool, Error> {
    for (map, id) in table.maps().into_iter().zip(record.maps) {
        if let Err(error) = take_map(loader, from, to, map, id) {
            tracing::warn!("{error}; the table is built again");
            remove_table(to, table)?;
            return Ok(false);
        }
    }
    Ok(true)
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
    let found = MapInfo::from_pin(&to)
        .map_err(|error| unusable(format!("cannot be looked at: {}", chain(&error))))?;
    if !is_there || found.id() != id {
        return Err(unusable("another map than was pinned there".to_owned()));
    }
    Ok(())
}

/// Closes the maps that are filled now, and pins the record of what is in all of them. A table whose
/// maps cannot be closed, as one that somebody has in memory to write to, goes on with nobody.
pub(in crate::datapath) fn record(
    directory: &Path,
    contents: &Contents,
    reused: &Reused,
    ids: &Ids,
) -> Result<(), Error> {
    let tables = TABLES.iter().zip(reused).zip(contents).zip(ids);
    let records = tables.map(|(((table, reused), content), ids)| {
        let close = || match close(directory, table, *ids) {
            Ok(()) => *content,
            Err(error) => {
                tracing::warn!("{error}; the table is built again with the next reload");
                UNKNOWN
            }
        };
        reused.unwrap_or_else(|| Record {
            content: close(),
            maps: *ids,
        })
    });
    let records: Vec<_> = records.collect();
    pin_array(&directory.join(pin::TABLES), &records)
}

/// From now on nobody changes the maps of a table, which are pinned.
fn close(directory: &Path, table: &Table, ids: [u32; MAPS]) -> Result<(), Error> {
    for (map, id) in table.maps().into_iter().zip(ids) {
        let path = directory.join(map);
        let refused = |error: &(dyn std::error::Error + 'static)| {
            Error::kernel(format!("close {}", path.display()), error)
        };
        let data = MapData::from_pin(&path).map_err(|e| refused(&e))?;
        if data.info().map_err(|e| refused(&e))?.id() != id {
            let other = std::io::Error::other("another map than was filled");
            return Err(refused(&other));
        }
        sys::freeze(data.fd().as_fd()).map_err(|e| refused(&e))?;
    }
    Ok(())
}

/// Pins the maps and the record of a generation a second time. What cannot be pinned is missing
/// only when the next generation looks for it.
pub(in crate::datapath) fn pin_again(from: &Path, to: &Path) {
    let maps = TABLES.iter().flat_map(Table::maps);
    for name in maps.chain([pin::TABLES]) {
        let path = from.join(name);
        if !exists(&path).unwrap_or(true) {
            continue;
        }
        let pinned = MapData::from_pin(&path).map(|map| map.pin(to.join(name)));
        if !matches!(pinned, Ok(Ok(()))) {
            tracing::warn!(
                "{}: cannot be kept; its table is built again",
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
        tracing::warn!("{error}; its tables are built again");
        Vec::new()
    })
}
