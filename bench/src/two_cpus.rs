//! What a packet costs while another CPU filters, too: were there a cache line that both write, it
//! would go to and fro between them with each packet.

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

/// The same packet on one CPU, alone and not alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct TwoCpus {
    /// ns/packet while nothing else is filtered.
    pub(crate) alone: Sample,
    /// ns/packet while another CPU filters the same packet again and again.
    pub(crate) together: Sample,
}

/// Packets between two looks at whether the other CPU is still wanted.
const BATCH: u32 = 20_000;

/// Measures on this CPU while the first one filters, too; `None` where this is the first one.
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
            // Nobody waits for it any more if the measurement failed.
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
