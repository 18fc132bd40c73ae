//! The last steps into force: prepare, admit, remember, commit.
//!
//! Owns their order, on the thread that may block. What is to be on trial is written down before: a
//! process that dies in between finds out at its next start (`docs/adr/0010`).

use std::path::PathBuf;
use std::time::Duration;

use tracing::debug;

use crate::config::Config;
use crate::config::snapshot::{self, Index};
use crate::datapath::{Datapath, Generation, Prepared};
use crate::deadline::Deadline;
use crate::policy::Tables;

use super::admission::{Guarding, Questions, Unseen};
use super::expectations::{self, Unmet};
use super::left_out::Spared;
use super::left_out_record::Record;
use super::refusal::{KernelError, Refusal};

/// How long a configuration is on trial.
#[derive(Debug, Clone)]
pub(super) enum Until {
    /// From its commit on.
    After(Duration),
    /// Until this moment.
    Then(Deadline),
}

/// A configuration that comes into force on trial; that it does is written down already.
pub(super) struct Beginning {
    pub(super) state_dir: PathBuf,
    pub(super) index: Index,
    pub(super) until: Until,
}

/// What is to be done with compiled tables.
pub(super) struct Step {
    pub(super) tables: Tables,
    /// What they were compiled for, by index and name.
    pub(super) interfaces: Vec<(u32, String)>,
    /// Who has a say.
    pub(super) guarding: Guarding,
    /// The configuration's.
    pub(super) hash: [u8; 32],
    /// What is left out of its sets.
    pub(super) spared: Spared,
    /// What is left out of generations so far, and where that is kept.
    pub(super) record: Record,
    pub(super) state_dir: PathBuf,
    /// What is asked before.
    pub(super) questions: Option<Questions>,
    /// What is written down before, if it is on trial.
    pub(super) trial: Option<Beginning>,
}

/// What a commit came to.
pub(super) struct Committed {
    pub(super) generation: Generation,
    /// What is left out of it, and of others.
    pub(super) spared: Spared,
    pub(super) record: Record,
    pub(super) unseen: Unseen,
    pub(super) unmet: Unmet,
    /// What is written in the state directory by now, if it is on trial.
    pub(super) index: Option<Index>,
}

impl Until {
    pub(super) fn deadline(self) -> Result<Deadline, Refusal> {
        match self {
            Self::After(time) => Deadline::after(time).map_err(Refusal::Clock),
            Self::Then(deadline) => Ok(deadline),
        }
    }
}

impl Step {
    /// Takes it. Whatever fails, what was in force stays.
    pub(super) fn commit(
        self,
        datapath: &mut Datapath,
        config: &Config,
    ) -> Result<Committed, Refusal> {
        let tables = &self.tables;
        let prepared = datapath.prepare(tables, self.hash);
        let prepared = prepared.map_err(KernelError::from)?;
        log_work_of_verifier(&prepared);
        let expected = expectations::without(config, &self.spared.left_out);
        let unmet = expectations::check(
            &prepared,
            tables,
            &expected,
            &self.interfaces,
            self.guarding,
        )?;
        let unseen = match self.questions {
            Some(questions) => questions.ask(datapath, &prepared, tables, config)?,
            None => Unseen::default(),
        };
        let generation = prepared.generation().clone();
        let target = datapath.base().map(|generation| generation.number);
        let more = self
            .record
            .with(generation.number, &self.hash, self.spared.clone(), target);
        if let Some(record) = &more {
            record.write_or_warn(&self.state_dir);
        }
        let committed = match self.trial {
            Some(trial) => commit_on_trial(datapath, prepared, trial).map(Some),
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
        let index = committed?;
        Ok(Committed {
            generation,
            spared: self.spared,
            record: more.unwrap_or(self.record),
            unseen,
            unmet,
            index,
        })
    }
}

/// The time to confirm begins now: neither the compiler nor the verifier takes any of it.
fn commit_on_trial(
    datapath: &mut Datapath,
    prepared: Prepared,
    trial: Beginning,
) -> Result<Index, Refusal> {
    let mut index = trial.index;
    if let Some(begun) = &mut index.trial {
        begun.until = trial.until.deadline()?;
    }
    snapshot::write_index(&trial.state_dir, &index)?;
    let kept = datapath.base().is_some();
    let committed = datapath
        .keep_base()
        .and_then(|()| datapath.commit(prepared));
    if let Err(error) = committed {
        if !kept {
            let _ = datapath.forget_base();
        }
        return Err(KernelError::from(error).into());
    }
    Ok(index)
}

/// What the kernel will not tell (before 5.16), nobody is told.
fn log_work_of_verifier(prepared: &Prepared) {
    if let (Some(filter), Some(probe)) = (
        prepared.verified_instructions(),
        prepared.probe_instructions(),
    ) {
        debug!("the verifier walked {filter} instructions of the filter, {probe} of the probe");
    }
}
