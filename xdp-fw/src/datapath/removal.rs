//! The end of a pin directory: every link and every pin of ours goes.
//!
//! Owns the order of removal. Never decides that it is time.

use std::fs;
use std::path::Path;

use super::pins::{Pins, exists, remove};
use super::{Error, links};

/// Links first: the kernel clears the program array with its last reference, and a link behind an
/// empty slot would drop everything.
pub(super) fn remove_everything(pins: &Pins) -> Result<usize, Error> {
    let removed = remove_links(pins)?;
    let refused = |path: &Path, error: std::io::Error| {
        Error::kernel(format!("remove {}", path.display()), &error)
    };
    let shared = [
        pins.new_root_program(),
        pins.root_program(),
        pins.entry(),
        pins.counters(),
        pins.new_base(),
        pins.base(),
    ];
    for path in shared {
        remove(&path).map_err(|error| refused(&path, error))?;
    }
    for number in pins.generation_numbers()? {
        pins.remove_generation(number)
            .map_err(|error| refused(&pins.generation(number), error))?;
    }
    // Directories go only if nothing foreign is in them.
    for directory in [pins.links(), pins.generations(), pins.root().to_owned()] {
        let _ = fs::remove_dir(directory);
    }
    Ok(removed)
}

/// Removes every link, and leaves nobody a way to make another: under the lock, the slot that an
/// attach looks for goes too.
fn remove_links(pins: &Pins) -> Result<usize, Error> {
    if !exists(&pins.links())? {
        return Ok(0);
    }
    let _lock = pins.lock_links()?;
    let links = pins.link_numbers()?;
    for number in &links {
        links::detach(pins, *number)?;
    }
    remove(&pins.entry()).map_err(|error| {
        let action = format!("remove {}", pins.entry().display());
        Error::kernel(action, &error)
    })?;
    Ok(links.len())
}
