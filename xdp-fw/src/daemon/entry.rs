//! A configuration on its way into force: read, compile, commit, remember.
//!
//! Owns that order. Whatever fails before the commit leaves the generation in force as it is. Never
//! decides which configuration it is to be, or what is told of it: that is `reload`'s and `start`'s.

use std::collections::HashSet;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::warn;

use crate::config::snapshot::{self, Content, Index, SnapshotError};
use crate::config::{Config, Loaded};
use crate::datapath::{Datapath, Generation};
use crate::explain::{named_interfaces, with_named};
use crate::guard::{self, Logins};
use crate::interfaces;

use super::admission::Guarding;
use super::attempt::Noted;
use super::candidate;
use super::commit::{Beginning, Committed, Step, Until};
use super::kernel::abandonable;
use super::owner::{Files, Owner};
use super::refusal::{KernelError, Refusal, chain};
use super::status::Source;
use super::vlan;

/// The part of the daemon that keeps a copy for the next start.
pub(super) const LAST_GOOD: &str = "last good configuration";

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

impl Owner {
    /// Reads the configuration file, and tells the watcher what it consists of.
    pub(super) async fn read(&mut self) -> Result<Loaded, Refusal> {
        let path = self.settings.config.clone();
        let read_at = SystemTime::now();
        let (cache, stop) = (self.cache.clone(), self.memory.stop.clone());
        let known = self.files.borrow().paths.clone();
        let noted = Noted(self.memory.notes.reading());
        let attempt = noted.0.clone();
        let read = move || {
            let (result, mut named) =
                candidate::read_file(&path, &cache, attempt.as_deref(), &stop);
            if result.is_err() {
                // What is in force may be wanted again.
                let new: HashSet<PathBuf> = named.paths.iter().cloned().collect();
                let missing = known.iter().filter(|path| !new.contains(*path));
                named.paths.extend(missing.cloned());
            }
            (result, named)
        };
        let (result, named) = abandonable(&self.memory.stop, read).await?;
        drop(noted);
        let (paths, closed): (_, Arc<[PathBuf]>) = (named.paths, named.closed.into());
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
        if entry.source == Source::File {
            self.forget_deaths().await?;
        }
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
        let is_first = self.memory.index.trial.is_none();
        let base = self.kernel.run(move |datapath| {
            if is_first && datapath.base().is_some() {
                // It could not come back at the end of its trial, and something else did.
                if let Err(error) = datapath.forget_base() {
                    warn!("{}", chain(&error));
                }
            }
            let in_force = datapath.in_force();
            let base = datapath.base().or(in_force)?.number;
            Some((base, in_force.map(|generation| generation.config)))
        });
        let (base, in_force) = base.await?.ok_or(Refusal::NothingToComeBack)?;
        let (loaded, stored) = self.memory.store(loaded).await?;
        stored?;
        let trial = snapshot::Trial {
            content: Content::of(&loaded),
            base,
            until: until.clone().deadline()?,
        };
        let index = self.memory.index.clone().on_trial(trial, in_force);
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
        let compiled = self.compiled.clone();
        let logins = match config.guard {
            true => guard::logins().await,
            false => Logins::default(),
        };
        let spared = self.spare(&config, hash, guarding, &logins).await?;
        let left_out = spared.left_out.clone();
        let noted = Noted(self.memory.notes.compiling(hash));
        let compile = move || {
            let tables = candidate::tables(&path, &config, &left_out, &names, &compiled);
            (config, names, tables)
        };
        let (config, names, tables) = abandonable(&self.memory.stop, compile).await?;
        drop(noted);
        let tables = tables?;
        let compiled = tables.memo();
        let step = Step {
            tables,
            interfaces: names,
            guarding,
            hash,
            spared,
            record: self.record.clone(),
            state_dir: self.memory.state_dir.clone(),
            questions: self.questions(&config, hash, guarding, &logins).await?,
            trial,
        };
        let work = move |datapath: &mut Datapath| {
            let committed = step.commit(datapath, &config)?;
            Ok::<_, Refusal>((config, committed))
        };
        let (config, mut committed) = self.kernel.run(work).await??;
        self.record = mem::take(&mut committed.record);
        self.note_spared(&config, mem::take(&mut committed.spared));
        self.tell_unmet(&committed.unmet);
        self.tell(&committed.unseen);
        self.named = named;
        self.compiled = compiled;
        Ok((config, committed))
    }

    pub(super) fn announce(&self, generation: &Generation, loaded: &Loaded, source: Source) {
        self.status.send_modify(|status| {
            status.in_force(generation, source, self.kernel.pins());
            status.warnings = loaded.warnings.iter().map(ToString::to_string).collect();
        });
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
                "{error}; the next start may miss what is in force: correct it and run `xdp-fw reload`"
            )
        });
        self.trouble(LAST_GOOD, error);
    }
}

/// The interfaces by index and name that a pattern of a rule matches. No rule tells the others
/// apart, so that they may come and go.
pub(super) async fn interfaces_for(config: &Config) -> Result<Vec<(u32, String)>, KernelError> {
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
        .map(|it| (it.index, it.name.into()))
        .collect();
    named.sort_unstable();
    Ok(named)
}
