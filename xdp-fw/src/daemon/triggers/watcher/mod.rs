//! The files of the configuration: notices when one of them is finished.
//!
//! Owns the inotify watches. Never reads a file; what changed is found out by the reload.

mod debounce;
mod places;
mod watches;

use std::future::pending;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, INotifyWatcher, Watcher as _};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::daemon::datapath_thread::blocking;
use crate::daemon::engine::Files;
use crate::daemon::engine::command::{Cause, Command, Commands, ReloadOptions};
use crate::daemon::error::Error;
use debounce::settled;
use places::Places;
use watches::Watches;

/// Pause before a watch that failed is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// The task.
pub(in crate::daemon) struct Watcher {
    files: watch::Receiver<Files>,
    commands: Commands,
    watches: Watches<INotifyWatcher>,
    places: Arc<Mutex<Places>>,
    changed: Arc<Notify>,
    /// When to try again what failed.
    due: Option<Instant>,
}

impl Watcher {
    /// There is nothing to watch yet.
    pub(in crate::daemon) fn new(files: watch::Receiver<Files>, commands: Commands) -> Self {
        let places = Arc::new(Mutex::new(Places::default()));
        let changed = Arc::new(Notify::new());
        Self {
            files,
            commands,
            watches: inotify(&places, &changed),
            places,
            changed,
            due: None,
        }
    }

    /// Runs until it is told to stop.
    pub(in crate::daemon) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        loop {
            let due = self.due;
            let again = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => pending().await,
                }
            };
            let change = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                files = self.files.changed() => {
                    if files.is_err() {
                        stop.cancelled().await;
                        return Ok(());
                    }
                    false
                }
                () = settled(&self.changed) => true,
                () = again => false,
            };
            // A changed link leads elsewhere by now.
            let missed = self.watch().await;
            if change || missed {
                self.reload().await;
            }
        }
    }

    /// Watches what the files and the links on the way to them are in. Says whether something
    /// there changed after it was read and before it was watched.
    async fn watch(&mut self) -> bool {
        let files = self.files.borrow_and_update().clone();
        let fresh = inotify(&self.places, &self.changed);
        let mut watches = mem::replace(&mut self.watches, fresh);
        let shared = Arc::clone(&self.places);
        // A file may lie on a disk that sleeps, or on another host.
        let work = move || {
            let places = Places::of(files.paths.iter()).closed(files.closed.iter());
            let before = {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                mem::replace(&mut *shared, places.clone())
            };
            let (grown, result) = watches.follow(places.directories());
            let missed = (grown || places.adds_to(&before)) && places.changed_since(files.read_at);
            (watches, missed, result)
        };
        let (missed, error) = match blocking(work).await {
            Ok((watches, missed, result)) => {
                self.watches = watches;
                (missed, result.err().map(|error| error.to_string()))
            }
            Err(error) => (false, Some(error.to_string())),
        };
        self.due = error.as_ref().map(|_| Instant::now() + PAUSE);
        let trouble = Command::Trouble {
            part: "watcher",
            error: error.map(|error| {
                format!(
                    "{error}; edits are not noticed, use `xdp-fw reload` after one; raise \
                     fs.inotify.max_user_watches or max_user_instances if those are used up"
                )
            }),
        };
        let _ = self.commands.send(trouble).await;
        missed
    }

    async fn reload(&self) {
        let (reply, done) = oneshot::channel();
        let reload = Command::Reload {
            cause: Cause::File,
            options: ReloadOptions::default(),
            reply: reply.into(),
        };
        if self.commands.send(reload).await.is_ok() {
            // Log and status tell how it went. Until then further events gather.
            let _ = done.await;
        }
    }
}

/// Watches that are opened with the first directory.
fn inotify(places: &Arc<Mutex<Places>>, changed: &Arc<Notify>) -> Watches<INotifyWatcher> {
    let (places, changed) = (Arc::clone(places), Arc::clone(changed));
    Watches::new(Box::new(move || {
        let report = report(Arc::clone(&places), Arc::clone(&changed));
        INotifyWatcher::new(report, notify::Config::default())
    }))
}

/// What inotify's thread does with an event: little, and it never waits.
fn report(
    places: Arc<Mutex<Places>>,
    changed: Arc<Notify>,
) -> impl FnMut(notify::Result<Event>) + Send {
    move |event| {
        let places = places.lock().unwrap_or_else(PoisonError::into_inner);
        if event.is_ok_and(|event| places.concern(&event)) {
            changed.notify_one();
        }
    }
}
