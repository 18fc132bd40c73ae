//! Measures the cost of a packet while another CPU filters. A cache line that both CPUs write would
//! move between them with each packet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use nix::sched::sched_getcpu;
use serde::{Deserialize, Serialize};

use crate::bpf::Program;
use crate::cost::{self, Effort};
use crate::isolation;
use crate::sample::Sample;

/// The same packet on one CPU, alone and beside another CPU.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct TwoCpus {
    /// ns/packet while no other CPU filters.
    pub(crate) alone: Sample,
    /// ns/packet while another CPU filters the same packet repeatedly.
    pub(crate) together: Sample,
}

/// Packets between two checks whether the other CPU shall go on.
const BATCH: u32 = 20_000;

/// Measures on this CPU while the first CPU filters; `None` if this is the first CPU.
pub(crate) fn measure(program: &Program, frame: &[u8], effort: Effort) -> Result<Option<TwoCpus>> {
    if sched_getcpu()? == 0 {
        return Ok(None);
    }
    let alone = cost::time(program, frame, effort)?;
    let (done, (running, runs)) = (AtomicBool::new(false), mpsc::channel());
    let together = thread::scope(|scope| {
        let other = scope.spawn(|| -> Result<()> {
            isolation::pin_to(0)?;
            program.run(frame, BATCH)?;
            // If the measurement failed, nothing receives this.
            let _ = running.send(());
            while !done.load(Ordering::Relaxed) {
                program.run(frame, BATCH)?;
            }
            Ok(())
        });
        let together = runs
            .recv()
            .context("the other CPU does not filter")
            .and_then(|()| cost::time(program, frame, effort));
        done.store(true, Ordering::Relaxed);
        let other = other
            .join()
            .map_err(|_| anyhow!("the other CPU's thread died"))?;
        other.and(together)
    })?;
    Ok(Some(TwoCpus { alone, together }))
}
