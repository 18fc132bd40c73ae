//! How many packets a second are dropped on a veth: live frames from one end, a filter on the
//! other, both on one CPU.
//!
//! What sending costs is in it, and so is what the stack does before a filter sees a packet.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::bpf::Program;
use crate::contestants::{Installed, all};
use crate::flood::Flood;
use crate::generator::{self, End};
use crate::policy::Family;
use crate::sample::Sample;
use crate::wire::Wire;

/// What one contestant drops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub(crate) contestant: String,
    #[serde(flatten)]
    pub(crate) flood: Flood,
    /// Packets dropped per second.
    pub(crate) rate: Sample,
}

/// What was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Absent {
    pub(crate) contestant: String,
    #[serde(flatten)]
    pub(crate) flood: Flood,
    pub(crate) why: String,
}

/// All that was measured, and all that was not.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rates {
    pub(crate) rates: Vec<Rate>,
    pub(crate) absent: Vec<Absent>,
}

/// Runs of each, at least five; seconds of each run.
const RUNS: usize = 5;
const SECONDS: f64 = 0.25;
const SECONDS_QUICK: f64 = 0.05;

/// Measures every contestant with every policy it can have.
///
/// # Errors
/// If frames cannot be sent. A contestant that does not load is left out by name.
pub(crate) fn measure(quick: bool) -> Result<Rates> {
    let mut measured = Rates::default();
    let seconds = if quick { SECONDS_QUICK } else { SECONDS };
    for flood in floods(quick) {
        for contestant in all() {
            let name = contestant.name();
            let mut leave_out = |why: String| {
                eprintln!("rate: {name}, {flood:?}: left out: {why}");
                measured.absent.push(Absent {
                    contestant: name.to_owned(),
                    flood,
                    why,
                });
            };
            if let Some(why) = contestant.unable(flood) {
                leave_out(why.to_owned());
                continue;
            }
            let wire = Wire::fresh()?;
            let in_force = match contestant.install(flood, &wire) {
                Ok(in_force) => in_force,
                Err(error) => {
                    leave_out(format!("{error:#}"));
                    continue;
                }
            };
            let rate = one(flood, &wire, &*in_force.installed, seconds)
                .with_context(|| format!("{name}, {flood:?}"))?;
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

fn one(flood: Flood, wire: &Wire, installed: &dyn Installed, seconds: f64) -> Result<Sample> {
    /// Enough to see how fast it goes; also the warm-up.
    const FEW: u32 = 20_000;
    let frame = Flood::frame()?;
    let sources = flood.sources();
    let sender = generator::load(Family::V4, sources, &frame, &End::Transmitted, false)?;
    let run = |count: u32| send(&sender, &frame, wire, installed, count);
    let first = run(FEW)?;
    let count = (first * seconds).clamp(f64::from(FEW), 1e9) as u32;
    let rates: Result<Vec<f64>> = (0..RUNS).map(|_| run(count)).collect();
    Sample::of(rates?).context("nothing was measured")
}

/// Sends so many frames; drops per second.
fn send(
    sender: &Program,
    frame: &[u8],
    wire: &Wire,
    installed: &dyn Installed,
    count: u32,
) -> Result<f64> {
    let before = installed.dropped()?;
    let start = Instant::now();
    sender.run_live(frame, wire.sender, count)?;
    let seconds = start.elapsed().as_secs_f64();
    let dropped = installed.dropped()? - before;
    // The rest was lost where the receiver's ring was full, or passed a filter that does not work.
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
