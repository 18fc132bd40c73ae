//! A trial that a former process left: finished where it had begun to end, or taken up again.
//!
//! Owns what a start does about it. What happens is in the table of `trial::transitions`.

use std::sync::Arc;
use std::time::Duration;

use humantime::format_duration;
use tracing::{error, info, warn};

use crate::config::Loaded;
use crate::deadline::Deadline;
use crate::state::{self, Content, Index};

use crate::daemon::apply::ApplyRequest;
use crate::daemon::apply::reload::log_refusal;
use crate::daemon::engine::Owner;
use crate::daemon::engine::start::Started;
use crate::daemon::guard::mode::GuardMode;
use crate::daemon::refusal::{KernelError, Refusal, chain};
use crate::daemon::status::Source;
use crate::daemon::trial::Trial;
use crate::daemon::trial::begin::ConfirmBy;
use crate::daemon::trial::transitions::{PinnedHashes, Recovery, at_start, failed_content};

/// Finishes what was begun. Gives the unconfirmed configuration that is active again, if the trial goes on.
pub(in crate::daemon) async fn resume(owner: &mut Owner) -> Result<Option<Started>, KernelError> {
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
    recorded: state::Trial,
    pinned: PinnedHashes,
) -> Result<Option<Started>, KernelError> {
    let state::Trial { content, until, .. } = recorded;
    // The recorded content need not be the active one: a process may have died before its commit.
    let unconfirmed = pinned.unconfirmed();
    let tried = unconfirmed.and_then(|hash| owner.memory.index.tried(&hash).cloned());
    let is_active = unconfirmed.is_some();
    let left = until.remaining().unwrap_or_default().as_secs();
    info!(
        "a configuration is on trial, for another {}",
        format_duration(Duration::from_secs(left))
    );
    let target = match owner.memory.load_last_good().await {
        Ok(target) => target,
        Err(refusal) => {
            log_refusal(
                "the rollback target's configuration cannot be read",
                &refusal,
            );
            fail(owner, content.hash, is_active).await?;
            return Ok(None);
        }
    };
    let started = match from_file(owner, &target, &until).await {
        Ok(Some(loaded)) => Some((loaded, None)),
        Ok(None) => {
            info!("the file says what was in force before the trial");
            end(owner, is_active).await?;
            return Ok(None);
        }
        Err(refusal) => {
            log_refusal("the configuration cannot be used", &refusal);
            let copy = from_copy(owner, tried, &until).await;
            copy.map(|loaded| (loaded, Some(refusal)))
        }
    };
    let Some((loaded, refusal)) = started else {
        fail(owner, content.hash, is_active).await?;
        return Ok(None);
    };
    let recorded = owner.memory.index.trial.as_ref();
    let trial = Trial {
        until,
        base: recorded.map(|trial| trial.base).unwrap_or_default(),
        hash: target.hash(),
        config: Arc::clone(&target.config),
        named: Vec::new(),
    };
    Ok(Some(Started {
        loaded,
        trial: Some(trial),
        refusal,
    }))
}

/// Applies the file on trial; `None` if it is the rollback target's again.
async fn from_file(
    owner: &mut Owner,
    target: &Loaded,
    until: &Deadline,
) -> Result<Option<Arc<Loaded>>, Refusal> {
    let file = owner.read_unless_fatal().await?;
    if file.hash() == target.hash() {
        return Ok(None);
    }
    if owner.would_cut_off(&file) {
        return Err(Refusal::CutOff {
            path: owner.settings.config.clone(),
            again: "try it again with `xdp-fw reload`".to_owned(),
        });
    }
    let guard = GuardMode::unless(owner.settings.force);
    put_on_trial(owner, &file, Source::File, until, guard).await?;
    Ok(Some(file))
}

/// Applies the copy of the unconfirmed configuration; `None` if that cannot be used either.
async fn from_copy(
    owner: &mut Owner,
    tried: Option<Content>,
    until: &Deadline,
) -> Option<Arc<Loaded>> {
    let copy = match tried {
        Some(content) => owner.memory.load(content).await,
        None => Err(Refusal::NothingOnTrial),
    };
    let applied = match copy {
        Ok(copy) => {
            // It is active: the guard has let it pass.
            let applied = put_on_trial(owner, &copy, Source::Trial, until, GuardMode::Off).await;
            applied.map(|()| copy)
        }
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = &applied {
        log_refusal("nor can what was on trial", refusal);
        return None;
    }
    warn!("running what was on trial; correct the file: it is read when it changes");
    applied.ok()
}

async fn put_on_trial(
    owner: &mut Owner,
    loaded: &Arc<Loaded>,
    source: Source,
    until: &Deadline,
    guard: GuardMode,
) -> Result<(), Refusal> {
    let request = ApplyRequest {
        source,
        confirm_by: Some(ConfirmBy::At(until.clone())),
        guard,
    };
    owner.apply(loaded, request).await?;
    owner.announce_first();
    Ok(())
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
        // What follows puts the same into force, compiled again.
        error!("{}", chain(&error));
    }
    if owner.memory.index.trial.is_some() {
        let index = owner.memory.index.clone().without_trial();
        owner.remember(index).await?;
    }
    Ok(())
}
