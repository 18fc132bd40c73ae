//! A reload: read, compile, prepare, commit, remember.
//!
//! Owns that order. Whatever fails before the commit leaves the generation in force as it is; the
//! commit is the last thing that can fail.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::{debug, error, info, warn};

use crate::config::{Config, Loaded, snapshot};
use crate::datapath::{Datapath, Generation, Prepared};
use crate::interfaces;

use super::admission::{Guarding, Unseen};
use super::candidate;
use super::command::{Cause, ReloadOptions, Reloaded};
use super::kernel::blocking;
use super::owner::{Files, Owner};
use super::refusal::{KernelError, Refusal};
use super::service::Service;
use super::status::{LastReload, Source, State, Status};
use super::{systemd, vlan};
use crate::timestamp::Timestamp;

/// The part of the daemon that keeps a copy for the next start.
const LAST_GOOD: &str = "last good configuration";

impl Service {
    /// Puts into force what the file says, or says why not.
    pub(super) async fn reload(
        &mut self,
        cause: Cause,
        options: ReloadOptions,
    ) -> Result<Reloaded, Refusal> {
        info!(force = options.force, "reloading: {cause}");
        self.owner
            .status
            .send_modify(|status| status.state = State::Reloading);
        systemd::reloading();
        let result = self.replace(cause, options).await;
        let last = last_reload(result.as_ref().err());
        self.owner.status.send_modify(|status| note(status, last));
        if let Err(refusal) = &result {
            log_refusal(
                "reload refused, the former configuration stays in force",
                refusal,
            );
        }
        systemd::ready(&self.owner.status.borrow());
        result
    }

    async fn replace(&mut self, cause: Cause, options: ReloadOptions) -> Result<Reloaded, Refusal> {
        let loaded = self.owner.read().await?;
        let changed = loaded.hash() != self.hash;
        if changed {
            let guarding = Guarding::unless(options.force);
            let loaded = self
                .owner
                .put_into_force(loaded, Source::File, guarding)
                .await?;
            self.hash = loaded.hash();
            self.config = loaded.config;
        } else {
            info!("nothing to do: what the files say is in force");
            if self.owner.troubles.contains_key(LAST_GOOD) {
                self.owner.remember(loaded).await?;
            }
            self.owner
                .status
                .send_modify(|status| status.config_source = Source::File);
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

    /// Compiles, prepares, commits, and remembers as the last good configuration.
    pub(super) async fn put_into_force(
        &mut self,
        loaded: Loaded,
        source: Source,
        guarding: Guarding,
    ) -> Result<Loaded, Refusal> {
        for warning in &loaded.warnings {
            warn!("{warning}");
        }
        // The last good configuration may be all there is: filtering is better than none.
        if source == Source::File {
            vlan::refuse_hidden(&loaded.config).await?;
        }
        let hash = loaded.hash();
        let (config, generation) = self.commit(loaded.config, hash, guarding).await?;
        let loaded = Loaded { config, ..loaded };
        self.announce(&generation, &loaded, source);
        if source == Source::File {
            return self.remember(loaded).await;
        }
        Ok(loaded)
    }

    /// Compiles for the interfaces that there are, prepares and commits.
    async fn commit(
        &mut self,
        config: Config,
        hash: [u8; 32],
        guarding: Guarding,
    ) -> Result<(Config, Generation), Refusal> {
        let named = interfaces_for(&config).await?;
        let path = self.settings.config.clone();
        let names = named.clone();
        let (config, tables) = blocking(move || {
            let tables = candidate::tables(&path, &config, &names);
            (config, tables)
        })
        .await?;
        let tables = tables?;
        let questions = self.questions(&config, hash, guarding).await?;
        let work = move |datapath: &mut Datapath| {
            let prepared = datapath.prepare(&tables, hash).map_err(KernelError::from)?;
            log_work_of_verifier(&prepared);
            let unseen = match questions {
                Some(questions) => questions.ask(datapath, &prepared, &tables, &config)?,
                None => Unseen::default(),
            };
            let generation = prepared.generation().clone();
            datapath.commit(prepared).map_err(KernelError::from)?;
            Ok::<_, Refusal>((config, generation, unseen))
        };
        let (config, generation, unseen) = self.kernel.run(work).await??;
        self.tell(&unseen);
        self.named = named;
        Ok((config, generation))
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
    async fn remember(&mut self, loaded: Loaded) -> Result<Loaded, Refusal> {
        let state_dir = self.settings.state_dir.clone();
        let (loaded, stored) = blocking(move || {
            let stored = snapshot::store(&state_dir, &loaded);
            (loaded, stored)
        })
        .await?;
        let error = stored.err().map(|error| {
            format!(
                "{error}; the next start may miss what is in force: mend it and run `xdp-fw reload`"
            )
        });
        self.trouble(LAST_GOOD, error);
        Ok(loaded)
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
                let commit = self
                    .owner
                    .commit(self.config.clone(), self.hash, Guarding::Off);
                let result = commit.await;
                let error = result.as_ref().err().map(ToString::to_string);
                if let Ok((_, generation)) = result {
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

/// What the kernel will not tell (before 5.16), nobody is told.
fn log_work_of_verifier(prepared: &Prepared) {
    if let (Some(filter), Some(probe)) = (
        prepared.verified_instructions(),
        prepared.probe_instructions(),
    ) {
        debug!("verified filter={filter} probe={probe} instructions");
    }
}

fn reloaded(status: &Status, changed: bool) -> Reloaded {
    Reloaded {
        changed,
        generation: status.generation,
        rules: status.rules,
        prefixes: status.prefixes,
        warnings: status.warnings.clone(),
    }
}
