//! Several runs of a measurement: median, smallest and largest.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sched::sched_getcpu;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Smallest, middle and largest of several runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
    /// The number of runs.
    pub(crate) runs: usize,
}

impl Sample {
    /// `None` without a run.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let runs = values.len();
        let (upper, lower) = (values.get(runs / 2)?, values.get((runs - 1) / 2)?);
        Some(Self {
            min: rounded(*values.first()?),
            median: rounded(f64::midpoint(*upper, *lower)),
            max: rounded(*values.last()?),
            runs,
        })
    }

    /// Converts units per second to nanoseconds per unit.
    pub(crate) fn nanoseconds_each(self) -> Self {
        Self {
            min: rounded(1e9 / self.max),
            median: rounded(1e9 / self.median),
            max: rounded(1e9 / self.min),
            ..self
        }
    }

    /// Subtracts a constant from every run.
    pub(crate) fn less(self, constant: f64) -> Self {
        Self {
            min: rounded(self.min - constant),
            median: rounded(self.median - constant),
            max: rounded(self.max - constant),
            ..self
        }
    }
}

/// Rounds to three digits after the point; more are noise.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// CPU time of this thread, in user space and in the kernel.
///
/// # Errors
/// Never on Linux.
pub(crate) fn cpu_time() -> Result<Duration> {
    Ok(Duration::from(clock_gettime(
        ClockId::CLOCK_THREAD_CPUTIME_ID,
    )?))
}

/// CPU time for the packets that this thread sends: its own, and that of ksoftirqd, which takes
/// over when there are many softirqs.
#[derive(Debug)]
pub(crate) struct PacketClock {
    /// The statistics of ksoftirqd; `None` where they are hidden, as in a container.
    softirqs: Option<PathBuf>,
}

impl PacketClock {
    /// The time on the CPU that this thread is pinned to.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub(crate) fn here() -> Result<Self> {
        let name = format!("ksoftirqd/{}", sched_getcpu()?);
        let is_it = |process: &PathBuf| {
            let comm = fs::read_to_string(process.join("comm"));
            comm.is_ok_and(|comm| comm.trim_end() == name)
        };
        let mut processes = fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
        Ok(Self {
            softirqs: processes.find(is_it).map(|path| path.join("schedstat")),
        })
    }

    /// Whether the time includes that of ksoftirqd.
    pub(crate) fn sees_softirqs(&self) -> bool {
        self.softirqs.is_some()
    }

    /// The CPU time used so far.
    ///
    /// # Errors
    /// If the kernel thread has ended, which it never does.
    pub(crate) fn now(&self) -> Result<Duration> {
        let softirqs = match &self.softirqs {
            Some(path) => {
                let text = fs::read_to_string(path)?;
                let nanoseconds = text.split(' ').next().context("schedstat is empty")?;
                Duration::from_nanos(nanoseconds.parse()?)
            }
            None => Duration::ZERO,
        };
        Ok(cpu_time()? + softirqs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_of_runs_is_between_two() {
        let sample = Sample::of(vec![4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((sample.min, sample.median, sample.max), (1.0, 2.5, 4.0));
        assert_eq!(sample.runs, 4);
    }

    #[test]
    fn the_highest_rate_is_the_shortest_time() {
        let rate = Sample::of(vec![1e6, 2e6, 4e6]).unwrap();
        let each = rate.nanoseconds_each();
        assert_eq!((each.min, each.median, each.max), (250.0, 500.0, 1000.0));
    }

    #[test]
    fn without_a_run_there_is_no_sample() {
        assert_eq!(Sample::of(Vec::new()), None);
    }
}
