//! The end of a pin directory: every link and every pin of ours goes, and nothing else.
//!
//! Owns the order of removal. Never decides that it is time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::datapath::attach;
use crate::datapath::error::Error;
use crate::datapath::generation;
use crate::datapath::model::Hook;
use crate::datapath::pins::shared::{SharedMap, commit_slot};
use crate::datapath::pins::{Pins, exists, remove, remove_directory};
use crate::fault::{self, Point};

/// What an unload did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many links there were.
    pub links: usize,
    /// What lies in our directories and is not ours: left where it is.
    pub left: Vec<PathBuf>,
}

/// Links first: the kernel clears the program array with its last reference, and a link behind an
/// empty slot would drop everything.
pub(in crate::datapath) fn remove_everything(
    pins: &Pins,
    shared: &[&SharedMap],
) -> Result<Removed, Error> {
    let links = remove_links(pins)?;
    fault::point(Point::UnloadedLinks)?;
    let named = [
        pins.new_root_program(),
        pins.root_program(),
        pins.new_base(),
        pins.base(),
        pins.new_carried(),
        pins.carried(),
    ];
    for path in named {
        remove_file(&path)?;
    }
    for map in shared {
        remove_map(pins, map)?;
    }
    fault::point(Point::UnloadedShared)?;
    for number in pins.generation_numbers()? {
        generation::remove(pins, number)
            .map_err(|error| refused(&pins.generation(number), &error))?;
    }
    for directory in [pins.links(), pins.generations(), pins.root().to_owned()] {
        remove_directory(&directory).map_err(|error| refused(&directory, &error))?;
    }
    if let Some(layouts) = pins.above() {
        remove_directory(layouts).map_err(|error| refused(layouts, &error))?;
    }
    let mut left = Vec::new();
    find_leaves(pins.root(), &mut left)?;
    Ok(Removed { links, left })
}

/// Removes every link, and leaves nobody a way to make another: under the lock, the slot that an
/// attach looks for goes too.
fn remove_links(pins: &Pins) -> Result<usize, Error> {
    if !exists(&pins.links())? {
        return Ok(0);
    }
    let _lock = pins.lock_links()?;
    let mut removed = 0;
    for hook in Hook::ALL {
        for number in pins.link_numbers(hook)? {
            removed += usize::from(attach::detach(pins, hook, number)?);
        }
    }
    for hook in Hook::ALL {
        remove_map(pins, commit_slot(hook))?;
    }
    Ok(removed)
}

/// What looks otherwise is not ours.
fn remove_map(pins: &Pins, map: &SharedMap) -> Result<(), Error> {
    match map.check(pins) {
        Ok(true) => remove_file(&map.path(pins)),
        Ok(false) | Err(Error::Pin { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn remove_file(path: &Path) -> Result<(), Error> {
    remove(path).map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &io::Error) -> Error {
    Error::kernel(format!("remove {}", path.display()), error)
}

/// What keeps directories from being empty.
fn find_leaves(directory: &Path, leaves: &mut Vec<PathBuf>) -> Result<(), Error> {
    let unreadable =
        |error: &io::Error| Error::kernel(format!("read {}", directory.display()), error);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| unreadable(&error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(&error))?;
        let before = leaves.len();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find_leaves(&entry.path(), leaves)?;
        }
        // An empty directory is one, too.
        if leaves.len() == before {
            leaves.push(entry.path());
        }
    }
    Ok(())
}
