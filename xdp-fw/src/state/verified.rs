//! Whether a content is there as it was written.
//!
//! Owns the memory of those that were found whole: a large one is not read at every reload to see
//! that it need not be written. Never decides what follows from damage.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::config::{Digest, Identity, Role, stream};

/// Contents by place that were whole when they were looked at, and which files they were then;
/// clones share it. A content is written once, under a name of its own: what changes it later is an
/// accident, and shows.
#[derive(Debug, Clone, Default)]
pub struct Whole(Arc<Mutex<BTreeMap<PathBuf, Identity>>>);

impl Whole {
    /// Forgets all but what has such a name: the others are removed.
    pub(super) fn keep(&self, is_kept: impl Fn(&str) -> bool) {
        let mut whole = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        whole.retain(|place, _| {
            let name = place.file_name().and_then(OsStr::to_str);
            name.is_some_and(&is_kept)
        });
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether the file in this place has this digest.
    pub(super) fn has(&self, place: &Path, wanted: &Digest) -> bool {
        #[cfg(test)]
        LOOKS.with(|looks| looks.set(looks.get() + 1));
        let Ok(meta) = fs::metadata(place) else {
            return false;
        };
        let identity = Identity::of(&meta);
        let mut whole = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if whole.get(place) == Some(&identity) {
            return true;
        }
        let is_whole = digest(place).is_ok_and(|digest| digest == *wanted);
        if is_whole {
            whole.insert(place.to_path_buf(), identity);
        }
        is_whole
    }
}

#[cfg(test)]
thread_local! {
    /// How often a file was looked at by this thread.
    pub(super) static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The digest of what is in a file.
pub(super) fn digest(path: &Path) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    stream(path, Role::Set.bound(), |piece| hash.update(piece))?;
    Ok(hash.finalize().into())
}
