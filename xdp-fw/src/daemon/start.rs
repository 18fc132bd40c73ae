//! The start: the file's configuration, else the last good one, in force before the first
//! interface is attached.

use tracing::warn;

use crate::config::Loaded;

use super::admission::Guarding;
use super::candidate;
use super::error::Error;
use super::kernel::blocking;
use super::owner::Owner;
use super::refusal::Refusal;
use super::reload::{last_reload, log_refusal, note};
use super::service::Service;
use super::status::Source;
use super::systemd;

/// Puts the first generation into force and attaches.
pub(super) async fn start(mut owner: Owner) -> Result<Service, Error> {
    let file = match owner.read().await {
        Ok(loaded) => {
            let guarding = Guarding::unless(owner.settings.force);
            owner.put_into_force(loaded, Source::File, guarding).await
        }
        Err(refusal) => Err(refusal),
    };
    let (loaded, refusal) = match file {
        Ok(loaded) => (loaded, None),
        Err(refusal) => {
            let (loaded, refusal) = fall_back(&mut owner, refusal).await?;
            (loaded, Some(refusal))
        }
    };
    let mut service = Service {
        owner,
        hash: loaded.hash(),
        config: loaded.config,
        due: None,
    };
    service.listen().await;
    service.reconcile().await;
    let last = last_reload(refusal.as_ref());
    service
        .owner
        .status
        .send_modify(|status| note(status, last));
    systemd::ready(&service.owner.status.borrow());
    Ok(service)
}

/// The last good configuration, because the file's was refused.
async fn fall_back(owner: &mut Owner, refusal: Refusal) -> Result<(Loaded, Refusal), Error> {
    match last_good(owner).await {
        Ok(loaded) => {
            log_refusal("the configuration cannot be used", &refusal);
            warn!("RUNNING THE LAST GOOD CONFIGURATION; mend the file, it is read when it changes");
            Ok((loaded, refusal))
        }
        Err(last_good) => Err(Error::Refused {
            configuration: refusal.is_configuration(),
            refusal: match refusal {
                Refusal::LockOut(lock_out) => lock_out.at_start().to_string(),
                refusal => refusal.to_string(),
            },
            last_good: last_good.to_string(),
        }),
    }
}

async fn last_good(owner: &mut Owner) -> Result<Loaded, Refusal> {
    let state_dir = owner.settings.state_dir.clone();
    let loaded = blocking(move || candidate::read_last_good(&state_dir)).await??;
    // It has been in force before, and there is nothing else.
    let guarding = Guarding::Off;
    owner
        .put_into_force(loaded, Source::LastGood, guarding)
        .await
}
