//! The start: the file's configuration, else the last good one, in force before the first
//! interface is attached.

use std::sync::Arc;

use tracing::{error, warn};

use crate::config::Loaded;

use crate::daemon::apply::ApplyRequest;
use crate::daemon::apply::reload::{last_reload, log_refusal, note};
use crate::daemon::engine::Owner;
use crate::daemon::engine::service::Service;
use crate::daemon::error::Error;
use crate::daemon::guard::lock_out;
use crate::daemon::guard::mode::GuardMode;
use crate::daemon::guard::recheck::Again;
use crate::daemon::malloc;
use crate::daemon::refusal::Refusal;
use crate::daemon::status::Source;
use crate::daemon::systemd;
use crate::daemon::trial::Trial;
use crate::daemon::trial::recovery;

/// What the start put into force.
pub(in crate::daemon) struct Started {
    pub(in crate::daemon) loaded: Arc<Loaded>,
    /// What comes back unless it is confirmed.
    pub(in crate::daemon) trial: Option<Trial>,
    /// Why it is not what the file says.
    pub(in crate::daemon) refusal: Option<Refusal>,
}

/// Puts the first generation into force and attaches.
pub(in crate::daemon) async fn start(mut owner: Owner) -> Result<Service, Error> {
    if let Some(damage) = &owner.memory.damage {
        error!("{damage}");
    }
    owner.recall_left_out().await?;
    let started = match recovery::resume(&mut owner).await? {
        Some(started) => started,
        None => from_file(&mut owner).await?,
    };
    let mut service = Service {
        owner,
        hash: started.loaded.hash(),
        config: Arc::clone(&started.loaded.config),
        trial: started.trial,
        due: None,
        again: Again::default(),
        is_unfiltered: false,
    };
    service.tell_trial();
    service.listen().await;
    service.reconcile().await;
    service.note_refusal(started.refusal.as_ref(), true);
    let last = last_reload(started.refusal.as_ref());
    service
        .owner
        .status
        .send_modify(|status| note(status, last));
    systemd::ready(&service.owner.status.borrow());
    malloc::give_back();
    Ok(service)
}

impl Owner {
    /// Whether the guard has refused this before. Whom it protected may have left since, and would
    /// not get in again: that is not for a start to decide.
    pub(in crate::daemon) fn would_cut_off(&self, loaded: &Loaded) -> bool {
        let is_known = self.memory.index.cut_off == Some(loaded.hash());
        is_known && loaded.config.guard && !self.settings.force
    }
}

/// The file's configuration, or the last good one.
async fn from_file(owner: &mut Owner) -> Result<Started, Error> {
    let file = match owner.read_unless_fatal().await {
        Ok(loaded) if owner.memory.index.refused == Some(loaded.hash()) => {
            Err(Refusal::RolledBack(owner.settings.config.clone()))
        }
        Ok(loaded) if owner.would_cut_off(&loaded) => Err(Refusal::CutOff {
            path: owner.settings.config.clone(),
            again: "try it again with `xdp-fw reload`".to_owned(),
        }),
        Ok(loaded) => {
            let guard = GuardMode::unless(owner.settings.force);
            apply_first(owner, loaded, Source::File, guard).await
        }
        Err(refusal) => Err(refusal),
    };
    let started = match file {
        Ok(loaded) => Started {
            loaded,
            trial: None,
            refusal: None,
        },
        Err(refusal) => fall_back(owner, refusal).await?,
    };
    Ok(started)
}

/// The last good configuration, because the file's was refused.
async fn fall_back(owner: &mut Owner, refusal: Refusal) -> Result<Started, Error> {
    match last_good(owner).await {
        Ok(loaded) => {
            log_refusal("the configuration cannot be used", &refusal);
            owner.tell_death(&refusal);
            warn!(
                "RUNNING THE LAST GOOD CONFIGURATION; correct the file: it is read when it changes"
            );
            Ok(Started {
                loaded,
                trial: None,
                refusal: Some(refusal),
            })
        }
        Err(last_good) => Err(Error::Refused {
            configuration: refusal.is_configuration(),
            refusal: match refusal {
                Refusal::LockOut(lock_out) => {
                    lock_out.at_start(systemd::runs_the_host()).to_string()
                }
                // No daemon runs that could be told to reload.
                Refusal::CutOff { path, .. } => {
                    let again = lock_out::again(systemd::runs_the_host());
                    Refusal::CutOff { path, again }.to_string()
                }
                refusal => refusal.to_string(),
            },
            last_good: last_good.to_string(),
        }),
    }
}

async fn last_good(owner: &mut Owner) -> Result<Arc<Loaded>, Refusal> {
    if let Some(content) = &owner.memory.index.last_good {
        owner.refuse_content(&content.hash)?;
    }
    let loaded = owner.memory.load_fallback(&owner.settings.config).await?;
    // It has been in force before, and there is nothing else.
    apply_first(owner, loaded, Source::LastGood, GuardMode::Off).await
}

async fn apply_first(
    owner: &mut Owner,
    loaded: Arc<Loaded>,
    source: Source,
    guard: GuardMode,
) -> Result<Arc<Loaded>, Refusal> {
    let request = ApplyRequest::to_stay(source, guard);
    owner.apply(&loaded, request).await?;
    owner.announce_first();
    Ok(loaded)
}
