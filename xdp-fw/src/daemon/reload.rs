//! A reload: read, compile, commit, remember.
//!
//! Owns that order, and what is told of it. Whatever fails before the commit leaves the generation in force as it is; the
//! commit is the last thing that can fail.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::{error, info, warn};

use crate::config::snapshot::{self, Content, Index, SnapshotError};
use crate::config::{Config, Loaded, bound_confirm};
use crate::datapath::{Datapath, Generation};
use crate::explain::{named_interfaces, with_named};
use crate::interfaces;

use super::admission::Guarding;
use super::candidate;
use super::command::{Cause, ReloadOptions, Reloaded};
use super::commit::{Beginning, Committed, Step, Until};
use super::kernel::blocking;
use super::owner::{Files, Owner};
use super::refusal::{KernelError, Refusal};
use super::service::Service;
use super::status::{self, LastReload, Source, State, Status};
use super::trial::Trial;
use super::{systemd, vlan};
use crate::timestamp::Timestamp;

/// The part of the daemon that keeps a copy for the next start.
const LAST_GOOD: &str = "last good configuration";

/// How a configuration comes into force.
pub(super) struct Entry {
    /// Where it was read from.
    pub(super) source: Source,
    /// How long it is on trial; `None` if it stays.
    pub(super) trial: Option<Until>,
    /// Whether it may cut off who is connected.
    pub(super) guarding: Guarding,
}

impl Entry {
    /// To stay.
    pub(super) fn of(source: Source, guarding: Guarding) -> Self {
        Self {
            source,
            trial: None,
            guarding,
        }
    }
}

impl Service {
    /// Puts into force what the file says, or says why not.
    pub(super) async fn reload(
        &mut self,
        cause: Cause,
        options: ReloadOptions,
    ) -> Result<Reloaded, Refusal> {
        info!(force = options.force, "reloading: {cause}");
        self.begin_reload();
        let result = self.replace(cause, options).await;
        if let Err(refusal) = &result {
            log_refusal(
                "reload refused, the former configuration stays in force",
                refusal,
            );
        }
        self.end_reload(result.as_ref().err());
        result
    }

    /// Tells that the generation in force may change.
    pub(super) fn begin_reload(&self) {
        self.owner
            .status
            .send_modify(|status| status.state = State::Reloading);
        systemd::reloading();
    }

    /// Tells what came of it.
    pub(super) fn end_reload(&self, refusal: Option<&Refusal>) {
        let last = last_reload(refusal);
        self.owner.status.send_modify(|status| note(status, last));
        systemd::ready(&self.owner.status.borrow());
    }

    async fn replace(&mut self, cause: Cause, options: ReloadOptions) -> Result<Reloaded, Refusal> {
        if let Some(time) = options.confirm {
            bound_confirm(time).map_err(Refusal::ConfirmTime)?;
        }
        let loaded = self.owner.read().await?;
        if cause == Cause::File && self.owner.memory.index.refused == Some(loaded.hash()) {
            return Err(self.rolled_back());
        }
        let changed = loaded.hash() != self.hash;
        let until = self.until(cause, options, &loaded);
        let is_base = |trial: &Trial| trial.hash == loaded.hash();
        if !changed {
            self.stay(loaded, options).await?;
        } else if self.trial.as_ref().is_some_and(is_base) {
            self.return_to_base().await?;
        } else {
            let hash = loaded.hash();
            let entered = self.enter(loaded, until, Guarding::unless(options.force));
            if let Err(refusal) = entered.await {
                if options.confirm.is_some() {
                    self.keep_out(hash).await?;
                }
                return Err(refusal);
            }
        }
        if changed || cause != Cause::File {
            // An operator who says `reload` has mended something, perhaps not in the file. Not for
            // every edit, though: to try another mode opens the interface for a moment.
            if cause != Cause::File {
                self.owner.attachments.retry_now();
            }
            self.listen().await;
            self.reconcile().await;
        }
        Ok(reloaded(&self.owner.status.borrow(), changed))
    }

    /// How long it is on trial. What comes into force during a trial is on trial, too. An edit that
    /// takes `confirm` out of the file is still subject to it: it may not have been meant.
    fn until(&self, cause: Cause, options: ReloadOptions, loaded: &Loaded) -> Option<Until> {
        let running = self.trial.as_ref().map(|trial| trial.until.clone());
        let configured =
            (loaded.config.confirm.or(self.config.confirm)).filter(|_| cause == Cause::File);
        match (options.confirm, running) {
            (Some(time), _) => Some(Until::After(time)),
            (None, Some(deadline)) => Some(Until::Then(deadline)),
            (None, None) => configured.map(Until::After),
        }
    }

    /// What the files say is in force already.
    async fn stay(&mut self, loaded: Loaded, options: ReloadOptions) -> Result<(), Refusal> {
        info!("nothing to do: what the files say is in force");
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
            (_, None) if is_due || refuses => self.owner.remember_good(loaded).await.map(drop),
            (_, None) => Ok(()),
        }
    }

    async fn enter(
        &mut self,
        loaded: Loaded,
        until: Option<Until>,
        guarding: Guarding,
    ) -> Result<(), Refusal> {
        if until.is_some() && !self.owner.memory.index.is_last_good(self.base_hash()) {
            return Err(Refusal::NothingToComeBack);
        }
        let named = self.owner.named.clone();
        let entry = Entry {
            source: Source::File,
            trial: until,
            guarding,
        };
        let loaded = self.owner.put_into_force(loaded, entry).await?;
        let hash = mem::replace(&mut self.hash, loaded.hash());
        let config = mem::replace(&mut self.config, loaded.config);
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

impl Owner {
    /// Reads the configuration file, and tells the watcher what it consists of.
    pub(super) async fn read(&mut self) -> Result<Loaded, Refusal> {
        let path = self.settings.config.clone();
        let read_at = SystemTime::now();
        let (result, named) = blocking(move || candidate::read_file(&path)).await?;
        let (mut paths, closed): (_, Arc<[PathBuf]>) = (named.paths, named.closed.into());
        if result.is_err() {
            // What is in force may be wanted again.
            let known = self.files.borrow().paths.clone();
            let missing = known.iter().filter(|path| !paths.contains(path));
            let missing: Vec<PathBuf> = missing.cloned().collect();
            paths.extend(missing);
        }
        let paths: Arc<[PathBuf]> = paths.into();
        self.files.send_if_modified(|files| {
            let new = files.paths != paths || files.closed != closed;
            *files = Files {
                paths,
                closed,
                read_at,
            };
            new
        });
        result
    }

    /// Compiles, commits, and remembers.
    pub(super) async fn put_into_force(
        &mut self,
        loaded: Loaded,
        entry: Entry,
    ) -> Result<Loaded, Refusal> {
        for warning in &loaded.warnings {
            warn!("{warning}");
        }
        // The last good configuration may be all there is: filtering is better than none.
        if entry.source == Source::File {
            vlan::refuse_hidden(&loaded.config).await?;
        }
        let hash = loaded.hash();
        let before = self.memory.index.clone();
        let (loaded, beginning) = match entry.trial {
            Some(until) => {
                let (loaded, beginning) = self.begin_trial(loaded, until).await?;
                (loaded, Some(beginning))
            }
            None => (loaded, None),
        };
        let is_on_trial = beginning.is_some();
        let committed = self.commit(loaded.config, hash, entry.guarding, beginning);
        let (config, committed) = match committed.await {
            Ok(done) => done,
            Err(refusal) => {
                self.remember_refused(before, hash, &refusal).await?;
                return Err(refusal);
            }
        };
        let loaded = Loaded { config, ..loaded };
        if let Some(index) = committed.index {
            // Not on the disk yet, where it does no harm.
            self.memory.index = Index {
                former: None,
                ..index
            };
        }
        self.announce(&committed.generation, &loaded, entry.source);
        if entry.source == Source::File && !is_on_trial {
            return self.remember_good(loaded).await;
        }
        Ok(loaded)
    }

    /// What was written down before the commit, and what the guard refused, which no start must put
    /// into force either.
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

    /// Stores what is to be on trial, and that it is: a process that dies before the commit must not
    /// find a file that nobody has to confirm.
    async fn begin_trial(
        &mut self,
        loaded: Loaded,
        until: Until,
    ) -> Result<(Loaded, Beginning), Refusal> {
        let base = self.kernel.run(|datapath| {
            let base = datapath.base().or(datapath.in_force());
            base.map(|generation| generation.number)
        });
        let base = base.await?.ok_or(Refusal::NothingToComeBack)?;
        let (loaded, stored) = self.memory.store(loaded).await?;
        stored?;
        let index = self.memory.index.clone().on_trial(snapshot::Trial {
            content: Content::of(&loaded),
            base,
            until: until.clone().deadline()?,
        });
        self.memory.write(index.clone()).await?;
        let beginning = Beginning {
            state_dir: self.memory.state_dir.clone(),
            index,
            until,
        };
        Ok((loaded, beginning))
    }

    /// Compiles for the interfaces that there are, and commits.
    pub(super) async fn commit(
        &mut self,
        config: Config,
        hash: [u8; 32],
        guarding: Guarding,
        trial: Option<Beginning>,
    ) -> Result<(Config, Committed), Refusal> {
        let named = interfaces_for(&config).await?;
        let path = self.settings.config.clone();
        let names = with_named(&named, named_interfaces(&config));
        let (config, names, tables) = blocking(move || {
            let tables = candidate::tables(&path, &config, &names);
            (config, names, tables)
        })
        .await?;
        let step = Step {
            tables: tables?,
            interfaces: names,
            guarding,
            hash,
            questions: self.questions(&config, hash, guarding).await?,
            trial,
        };
        let work = move |datapath: &mut Datapath| {
            let committed = step.commit(datapath, &config)?;
            Ok::<_, Refusal>((config, committed))
        };
        let (config, committed) = self.kernel.run(work).await??;
        self.tell_unmet(&committed.unmet);
        self.tell(&committed.unseen);
        self.named = named;
        Ok((config, committed))
    }

    fn announce(&self, generation: &Generation, loaded: &Loaded, source: Source) {
        self.status.send_modify(|status| {
            status.in_force(generation, source);
            status.warnings = loaded.warnings.iter().map(ToString::to_string).collect();
        });
        info!(
            generation = generation.number,
            rules = generation.rules,
            prefixes = generation.prefixes,
            "in force"
        );
    }

    /// A copy that cannot be written is no reason to go back: it is missed at the next start only.
    pub(super) async fn remember_good(&mut self, loaded: Loaded) -> Result<Loaded, Refusal> {
        let (loaded, stored) = self.memory.store(loaded).await?;
        match stored {
            Ok(()) => {
                let index = self.memory.index.clone().in_force(Content::of(&loaded));
                self.remember(index).await?;
            }
            Err(error) => {
                self.memory.index.refused = None;
                self.tell_memory(Some(&error));
            }
        }
        Ok(loaded)
    }

    /// Remembers, if only for as long as this process lives.
    pub(super) async fn remember(&mut self, index: Index) -> Result<(), KernelError> {
        self.memory.index = index.clone();
        match self.memory.write(index).await {
            Err(Refusal::Kernel(error)) => return Err(error),
            Err(Refusal::Stored(error)) => self.tell_memory(Some(&error)),
            _ => self.tell_memory(None),
        }
        Ok(())
    }

    fn tell_memory(&mut self, error: Option<&SnapshotError>) {
        let error = error.map(|error| {
            format!(
                "{error}; the next start may miss what is in force: mend it and run `xdp-fw reload`"
            )
        });
        self.trouble(LAST_GOOD, error);
    }
}

impl Service {
    /// Rules name interfaces, the kernel numbers them: where an interface has come or changed its
    /// name since, the rules are put into force anew, before it is attached.
    pub(super) async fn follow_names(&mut self) {
        match interfaces_for(&self.config).await {
            Ok(named) if named == self.owner.named => self.owner.trouble("interface rules", None),
            Ok(_) => {
                // The same rules for other numbers: that must not wait for an operator.
                let config = self.config.clone();
                let commit = self.owner.commit(config, self.hash, Guarding::Off, None);
                let result = commit.await;
                let error = result.as_ref().err().map(ToString::to_string);
                if let Ok((_, Committed { generation, .. })) = result {
                    info!(
                        generation = generation.number,
                        "interfaces have changed: in force"
                    );
                    let source = self.owner.status.borrow().config_source;
                    self.owner
                        .status
                        .send_modify(|status| status.in_force(&generation, source));
                }
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

/// The interfaces by index and name that a pattern of a rule matches. No rule tells the others
/// apart, so that they may come and go.
async fn interfaces_for(config: &Config) -> Result<Vec<(u32, String)>, KernelError> {
    let rules = config.rules.iter().filter(|rule| rule.enabled);
    let entries = rules
        .filter_map(|rule| rule.interface.as_ref())
        .flat_map(|list| &list.0);
    let patterns: Vec<&str> = entries.map(|entry| entry.pattern.as_str()).collect();
    if patterns.is_empty() {
        return Ok(Vec::new());
    }
    let interfaces = interfaces::list().await?;
    let mut named: Vec<_> = interfaces
        .into_iter()
        .filter(|it| {
            patterns
                .iter()
                .any(|pattern| interfaces::matches(pattern, &it.name))
        })
        .map(|it| (it.index, it.name))
        .collect();
    named.sort_unstable();
    Ok(named)
}

/// How a reload went, now.
pub(super) fn last_reload(refusal: Option<&Refusal>) -> LastReload {
    LastReload {
        ok: refusal.is_none(),
        at: Timestamp::now(),
        error: refusal.map(ToString::to_string),
        problems: refusal.map(Refusal::problems).unwrap_or_default(),
    }
}

/// Notes in the status how a reload went.
pub(super) fn note(status: &mut Status, last: LastReload) {
    status.state = State::Running;
    if last.ok {
        status.last_success = Some(last.at);
    }
    status.last_reload = Some(last);
}

/// Logs each problem on a line of its own.
pub(super) fn log_refusal(what: &str, refusal: &Refusal) {
    error!("{what}");
    for line in refusal.to_string().lines() {
        error!("{line}");
    }
}

fn reloaded(status: &Status, changed: bool) -> Reloaded {
    Reloaded {
        changed,
        generation: status.generation,
        rules: status.rules,
        prefixes: status.prefixes,
        warnings: status.warnings.clone(),
        trial: status.trial.clone().map(status::Trial::now),
    }
}
