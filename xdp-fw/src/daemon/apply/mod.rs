//! A configuration becomes active: the steps, in order, from the text to what is kept for the next start.
//!
//! Whatever fails before the commit leaves the active generation as it is. Which configuration is
//! applied is `reload`'s, the start's and the trial's to decide.
//!
//! - `reload`: what the file says is applied, or why it is not
//! - `read`: the files; `deaths`: which of them an earlier process died of
//! - `compile`: a verified candidate beside the active generation
//! - `commit`: the candidate becomes active
//! - `announcement`: what the log says of it

pub(super) mod announcement;
pub(super) mod commit;
pub(super) mod compile;
mod deaths;
pub(super) mod read;
pub(super) mod reload;

use std::sync::Arc;

use tracing::warn;

use crate::config::{Config, Loaded};
use crate::datapath::Generation;
use crate::state::{Content, Index, SnapshotError};

use crate::daemon::attach::vlan;
use crate::daemon::engine::Owner;
use crate::daemon::guard::mode::GuardMode;
use crate::daemon::refusal::{KernelError, Refusal};
use crate::daemon::status::Source;
use crate::daemon::trial::begin::{ConfirmBy, TrialStart};

/// The part of the daemon that keeps a copy for the next start.
pub(super) const LAST_GOOD: &str = "last good configuration";

/// How a configuration is applied.
pub(super) struct ApplyRequest {
    /// Where it was read from.
    pub(super) source: Source,
    /// When a trial of it ends; `None` if it stays.
    pub(super) confirm_by: Option<ConfirmBy>,
    /// Whether it may cut off active sessions.
    pub(super) guard: GuardMode,
}

impl ApplyRequest {
    /// A configuration that stays.
    pub(super) fn to_stay(source: Source, guard: GuardMode) -> Self {
        Self {
            source,
            confirm_by: None,
            guard,
        }
    }
}

impl Owner {
    /// Applies a configuration, and records it for the next start.
    pub(super) async fn apply(
        &mut self,
        loaded: &Arc<Loaded>,
        request: ApplyRequest,
    ) -> Result<(), Refusal> {
        for warning in &loaded.warnings {
            warn!("{warning}");
        }
        // The last good configuration may be all there is: filtering is better than none.
        if request.source == Source::File {
            vlan::refuse_hidden(&loaded.config).await?;
        }
        let hash = loaded.hash();
        let before = self.memory.index.clone();
        let trial = match request.confirm_by {
            Some(confirm_by) => Some(self.begin_trial(loaded, confirm_by).await?),
            None => None,
        };
        let stays = trial.is_none();
        let activated = self.activate(&loaded.config, hash, request.guard, trial);
        let generation = match activated.await {
            Ok(generation) => generation,
            Err(refusal) => {
                self.remember_refused(before, hash, &refusal).await?;
                return Err(refusal);
            }
        };
        self.announce(&generation, loaded, request.source);
        if request.source == Source::File {
            self.forget_deaths().await?;
            if stays {
                self.remember_good(loaded).await?;
            }
        }
        Ok(())
    }

    /// The same steps without the record: compile and verify, check, commit.
    pub(super) async fn activate(
        &mut self,
        config: &Arc<Config>,
        hash: [u8; 32],
        guard: GuardMode,
        trial: Option<TrialStart>,
    ) -> Result<Generation, Refusal> {
        let candidate = self.compile(config, hash, guard).await?;
        let checked = self.check(candidate, guard).await?;
        self.commit(checked, trial).await
    }

    pub(super) fn announce(&self, generation: &Generation, loaded: &Loaded, source: Source) {
        self.status.send_modify(|status| {
            status.in_force(generation, source, self.kernel.pins());
            status.warnings = loaded.warnings.iter().map(ToString::to_string).collect();
        });
    }

    /// Restores the record of before, with what the guard refused: no start must apply that either.
    async fn remember_refused(
        &mut self,
        before: Index,
        hash: [u8; 32],
        refusal: &Refusal,
    ) -> Result<(), KernelError> {
        let mut index = before;
        if let Refusal::LockOut(_) = refusal {
            index.cut_off = Some(hash);
        }
        if index == self.memory.index {
            return Ok(());
        }
        self.remember(index).await
    }

    /// A copy that cannot be written is no reason to go back: only the next start misses it.
    pub(super) async fn remember_good(&mut self, loaded: &Arc<Loaded>) -> Result<(), Refusal> {
        match self.memory.store(Arc::clone(loaded)).await? {
            Ok(()) => {
                let index = self.memory.index.clone().in_force(Content::of(loaded));
                self.remember(index).await?;
            }
            Err(error) => {
                self.memory.index.refused = None;
                self.report_memory(Some(&error));
            }
        }
        Ok(())
    }

    /// Records the index, if only for as long as this process lives.
    pub(super) async fn remember(&mut self, index: Index) -> Result<(), KernelError> {
        self.memory.index = index.clone();
        match self.memory.write(index).await {
            Err(Refusal::Kernel(error)) => return Err(error),
            Err(Refusal::Stored(error)) => self.report_memory(Some(&error)),
            _ => self.report_memory(None),
        }
        Ok(())
    }

    fn report_memory(&mut self, error: Option<&SnapshotError>) {
        let error = error.map(|error| {
            format!(
                "{error}; the next start may miss what is in force: correct it and run `xdp-fw reload`"
            )
        });
        self.trouble(LAST_GOOD, error);
    }
}
