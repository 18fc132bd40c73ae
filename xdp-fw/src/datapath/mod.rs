//! The kernel's side of the firewall: load, verify, attach, adopt, commit, read.
//!
//! The only place that names `aya`. Owns the pin directory and everything in it; never reads a
//! configuration and never talks to an operator.
//!
//! The links hold a root program that reloads never change; it jumps to slot 0 of a pinned
//! program array. Writing that slot is the only commit point. A reload builds a complete new
//! generation beside the one in force first. The pins are the truth: a process that dies
//! leaves the filter in force, and the next one adopts it.

mod attach;
mod counters;
mod error;
mod generation;
mod handle;
mod kernel;
mod model;
mod object;
mod pins;
mod read;

use std::path::Path;

use caps::{CapSet, Capability};

pub use attach::foreign::{Foreign, foreign};
pub use error::Error;
pub use handle::removal::Removed;
pub use handle::{Datapath, Prepared};
pub use kernel::features::{Feature, compiles_programs, features};
pub use model::{
    AttachMode, Count, EssentialCount, Generation, Hook, Link, ReasonCount, RuleCount, Snapshot,
};
pub use read::footprint::{Table, tables};
pub use read::probe::{InForce, Probe, Probed, probe_in_force};
pub use read::read;

use handle::removal;
use handle::takeover::Earlier;
use pins::shared::{SHARED, commit_slot};
use pins::{Pins, exists};

/// Where the pins live unless `--pin-dir` says otherwise; `v1` is the layout's version.
pub const PIN_DIRECTORY: &str = "/sys/fs/bpf/xdp-fw/v1";

/// Links in `pins`, without a daemon; none if the directory is not there.
///
/// # Errors
/// [`Error::Pin`] for a pin that is no link.
pub fn read_links(pins: &Path) -> Result<Vec<Link>, Error> {
    attach::list(&Pins::new(pins))
}

/// Whether a filter is in force, so that there is something to attach.
///
/// # Errors
/// [`Error::Kernel`] where one may not look, [`Error::Pin`] for a pin that is not ours.
pub fn is_in_force(pins: &Path) -> Result<bool, Error> {
    let pins = Pins::new(pins);
    if !exists(&commit_slot(Hook::XdpIngress).path(&pins))? {
        return Ok(false);
    }
    match read::in_force(&pins) {
        // It filters on without its pins.
        Err(Error::Lost { .. }) => Ok(true),
        found => Ok(found?.is_some()),
    }
}

/// Checks the pin directory as a start would, and makes nothing: where it must be a BPF file
/// system, whose the directories are, and who else may write there.
///
/// # Errors
/// [`Error::NotBpffs`], and [`Error::Pin`] with the remedy.
pub fn check_pins(pins: &Path) -> Result<(), Error> {
    let pins = Pins::new(pins);
    pins.require_bpffs()?;
    pins.check()
}

/// Attaches the pinned root to one interface, without a daemon.
///
/// # Errors
/// [`Error::NoGeneration`] where nothing is in force yet, [`Error::Attach`] with cause and remedy.
pub fn attach_pinned(
    pins: &Path,
    hook: Hook,
    interface: u32,
    name: &str,
    mode: AttachMode,
) -> Result<(), Error> {
    let pins = Pins::new(pins);
    let nothing = || Error::NoGeneration {
        pins: pins.root().to_owned(),
    };
    if !exists(&pins.links())? {
        return Err(nothing());
    }
    pins.check()?;
    // Nothing is unloaded between the look and the link.
    let _lock = pins.lock_links()?;
    if read::in_force(&pins)?.is_none() {
        return Err(nothing());
    }
    let path = pins.root_program();
    let mut root = object::pinned(&path)
        .map_err(|error| Error::kernel(format!("open {}", path.display()), &error))?;
    attach::attach(&pins, hook, &mut root, interface, name, mode)
}

/// Stops filtering: removes every link, then every other pin, and nothing that is not ours.
///
/// # Errors
/// [`Error::Busy`] while a daemon owns the directory.
pub fn unload(pins: &Path) -> Result<Removed, Error> {
    let pins = Pins::new(pins);
    let mut removed = Removed::default();
    if exists(pins.root())? {
        pins.check()?;
        let _lock = pins.lock()?;
        removed = removal::remove_everything(&pins, &SHARED)?;
    }
    // What an interrupted take-over has not taken over yet filters, too.
    for earlier in Earlier::beside(&pins)? {
        let more = earlier.remove()?;
        removed.links += more.links;
        removed.left.extend(more.left);
    }
    Ok(removed)
}

/// The capabilities that loading and attaching needs and this process lacks; empty if it may.
#[must_use]
pub fn missing_capabilities() -> Vec<&'static str> {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    // CAP_SYS_ADMIN includes what was split off it in 5.8.
    let admin = has(Capability::CAP_SYS_ADMIN);
    [
        ("CAP_BPF", admin || has(Capability::CAP_BPF)),
        ("CAP_PERFMON", admin || has(Capability::CAP_PERFMON)),
        ("CAP_NET_ADMIN", has(Capability::CAP_NET_ADMIN)),
    ]
    .into_iter()
    .filter_map(|(name, held)| (!held).then_some(name))
    .collect()
}
