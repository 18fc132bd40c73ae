//! Which directories are watched, and what keeps others from it.
//!
//! Owns the watches. What has failed is not taken for done: the next call tries it again. Blocks.

use std::collections::BTreeSet;
use std::path::PathBuf;

use notify::RecursiveMode;

/// Makes the watcher, now or as soon as the kernel has an instance to spare.
type Open<W> = Box<dyn FnMut() -> notify::Result<W> + Send + Sync>;

/// Directories that are not watched.
#[derive(Debug, thiserror::Error)]
#[error("{count} of {of} directories are not watched, {} is the first: {error}", .directory.display())]
pub(super) struct Unwatched {
    count: usize,
    of: usize,
    directory: PathBuf,
    error: notify::Error,
}

/// Why not everything is watched.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Nothing is.
    #[error("{0}")]
    All(#[from] notify::Error),
    /// Some directories are not.
    #[error(transparent)]
    Some(#[from] Unwatched),
}

/// The watches of one watcher.
pub(super) struct Watches<W> {
    open: Open<W>,
    watcher: Option<W>,
    watched: BTreeSet<PathBuf>,
}

impl<W: notify::Watcher> Watches<W> {
    /// Opens nothing yet.
    pub(super) fn new(open: Open<W>) -> Self {
        Self {
            open,
            watcher: None,
            watched: BTreeSet::new(),
        }
    }

    /// Watches these directories and no others. Says whether one of them was not watched before,
    /// and why one of them is not watched now.
    pub(super) fn follow(&mut self, directories: BTreeSet<PathBuf>) -> (bool, Result<(), Failure>) {
        let watcher = match (self.watcher.take(), &mut self.open) {
            (Some(watcher), _) => watcher,
            (None, open) => match open() {
                Ok(watcher) => watcher,
                Err(error) => return (false, Err(error.into())),
            },
        };
        let watcher = self.watcher.insert(watcher);
        for directory in self.watched.difference(&directories) {
            // A directory that is gone took its watch along.
            let _ = watcher.unwatch(directory);
        }
        let mut watched = BTreeSet::new();
        let (count, mut first) = (directories.len(), None);
        for directory in directories {
            // Those that are watched, too: it may be another directory of the same name by now.
            match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => _ = watched.insert(directory),
                Err(error) => _ = first.get_or_insert((directory, error)),
            }
        }
        let result = match first {
            None => Ok(()),
            Some((directory, error)) => Err(Unwatched {
                count: count - watched.len(),
                of: count,
                directory,
                error,
            }
            .into()),
        };
        let grown = !watched.is_subset(&self.watched);
        self.watched = watched;
        (grown, result)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};

    use notify::{Config, Error, EventHandler, Result, WatcherKind};

    use super::*;

    /// How many watches the kernel still has.
    static LEFT: AtomicU32 = AtomicU32::new(0);

    struct Limited;

    impl notify::Watcher for Limited {
        fn new<F: EventHandler>(_: F, _: Config) -> Result<Self> {
            Ok(Self)
        }

        fn watch(&mut self, _: &Path, _: RecursiveMode) -> Result<()> {
            let taken = LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
            taken
                .map(drop)
                .map_err(|_| Error::new(notify::ErrorKind::MaxFilesWatch))
        }

        fn unwatch(&mut self, _: &Path) -> Result<()> {
            Ok(())
        }

        fn kind() -> WatcherKind {
            WatcherKind::NullWatcher
        }
    }

    #[test]
    fn what_failed_is_tried_again_and_counts_as_new_when_it_works() {
        let mut instances = 0;
        let mut watches = Watches::new(Box::new(move || {
            instances += 1;
            match instances {
                1 => Err(Error::generic("too many instances")),
                _ => Ok(Limited),
            }
        }));
        let directories = BTreeSet::from(["/a", "/b"].map(PathBuf::from));
        let mut follow = |left| {
            LEFT.store(left, Ordering::Relaxed);
            let (grown, result) = watches.follow(directories.clone());
            if let Err(error) = &result
                && left == 1
            {
                let expected = "1 of 2 directories are not watched, /b is the first: OS file watch limit reached.";
                assert!(error.to_string().starts_with(expected), "{error}");
            }
            (grown, result.is_ok())
        };
        assert_eq!(follow(2), (false, false), "no instance");
        assert_eq!(follow(1), (true, false), "a watch for one of them");
        assert_eq!(follow(2), (true, true), "and for the other");
        assert_eq!(follow(2), (false, true), "nothing new");
    }
}
