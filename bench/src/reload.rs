//! Measures time and memory to put a policy into force: a start, an edit, and the commands of the
//! peers. Measures an idle daemon, too.

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

/// The time to load a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) contestant: String,
    #[serde(flatten)]
    pub(crate) flood: Flood,
    /// Milliseconds until the policy is in force.
    pub(crate) load: Sample,
}

/// Further measurements of the daemon of xdp-fw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Edit {
    #[serde(flatten)]
    pub(crate) flood: Flood,
    /// Milliseconds from a write that changes one line until it is in force.
    pub(crate) edit: Sample,
    /// Most resident MB during the start.
    pub(crate) peak: Sample,
    /// Resident MB a second after the start.
    pub(crate) settled: Sample,
}

/// A daemon with 100 rules, without packets and edits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Idle {
    /// Seconds of the measurement.
    pub(crate) seconds: u64,
    /// Number of wake-ups of all its threads.
    pub(crate) wakeups: u64,
    /// Resident MB.
    pub(crate) resident: f64,
}

/// All results of this part, and what it leaves out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reloads {
    pub(crate) loads: Vec<Load>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) idle: Idle,
    #[serde(default)]
    pub(crate) gap: Option<Gap>,
    pub(crate) absent: Vec<Absent>,
}

/// Number of runs, by the seconds that one takes. Anything longer runs once.
const RUNS: [(u64, usize); 2] = [(2, 5), (10, 3)];

/// This peer loads with the same command as another one, and takes as long.
const ALIKE: &str = "nft prerouting";

/// The time after which a daemon has freed the memory of its start.
const SETTLED: Duration = Duration::from_secs(1);

/// The time after which threads for blocking work have ended; they wait ten seconds.
const IDLE: Duration = Duration::from_secs(12);

/// Measures every contestant with every policy that it supports.
///
/// # Errors
/// If the daemon does not start. The results name a peer that does not load.
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

/// Returns the number of runs for something that takes this many milliseconds.
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
    // With the metrics listener, as by default.
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
