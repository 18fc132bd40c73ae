//! What it takes to put a policy into force: time and memory, a start, an edit, and the peers'
//! way to load the same. And what a daemon takes that has nothing to do.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::contestants::{Contestant, OURS, all};
use crate::daemon::Daemon;
use crate::flood::Flood;
use crate::gap::{self, Gap};
use crate::rate::Absent;
use crate::sample::Sample;
use crate::wire::Wire;

/// How long one policy takes to load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) contestant: String,
    #[serde(flatten)]
    pub(crate) flood: Flood,
    /// Milliseconds until it is in force.
    pub(crate) load: Sample,
}

/// What our daemon takes besides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Edit {
    #[serde(flatten)]
    pub(crate) flood: Flood,
    /// Milliseconds from the write of a file in which one line differs until it is in force.
    pub(crate) edit: Sample,
    /// MB resident: the most while it started.
    pub(crate) peak: Sample,
    /// MB resident a second after the start.
    pub(crate) settled: Sample,
}

/// A daemon that filters by 100 rules and sees no packet and no edit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Idle {
    /// How long it was watched.
    pub(crate) seconds: u64,
    /// How often one of its threads woke up.
    pub(crate) wakeups: u64,
    /// MB resident.
    pub(crate) resident: f64,
}

/// All that was measured, and all that was not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reloads {
    pub(crate) loads: Vec<Load>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) idle: Idle,
    #[serde(default)]
    pub(crate) gap: Option<Gap>,
    pub(crate) absent: Vec<Absent>,
}

/// Runs of what takes less than so many seconds; beyond the last, one must do.
const RUNS: [(u64, usize); 2] = [(2, 5), (10, 3)];

/// What is loaded by the same command as another, and takes as long.
const ALIKE: &str = "nft prerouting";

/// After this a daemon has let go of what it needed to start.
const SETTLED: Duration = Duration::from_secs(1);

/// After this its threads for blocking work have ended, which wait ten seconds for more.
const IDLE: Duration = Duration::from_secs(12);

/// Measures every contestant with every policy it can have.
///
/// # Errors
/// If the daemon does not start. A peer that does not load is left out by name.
pub(crate) fn measure(quick: bool) -> Result<Reloads> {
    let mut measured = Reloads {
        loads: Vec::new(),
        edits: Vec::new(),
        idle: idle(if quick { 2 } else { 10 })?,
        gap: None,
        absent: Vec::new(),
    };
    for flood in floods(quick) {
        let (load, edit) = ours(flood).with_context(|| format!("xdp-fw, {flood:?}"))?;
        eprintln!(
            "reload: xdp-fw, {flood:?}: start {:.0} ms, edit {:.0} ms, {:.0} MB, then {:.0} MB",
            load.load.median, edit.edit.median, edit.peak.max, edit.settled.max
        );
        measured.loads.push(load);
        measured.edits.push(edit);
        peers(flood, &mut measured)?;
    }
    let replaced = Flood {
        rules: 0,
        prefixes: if quick { 10_000 } else { 1_000_000 },
    };
    let gap = gap::measure(replaced).context("the gap during an edit")?;
    eprintln!(
        "reload: longest gap between two packets, {replaced:?}: {:.2} ms during an edit of every \
         prefix, {:.2} ms without",
        gap.edit.median, gap.quiet.median
    );
    measured.gap = Some(gap);
    Ok(measured)
}

fn ours(flood: Flood) -> Result<(Load, Edit)> {
    let set = flood.set_file()?;
    let [first, second] = [1, 2].map(|port| flood.configuration_with(port));
    let (first, second) = (first?, second?);
    let (mut starts, mut edits) = (Vec::new(), Vec::new());
    let (mut peaks, mut settled) = (Vec::new(), Vec::new());
    while starts.len() < wanted(&starts) {
        let _wire = Wire::fresh()?;
        let (mut daemon, took) = Daemon::start(&first, &set)?;
        starts.push(milliseconds(took));
        thread::sleep(SETTLED);
        let resident = daemon.resident()?;
        peaks.push(resident.peak);
        settled.push(resident.now);
        for configuration in [&second, &first] {
            edits.push(milliseconds(daemon.edit(configuration)?));
        }
    }
    let sample = |values| Sample::of(values).context("nothing was measured");
    let load = Load {
        contestant: OURS.to_owned(),
        flood,
        load: sample(starts)?,
    };
    let edit = Edit {
        flood,
        edit: sample(edits)?,
        peak: sample(peaks)?,
        settled: sample(settled)?,
    };
    Ok((load, edit))
}

fn peers(flood: Flood, measured: &mut Reloads) -> Result<()> {
    for contestant in all()
        .into_iter()
        .filter(|it| it.is_peer() && it.name() != ALIKE)
    {
        let name = contestant.name().to_owned();
        let why = match contestant.unable(flood) {
            Some(why) => why.to_owned(),
            None => match loads(&*contestant, flood) {
                Ok(load) => {
                    eprintln!("reload: {name}, {flood:?}: {:.0} ms", load.median);
                    measured.loads.push(Load {
                        contestant: name,
                        flood,
                        load,
                    });
                    continue;
                }
                Err(error) => format!("{error:#}"),
            },
        };
        eprintln!("reload: {name}, {flood:?}: left out: {why}");
        measured.absent.push(Absent {
            contestant: name,
            flood,
            why,
        });
    }
    Ok(())
}

fn loads(contestant: &dyn Contestant, flood: Flood) -> Result<Sample> {
    let mut times = Vec::new();
    while times.len() < wanted(&times) {
        let wire = Wire::fresh()?;
        let took = contestant.install(flood, &wire)?.took;
        times.push(milliseconds(took));
    }
    Sample::of(times).context("nothing was measured")
}

/// How many runs there should be of what took so many milliseconds so far.
fn wanted(times: &[f64]) -> usize {
    let longest = times.iter().copied().fold(0.0, f64::max);
    let fitting = RUNS
        .iter()
        .find(|(seconds, _)| longest < *seconds as f64 * 1e3);
    fitting.map_or(1, |(_, runs)| *runs)
}

fn idle(seconds: u64) -> Result<Idle> {
    let flood = Flood {
        rules: 100,
        prefixes: 0,
    };
    let _wire = Wire::fresh()?;
    // With its metrics, as it is by default.
    let configuration = flood
        .configuration()?
        .replace("metrics.listen = false\n", "");
    let (daemon, _) = Daemon::start(&configuration, "")?;
    thread::sleep(IDLE);
    let before = daemon.waits()?;
    thread::sleep(Duration::from_secs(seconds));
    let after = daemon.waits()?;
    let woken = |(thread, count): (&_, u64)| count - before.get(thread).unwrap_or(&0);
    Ok(Idle {
        seconds,
        wakeups: after
            .iter()
            .map(|(thread, count)| woken((thread, *count)))
            .sum(),
        resident: daemon.resident()?.now,
    })
}

fn floods(quick: bool) -> Vec<Flood> {
    let rules = |rules| Flood { rules, prefixes: 0 };
    let set = |prefixes| Flood { rules: 0, prefixes };
    if quick {
        return vec![rules(10), rules(100), set(10), set(10_000)];
    }
    let mut floods = [10, 100, 1_000, 4_000].map(rules).to_vec();
    floods.extend([10, 1_000, 10_000, 100_000, 1_000_000].map(set));
    floods
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_run_less_often() {
        assert_eq!(wanted(&[]), 5);
        assert_eq!(wanted(&[100.0, 1_999.0]), 5);
        assert_eq!(wanted(&[2_500.0]), 3);
        assert_eq!(wanted(&[60_000.0]), 1);
    }
}
