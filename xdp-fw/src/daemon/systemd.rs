//! What the service manager is told: ready, reloading, stopping, and one line of status.
//!
//! Owns the words. Without a service manager all of it does nothing.

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::error::Error;
use super::status::{State, Status};

/// The task: tells the status between reloads, and the end.
pub(super) struct Systemd {
    pub(super) status: watch::Receiver<Status>,
}

impl Systemd {
    /// Runs until it is told to stop, and passes that on first.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        let mut told = String::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                changed = self.status.changed() => if changed.is_err() { break },
            }
            let (state, line) = {
                let status = self.status.borrow_and_update();
                (status.state, status.line())
            };
            // The start and the reloads end with a line of their own.
            if state == State::Running && line != told {
                notify(&[NotifyState::Status(&line)]);
                told = line;
            }
        }
        notify(&[NotifyState::Stopping]);
        Ok(())
    }
}

/// A reload begins. The owner says so itself, for a snapshot can miss what does not last.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // systemd takes the moment for the beginning of the reload, and insists on it.
        Ok(moment) => notify(&[NotifyState::Reloading, moment]),
        Err(error) => warn!("no monotonic clock: {error}"),
    }
}

/// The start, or a reload, has ended; the status tells how.
pub(super) fn ready(status: &Status) {
    notify(&[NotifyState::Ready, NotifyState::Status(&status.line())]);
}

/// Tells the service manager, if there is one.
pub(super) fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!("cannot notify the service manager: {error}");
    }
}
