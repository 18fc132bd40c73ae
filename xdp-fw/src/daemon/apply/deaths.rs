//! What earlier processes died of, when they read or compiled it.
//!
//! Owns when such a content is not tried: not by itself as long as it is the same and there is something
//! else to begin from, and else once in a while. Who asks for it has it tried.

use std::path::Path;
use std::time::Duration;

use humantime::format_duration;

use crate::daemon::attempt::Died;
use crate::daemon::datapath_thread::blocking;
use crate::daemon::engine::Owner;
use crate::daemon::refusal::{KernelError, Refusal};

/// The part of the daemon that is in trouble where what the file says is not tried.
const PART: &str = "configuration";

/// How often a content is tried at once if there is nothing else to begin from: something else may have
/// killed the process.
const TRIES: u32 = 2;

/// How long a content of which processes died is left alone if there is nothing else to begin from.
const PAUSE: Duration = Duration::from_secs(10 * 60);

impl Owner {
    /// Refuses to read the files if a process died of it and they are the same.
    pub(in crate::daemon) async fn refuse_files(&self) -> Result<(), Refusal> {
        let died = self.memory.died.clone();
        let died = blocking(move || died.into_iter().find(Died::is_on_disk)).await?;
        let Err(refusal) = self.refuse(died.as_ref()) else {
            return Ok(());
        };
        // Nothing is read: what was read before tells what to watch.
        let read = died.iter().flat_map(Died::paths).map(Path::to_path_buf);
        let paths = read.chain([self.settings.config.clone()]).collect();
        self.files.send_modify(|files| files.paths = paths);
        Err(refusal)
    }

    /// Refuses a content if a process died of it.
    pub(in crate::daemon) fn refuse_content(&self, hash: &[u8; 32]) -> Result<(), Refusal> {
        let mut died = self.memory.died.iter();
        self.refuse(died.find(|died| died.is_content(hash)))
    }

    /// Whether the last good configuration may be tried.
    fn has_other(&self) -> bool {
        let last_good = self.memory.index.last_good.as_ref();
        last_good.is_some_and(|content| {
            let mut died = self.memory.died.iter();
            content.belongs_to(&self.settings.config).is_ok()
                && !died.any(|died| died.is_content(&content.hash))
        })
    }

    fn refuse(&self, died: Option<&Died>) -> Result<(), Refusal> {
        let has_other = self.has_other();
        let is_barred = |died: &&Died| has_other || died.deaths() >= TRIES && died.age() < PAUSE;
        let Some(died) = died.filter(is_barred) else {
            return Ok(());
        };
        let unless = if has_other {
            String::new()
        } else {
            let left = PAUSE.saturating_sub(died.age());
            let left = Duration::from_secs(left.as_secs().max(1));
            format!("; a start tries it again in {}", format_duration(left))
        };
        let age = Duration::from_secs(died.age().as_secs());
        Err(Refusal::Died {
            path: self.settings.config.clone(),
            stage: died.stage(),
            age: format_duration(age).to_string(),
            unless,
        })
    }

    /// Tells that what the file says is not tried, and why.
    pub(in crate::daemon) fn tell_death(&mut self, refusal: &Refusal) {
        if let Refusal::Died { .. } = refusal {
            self.trouble(PART, Some(refusal.to_string()));
        }
    }

    /// What the file says is in force: nothing that a process died of bars it.
    pub(in crate::daemon) async fn forget_deaths(&mut self) -> Result<(), KernelError> {
        if self.memory.died.is_empty() {
            return Ok(());
        }
        self.memory.died.clear();
        let notes = self.memory.notes.clone();
        blocking(move || notes.forget()).await?;
        self.trouble(PART, None);
        Ok(())
    }
}
