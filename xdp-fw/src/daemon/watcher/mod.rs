//! The files of the configuration: notices when one of them is finished.
//!
//! Owns the inotify watches. Never reads a file; what changed is found out by the reload.

mod debounce;
mod places;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use notify::{Event, INotifyWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::command::{Cause, Command, Commands, ReloadOptions};
use super::error::Error;
use super::owner::Files;
use debounce::settled;
use places::Places;

/// The task.
pub(super) struct Watcher {
    files: watch::Receiver<Files>,
    commands: Commands,
    /// `None` where the kernel has no inotify instance to spare.
    inotify: Result<INotifyWatcher, notify::Error>,
    watched: BTreeSet<PathBuf>,
    places: Arc<Mutex<Places>>,
    changed: Arc<Notify>,
}

impl Watcher {
    /// Opens inotify; there is nothing to watch yet.
    pub(super) fn new(files: watch::Receiver<Files>, commands: Commands) -> Self {
        let places = Arc::new(Mutex::new(Places::default()));
        let changed = Arc::new(Notify::new());
        Self {
            files,
            commands,
            inotify: INotifyWatcher::new(
                report(Arc::clone(&places), Arc::clone(&changed)),
                notify::Config::default(),
            ),
            watched: BTreeSet::new(),
            places,
            changed,
        }
    }

    /// Runs until it is told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        loop {
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
        let places = Places::of(files.paths.iter());
        let directories = places.directories();
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = places.clone();
        let grown = directories.difference(&self.watched).next().is_some();
        let error = self.rewatch(directories);
        let trouble = Command::Trouble {
            part: "watcher",
            error: error.map(|error| {
                format!("{error}; edits are not noticed, use `xdp-fw reload` after one")
            }),
        };
        let _ = self.commands.send(trouble).await;
        grown && places.changed_since(files.read_at)
    }

    fn rewatch(&mut self, directories: BTreeSet<PathBuf>) -> Option<notify::Error> {
        let inotify = match &mut self.inotify {
            Ok(inotify) => inotify,
            Err(error) => return Some(notify::Error::generic(&error.to_string())),
        };
        for directory in self.watched.difference(&directories) {
            // A directory that is gone took its watch along.
            let _ = inotify.unwatch(directory);
        }
        let mut failed = None;
        for directory in &directories {
            // Those that are watched, too: it may be another directory of the same name by now.
            if let Err(error) = inotify.watch(directory, RecursiveMode::NonRecursive) {
                failed = Some(error);
            }
        }
        self.watched = directories;
        failed
    }

    async fn reload(&self) {
        let (reply, done) = oneshot::channel();
        let reload = Command::Reload {
            cause: Cause::File,
            options: ReloadOptions::default(),
            reply,
        };
        if self.commands.send(reload).await.is_ok() {
            // Log and status tell how it went. Until then further events gather.
            let _ = done.await;
        }
    }
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
