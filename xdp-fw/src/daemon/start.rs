//! The start: the file's configuration, else the last good one, in force before the first
//! interface is attached.

use tracing::{error, warn};

use crate::config::Loaded;

use super::admission::Guarding;
use super::again::Again;
use super::entry::Entry;
use super::error::Error;
use super::heap;
use super::lockout;
use super::owner::Owner;
use super::refusal::Refusal;
use super::reload::{last_reload, log_refusal, note};
use super::resume;
use super::service::Service;
use super::status::Source;
use super::systemd;
use super::trial::Trial;

/// What the start put into force.
pub(super) struct Started {
    pub(super) loaded: Loaded,
    /// What comes back unless it is confirmed.
    pub(super) trial: Option<Trial>,
    /// Why it is not what the file says.
    pub(super) refusal: Option<Refusal>,
}

/// Puts the first generation into force and attaches.
pub(super) async fn start(mut owner: Owner) -> Result<Service, Error> {
    if let Some(damage) = &owner.memory.damage {
        error!("{damage}");
    }
    owner.recall_left_out().await?;
    let started = match resume::resume(&mut owner).await? {
        Some(started) => started,
        None => from_file(&mut owner).await?,
    };
    let mut service = Service {
        owner,
        hash: started.loaded.hash(),
        config: started.loaded.config,
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
    heap::give_back();
    Ok(service)
}

impl Owner {
    /// Reads the configuration file, unless an earlier process died of what it says.
    pub(super) async fn read_unless_fatal(&mut self) -> Result<Loaded, Refusal> {
        self.refuse_files().await?;
        let loaded = self.read().await?;
        self.refuse_content(&loaded.hash())?;
        Ok(loaded)
    }

    /// Whether the guard has refused this before. Whom it protected may have left since, and would
    /// not get in again: that is not for a start to decide.
    pub(super) fn would_cut_off(&self, loaded: &Loaded) -> bool {
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
            let guarding = Guarding::unless(owner.settings.force);
            let entry = Entry::of(Source::File, guarding);
            let entered = owner.put_into_force(loaded, entry).await;
            entered.inspect(|_| owner.announce_first())
        }
        Err(refusal) => Err(refusal),
    };
    let (loaded, refusal) = match file {
        Ok(loaded) => (loaded, None),
        Err(refusal) => {
            let (loaded, refusal) = fall_back(owner, refusal).await?;
            (loaded, Some(refusal))
        }
    };
    Ok(Started {
        loaded,
        trial: None,
        refusal,
    })
}

/// The last good configuration, because the file's was refused.
async fn fall_back(owner: &mut Owner, refusal: Refusal) -> Result<(Loaded, Refusal), Error> {
    match last_good(owner).await {
        Ok(loaded) => {
            log_refusal("the configuration cannot be used", &refusal);
            owner.tell_death(&refusal);
            warn!(
                "RUNNING THE LAST GOOD CONFIGURATION; correct the file: it is read when it changes"
            );
            Ok((loaded, refusal))
        }
        Err(last_good) => Err(Error::Refused {
            configuration: refusal.is_configuration(),
            refusal: match refusal {
                Refusal::LockOut(lock_out) => {
                    lock_out.at_start(systemd::runs_the_host()).to_string()
                }
                // No daemon runs that could be told to reload.
                Refusal::CutOff { path, .. } => {
                    let again = lockout::again(systemd::runs_the_host());
                    Refusal::CutOff { path, again }.to_string()
                }
                refusal => refusal.to_string(),
            },
            last_good: last_good.to_string(),
        }),
    }
}

async fn last_good(owner: &mut Owner) -> Result<Loaded, Refusal> {
    if let Some(content) = &owner.memory.index.last_good {
        owner.refuse_content(&content.hash)?;
    }
    let loaded = owner.memory.load_fallback(&owner.settings.config).await?;
    // It has been in force before, and there is nothing else.
    let entry = Entry::of(Source::LastGood, Guarding::Off);
    let entered = owner.put_into_force(loaded, entry).await;
    entered.inspect(|_| owner.announce_first())
}
