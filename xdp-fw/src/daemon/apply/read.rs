//! Reads a configuration: the file, or a copy in the state directory.
//!
//! Owns what the watcher learns from that, and the note of what is being read. Blocks on files off
//! the runtime's thread.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use crate::config::{self, Cache, FileError, Loaded};
use crate::daemon::attempt::{Attempt, Noted};
use crate::daemon::datapath_thread::abandonable;
use crate::daemon::engine::{Files, Owner};
use crate::daemon::refusal::Refusal;
use crate::fault::{self, Point};
use crate::state::{Content, Stored};

/// What to watch, even if the configuration has mistakes.
struct Named {
    /// Every file that is named, and every glob.
    paths: Vec<PathBuf>,
    /// Those that were refused for whose they are or for who may access them.
    closed: Vec<PathBuf>,
}

impl Owner {
    /// Reads the configuration file, unless an earlier process died of what it says.
    pub(in crate::daemon) async fn read_unless_fatal(&mut self) -> Result<Arc<Loaded>, Refusal> {
        self.refuse_files().await?;
        let loaded = self.read().await?;
        self.refuse_content(&loaded.hash())?;
        Ok(loaded)
    }

    /// Reads the configuration file, and reports to the watcher what it consists of.
    pub(in crate::daemon) async fn read(&mut self) -> Result<Arc<Loaded>, Refusal> {
        let path = self.settings.config.clone();
        let read_at = SystemTime::now();
        let (cache, stop) = (self.cache.clone(), self.memory.stop.clone());
        let known = self.files.borrow().paths.clone();
        let noted = Noted(self.memory.notes.reading());
        let attempt = noted.0.clone();
        let read = move || {
            let (result, mut named) = read_file(&path, &cache, attempt.as_deref(), &stop);
            if result.is_err() {
                // The files of the active configuration may be the ones that are corrected.
                let new: HashSet<PathBuf> = named.paths.iter().cloned().collect();
                let missing = known.iter().filter(|path| !new.contains(*path));
                named.paths.extend(missing.cloned());
            }
            (result, named)
        };
        let (result, named) = abandonable(&self.memory.stop, read).await?;
        drop(noted);
        self.watch(named, read_at);
        result.map(Arc::new)
    }

    fn watch(&self, named: Named, read_at: SystemTime) {
        let (paths, closed): (_, Arc<[PathBuf]>) = (named.paths, named.closed.into());
        let paths: Arc<[PathBuf]> = paths.into();
        self.files.send_if_modified(|files| {
            let new = files.paths != paths || files.closed != closed;
            *files = Files {
                paths,
                closed,
                read_at,
            };
            new
        });
    }
}

/// Reads the configuration file, and of the set files those that changed; nothing more once the daemon is
/// to stop.
fn read_file(
    path: &Path,
    cache: &Cache,
    attempt: Option<&Attempt>,
    stop: &CancellationToken,
) -> (Result<Loaded, Refusal>, Named) {
    let reads = |path: &Path| {
        if stop.is_cancelled() {
            return Err(FileError::Stopped);
        }
        if let Some(attempt) = attempt {
            attempt.reads(path);
        }
        fault::point(Point::FileRead).map_err(io::Error::other)?;
        Ok(())
    };
    let (result, paths, closed) = match cache.load_telling(path, &reads) {
        Ok(loaded) => {
            let watched = loaded.watched.clone();
            (Ok(loaded), watched, Vec::new())
        }
        Err(problems) => {
            let (watched, closed) = (problems.watched.clone(), problems.closed.clone());
            (Err(problems.into()), watched, closed)
        }
    };
    (result, Named { paths, closed })
}

/// Reads a configuration that was stored. It is checked like any other: rules for what is good may
/// have changed with the program.
pub(in crate::daemon) fn read_stored(
    state_dir: &Path,
    content: &Content,
) -> Result<Loaded, Refusal> {
    let stored = Stored::open(state_dir, content)?;
    Ok(config::load(stored.main(), &stored)?)
}
