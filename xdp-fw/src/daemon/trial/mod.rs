//! A configuration on trial: in force until it is confirmed, or the one before comes back.
//!
//! Owns what ends a trial. What begins one is a reload; what happens
//! when is in the tables of `transitions`. See `docs/adr/0010`.

pub(in crate::daemon) mod begin;
pub(in crate::daemon) mod boottime_timer;
pub(in crate::daemon) mod recovery;
pub(in crate::daemon) mod transitions;

use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::config::Config;
use crate::datapath::{Datapath, Generation};
use crate::deadline::Deadline;
use crate::state::Index;

use crate::daemon::apply::ApplyRequest;
use crate::daemon::apply::announcement::Former;
use crate::daemon::apply::reload::log_refusal;
use crate::daemon::engine::command::{Confirmed, RolledBack};
use crate::daemon::engine::service::Service;
use crate::daemon::guard::mode::GuardMode;
use crate::daemon::refusal::{KernelError, Refusal, chain};
use crate::daemon::status::{self, Source};
use transitions::{Event, Transition, TrialState, on};

/// Pause before going back is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// What comes back unless what is in force is confirmed.
pub(in crate::daemon) struct Trial {
    pub(in crate::daemon) until: Deadline,
    /// The number of its generation.
    pub(in crate::daemon) base: u64,
    pub(in crate::daemon) config: Arc<Config>,
    pub(in crate::daemon) hash: [u8; 32],
    /// The interfaces that it was compiled for; none if that is not known.
    pub(in crate::daemon) named: Vec<(u32, String)>,
}

impl Trial {
    /// Whether the deadline has passed, by the clock that nobody sets.
    fn is_over(&self) -> bool {
        self.until.remaining().is_none()
    }
}

impl Service {
    /// The row of the running daemon's table.
    fn trial_state(&self) -> TrialState {
        match &self.trial {
            Some(trial) if trial.is_over() => TrialState::Overdue,
            Some(_) => TrialState::Running,
            None if self.owner.memory.index.refused.is_some() => TrialState::RolledBack,
            None => TrialState::NoTrial,
        }
    }

    /// What is on trial stays.
    pub(in crate::daemon) async fn confirm(&mut self) -> Result<Confirmed, Refusal> {
        match on(self.trial_state(), Event::Confirm) {
            Transition::Confirm => self.keep().await,
            Transition::TakenBack => Err(Refusal::TakenBack),
            Transition::TooLate => Err(Refusal::TooLate),
            _ => Err(Refusal::NothingOnTrial),
        }
    }

    async fn keep(&mut self) -> Result<Confirmed, Refusal> {
        // Only what is on the disk holds over a restart.
        let index = self.owner.memory.index.clone().confirmed();
        self.owner.memory.write(index).await?;
        self.trial = None;
        self.tell_trial();
        self.let_base_go().await?;
        let generation = self.owner.status.borrow().generation;
        info!("confirmed: generation {generation} stays");
        Ok(Confirmed { generation })
    }

    /// What is on trial, or else what was put into force last, is taken back.
    pub(in crate::daemon) async fn roll_back(&mut self) -> Result<RolledBack, Refusal> {
        self.begin_reload();
        let result = match on(self.trial_state(), Event::RollBack) {
            Transition::Revert => self.revert().await,
            _ => self.go_back().await,
        };
        match &result {
            Ok(()) => self.end_reload(Some(&self.rolled_back())),
            Err(refusal) => {
                log_refusal("cannot go back, what is in force stays", refusal);
                self.end_reload(Some(refusal));
            }
        }
        result?;
        let status = self.owner.status.borrow();
        let file = &self.owner.settings.config;
        let refused = self.owner.memory.index.refused;
        Ok(RolledBack {
            generation: status.generation,
            rules: status.rules,
            prefixes: status.prefixes,
            refused: refused.map(|_| file.clone()),
        })
    }

    /// The alarm rings: nobody has confirmed, unless the deadline has moved since.
    pub(in crate::daemon) async fn expire(&mut self) {
        if on(self.trial_state(), Event::Deadline) != Transition::Revert {
            return self.tell_trial();
        }
        self.begin_reload();
        error!("NOT CONFIRMED IN TIME: going back to what was in force before");
        match self.revert().await {
            Ok(()) => {
                let refusal = Refusal::NotConfirmed(self.owner.settings.config.clone());
                self.end_reload(Some(&refusal));
            }
            Err(refusal) => {
                log_refusal("cannot go back yet, trying again", &refusal);
                self.end_reload(Some(&refusal));
                let again = Deadline::after(PAUSE).ok();
                let _ = self.owner.alarm.set(again.as_ref());
            }
        }
    }

    /// Whether the deadline has passed, and what is on trial is still in force: the alarm rings, but
    /// the owner was busy.
    pub(in crate::daemon) fn is_overdue(&self) -> bool {
        self.trial.as_ref().is_some_and(Trial::is_over)
    }

    /// Goes back to the base, and refuses what was on trial from now on.
    async fn revert(&mut self) -> Result<(), Refusal> {
        let index = Index {
            refused: Some(self.hash),
            ..self.owner.memory.index.clone()
        };
        // Going back matters more than that it is remembered.
        self.owner.remember(index).await?;
        self.put_base_back(Source::LastGood).await
    }

    /// Goes back to the base, because that is what the file says again.
    pub(in crate::daemon) async fn return_to_base(&mut self) -> Result<(), Refusal> {
        info!("the file says what was in force before the trial: going back to that");
        self.put_base_back(Source::File).await
    }

    async fn put_base_back(&mut self, source: Source) -> Result<(), Refusal> {
        let Some(trial) = self.trial.take() else {
            return Err(Refusal::NothingOnTrial);
        };
        let generation = match self.owner.put_base_back(&trial).await {
            Ok(generation) => generation,
            Err(refusal) => {
                self.trial = Some(trial);
                return Err(refusal);
            }
        };
        self.config = trial.config;
        self.hash = trial.hash;
        info!(
            "in force: generation {} (as before the trial)",
            generation.number
        );
        let owner = &self.owner;
        owner.status.send_modify(|status| {
            status.in_force(&generation, source, owner.kernel.pins());
            status.warnings = Vec::new();
        });
        self.watch_sessions();
        self.tell_trial();
        let index = self.owner.memory.index.clone().without_trial();
        self.owner.remember(index).await?;
        self.listen().await;
        self.reconcile().await;
        Ok(())
    }

    /// Nothing is on trial: the configuration before the last one comes back, by the way that
    /// every configuration takes.
    async fn go_back(&mut self) -> Result<(), Refusal> {
        let memory = &self.owner.memory;
        let file = &self.owner.settings.config;
        // What could not be stored has not pushed anything back.
        let is_stored = memory.index.is_last_good(&self.hash);
        let previous = if is_stored {
            memory.index.previous.clone()
        } else {
            memory.index.last_good.clone()
        };
        let previous = previous.filter(|previous| previous.belongs_to(file).is_ok());
        let previous = memory.load(previous.ok_or(Refusal::NothingBefore)?).await?;
        // What the file says must not come into force by itself again.
        let file = self.owner.read().await.map(|loaded| loaded.hash());
        let refused = file.unwrap_or(self.hash);
        // It was in force before, and is wanted: who is cut off is told, and not protected.
        let request = ApplyRequest::to_stay(Source::LastGood, GuardMode::Back);
        let prefixes = self.owner.status.borrow().prefixes;
        self.owner.apply(&previous, request).await?;
        self.hash = previous.hash();
        let config = std::mem::replace(&mut self.config, Arc::clone(&previous.config));
        let former = Former {
            config: &config,
            prefixes,
        };
        self.owner.announce_change(&former, &self.config);
        let index = self.owner.memory.index.clone();
        let index = if is_stored { index.swapped() } else { index };
        let index = Index {
            refused: (refused != self.hash).then_some(refused),
            ..index
        };
        self.owner.remember(index).await?;
        self.watch_sessions();
        self.listen().await;
        self.reconcile().await;
        Ok(())
    }

    /// Moves the deadline of the trial that is running.
    pub(in crate::daemon) async fn prolong(&mut self, time: Duration) -> Result<(), Refusal> {
        if self.is_overdue() {
            return Err(Refusal::TooLate);
        }
        let until = Deadline::after(time).map_err(Refusal::Clock)?;
        let mut index = self.owner.memory.index.clone();
        if let Some(trial) = &mut index.trial {
            trial.until = until.clone();
        }
        self.owner.memory.write(index).await?;
        if let Some(trial) = &mut self.trial {
            trial.until = until;
        }
        self.tell_trial();
        Ok(())
    }

    /// Sets the alarm, and has everyone told of the trial, or that there is none.
    pub(in crate::daemon) fn tell_trial(&mut self) {
        let until = self.trial.as_ref().map(|trial| &trial.until);
        let error = self.owner.alarm.set(until).err();
        let trial = self.trial.as_ref().map(|trial| status::Trial {
            until: trial.until.wall.into(),
            seconds_left: trial.until.remaining().unwrap_or_default().as_secs(),
            base: trial.base,
            deadline: Some(trial.until.clone()),
        });
        self.owner.status.send_modify(|status| status.trial = trial);
        let error = error.map(|error| {
            format!("no alarm ({error}); end it with `xdp-fw confirm` or `xdp-fw rollback`")
        });
        self.owner.trouble("trial", error);
    }

    pub(in crate::daemon) fn rolled_back(&self) -> Refusal {
        Refusal::RolledBack(self.owner.settings.config.clone())
    }

    async fn let_base_go(&mut self) -> Result<(), KernelError> {
        let forgotten = self.owner.kernel.run(Datapath::forget_base);
        if let Err(error) = forgotten.await? {
            error!("{}", chain(&error));
        }
        Ok(())
    }
}

impl crate::daemon::engine::Owner {
    /// The base as it is pinned; where its pins are gone, compiled again.
    async fn put_base_back(&mut self, trial: &Trial) -> Result<Generation, Refusal> {
        let reverted = self.kernel.run(Datapath::revert).await?;
        match reverted {
            Ok(generation) => {
                self.named.clone_from(&trial.named);
                self.note_came_back(trial.base, generation.number, &trial.hash, &trial.config);
                Ok(generation)
            }
            Err(error) => {
                warn!("{}; compiling it again", chain(&error));
                let activated = self.activate(&trial.config, trial.hash, GuardMode::Off, None);
                let generation = activated.await?;
                let _ = self.kernel.run(Datapath::forget_base).await?;
                Ok(generation)
            }
        }
    }
}
