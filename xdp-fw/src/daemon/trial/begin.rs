//! The begin of a trial: its content is stored and recorded before anything is compiled.
//!
//! A process that dies before the commit must not leave a file that nobody has to confirm (ADR 10).

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::config::Loaded;
use crate::daemon::engine::Owner;
use crate::daemon::refusal::{Refusal, chain};
use crate::deadline::Deadline;
use crate::state::{self, Content, Index};

/// When a trial ends.
#[derive(Debug, Clone)]
pub(in crate::daemon) enum ConfirmBy {
    /// This long after the commit.
    After(Duration),
    /// At this moment.
    At(Deadline),
}

impl ConfirmBy {
    pub(in crate::daemon) fn deadline(self) -> Result<Deadline, Refusal> {
        match self {
            Self::After(time) => Deadline::after(time).map_err(Refusal::Clock),
            Self::At(deadline) => Ok(deadline),
        }
    }
}

/// A trial that is recorded, and whose configuration is not active yet.
pub(in crate::daemon) struct TrialStart {
    pub(in crate::daemon) index: Index,
    pub(in crate::daemon) confirm_by: ConfirmBy,
}

impl Owner {
    /// Stores the content, and records the trial.
    pub(in crate::daemon) async fn begin_trial(
        &mut self,
        loaded: &Arc<Loaded>,
        confirm_by: ConfirmBy,
    ) -> Result<TrialStart, Refusal> {
        let is_first = self.memory.index.trial.is_none();
        let base = self.kernel.run(move |datapath| {
            if is_first && datapath.base().is_some() {
                // It could not come back at the end of its trial, and something else did.
                if let Err(error) = datapath.forget_base() {
                    warn!("{}", chain(&error));
                }
            }
            let active = datapath.in_force();
            let base = datapath.base().or(active)?.number;
            Some((base, active.map(|generation| generation.config)))
        });
        let (base, active) = base.await?.ok_or(Refusal::NothingToComeBack)?;
        self.memory.store(Arc::clone(loaded)).await??;
        let trial = state::Trial {
            content: Content::of(loaded),
            base,
            until: confirm_by.clone().deadline()?,
        };
        let index = self.memory.index.clone().on_trial(trial, active);
        self.memory.write(index.clone()).await?;
        Ok(TrialStart { index, confirm_by })
    }
}
