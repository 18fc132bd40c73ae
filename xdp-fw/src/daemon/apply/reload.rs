//! A reload: what the file says comes into force, or why it does not.
//!
//! Owns what is decided before and reported after. The steps in between are `apply`'s.

use std::mem;
use std::sync::Arc;

use tracing::{error, info};

use crate::config::{Loaded, bound_confirm};
use crate::state::Index;

use crate::daemon::apply::announcement::Former;
use crate::daemon::apply::compile::interfaces_for;
use crate::daemon::apply::{ApplyRequest, LAST_GOOD};
use crate::daemon::engine::command::{Cause, ReloadOptions, Reloaded};
use crate::daemon::engine::service::Service;
use crate::daemon::guard::mode::GuardMode;
use crate::daemon::malloc;
use crate::daemon::refusal::{KernelError, Refusal};
use crate::daemon::status::{self, LastReload, Source, State, Status};
use crate::daemon::systemd;
use crate::daemon::trial::Trial;
use crate::daemon::trial::begin::ConfirmBy;
use crate::timestamp::Timestamp;

impl Service {
    /// Puts into force what the file says, or says why not.
    pub(in crate::daemon) async fn reload(
        &mut self,
        cause: Cause,
        options: ReloadOptions,
    ) -> Result<Reloaded, Refusal> {
        info!("reloading: {}", self.why(cause, options));
        self.begin_reload();
        let result = self.replace(cause, options).await;
        // What is to be on trial waits for who asked for that.
        self.note_refusal(result.as_ref().err(), options.confirm.is_none());
        if let Err(refusal) = &result {
            log_refusal(
                "reload refused, the former configuration stays in force",
                refusal,
            );
        }
        self.end_reload(result.as_ref().err());
        result
    }

    /// What makes it reload, in words for the log.
    fn why(&self, cause: Cause, options: ReloadOptions) -> String {
        let file = self.owner.settings.config.display();
        let forced = if options.force { " --force" } else { "" };
        match cause {
            Cause::File if self.owner.files.borrow().paths.len() > 1 => {
                format!("{file}, or a file that it names, changed")
            }
            Cause::File => format!("{file} changed"),
            Cause::Signal => "SIGHUP".to_owned(),
            Cause::Control => format!("`xdp-fw reload{forced}`"),
            Cause::Guard => format!("{file}, which the lock-out guard refused"),
        }
    }

    /// Tells that the generation in force may change.
    pub(in crate::daemon) fn begin_reload(&self) {
        self.owner
            .status
            .send_modify(|status| status.state = State::Reloading);
        systemd::reloading();
    }

    /// Tells what came of it.
    pub(in crate::daemon) fn end_reload(&self, refusal: Option<&Refusal>) {
        let last = last_reload(refusal);
        self.owner.status.send_modify(|status| note(status, last));
        systemd::ready(&self.owner.status.borrow());
        malloc::give_back();
    }

    async fn replace(&mut self, cause: Cause, options: ReloadOptions) -> Result<Reloaded, Refusal> {
        if let Some(time) = options.confirm {
            bound_confirm(time).map_err(Refusal::ConfirmTime)?;
        }
        if cause.is_operator() {
            // Whoever asks may know of a change that no time of a file tells.
            self.owner.cache.doubt();
        }
        let loaded = if cause.is_operator() {
            self.owner.read().await?
        } else {
            self.owner.read_unless_fatal().await?
        };
        if !cause.is_operator() && self.owner.memory.index.refused == Some(loaded.hash()) {
            return Err(self.rolled_back());
        }
        let changed = loaded.hash() != self.hash;
        let generation = self.owner.status.borrow().generation;
        let confirm_by = self.confirm_by(cause, options, &loaded);
        let is_base = |trial: &Trial| trial.hash == loaded.hash();
        if !changed {
            self.stay(&loaded, options).await?;
        } else if self.trial.as_ref().is_some_and(is_base) {
            self.return_to_base().await?;
        } else {
            let hash = loaded.hash();
            let applied = self.apply_file(&loaded, confirm_by, GuardMode::unless(options.force));
            if let Err(refusal) = applied.await {
                if options.confirm.is_some() {
                    self.keep_out(hash).await?;
                }
                return Err(refusal);
            }
        }
        if changed || cause.is_operator() {
            // An operator who says `reload` has mended something, perhaps not in the file. Not for
            // every edit, though: to try another mode opens the interface for a moment.
            if cause.is_operator() {
                self.owner.attachments.retry_now();
            }
            self.listen().await;
            self.reconcile().await;
        }
        let status = self.owner.status.borrow();
        // What was left out may be in the same sets again.
        Ok(reloaded(
            &status,
            changed || status.generation != generation,
        ))
    }

    /// How long it is on trial. What comes into force during a trial is on trial, too. An edit that
    /// takes `confirm` out of the file is still subject to it: it may not have been meant.
    fn confirm_by(
        &self,
        cause: Cause,
        options: ReloadOptions,
        loaded: &Loaded,
    ) -> Option<ConfirmBy> {
        let running = self.trial.as_ref().map(|trial| trial.until.clone());
        let configured =
            (loaded.config.confirm.or(self.config.confirm)).filter(|_| !cause.is_operator());
        match (options.confirm, running) {
            (Some(time), _) => Some(ConfirmBy::After(time)),
            (None, Some(deadline)) => Some(ConfirmBy::At(deadline)),
            (None, None) => configured.map(ConfirmBy::After),
        }
    }

    /// What the files say is in force already.
    async fn stay(&mut self, loaded: &Arc<Loaded>, options: ReloadOptions) -> Result<(), Refusal> {
        if options.force && !self.owner.spared.left_out.is_empty() {
            let owner = &mut self.owner;
            let activated = owner.activate(&self.config, self.hash, GuardMode::Forced, None);
            let generation = activated.await?;
            self.owner.announce(&generation, loaded, Source::File);
        } else {
            info!("unchanged: what the files say is in force already");
        }
        self.owner.forget_deaths().await?;
        self.owner
            .status
            .send_modify(|status| status.config_source = Source::File);
        let is_due = !self.owner.memory.index.is_last_good(&self.hash)
            || self.owner.troubles.contains_key(LAST_GOOD);
        let refuses = self.owner.memory.index.refused.is_some();
        match (options.confirm, &self.trial) {
            (Some(time), Some(_)) => self.prolong(time).await,
            (None, Some(_)) => Ok(()),
            // It could not be stored when it came into force, or something else was refused.
            (_, None) if is_due || refuses => self.owner.remember_good(loaded).await,
            (_, None) => Ok(()),
        }
    }

    async fn apply_file(
        &mut self,
        loaded: &Arc<Loaded>,
        confirm_by: Option<ConfirmBy>,
        guard: GuardMode,
    ) -> Result<(), Refusal> {
        if confirm_by.is_some() && !self.owner.memory.index.is_last_good(self.base_hash()) {
            return Err(Refusal::NothingToComeBack);
        }
        let named = self.owner.named.clone();
        let request = ApplyRequest {
            source: Source::File,
            confirm_by,
            guard,
        };
        let prefixes = self.owner.status.borrow().prefixes;
        self.owner.apply(loaded, request).await?;
        let hash = mem::replace(&mut self.hash, loaded.hash());
        let config = mem::replace(&mut self.config, Arc::clone(&loaded.config));
        let former = Former {
            config: &config,
            prefixes,
        };
        self.owner.announce_change(&former, &self.config);
        if let Some(begun) = &self.owner.memory.index.trial {
            let (until, base) = (begun.until.clone(), begun.base);
            match &mut self.trial {
                Some(trial) => trial.until = until,
                None => {
                    self.trial = Some(Trial {
                        until,
                        base,
                        config,
                        hash,
                        named,
                    });
                }
            }
        }
        self.tell_trial();
        Ok(())
    }

    /// What was to be on trial and cannot be must not come into force to stay when the watcher sees
    /// it in a moment.
    async fn keep_out(&mut self, hash: [u8; 32]) -> Result<(), KernelError> {
        let index = Index {
            refused: Some(hash),
            ..self.owner.memory.index.clone()
        };
        self.owner.remember(index).await
    }

    fn base_hash(&self) -> &[u8; 32] {
        self.trial.as_ref().map_or(&self.hash, |trial| &trial.hash)
    }
}

impl Service {
    /// Rules name interfaces, the kernel numbers them: where an interface has come or changed its
    /// name since, the rules are put into force again, before it is attached.
    pub(in crate::daemon) async fn follow_names(&mut self) {
        match interfaces_for(&self.config).await {
            Ok(named) if named == self.owner.named => self.owner.trouble("interface rules", None),
            Ok(_) => {
                // The same rules for other numbers: that must not wait for an operator.
                let error = self.recommit("interfaces have changed").await.err();
                let error = error.map(|error| error.to_string());
                self.watch_sessions();
                self.retry_if(error.is_some());
                self.owner.trouble("interface rules", error);
            }
            Err(error) => {
                self.retry_if(true);
                self.owner
                    .trouble("interface rules", Some(error.to_string()));
            }
        }
    }
}

/// How a reload went, now.
pub(in crate::daemon) fn last_reload(refusal: Option<&Refusal>) -> LastReload {
    LastReload {
        ok: refusal.is_none(),
        at: Timestamp::now(),
        error: refusal.map(ToString::to_string),
        problems: refusal.map(Refusal::problems).unwrap_or_default(),
    }
}

/// Notes in the status how a reload went.
pub(in crate::daemon) fn note(status: &mut Status, last: LastReload) {
    status.state = State::Running;
    if last.ok {
        status.last_success = Some(last.at);
    }
    status.last_reload = Some(last);
}

/// Logs each problem on a line of its own.
pub(in crate::daemon) fn log_refusal(what: &str, refusal: &Refusal) {
    error!("{what}");
    for line in refusal.to_string().lines() {
        error!("{line}");
    }
}

fn reloaded(status: &Status, changed: bool) -> Reloaded {
    let left_out = status.left_out.iter().map(ToString::to_string);
    Reloaded {
        changed,
        generation: status.generation,
        rules: status.rules,
        prefixes: status.prefixes,
        warnings: status.warnings.iter().cloned().chain(left_out).collect(),
        trial: status.trial.clone().map(status::Trial::now),
    }
}
