//! What the kernel says of the generation in force.

pub(in crate::datapath) mod footprint;
pub(in crate::datapath) mod probe;

use std::os::fd::AsFd as _;
use std::path::Path;

use aya::programs::ProgramInfo;
use xdp_fw_common::wire::reason_slot;
use xdp_fw_common::{Essential, Reason, Verdict};

use crate::datapath::attach;
use crate::datapath::counters::Counters;
use crate::datapath::error::Error;
use crate::datapath::generation::manifest::{describe, pin};
use crate::datapath::kernel::sys;
use crate::datapath::model::{Described, EssentialCount, Hook, ReasonCount, RuleCount, Snapshot};
use crate::datapath::pins::found::program_id;
use crate::datapath::pins::shared::commit_slot;
use crate::datapath::pins::{Pins, exists};

/// How often a read starts again because a commit removed what it was reading.
const ATTEMPTS: u32 = 20;

/// Reads everything from the pins alone; works with the daemon stopped.
///
/// # Errors
/// [`Error::NoGeneration`] where nothing is loaded, [`Error::Pin`] for pins that are not ours.
pub fn read(pins: &Path) -> Result<Snapshot, Error> {
    let pins = Pins::new(pins);
    if !exists(&commit_slot(Hook::XdpIngress).path(&pins))? {
        return Err(Error::NoGeneration {
            pins: pins.root().to_owned(),
        });
    }
    pins.check()?;
    for _ in 1..ATTEMPTS {
        let before = position(&pins)?;
        let snapshot = read_once(&pins);
        // A commit in between took the pins away, or moved counts to a generation not read.
        if position(&pins)? == before {
            return snapshot;
        }
    }
    read_once(&pins)
}

/// Tells commits apart: a program may come back, with another newest generation beside it.
fn position(pins: &Pins) -> Result<(Option<u32>, Option<u64>), Error> {
    let newest = pins.generation_numbers()?.last().copied();
    Ok((program_in_force(pins)?, newest))
}

fn read_once(pins: &Pins) -> Result<Snapshot, Error> {
    let nothing = || Error::NoGeneration {
        pins: pins.root().to_owned(),
    };
    let described = in_force(pins)?.ok_or_else(nothing)?;
    let counters = Counters::open(pins)?.ok_or_else(nothing)?;
    let rules = described.rules.iter().map(|rule| {
        Ok(RuleCount {
            name: rule.name.clone(),
            verdict: rule.verdict,
            shadow: rule.kind.is_shadow(),
            count: counters.read(rule.slot)?,
        })
    });
    let interfaces = attach::list(pins)?
        .into_iter()
        .filter_map(|link| link.interface);
    let root = ProgramInfo::from_pin(pins.root_program())
        .map_err(|error| Error::kernel("read the root program's id", &error))?;
    Ok(Snapshot {
        rules: rules.collect::<Result<_, Error>>()?,
        reasons: read_reasons(&counters, &described)?,
        essentials: read_essentials(&counters)?,
        interfaces: interfaces.collect(),
        root_program: root.id(),
        generation: described.generation,
    })
}

fn read_reasons(counters: &Counters, described: &Described) -> Result<Vec<ReasonCount>, Error> {
    let retired = counters.retire(&described.gone, described.retired)?;
    let mut counts = Vec::with_capacity(Reason::ALL.len() * 2);
    for reason in Reason::ALL {
        for (verdict, retired) in Verdict::ALL.into_iter().zip(&retired) {
            let count = match reason {
                Reason::Rule => counters.count(retired),
                _ => counters.read_all(slots_of(reason, verdict))?,
            };
            counts.push(ReasonCount {
                reason,
                verdict,
                count,
            });
        }
    }
    Ok(counts)
}

/// Where packets of a reason were counted; those of essentials by kind, but for what an earlier
/// version counted.
fn slots_of(reason: Reason, verdict: Verdict) -> impl Iterator<Item = u32> {
    let has_kinds = reason == Reason::Essential && verdict == Verdict::Pass;
    let kinds = Essential::ALL.into_iter().filter(move |_| has_kinds);
    std::iter::once(reason_slot(reason, verdict)).chain(kinds.map(Essential::slot))
}

fn read_essentials(counters: &Counters) -> Result<Vec<EssentialCount>, Error> {
    let counts = Essential::ALL.into_iter().map(|kind| {
        let count = counters.read(kind.slot())?;
        Ok(EssentialCount { kind, count })
    });
    counts.collect()
}

/// The generation whose filter stands in slot 0.
///
/// # Errors
/// [`Error::Lost`] where a filter stands there whose pins are gone.
pub(in crate::datapath) fn in_force(pins: &Pins) -> Result<Option<Described>, Error> {
    let mut missed = None;
    loop {
        let Some(program) = program_in_force(pins)? else {
            return Ok(None);
        };
        let found = find(pins, program);
        if let Ok(Some(described)) = found {
            return Ok(Some(described));
        }
        // Twice the same: no commit took it away in between.
        if missed == Some(program) {
            found?;
            return Err(Error::Lost {
                pins: pins.root().to_owned(),
            });
        }
        missed = Some(program);
    }
}

/// The newest first: a base that came back has its programs pinned in two places, and the counts
/// of the newer one are right.
fn find(pins: &Pins, program: u32) -> Result<Option<Described>, Error> {
    let numbers = pins.generation_numbers()?.into_iter().rev();
    for directory in numbers.map(|number| pins.generation(number)) {
        if program_id(&directory.join(pin::FILTER))? == Some(program) {
            return describe(&directory).map(Some);
        }
    }
    Ok(None)
}

/// The id of the program in slot 0.
fn program_in_force(pins: &Pins) -> Result<Option<u32>, Error> {
    let slot = commit_slot(Hook::XdpIngress);
    let Some(programs) = slot.open(pins)? else {
        return Ok(None);
    };
    sys::program_in_slot(programs.fd().as_fd(), 0).map_err(|error| {
        let path = slot.path(pins);
        Error::kernel(format!("read {}", path.display()), &error)
    })
}
