//! What the daemon remembers over restarts: contents, and the trial.
//!
//! Owns the daemon's copy of the index in the state directory, and when it is written. Never
//! decides what follows from it: that is `start`'s and `trial`'s.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::Loaded;
use crate::state::{self, Content, Index, SnapshotError, Stored, Whole};

use crate::daemon::apply::read::read_stored;
use crate::daemon::attempt::{Died, Noted, Notes};
use crate::daemon::datapath_thread::{abandonable, blocking};
use crate::daemon::refusal::{KernelError, Refusal};

/// The state directory.
pub(super) struct Memory {
    pub(super) state_dir: PathBuf,
    pub(super) index: Index,
    whole: Whole,
    /// What is tried just now.
    pub(super) notes: Notes,
    /// What earlier processes died of; nothing once something else is known of that.
    pub(super) died: Vec<Died>,
    /// Cancelled once the daemon is to end.
    pub(super) stop: CancellationToken,
    /// Why nothing is known of what was remembered.
    pub(super) damage: Option<SnapshotError>,
}

impl Memory {
    /// Reads what there is.
    pub(super) async fn read(state_dir: PathBuf) -> Result<Self, KernelError> {
        let directory = state_dir.clone();
        let (index, damage) = match blocking(move || state::read(&directory)).await? {
            Ok(index) => (index, None),
            Err(error) => (Index::default(), Some(error)),
        };
        let notes = Notes::new(state_dir.clone());
        let known = notes.clone();
        let died = blocking(move || known.died()).await?;
        Ok(Self {
            notes,
            died,
            stop: CancellationToken::new(),
            state_dir,
            index,
            whole: Whole::default(),
            damage,
        })
    }

    /// Writes the index, and remembers it only then.
    pub(super) async fn write(&mut self, index: Index) -> Result<(), Refusal> {
        let state_dir = self.state_dir.clone();
        let (index, written) = blocking(move || {
            let written = state::write_index(&state_dir, &index);
            (index, written)
        })
        .await?;
        written?;
        self.index = index;
        Ok(())
    }

    /// Stores the files of a configuration, for an index that is written later.
    pub(super) async fn store(
        &self,
        loaded: Arc<Loaded>,
    ) -> Result<Result<(), SnapshotError>, KernelError> {
        let (state_dir, index) = (self.state_dir.clone(), self.index.clone());
        let (whole, stop) = (self.whole.clone(), self.stop.clone());
        blocking(move || {
            let stops = || stop.is_cancelled();
            state::write_contents(&state_dir, &loaded, &index, &whole, &stops)
        })
        .await
    }

    /// Reads a configuration that is kept.
    pub(super) async fn load(&self, content: Content) -> Result<Arc<Loaded>, Refusal> {
        let state_dir = self.state_dir.clone();
        let _noted = Noted(self.notes.reading_copy(content.hash));
        let read = move || read_stored(&state_dir, &content).map(Arc::new);
        abandonable(&self.stop, read).await?
    }

    /// Reads the last good configuration, if it is that of this main file.
    pub(super) async fn load_fallback(&self, main: &Path) -> Result<Arc<Loaded>, Refusal> {
        if let Some(content) = &self.index.last_good {
            content.belongs_to(main)?;
        }
        self.load_last_good().await
    }

    /// Whether the last good configuration is that of this main file with this hash, and is there:
    /// what was just read from the file itself need not be read from here.
    pub(super) async fn has_last_good(
        &self,
        main: &Path,
        hash: &[u8; 32],
    ) -> Result<bool, KernelError> {
        let content = self.index.last_good.as_ref();
        let content = content.filter(|it| it.hash == *hash && it.belongs_to(main).is_ok());
        let Some(content) = content.cloned() else {
            return Ok(false);
        };
        let state_dir = self.state_dir.clone();
        blocking(move || Stored::open(&state_dir, &content).is_ok()).await
    }

    /// Reads the last good configuration.
    pub(super) async fn load_last_good(&self) -> Result<Arc<Loaded>, Refusal> {
        match self.index.last_good.clone() {
            Some(content) => self.load(content).await,
            None => Err(SnapshotError::Missing(self.state_dir.clone()).into()),
        }
    }
}
