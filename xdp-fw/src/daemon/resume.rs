//! A trial that a former process left: finished where it had begun to end, or taken up again.
//!
//! Owns what a start does about it. What is to be done is `outlook`'s to say.

use humantime::format_duration;
use tracing::{error, info, warn};

use crate::config::Loaded;
use crate::config::snapshot::{Content, Index};
use crate::deadline::Deadline;

use super::admission::Guarding;
use super::commit::Until;
use super::entry::Entry;
use super::outlook::{Outlook, Pinned, outlook};
use super::owner::Owner;
use super::refusal::{KernelError, Refusal, chain};
use super::reload::log_refusal;
use super::start::Started;
use super::status::Source;
use super::trial::Trial;

/// Finishes what was begun. Gives what is in force, if that is still on trial.
pub(super) async fn resume(owner: &mut Owner) -> Result<Option<Started>, KernelError> {
    let pinned = owner.kernel.run(|datapath| Pinned {
        in_force: datapath.in_force().map(|generation| generation.config),
        base: datapath.base().map(|generation| generation.config),
    });
    let pinned = pinned.await?;
    match outlook(&owner.memory.index, pinned, &owner.settings.config) {
        Outlook::GoesOn { until, in_force } => return go_on(owner, until, in_force).await,
        Outlook::Failed { refused, in_force } => fail(owner, refused, in_force).await?,
        Outlook::None => end(owner, false).await?,
    }
    Ok(None)
}

/// What the file says by now is on trial, until the same moment. `in_force` is the hash of what is
/// in force on trial.
async fn go_on(
    owner: &mut Owner,
    until: Deadline,
    in_force: Option<[u8; 32]>,
) -> Result<Option<Started>, KernelError> {
    let index = &owner.memory.index;
    let Some(begun) = index.trial.clone() else {
        return Ok(None);
    };
    // What was to be on trial last need not have come into force.
    let tried = in_force.and_then(|hash| index.tried(&hash).cloned());
    let in_force = in_force.is_some();
    let left = until.remaining().unwrap_or_default().as_secs();
    info!(
        "a configuration is on trial, for another {}",
        format_duration(std::time::Duration::from_secs(left))
    );
    let base = match owner.memory.load_last_good().await {
        Ok(base) => base,
        Err(refusal) => {
            log_refusal(
                "what was in force before the trial cannot be read",
                &refusal,
            );
            fail(owner, begun.content.hash, in_force).await?;
            return Ok(None);
        }
    };
    let started = match from_file(owner, &base, &until).await {
        Ok(Some((loaded, base))) => Some((loaded, base, None)),
        Ok(None) => {
            info!("the file says what was in force before the trial");
            end(owner, in_force).await?;
            return Ok(None);
        }
        Err(refusal) => {
            log_refusal("the configuration cannot be used", &refusal);
            let copy = from_copy(owner, tried, &until).await;
            copy.map(|(loaded, base)| (loaded, base, Some(refusal)))
        }
    };
    let Some((loaded, base_number, refusal)) = started else {
        fail(owner, begun.content.hash, in_force).await?;
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
