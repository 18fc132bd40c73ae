//! Several runs of one measurement, and what is told of them.

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
    /// How many there were.
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

    /// Units per second to nanoseconds for one.
    pub(crate) fn nanoseconds_each(self) -> Self {
        Self {
            min: rounded(1e9 / self.max),
            median: rounded(1e9 / self.median),
            max: rounded(1e9 / self.min),
            ..self
        }
    }

    /// Every run less a constant.
    pub(crate) fn less(self, constant: f64) -> Self {
        Self {
            min: rounded(self.min - constant),
            median: rounded(self.median - constant),
            max: rounded(self.max - constant),
            ..self
        }
    }
}

/// To three digits behind the point: more is noise.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// CPU time of this thread, in the kernel too: what others take from the CPU is not in it.
///
/// # Errors
/// Never on Linux.
pub(crate) fn cpu_time() -> Result<Duration> {
    Ok(Duration::from(clock_gettime(
        ClockId::CLOCK_THREAD_CPUTIME_ID,
    )?))
}

/// CPU time that packets take which this thread sends: its own, and that of the kernel thread that
/// takes over where softirqs are many.
#[derive(Debug)]
pub(crate) struct PacketClock {
    /// Its run time; `None` where it cannot be seen, as in a container.
    softirqs: Option<PathBuf>,
}

impl PacketClock {
    /// That of the CPU on which this thread is, and stays.
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

    /// Whether it sees what the kernel thread takes: if not, what that takes over is not in it.
    pub(crate) fn sees_softirqs(&self) -> bool {
        self.softirqs.is_some()
    }

    /// What was used so far.
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
