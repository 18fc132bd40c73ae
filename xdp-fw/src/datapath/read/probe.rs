//! Runs packets through a generation without touching anything that is in force.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use aya::maps::{Array, Map, MapData};
use aya::programs::Xdp;
use aya::{Ebpf, TestRun as _, TestRunOptions};
use bytemuck::Zeroable as _;
use xdp_fw_common::wire::{NO_RULE, ProbeResult, REASON_SLOTS};
use xdp_fw_common::{Essential, Reason, Verdict};

use crate::datapath::model::Slot;

use crate::datapath::error::Error;
use crate::datapath::generation::filter;
use crate::datapath::generation::loader::Loader;
use crate::datapath::generation::manifest::{describe, pin};
use crate::datapath::generation::{fill, reuse};
use crate::datapath::model::{Generation, Hook};
use crate::datapath::object::EntryPoint;
use crate::datapath::object::{self, Kernel};
use crate::datapath::pins::shared::commit_slot;
use crate::datapath::pins::{Pins, exists};
use crate::datapath::read;
use crate::policy::Tables;

/// How long another process may take for one packet before it counts as stuck: it takes
/// microseconds, unless it was stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a commit may take the pins away that were about to be opened.
const ATTEMPTS: u32 = 20;

/// `XDP_DROP` and `XDP_PASS` of `include/uapi/linux/bpf.h`.
const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

/// The `probe` entry point of one generation.
pub struct Probe {
    program: Program,
    result: Array<MapData, ProbeResult>,
    /// Where others may be asking the same program.
    shared: Option<Shared>,
}

/// Where the program is from.
enum Program {
    Pinned(Box<Xdp>),
    /// Of a generation that nobody else has, by its name.
    Private(Ebpf, &'static str),
}

/// The place by which processes that ask the same program take turns.
struct Shared {
    path: PathBuf,
    directory: File,
}

/// What is in force, to be asked.
pub struct InForce {
    /// What it is.
    pub generation: Generation,
    /// Names of its rules, by index.
    pub rules: Vec<String>,
    /// Judges as it does, and counts nothing.
    pub probe: Probe,
}

/// What the kernel decided over one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probed {
    /// What would happen.
    pub verdict: Verdict,
    /// Why; `None` for a reason of a newer version.
    pub reason: Option<Reason>,
    /// The rule that decided, by index in file order.
    pub rule: Option<u32>,
    /// The kind of essentials that it is; with [`Reason::Essential`], unless the program is of an
    /// earlier version.
    pub essential: Option<Essential>,
    /// The length that was seen, bytes.
    pub length: u64,
}

/// `struct xdp_md`, all that a test run takes of it.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Context {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
}

/// Opens the probe of what is in force, without a daemon.
///
/// # Errors
/// [`Error::NoGeneration`] where nothing is loaded, [`Error::Pin`] for pins that are not ours.
pub fn probe_in_force(pins: &Path) -> Result<InForce, Error> {
    let pins = Pins::new(pins);
    let nothing = || Error::NoGeneration {
        pins: pins.root().to_owned(),
    };
    if !exists(&commit_slot(Hook::XdpIngress).path(&pins))? {
        return Err(nothing());
    }
    pins.check()?;
    for _ in 1..ATTEMPTS {
        match open_in_force(&pins) {
            // A commit in between took the pins away.
            Err(Error::Kernel { .. }) => {}
            other => return other?.ok_or_else(nothing),
        }
    }
    open_in_force(&pins)?.ok_or_else(nothing)
}

fn open_in_force(pins: &Pins) -> Result<Option<InForce>, Error> {
    let Some(described) = read::in_force(pins)? else {
        return Ok(None);
    };
    let number = described.generation.number;
    let probe = Probe::open_shared(pins, number)?;
    // It is the one that was described, if that is still there.
    let described = describe(&pins.generation(number))?;
    Ok(Some(InForce {
        generation: described.generation,
        rules: described.rules.into_iter().map(|rule| rule.name).collect(),
        probe,
    }))
}

impl Shared {
    /// One place for all generations: one that comes back has its programs pinned twice.
    fn of(pins: &Pins) -> Result<Self, Error> {
        let path = pins.generations();
        let directory = File::open(&path)
            .map_err(|error| Error::kernel(format!("open {}", path.display()), &error))?;
        Ok(Self { path, directory })
    }

    /// Takes the turn, until [`Self::done`] or the end of the process.
    fn wait(&self) -> Result<(), Error> {
        let refused =
            |error: &std::io::Error| Error::kernel(format!("lock {}", self.path.display()), error);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.directory.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(refused(&error)),
                Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                    return Err(Error::Kernel {
                        action: "ask the probe".to_owned(),
                        cause: "another process has not finished with it".to_owned(),
                        errno: None,
                        remedy: "look for a stopped `xdp-fw explain`, and end it".to_owned(),
                    });
                }
                // The kernel has no wait with an end to it; a turn takes microseconds.
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_micros(50)),
            }
        }
    }

    fn done(&self) {
        // The lock goes with the descriptor at the latest.
        let _ = self.directory.unlock();
    }
}

impl Program {
    fn xdp(&self) -> Result<&Xdp, Error> {
        match self {
            Self::Pinned(program) => Ok(program),
            Self::Private(ebpf, name) => {
                let program = ebpf.program(name).and_then(|it| it.try_into().ok());
                program.ok_or_else(|| Error::Kernel {
                    action: format!("find program `{name}`"),
                    cause: "it is not there".to_owned(),
                    errno: None,
                    remedy: "this build is broken: rebuild it".to_owned(),
                })
            }
        }
    }
}

impl Probe {
    /// Opens the probe of a generation that other processes may ask as well.
    pub(in crate::datapath) fn open_shared(pins: &Pins, number: u64) -> Result<Self, Error> {
        let mut probe = Self::open(&pins.generation(number))?;
        probe.shared = Some(Shared::of(pins)?);
        Ok(probe)
    }

    /// Opens the probe that is pinned in a generation's directory.
    pub(in crate::datapath) fn open(directory: &Path) -> Result<Self, Error> {
        let refused = |error: &(dyn std::error::Error + 'static)| {
            Error::kernel(format!("open the probe in {}", directory.display()), error)
        };
        let program = object::pinned(&directory.join(pin::PROBE)).map_err(|e| refused(&e))?;
        let result = MapData::from_pin(directory.join(pin::RESULT))
            .and_then(Map::from_map_data)
            .and_then(Array::try_from)
            .map_err(|e| refused(&e))?;
        Ok(Self {
            program: Program::Pinned(Box::new(program)),
            result,
            shared: None,
        })
    }

    /// Loads tables for this process alone: nothing is pinned, nothing in force is touched, and
    /// nothing is left when it is dropped.
    ///
    /// # Errors
    /// Whatever the kernel refuses.
    pub fn load(tables: &Tables) -> Result<Self, Error> {
        Self::load_private(tables, false)
    }

    /// The same, and has the verifier look at the filter, too, that would be put into force.
    ///
    /// # Errors
    /// Whatever the kernel refuses.
    pub fn verify(tables: &Tables) -> Result<Self, Error> {
        Self::load_private(tables, true)
    }

    fn load_private(tables: &Tables, with_filter: bool) -> Result<Self, Error> {
        let kernel = Kernel::probe()?;
        let rules = (REASON_SLOTS..).zip(&tables.rules);
        let rules: Vec<Slot> = rules
            .map(|(slot, rule)| Slot {
                name: rule.name.clone(),
                slot,
                verdict: rule.verdict,
                kind: rule.kind,
            })
            .collect();
        let (mut ebpf, mut maps) =
            fill::create(&mut Loader::new()?, kernel, tables, &reuse::NOTHING)?;
        let name = kernel.program_name(Hook::XdpIngress, EntryPoint::Probe);
        let mut programs = vec![name];
        if with_filter {
            programs.push(kernel.program_name(Hook::XdpIngress, filter(tables)));
        }
        object::load_while(&mut ebpf, &programs, || {
            fill::fill(&mut maps, tables, &rules, &reuse::NOTHING)
        })?;
        let result = ebpf.take_map(fill::RESULT).ok_or_else(|| Error::Kernel {
            action: "find map PROBE in the BPF object".to_owned(),
            cause: "it is not there".to_owned(),
            errno: None,
            remedy: "this build is broken: rebuild it".to_owned(),
        })?;
        let result =
            Array::try_from(result).map_err(|error| Error::kernel("open map PROBE", &error))?;
        Ok(Self {
            program: Program::Private(ebpf, name),
            result,
            shared: None,
        })
    }

    /// Runs one frame of at least 14 bytes, as if it came in by the interface of index
    /// `interface`, which need not exist. `first_buffer` is how many of its bytes are in the
    /// first buffer, the others following in fragments; `None` leaves that to the kernel.
    ///
    /// # Errors
    /// [`Error::Kernel`] if the kernel does not take the frame.
    pub fn run(
        &mut self,
        frame: &[u8],
        first_buffer: Option<u32>,
        interface: u32,
    ) -> Result<Probed, Error> {
        if let Some(shared) = &self.shared {
            shared.wait()?;
        }
        let probed = self.run_alone(frame, first_buffer, interface);
        if let Some(shared) = &self.shared {
            shared.done();
        }
        probed
    }

    fn run_alone(
        &mut self,
        frame: &[u8],
        first_buffer: Option<u32>,
        interface: u32,
    ) -> Result<Probed, Error> {
        let refused = |error: &(dyn std::error::Error + 'static)| {
            Error::kernel(format!("test-run a frame of {} bytes", frame.len()), error)
        };
        let context = first_buffer.map(|data_end| Context {
            data_end,
            ..Context::zeroed()
        });
        let asked = ProbeResult {
            interface,
            ..ProbeResult::zeroed()
        };
        self.result.set(0, asked, 0).map_err(|e| refused(&e))?;
        let program = self.program.xdp()?;
        let run = program
            .test_run(TestRunOptions {
                data_in: Some(frame),
                ctx_in: context.as_ref().map(bytemuck::bytes_of),
                repeat: 1,
                ..TestRunOptions::new()
            })
            .map_err(|e| refused(&e))?;
        let result = self.result.get(&0, 0).map_err(|e| refused(&e))?;
        let verdict = Verdict::from_wire(result.verdict as u8);
        let expected = match verdict {
            Verdict::Pass => XDP_PASS,
            Verdict::Drop => XDP_DROP,
        };
        if run.return_value != expected {
            let said = format!("returned {} but told {verdict:?}", run.return_value);
            return Err(refused(&std::io::Error::other(said)));
        }
        Ok(Probed {
            verdict,
            reason: Reason::from_wire(result.reason as u8),
            rule: (result.rule != NO_RULE).then_some(result.rule),
            essential: Essential::from_slot(result.slot),
            length: result.length,
        })
    }
}
