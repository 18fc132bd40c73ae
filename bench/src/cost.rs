//! Measures the cost of a packet: a test run of the whole program of an active generation.
//!
//! Runs the root program, which jumps to the filter, as a driver does. The probe is slower and
//! never measured.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use xdp_fw::datapath::{self, Datapath};

use crate::bpf::{Program, Slot};
use crate::contestants::xdp_filter;
use crate::flood::Flood;
use crate::generator::{self, End, address};
use crate::instructions::Action;
use crate::isolation::BPFFS;
use crate::policy::{Dimensions, Family, Shape};
use crate::sample::{Sample, cpu_time};
use crate::two_cpus::{self, TwoCpus};
use crate::wire::Wire;

/// The cost of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    #[serde(flatten)]
    pub(crate) shape: Shape,
    /// ns/packet for one hot packet; the last rule matches it.
    pub(crate) hot: Sample,
    /// ns/packet for random sources, half of them in a prefix, minus [`Self::generator`].
    pub(crate) random: Sample,
    /// ns/packet to write the source and jump to an empty program.
    pub(crate) generator: f64,
}

/// The cost of another program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Other {
    pub(crate) program: String,
    /// ns/packet for one hot packet.
    pub(crate) hot: Sample,
}

/// All results of this part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Costs {
    pub(crate) policies: Vec<Cost>,
    pub(crate) others: Vec<Other>,
    /// The result for [`TWO_CPUS`]; empty on a machine with one CPU.
    #[serde(default)]
    pub(crate) two_cpus: Option<TwoCpus>,
}

/// The policy of the measurement with two CPUs.
pub(crate) const TWO_CPUS: Shape = Shape {
    family: Family::V4,
    rules: 10,
    prefixes: 10,
    dimensions: Dimensions::Basic,
};

/// The peer that a test run can measure, and its policy.
pub(crate) const PEER: &str = "xdp-filter, 200 hosts";
const PEER_HOSTS: Flood = Flood {
    rules: 200,
    prefixes: 0,
};

/// The amount of measurements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Number of runs of each measurement.
    pub(crate) runs: usize,
    /// CPU time of a run in nanoseconds.
    pub(crate) nanoseconds: f64,
}

impl Effort {
    /// Never fewer than five runs.
    pub(crate) fn of(quick: bool) -> Self {
        let (runs, milliseconds) = if quick { (5, 5.0) } else { (7, 30.0) };
        Self {
            runs,
            nanoseconds: milliseconds * 1e6,
        }
    }
}

/// Measures every shape, in turn.
///
/// # Errors
/// If the kernel refuses a system call.
pub(crate) fn measure(quick: bool) -> Result<Costs> {
    let mut shapes = shapes();
    if quick {
        shapes.retain(|shape| shape.prefixes <= 10_000 && shape.rules != 1_000);
    }
    let effort = Effort::of(quick);
    let mut costs = Vec::new();
    for shape in shapes {
        let cost = one(shape, effort).with_context(|| format!("{shape:?}"))?;
        eprintln!(
            "cost: {:?} {:?}, {} rules, {} prefixes: hot {:.1} ns, random {:.1} ns",
            shape.family,
            shape.dimensions,
            shape.rules,
            shape.prefixes,
            cost.hot.median,
            cost.random.median
        );
        costs.push(cost);
    }
    Ok(Costs {
        policies: costs,
        others: others(effort)?,
        two_cpus: two_cpus(effort)?,
    })
}

/// Measures an empty program, and the peer's for one of its hosts and for another one: it reads
/// more of a packet that it passes.
fn others(effort: Effort) -> Result<Vec<Other>> {
    let shape = Shape {
        family: Family::V4,
        rules: 1,
        prefixes: 1,
        dimensions: Dimensions::Basic,
    };
    let frame = |index| shape.frame(address(Family::V4, index));
    let mut others = Vec::new();
    let mut other = |name: &str, program: &Program, frame: &[u8]| -> Result<()> {
        let hot = time(program, frame, effort)?;
        eprintln!("cost: {name}: {:.1} ns", hot.median);
        others.push(Other {
            program: name.to_owned(),
            hot,
        });
        Ok(())
    };
    other(
        "nothing but XDP_DROP",
        &generator::constant(Action::Drop, false)?,
        &frame(0)?,
    )?;
    let wire = Wire::fresh()?;
    match xdp_filter::program(PEER_HOSTS, &wire) {
        Ok((program, _loaded)) => {
            other(
                &format!("{PEER}, dropped"),
                &program,
                &frame(PEER_HOSTS.rules - 1)?,
            )?;
            other(
                &format!("{PEER}, passed"),
                &program,
                &frame(PEER_HOSTS.rules)?,
            )?;
        }
        Err(error) => eprintln!("cost: {PEER}: left out: {error:#}"),
    }
    Ok(others)
}

/// Measures the cost on one CPU while another CPU filters.
fn two_cpus(effort: Effort) -> Result<Option<TwoCpus>> {
    let pins = Pins(Path::new(BPFFS).join("two-cpus"));
    let mut datapath = Datapath::open(&pins.0)?;
    let prepared = datapath.prepare(&TWO_CPUS.tables()?, [0; 32])?;
    datapath.commit(prepared)?;
    let root = Program::pinned(&pins.0.join("root"))?;
    let measured = two_cpus::measure(&root, &TWO_CPUS.last_rules_frame()?, effort)?;
    if let Some(TwoCpus { alone, together }) = measured {
        eprintln!(
            "cost: two CPUs at once: {:.1} ns, alone {:.1} ns",
            together.median, alone.median
        );
    }
    Ok(measured)
}

fn one(shape: Shape, effort: Effort) -> Result<Cost> {
    let pins = Pins(Path::new(BPFFS).join("cost"));
    let mut datapath = Datapath::open(&pins.0)?;
    let prepared = datapath.prepare(&shape.tables()?, [0; 32])?;
    datapath.commit(prepared)?;
    let root = Program::pinned(&pins.0.join("root"))?;

    let hot = shape.last_rules_frame()?;
    let expected = if shape.rules.is_multiple_of(2) || shape.rules == 1 {
        Action::Drop
    } else {
        Action::Pass
    };
    if root.run(&hot, 1)? != expected as u32 {
        bail!("the last rule does not decide over its packet");
    }
    let hot = time(&root, &hot, effort)?;

    let blank = shape.blank_frame()?;
    check_sources(&root, shape, &blank)?;
    let count = shape.listed() * 2;
    let random = |judge: &Program| {
        let slot = Slot::with(judge)?;
        let generator = generator::load(shape.family, count, &blank, &End::Judged(&slot), true)?;
        time(&generator, &blank, effort)
    };
    let nothing = random(&generator::constant(Action::Drop, true)?)?;
    let random = random(&root)?.less(nothing.median);
    Ok(Cost {
        shape,
        hot,
        random,
        generator: nothing.median,
    })
}

/// Fails unless the generator writes addresses of the set, whose rule drops them all.
fn check_sources(root: &Program, shape: Shape, blank: &[u8]) -> Result<()> {
    let slot = Slot::with(root)?;
    let end = End::Judged(&slot);
    let generator = generator::load(shape.family, shape.prefixes, blank, &end, true)?;
    for _ in 0..100 {
        if generator.run(blank, 1)? != Action::Drop as u32 {
            bail!("the generator's sources are not those of the set");
        }
    }
    Ok(())
}

/// Measures ns/packet of a program after a warm-up.
pub(crate) fn time(program: &Program, frame: &[u8], effort: Effort) -> Result<Sample> {
    /// Enough runs to estimate the time of a packet.
    const FEW: u32 = 20_000;
    let run = |count: u32| -> Result<f64> {
        let start = cpu_time()?;
        program.run(frame, count)?;
        Ok((cpu_time()? - start).as_nanos() as f64 / f64::from(count))
    };
    run(FEW)?;
    let count = effort.nanoseconds / run(FEW)?;
    let count = count.clamp(f64::from(FEW), 1e9) as u32;
    run(count)?;
    let runs: Result<Vec<f64>> = (0..effort.runs).map(|_| run(count)).collect();
    Sample::of(runs?).context("nothing was measured")
}

/// All shapes of the full measurement.
fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for family in [Family::V4, Family::V6] {
        for dimensions in [Dimensions::Basic, Dimensions::All] {
            // The only rule is that of the set, so there is no other dimension.
            let least = if dimensions == Dimensions::All { 10 } else { 1 };
            for prefixes in [10, 1_000, 10_000, 100_000, 1_000_000] {
                for rules in [1, 10, 100, 1_000, 4_096] {
                    if rules < least {
                        continue;
                    }
                    shapes.push(Shape {
                        family,
                        rules,
                        prefixes,
                        dimensions,
                    });
                }
            }
        }
    }
    shapes
}

/// A pin directory that is unloaded when dropped.
struct Pins(PathBuf);

impl Drop for Pins {
    fn drop(&mut self) {
        // Pins left behind go with the mounts of this process.
        let _ = datapath::unload(&self.0);
    }
}
