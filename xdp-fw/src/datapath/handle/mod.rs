//! The one process that may write: adopts what is there, prepares, commits, attaches.

pub(in crate::datapath) mod removal;
pub(in crate::datapath) mod rollback_target;
pub(in crate::datapath) mod takeover;

use std::fs::{self, File};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use aya::Ebpf;
use aya::maps::{Map, MapData, ProgramArray};
use aya::programs::Xdp;
use bytemuck::Zeroable as _;
use nix::fcntl::Flock;
use xdp_fw_common::wire::Settings;

use self::takeover::Earlier;
use crate::datapath::counters::Counters;
use crate::datapath::counters::predecessor::Predecessor;
use crate::datapath::error::Error;
use crate::datapath::generation::loader::Loader;
use crate::datapath::generation::{self, Built};
use crate::datapath::kernel::sys;
use crate::datapath::model::Described;
use crate::datapath::model::{AttachMode, Generation, Hook, Link};
use crate::datapath::object::EntryPoint;
use crate::datapath::object::{self, Kernel};
use crate::datapath::pins::Pins;
use crate::datapath::pins::found::{Found, look};
use crate::datapath::pins::shared::{PACKET_COUNTS, SHARED, SharedMap, commit_slot};
use crate::datapath::read::probe::Probe;
use crate::datapath::{attach, read};
use crate::fault::{self, Point};
use crate::policy::Tables;

/// The pin directory of a running daemon: one owner, all writes.
pub struct Datapath {
    pub(in crate::datapath) pins: Pins,
    loader: Loader,
    kernel: Kernel,
    root: Xdp,
    pub(in crate::datapath) root_id: u32,
    pub(in crate::datapath) commit_slot: ProgramArray<MapData>,
    pub(in crate::datapath) counters: Counters,
    pub(in crate::datapath) in_force: Option<Described>,
    /// What may come back; see [`rollback_target`].
    pub(in crate::datapath) base: Option<Described>,
    /// What an earlier layout left to take over; see [`takeover`].
    pub(in crate::datapath) earlier: Option<Earlier>,
    /// Held as long as this lives.
    _lock: Flock<File>,
}

/// A complete generation beside the one in force: loaded, verified, pinned, not yet committed.
pub struct Prepared(Built);

impl Prepared {
    /// What will be in force after the commit.
    #[must_use]
    pub fn generation(&self) -> &Generation {
        &self.0.described.generation
    }

    /// Runs packets through it, without a trace in anything that is in force.
    ///
    /// # Errors
    /// [`Error::Kernel`] if its pins are gone.
    pub fn probe(&self) -> Result<Probe, Error> {
        Probe::open(&self.0.directory())
    }

    /// Instructions that the verifier walked through for the filter; `None` before Linux 5.16.
    #[must_use]
    pub fn verified_instructions(&self) -> Option<u32> {
        self.verified(self.0.filter)
    }

    /// The same for the probe, which is verified besides.
    #[must_use]
    pub fn probe_instructions(&self) -> Option<u32> {
        self.verified(self.0.probe)
    }

    fn verified(&self, program: &str) -> Option<u32> {
        let program: &Xdp = self.0.ebpf.program(program)?.try_into().ok()?;
        program.info().ok()?.verified_instruction_count()
    }
}

impl Datapath {
    /// Opens the pin directory, or makes it. What is there is checked for owner, mode, type and
    /// size before it is used, and adopted; what an interrupted run left half-made is removed.
    ///
    /// # Errors
    /// [`Error::Pin`] names what is not ours, [`Error::Busy`] another owner, [`Error::Verifier`]
    /// and [`Error::Kernel`] what the kernel refused.
    pub fn open(pins: &Path) -> Result<Self, Error> {
        let pins = Pins::new(pins);
        pins.create()?;
        let lock = pins.lock()?;
        for map in SHARED {
            map.check(&pins)?;
        }
        let earlier = Earlier::beside(&pins)?.into_iter().next();
        let kernel = Kernel::probe()?;
        let mut loader = Loader::sharing(&pins)?;
        let root = adopt_root(&pins, &mut loader, kernel)?;
        let counters = Counters::open(&pins)?.ok_or_else(|| vanished(&pins, &PACKET_COUNTS))?;
        let in_force = match read::in_force(&pins) {
            // It filters on; the next commit makes everything whole again.
            Err(Error::Lost { .. }) => None,
            other => other?,
        };
        let base = rollback_target::adopt(&pins)?;
        let mut datapath = Self {
            commit_slot: open_commit_slot(&pins)?,
            root_id: program_id(&root)?,
            pins,
            loader,
            kernel,
            root,
            counters,
            in_force,
            base,
            earlier,
            _lock: lock,
        };
        datapath.sweep_generations()?;
        datapath.align_links()?;
        if datapath.earlier.is_none() {
            takeover::forget_carried(&datapath.pins)?;
        }
        datapath.take_over();
        fault::point(Point::Adopted)?;
        Ok(datapath)
    }

    /// The generation in force, if there is one.
    #[must_use]
    pub fn in_force(&self) -> Option<&Generation> {
        self.in_force
            .as_ref()
            .map(|described| &described.generation)
    }

    /// Id of the root program, as netlink shows it on an attached interface.
    #[must_use]
    pub fn root_program(&self) -> u32 {
        self.root_id
    }

    /// Builds a complete new generation beside the one in force. Nothing in force is touched; a
    /// dropped [`Prepared`] leaves nothing behind. `config` is the configuration's hash.
    ///
    /// # Errors
    /// Whatever the kernel refuses; the generation in force stays.
    pub fn prepare(&mut self, tables: &Tables, config: [u8; 32]) -> Result<Prepared, Error> {
        let before = Predecessor {
            last: self.last_number()?,
            in_force: self.in_force.as_ref(),
            base: self.base.as_ref(),
        };
        let loader = &mut self.loader;
        let mut built =
            generation::build(&self.pins, loader, self.kernel, tables, config, &before)?;
        let mut retired = self.counters.retire_after_grace(&before)?;
        let inheritance = self.inheritance()?;
        if let Some(counted) = &inheritance {
            // It is the first generation: nothing else is retired.
            retired = counted.retired(&built.described.rules);
        }
        generation::pin_all(&mut built, tables, retired)?;
        for slot in before.fresh(&built.described.rules) {
            self.counters.zero(slot)?;
        }
        fault::point(Point::CountersZeroed)?;
        if let Some(counted) = &inheritance {
            self.inherit(counted, &built.described)?;
        }
        Ok(Prepared(built))
    }

    /// Puts a prepared generation into force: one write, the same instant on every interface. No
    /// packet is lost, and each sees the whole of the old or of the new one.
    ///
    /// # Errors
    /// [`Error::Kernel`] if the write fails; the old generation is then still in force.
    /// [`Error::Stale`] if another was committed since it was prepared.
    pub fn commit(&mut self, mut prepared: Prepared) -> Result<(), Error> {
        if prepared.0.follows != self.number_in_force() {
            return Err(Error::Stale {
                number: prepared.generation().number,
            });
        }
        let filter = prepared.0.filter;
        let program = object::program(&mut prepared.0.ebpf, filter)?;
        let fd = program
            .fd()
            .map_err(|error| Error::kernel("take the new filter's descriptor", &error))?;
        fault::point(Point::CommitReady)?;
        self.commit_slot
            .set(0, fd, 0)
            .map_err(|error| Error::kernel("commit the new generation", &error))?;
        self.in_force = Some(prepared.0.keep());
        // What is left over now is tried again with the next commit: this one has succeeded.
        let _ = fault::point(Point::CommitWritten)
            .map_err(Error::from)
            .and_then(|()| self.sweep_generations());
        let _ = self.align_links();
        self.take_over();
        Ok(())
    }

    /// Runs packets through the generation in force, without a trace in what it counts.
    ///
    /// # Errors
    /// [`Error::NoGeneration`] before the first commit, [`Error::Kernel`] if its pins are gone.
    pub fn probe(&self) -> Result<Probe, Error> {
        let Some(number) = self.number_in_force() else {
            return Err(Error::NoGeneration {
                pins: self.pins.root().to_owned(),
            });
        };
        Probe::open_shared(&self.pins, number)
    }

    /// Every pinned link, dead ones too.
    ///
    /// # Errors
    /// [`Error::Pin`] for a pin that is no link.
    pub fn links(&self) -> Result<Vec<Link>, Error> {
        attach::list(&self.pins)
    }

    /// Attaches the root program to an interface that has no link of ours, and pins the link.
    ///
    /// # Errors
    /// [`Error::NoGeneration`] before the first commit: an empty slot would drop every packet.
    /// [`Error::Attach`] with cause and remedy; a foreign program is left alone.
    pub fn attach(
        &mut self,
        hook: Hook,
        interface: u32,
        name: &str,
        mode: AttachMode,
    ) -> Result<(), Error> {
        if self.in_force.is_none() {
            return Err(Error::NoGeneration {
                pins: self.pins.root().to_owned(),
            });
        }
        let _lock = self.pins.lock_links()?;
        attach::attach(&self.pins, hook, &mut self.root, interface, name, mode)
    }

    /// Removes a link, dead or alive; detaches the interface if it is alive.
    ///
    /// # Errors
    /// [`Error::Kernel`] if the pin cannot be removed.
    pub fn detach(&mut self, link: &Link) -> Result<(), Error> {
        let _lock = self.pins.lock_links()?;
        attach::detach(&self.pins, link.hook, link.number).map(drop)
    }

    pub(in crate::datapath) fn number_in_force(&self) -> Option<u64> {
        self.in_force().map(|generation| generation.number)
    }

    pub(in crate::datapath) fn last_number(&self) -> Result<u64, Error> {
        let pinned = self.pins.generation_numbers()?.last().copied();
        Ok(pinned.max(self.number_in_force()).unwrap_or(0))
    }

    /// Removes the pins of every generation but the one in force and the base.
    pub(in crate::datapath) fn sweep_generations(&self) -> Result<(), Error> {
        if self.base.is_none() {
            // Of one that was let go, should that have failed.
            let _ = self.pins.remove_base();
        }
        let kept = [self.number_in_force(), self.base_number()];
        for number in self.pins.generation_numbers()? {
            if !kept.contains(&Some(number)) {
                // What cannot be removed is tried again with the next commit.
                let _ = generation::remove(&self.pins, number);
            }
        }
        Ok(())
    }

    /// Points every live link at our root, which it may not hold after an upgrade. Not before
    /// there is a generation in force: until then our root drops everything.
    pub(in crate::datapath) fn align_links(&mut self) -> Result<(), Error> {
        if self.in_force.is_none() {
            return Ok(());
        }
        let _lock = self.pins.lock_links()?;
        for link in attach::list(&self.pins)? {
            if link.interface.is_some() && link.program != self.root_id {
                // Its old root jumps on, to the old slot or to ours; the next commit tries again.
                if let Err(error) = attach::replace(&self.pins, &link, &mut self.root) {
                    tracing::warn!("link {}: {error}", link.number);
                }
            }
        }
        Ok(())
    }
}

/// The pinned root if it is the one of this version over the maps that are pinned; else a new one
/// in its place.
fn adopt_root(pins: &Pins, loader: &mut Loader, kernel: Kernel) -> Result<Xdp, Error> {
    let name = kernel.program_name(Hook::XdpIngress, EntryPoint::Root);
    let mut ebpf = loader
        .load(&Settings::zeroed())
        .map_err(|error| Error::kernel("create the shared maps", &error))?;
    let shared = SHARED.map(|map| map_id(&ebpf, map.object));
    let shared = shared.into_iter().collect::<Result<Vec<u32>, Error>>()?;
    let fresh = object::load(&mut ebpf, name)?;

    let path = pins.root_program();
    if !is_ours(&path, fresh, &shared)? {
        replace_root(pins, fresh)?;
    }
    object::pinned(&path).map_err(|error| Error::kernel(format!("open {}", path.display()), &error))
}

/// Whether the pinned root has the instructions of a `fresh` one, whose tag leaves out which maps they
/// use, and the same of the `shared` maps.
fn is_ours(path: &Path, fresh: &Xdp, shared: &[u32]) -> Result<bool, Error> {
    let Found::Program(pinned) = look(path)? else {
        return Ok(false);
    };
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("look at {}", path.display()), error)
    };
    let maps = |program: BorrowedFd<'_>| {
        let mut maps = sys::program_maps(program).map_err(|error| refused(&error))?;
        maps.retain(|map| shared.contains(map));
        Ok::<_, Error>(maps)
    };
    let loaded = fresh.fd().map_err(|error| refused(&error))?.as_fd();
    let tag = |program| sys::program_tag(program).map_err(|error| refused(&error));
    Ok(tag(pinned.as_fd())? == tag(loaded)? && maps(pinned.as_fd())? == maps(loaded)?)
}

fn map_id(ebpf: &Ebpf, name: &str) -> Result<u32, Error> {
    let missing = || {
        Error::kernel(
            format!("find map {name}"),
            &std::io::Error::other("it is not there"),
        )
    };
    let data = match ebpf.map(name).ok_or_else(missing)? {
        Map::PerCpuArray(data) | Map::ProgramArray(data) => data,
        _ => return Err(missing()),
    };
    data.info()
        .map(|info| info.id())
        .map_err(|error| Error::kernel(format!("read the id of map {name}"), &error))
}

/// Pins a new root in the place of the old one, in one step.
fn replace_root(pins: &Pins, fresh: &mut Xdp) -> Result<(), Error> {
    let (beside, path) = (pins.new_root_program(), pins.root_program());
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("pin {}", path.display()), error)
    };
    // Left over from an interrupted run.
    let _ = fs::remove_file(&beside);
    fresh.pin(&beside).map_err(|e| refused(&e))?;
    fault::point(Point::RootPinned)?;
    fs::rename(&beside, &path).map_err(|e| refused(&e))
}

fn open_commit_slot(pins: &Pins) -> Result<ProgramArray<MapData>, Error> {
    let slot = commit_slot(Hook::XdpIngress);
    let map = slot.open(pins)?.ok_or_else(|| vanished(pins, slot))?;
    Map::from_map_data(map)
        .and_then(ProgramArray::try_from)
        .map_err(|error| Error::kernel("open the commit slot", &error))
}

fn vanished(pins: &Pins, map: &SharedMap) -> Error {
    Error::pin(&map.path(pins), "vanished", "try again")
}

fn program_id(program: &Xdp) -> Result<u32, Error> {
    program
        .info()
        .map(|info| info.id())
        .map_err(|error| Error::kernel("read the root program's id", &error))
}
