//! Measures the packets per second that a filter drops on a veth: one end sends live frames, the
//! other filters, both on one CPU.
//!
//! The time includes sending, and the work of the stack before a filter sees a packet. It excludes
//! the start and the end of a run, in which the kernel waits for tens of milliseconds.

use std::mem;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::bpf::Program;
use crate::contestants::{Installed, all};
use crate::flood::Flood;
use crate::generator::{self, End};
use crate::policy::Family;
use crate::sample::{PacketClock, Sample};
use crate::wire::Wire;

/// The drop rate of a contestant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub(crate) contestant: String,
    #[serde(flatten)]
    pub(crate) flood: Flood,
    /// Packets dropped per second of CPU time.
    pub(crate) rate: Sample,
}

/// A combination that was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Absent {
    pub(crate) contestant: String,
    #[serde(flatten)]
    pub(crate) flood: Flood,
    pub(crate) why: String,
}

/// All results of this part, and what it leaves out.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rates {
    /// Whether the time of ksoftirqd is missing because it cannot be read.
    #[serde(default)]
    pub(crate) without_softirqs: bool,
    pub(crate) rates: Vec<Rate>,
    pub(crate) absent: Vec<Absent>,
}

/// Number of runs, at least five; seconds of each run.
const RUNS: usize = 5;
const SECONDS: f64 = 0.25;
const SECONDS_QUICK: f64 = 0.05;

/// Measures every contestant with every policy that it can have. The contestants take turns, so
/// that a slow moment of the machine affects all of them.
///
/// # Errors
/// If frames cannot be sent. The results name a contestant that does not load.
pub(crate) fn measure(quick: bool) -> Result<Rates> {
    let mut measured = Rates::default();
    let seconds = if quick { SECONDS_QUICK } else { SECONDS };
    let clock = PacketClock::here()?;
    if !clock.sees_softirqs() {
        eprintln!("rate: ksoftirqd cannot be seen here: its time is not counted");
        measured.without_softirqs = true;
    }
    for flood in floods(quick) {
        let mut runners = start(flood, &mut measured.absent)?;
        for runner in &mut runners {
            runner.calibrate(&clock, seconds)?;
        }
        for _ in 0..RUNS {
            for runner in &mut runners {
                runner.run(&clock)?;
            }
        }
        for mut runner in runners {
            let (name, rates) = (runner.name, mem::take(&mut runner.rates));
            let rate = Sample::of(rates).context("nothing was measured")?;
            eprintln!("rate: {name}, {flood:?}: {:.3} Mpps", rate.median / 1e6);
            measured.rates.push(Rate {
                contestant: name.to_owned(),
                flood,
                rate,
            });
        }
    }
    Ok(measured)
}

/// A contestant on a new wire, with its policy in force.
struct Runner {
    name: &'static str,
    // Dropped before the wire, which its removal needs.
    installed: Box<dyn Installed>,
    wire: Wire,
    sender: Program,
    frame: Vec<u8>,
    /// Number of frames of a run.
    count: u32,
    /// Drops per second of each run.
    rates: Vec<f64>,
}

/// Puts the policy into force with every contestant that supports it.
fn start(flood: Flood, absent: &mut Vec<Absent>) -> Result<Vec<Runner>> {
    let mut runners = Vec::new();
    for contestant in all() {
        let name = contestant.name();
        let wire = Wire::fresh()?;
        let installed = match contestant.unable(flood) {
            Some(why) => Err(why.to_owned()),
            None => (contestant.install(flood, &wire)).map_err(|error| format!("{error:#}")),
        };
        let installed = match installed {
            Ok(in_force) => in_force.installed,
            Err(why) => {
                eprintln!("rate: {name}, {flood:?}: left out: {why}");
                absent.push(Absent {
                    contestant: name.to_owned(),
                    flood,
                    why,
                });
                continue;
            }
        };
        let frame = Flood::frame()?;
        let sources = flood.sources();
        runners.push(Runner {
            name,
            installed,
            wire,
            sender: generator::load(Family::V4, sources, &frame, &End::Transmitted, false)?,
            frame,
            count: 0,
            rates: Vec::new(),
        });
    }
    Ok(runners)
}

impl Runner {
    /// Finds the number of frames that fills a run.
    fn calibrate(&mut self, clock: &PacketClock, seconds: f64) -> Result<()> {
        /// Enough frames to estimate the rate; also the warm-up.
        const FEW: u32 = 20_000;
        self.count = FEW;
        self.run(clock)?;
        let first = self.rates.pop().context("it was just measured")?;
        self.count = (first * seconds).clamp(f64::from(FEW), 1e9) as u32;
        Ok(())
    }

    fn run(&mut self, clock: &PacketClock) -> Result<()> {
        self.wire.enter()?;
        let rate = send(
            clock,
            &self.sender,
            &self.frame,
            &self.wire,
            &*self.installed,
            self.count,
        );
        self.rates.push(rate.context(self.name)?);
        Ok(())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // The policy is removed inside its namespace; otherwise it goes with the namespace.
        let _ = self.wire.enter();
    }
}

/// Sends `count` frames; returns the drops per second of CPU time.
fn send(
    clock: &PacketClock,
    sender: &Program,
    frame: &[u8],
    wire: &Wire,
    installed: &dyn Installed,
    count: u32,
) -> Result<f64> {
    let before = installed.dropped()?;
    let start = clock.now()?;
    sender.run_live(frame, wire.sender, count)?;
    let seconds = (clock.now()? - start).as_secs_f64();
    let dropped = installed.dropped()? - before;
    // The other frames were lost in a full ring, or passed a broken filter.
    if dropped < u64::from(count) / 2 {
        bail!("of {count} frames only {dropped} were dropped");
    }
    Ok(dropped as f64 / seconds)
}

fn floods(quick: bool) -> Vec<Flood> {
    let rules = |rules| Flood { rules, prefixes: 0 };
    let set = |prefixes| Flood { rules: 0, prefixes };
    let both = Flood {
        rules: 1_000,
        prefixes: 100_000,
    };
    if quick {
        return vec![rules(10), rules(100), set(10), set(1_000)];
    }
    let mut floods = [10, 100, 1_000].map(rules).to_vec();
    floods.extend([10, 1_000, 10_000, 100_000].map(set));
    floods.push(both);
    floods
}
