//! A trial that a former process left: finished where it had begun to end, or taken up again.
//!
//! Owns what a start does about it. What happens is in the table of `trial::transitions`.

use humantime::format_duration;
use tracing::{error, info, warn};

use crate::config::Loaded;
use crate::config::snapshot::{self, Content, Index};
use crate::deadline::Deadline;

use super::admission::Guarding;
use super::commit::Until;
use super::entry::Entry;
use super::owner::Owner;
use super::refusal::{KernelError, Refusal, chain};
use super::reload::log_refusal;
use super::start::Started;
use super::status::Source;
use super::trial::Trial;
use super::trial::transitions::{PinnedHashes, Recovery, at_start, failed_content};

/// Finishes what was begun. Gives the unconfirmed configuration that is active again, if the trial goes on.
pub(super) async fn resume(owner: &mut Owner) -> Result<Option<Started>, KernelError> {
    let pinned = owner.kernel.run(|datapath| PinnedHashes {
        active: datapath.in_force().map(|generation| generation.config),
        rollback_target: datapath.base().map(|generation| generation.config),
    });
    let pinned = pinned.await?;
    let index = &owner.memory.index;
    let failed = failed_content(index, pinned);
    match (
        at_start(index, pinned, &owner.settings.config),
        failed,
        index.trial.clone(),
    ) {
        (Recovery::Resume, _, Some(trial)) => return go_on(owner, trial, pinned).await,
        (Recovery::RollBack, Some(content), _) => fail(owner, content, true).await?,
        (Recovery::Refuse, Some(content), _) => fail(owner, content, false).await?,
        _ => end(owner, false).await?,
    }
    Ok(None)
}

/// Applies the current file, keeping the deadline of the recorded trial.
async fn go_on(
    owner: &mut Owner,
    recorded: snapshot::Trial,
    pinned: PinnedHashes,
) -> Result<Option<Started>, KernelError> {
    let snapshot::Trial { content, until, .. } = recorded;
    // The recorded content need not be the active one: a process may have died before its commit.
    let unconfirmed = pinned.unconfirmed();
    let tried = unconfirmed.and_then(|hash| owner.memory.index.tried(&hash).cloned());
    let is_active = unconfirmed.is_some();
    let left = until.remaining().unwrap_or_default().as_secs();
    info!(
        "a configuration is on trial, for another {}",
        format_duration(std::time::Duration::from_secs(left))
    );
    let base = match owner.memory.load_last_good().await {
        Ok(base) => base,
        Err(refusal) => {
            log_refusal(
                "the rollback target's configuration cannot be read",
                &refusal,
            );
            fail(owner, content.hash, is_active).await?;
            return Ok(None);
        }
    };
    let started = match from_file(owner, &base, &until).await {
        Ok(Some((loaded, base))) => Some((loaded, base, None)),
        Ok(None) => {
            info!("the file is the rollback target's again: the trial ends");
            end(owner, is_active).await?;
            return Ok(None);
        }
        Err(refusal) => {
            log_refusal("the configuration cannot be used", &refusal);
            let copy = from_copy(owner, tried, &until).await;
            copy.map(|(loaded, base)| (loaded, base, Some(refusal)))
        }
    };
    let Some((loaded, base_number, refusal)) = started else {
        fail(owner, content.hash, is_active).await?;
        return Ok(None);
    };
    Ok(Some(Started {
        loaded,
        trial: Some(Trial {
            until,
            base: base_number,
            hash: base.hash(),
            config: base.config,
            named: Vec::new(),
        }),
        refusal,
    }))
}

/// Puts what the file says on trial, and gives the number of the base, too; `None` if it says
/// what was in force before.
async fn from_file(
    owner: &mut Owner,
    base: &Loaded,
    until: &Deadline,
) -> Result<Option<(Loaded, u64)>, Refusal> {
    let file = owner.read_unless_fatal().await?;
    if file.hash() == base.hash() {
        return Ok(None);
    }
    if owner.would_cut_off(&file) {
        return Err(Refusal::CutOff {
            path: owner.settings.config.clone(),
            again: "try it again with `xdp-fw reload`".to_owned(),
        });
    }
    let guarding = Guarding::unless(owner.settings.force);
    let tried = owner.put_on_trial(file, Source::File, until, guarding);
    tried.await.map(Some)
}

/// The same with the copy of what is in force on trial; `None` if that cannot be used either.
async fn from_copy(
    owner: &mut Owner,
    tried: Option<Content>,
    until: &Deadline,
) -> Option<(Loaded, u64)> {
    let copy = match tried {
        Some(content) => owner.memory.load(content).await,
        None => Err(Refusal::NothingOnTrial),
    };
    let copy = match copy {
        Ok(copy) => {
            // It is in force: the guard has let it pass.
            let tried = owner.put_on_trial(copy, Source::Trial, until, Guarding::Off);
            tried.await
        }
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = &copy {
        log_refusal("nor can what was on trial", refusal);
        return None;
    }
    warn!("running what was on trial; correct the file: it is read when it changes");
    copy.ok()
}

impl Owner {
    /// Gives the number of the base, too.
    async fn put_on_trial(
        &mut self,
        loaded: Loaded,
        source: Source,
        until: &Deadline,
        guarding: Guarding,
    ) -> Result<(Loaded, u64), Refusal> {
        let entry = Entry {
            source,
            trial: Some(Until::Then(until.clone())),
            guarding,
        };
        let loaded = self.put_into_force(loaded, entry).await?;
        self.announce_first();
        let base = self.memory.index.trial.as_ref().map(|trial| trial.base);
        Ok((loaded, base.unwrap_or_default()))
    }
}

/// The trial has failed: what was on trial is refused from now on.
async fn fail(owner: &mut Owner, refused: [u8; 32], in_force: bool) -> Result<(), KernelError> {
    error!("THE TRIAL OF A CONFIGURATION HAS FAILED: going back to what was in force before");
    let index = Index {
        refused: Some(refused),
        ..owner.memory.index.clone()
    };
    owner.remember(index).await?;
    end(owner, in_force).await
}

/// There is no trial any more. `in_force` is whether the base has to come back first.
async fn end(owner: &mut Owner, in_force: bool) -> Result<(), KernelError> {
    let base = owner
        .kernel
        .run(|datapath| datapath.base().map(|base| base.number));
    if let Some(base) = base.await?.filter(|_| in_force) {
        owner.spared = owner.record.of(base);
    }
    let done = owner.kernel.run(move |datapath| {
        if in_force {
            datapath.revert().map(drop)
        } else if datapath.base().is_some() {
            datapath.forget_base()
        } else {
            Ok(())
        }
    });
    if let Err(error) = done.await? {
        // What follows puts the same into force, compiled anew.
        error!("{}", chain(&error));
    }
    if owner.memory.index.trial.is_some() {
        let index = owner.memory.index.clone().without_trial();
        owner.remember(index).await?;
    }
    Ok(())
}
