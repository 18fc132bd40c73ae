//! A generation: rule maps, fresh but for the address tables that go on, and programs bound to them.
//!
//! Owns building one beside the one in force and pinning what describes it. The maps are
//! [`fill`]'s, the commit is the handle's.

pub(in crate::datapath) mod addresses;
pub(in crate::datapath) mod fill;
pub(in crate::datapath) mod loader;
pub(in crate::datapath) mod manifest;
pub(in crate::datapath) mod reuse;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use aya::Ebpf;
use aya::maps::MapData;
use aya::programs::Xdp;
use xdp_fw_common::wire::{Counter, GenerationInfo};

use crate::datapath::model::{Described, Slot};

use self::loader::Loader;
use self::manifest::{entries, pin, pin_array, read_info};
use self::reuse::{Contents, Ids, Reused};
use crate::datapath::counters::predecessor::Predecessor;
use crate::datapath::error::Error;
use crate::datapath::model::{Generation, Hook};
use crate::datapath::object::EntryPoint;
use crate::datapath::object::{self, Kernel};
use crate::datapath::pins::{self, Pins};
use crate::fault::{self, Point};
use crate::policy::Tables;

/// A generation that is loaded and verified, with its pins; dropped uncommitted it removes them.
pub(in crate::datapath) struct Built {
    pub(in crate::datapath) ebpf: Ebpf,
    pub(in crate::datapath) described: Described,
    pub(in crate::datapath) filter: &'static str,
    pub(in crate::datapath) probe: &'static str,
    /// The generation that was in force when it was built.
    pub(in crate::datapath) follows: Option<u64>,
    contents: Contents,
    reused: Reused,
    /// Its address maps.
    ids: Ids,
    place: Place,
}

impl Built {
    /// Where its pins are.
    pub(in crate::datapath) fn directory(&self) -> PathBuf {
        self.place.directory()
    }

    /// From now on the pins stay.
    pub(in crate::datapath) fn keep(mut self) -> Described {
        self.place.kept = true;
        self.described
    }
}

/// The directory of a new generation; dropped before it is kept, it goes with all that is pinned there.
struct Place {
    pins: Pins,
    number: u64,
    kept: bool,
}

impl Place {
    fn make(pins: &Pins, number: u64) -> Result<Self, Error> {
        make_directory(&pins.generation(number))?;
        Ok(Self {
            pins: pins.clone(),
            number,
            kept: false,
        })
    }

    fn directory(&self) -> PathBuf {
        self.pins.generation(self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is swept at the next start.
            let _ = remove(&self.pins, self.number);
        }
    }
}

/// Builds, fills and verifies a generation. Of its pins there are only the address maps.
pub(in crate::datapath) fn build(
    pins: &Pins,
    loader: &mut Loader,
    kernel: Kernel,
    tables: &Tables,
    config: [u8; 32],
    before: &Predecessor<'_>,
) -> Result<Built, Error> {
    let number = before.last + 1;
    let rules = before.assign(&tables.rules)?;
    let gone = before.gone(&rules);

    let place = Place::make(pins, number)?;
    let contents = reuse::contents(loader, tables);
    let former: Vec<PathBuf> = [before.in_force, before.base]
        .into_iter()
        .flatten()
        .map(|former| pins.generation(former.generation.number))
        .collect();
    let directory = place.directory();
    let mut reused = reuse::take(loader, &former, &directory, &contents)?;
    fault::point(Point::TablesTaken)?;
    loader.pin_addresses(&directory);
    let (mut ebpf, mut maps) = fill::create(loader, kernel, tables, &reused)?;
    let mut ids = reuse::identify(&maps)?;
    if !reuse::are_as_found(&reused, &ids) {
        let shown = directory.display();
        tracing::warn!("{shown}: pins were changed meanwhile; every table is built again");
        reuse::clear(&directory)?;
        reused = reuse::NOTHING;
        (ebpf, maps) = fill::create(loader, kernel, tables, &reused)?;
        ids = reuse::identify(&maps)?;
    }
    fault::point(Point::TablesPinned)?;
    let filter = kernel.program_name(Hook::XdpIngress, filter(tables));
    let probe = kernel.program_name(Hook::XdpIngress, EntryPoint::Probe);
    object::load_while(&mut ebpf, &[filter, probe], || {
        fill::fill(&mut maps, tables, &rules, &reused)
    })?;
    fault::point(Point::GenerationLoaded)?;

    Ok(Built {
        ebpf,
        described: Described {
            generation: Generation::from_info(&info(number, tables, config)),
            retired: [Counter::default(); 2],
            rules,
            gone,
        },
        filter,
        probe,
        follows: before.in_force.map(|before| before.generation.number),
        contents,
        reused,
        ids,
        place,
    })
}

/// Pins what describes a built generation; `retired` is what it takes over.
pub(in crate::datapath) fn pin_all(
    built: &mut Built,
    tables: &Tables,
    retired: [Counter; 2],
) -> Result<(), Error> {
    let Generation { number, config, .. } = built.described.generation;
    let info = GenerationInfo {
        retired,
        ..info(number, tables, config)
    };
    built.described.retired = retired;
    pin_pieces(built, &info)
}

/// Pins what is pinned in `base` a second time, as another generation: the same programs, which
/// are neither compiled nor verified again, over the same maps. It removes what it leaves half-made.
pub(in crate::datapath) fn pin_again(
    pins: &Pins,
    base: &Described,
    number: u64,
    gone: Vec<Slot>,
    retired: [Counter; 2],
) -> Result<(Described, Xdp), Error> {
    let from = pins.generation(base.generation.number);
    let mut described = Described {
        gone,
        retired,
        ..base.clone()
    };
    let pinned = pin_copy(&from, &pins.generation(number), number, &mut described);
    if pinned.is_err() {
        // What cannot be removed now is swept with the next commit.
        let _ = remove(pins, number);
    }
    pinned.map(|filter| (described, filter))
}

fn pin_copy(from: &Path, to: &Path, number: u64, described: &mut Described) -> Result<Xdp, Error> {
    make_directory(to)?;
    let refused = |path: PathBuf, error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("pin {} once more", path.display()), error)
    };
    let again = |pin: &str| {
        let path = from.join(pin);
        let mut program = object::pinned(&path).map_err(|e| refused(path.clone(), &e))?;
        program
            .pin(to.join(pin))
            .map_err(|e| refused(path.clone(), &e))?;
        Ok::<_, Error>(program)
    };
    let filter = again(pin::FILTER)?;
    again(pin::PROBE)?;
    let result = from.join(pin::RESULT);
    MapData::from_pin(&result)
        .map_err(|e| refused(result.clone(), &e))?
        .pin(to.join(pin::RESULT))
        .map_err(|e| refused(result.clone(), &e))?;
    reuse::pin_again(from, to);
    pin_array(&to.join(pin::RULES), &entries(&described.rules))?;
    pin_array(&to.join(pin::GONE), &entries(&described.gone))?;
    let info = GenerationInfo {
        number,
        created: now(),
        retired: described.retired,
        ..read_info(from)?
    };
    described.generation = Generation::from_info(&info);
    pin_array(&to.join(pin::INFO), &[info])?;
    Ok(filter)
}

/// Removes a generation's pins; what they hold lives on while it is in use. What else lies in its
/// directory stays, and the directory with it.
pub(in crate::datapath) fn remove(pins: &Pins, number: u64) -> io::Result<()> {
    let directory = pins.generation(number);
    for name in pin::all() {
        pins::remove(&directory.join(name))?;
    }
    pins::remove_directory(&directory)
}

/// The smallest filter that has what the tables need: see `docs/adr/0008`.
pub(in crate::datapath) fn filter(tables: &Tables) -> EntryPoint {
    let settings = &tables.settings;
    match (settings.is_basic(), settings.single_word == 1) {
        (true, true) => EntryPoint::SingleWordFilter,
        (true, false) => EntryPoint::BasicFilter,
        (false, _) => EntryPoint::Filter,
    }
}

fn info(number: u64, tables: &Tables, config: [u8; 32]) -> GenerationInfo {
    GenerationInfo {
        number,
        created: now(),
        config,
        prefixes: tables.prefixes,
        rules: tables.settings.rules,
        default_action: tables.settings.default_action,
        malformed: tables.settings.malformed,
        non_ip: tables.settings.non_ip,
        essentials: u32::from(tables.settings.essentials != 0),
        reserved: 0,
        retired: [Counter::default(); 2],
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

/// Pins each piece, `info` last.
fn pin_pieces(built: &mut Built, info: &GenerationInfo) -> Result<(), Error> {
    let directory = built.directory();
    for (name, pin) in [(built.filter, pin::FILTER), (built.probe, pin::PROBE)] {
        let path = directory.join(pin);
        object::program(&mut built.ebpf, name)?
            .pin(&path)
            .map_err(|error| Error::kernel(format!("pin {}", path.display()), &error))?;
    }
    fault::point(Point::ProgramsPinned)?;
    if let Some(result) = built.ebpf.map(fill::RESULT) {
        let path = directory.join(pin::RESULT);
        result
            .pin(&path)
            .map_err(|error| Error::kernel(format!("pin {}", path.display()), &error))?;
    }
    pin_array(
        &directory.join(pin::RULES),
        &entries(&built.described.rules),
    )?;
    pin_array(&directory.join(pin::GONE), &entries(&built.described.gone))?;
    reuse::record(&directory, &built.contents, &built.reused, &built.ids)?;
    pin_array(&directory.join(pin::INFO), &[*info])?;
    fault::point(Point::GenerationPinned)?;
    Ok(())
}

fn make_directory(directory: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .mode(0o700)
        .create(directory)
        .map_err(|error| Error::kernel(format!("make {}", directory.display()), &error))
}
