//! A checked candidate becomes active.
//!
//! Owns the order of the last steps, on the thread that may block. What a start must know is on the disk
//! before the commit: a process that dies in between is found out by the next one (ADR 10).

use std::mem;
use std::path::{Path, PathBuf};

use crate::daemon::engine::Owner;
use crate::daemon::guard::check::Checked;
use crate::daemon::guard::left_out::Spared;
use crate::daemon::left_out_record::Record;
use crate::daemon::refusal::{KernelError, Refusal};
use crate::daemon::trial::begin::TrialStart;
use crate::datapath::{Datapath, Generation, Prepared};
use crate::state::{self, Index};

use super::compile::Candidate;

/// What the last steps need besides the candidate.
struct Commit {
    /// What is left out of generations so far, and where that is kept.
    record: Record,
    state_dir: PathBuf,
    /// What is recorded before, if it is on trial.
    trial: Option<TrialStart>,
    /// Of the configuration.
    hash: [u8; 32],
}

/// What a commit changed.
struct Committed {
    generation: Generation,
    record: Record,
    /// What the state directory records now, if it is on trial.
    index: Option<Index>,
}

impl Owner {
    /// Makes a candidate active. Whatever fails, the active generation stays.
    pub(in crate::daemon) async fn commit(
        &mut self,
        checked: Checked,
        trial: Option<TrialStart>,
    ) -> Result<Generation, Refusal> {
        let commit = Commit {
            record: self.record.clone(),
            state_dir: self.memory.state_dir.clone(),
            trial,
            hash: checked.candidate.hash,
        };
        let Checked {
            candidate,
            failed_expectations,
            blind_spots,
        } = checked;
        let Candidate {
            config,
            tables,
            named,
            spared,
            prepared,
            ..
        } = candidate;
        let compiled = tables.memo();
        let left_out = spared.clone();
        let work = move |datapath: &mut Datapath| {
            // Large tables are freed here, not on the runtime's thread.
            drop(tables);
            commit.run(datapath, prepared, left_out)
        };
        let mut committed = self.kernel.run(work).await??;
        self.record = mem::take(&mut committed.record);
        self.note_spared(&config, spared);
        self.report_expectations(&failed_expectations);
        self.report_blind_spots(&blind_spots);
        self.named = named;
        self.compiled = compiled;
        if let Some(index) = committed.index {
            // `former` is not cleared on the disk yet, where it does no harm.
            self.memory.index = Index {
                former: None,
                ..index
            };
        }
        Ok(committed.generation)
    }
}

impl Commit {
    fn run(
        self,
        datapath: &mut Datapath,
        prepared: Prepared,
        spared: Spared,
    ) -> Result<Committed, Refusal> {
        let generation = prepared.generation().clone();
        let target = datapath.base().map(|generation| generation.number);
        let more = self
            .record
            .with(generation.number, &self.hash, spared, target);
        if let Some(record) = &more {
            record.write_or_warn(&self.state_dir);
        }
        let committed = match self.trial {
            Some(trial) => commit_on_trial(datapath, prepared, trial, &self.state_dir).map(Some),
            None => {
                let committed = datapath.commit(prepared);
                committed
                    .map(|()| None)
                    .map_err(|error| KernelError::from(error).into())
            }
        };
        if committed.is_err() && more.is_some() {
            self.record.write_or_warn(&self.state_dir);
        }
        Ok(Committed {
            generation,
            record: more.unwrap_or(self.record),
            index: committed?,
        })
    }
}

/// The time to confirm begins now: neither the compiler nor the verifier takes any of it.
fn commit_on_trial(
    datapath: &mut Datapath,
    prepared: Prepared,
    trial: TrialStart,
    state_dir: &Path,
) -> Result<Index, Refusal> {
    let mut index = trial.index;
    if let Some(begun) = &mut index.trial {
        begun.until = trial.confirm_by.deadline()?;
    }
    state::write_index(state_dir, &index)?;
    let was_kept = datapath.base().is_some();
    let committed = datapath
        .keep_base()
        .and_then(|()| datapath.commit(prepared));
    if let Err(error) = committed {
        if !was_kept {
            let _ = datapath.forget_base();
        }
        return Err(KernelError::from(error).into());
    }
    Ok(index)
}
