//! A configuration on its way into force: read, and compiled.
//!
//! Owns the order of the pure steps. Blocks on files and on the compiler; the owner calls it off
//! the runtime's thread.

use std::io;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config::snapshot::{Content, Stored};
use crate::config::{self, Cache, Config, FileError, Loaded};
use crate::fault::{self, Point};
use crate::policy::{LeftOut, Memo, Policy, Tables, compile_after};

use super::attempt::Attempt;
use super::refusal::Refusal;

/// What to watch, even if the configuration has mistakes.
pub(super) struct Named {
    /// Every file that is named, and every glob.
    pub(super) paths: Vec<PathBuf>,
    /// Those that were refused for whose they are or for who may access them.
    pub(super) closed: Vec<PathBuf>,
}

/// Reads the configuration file, and of the set files those that changed; nothing more once the daemon is
/// to stop.
pub(super) fn read_file(
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
pub(super) fn read_stored(state_dir: &Path, content: &Content) -> Result<Loaded, Refusal> {
    let stored = Stored::open(state_dir, content)?;
    Ok(config::load(stored.main(), &stored)?)
}

/// Compiles a configuration, of whose sets something is left out, for the interfaces that there are,
/// by index and name, after another one.
pub(super) fn tables(
    path: &Path,
    config: &Config,
    left_out: &LeftOut,
    interfaces: &[(u32, String)],
    before: &Memo,
) -> Result<Tables, Refusal> {
    if let Err(fault) = fault::point(Point::Compiling) {
        debug!("{fault}");
    }
    let policy = if left_out.is_empty() {
        Policy::from_config(config)
    } else {
        let mut config = config.clone();
        left_out.apply(&mut config.sets);
        Policy::from_config(&config)
    };
    compile_after(before, &policy, interfaces).map_err(|source| Refusal::Policy {
        path: path.to_owned(),
        source,
    })
}
