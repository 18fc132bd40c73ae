//! What is left out of which generation, on the disk.
//!
//! Owns `<state-dir>/left-out.json`. A filter without its daemon goes on leaving addresses out: a
//! start has to know, and `explain` as well. Written before the commit, like all that a start must know.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::unistd::Uid;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::lockout::LoginSource;
use crate::policy::LeftOut;
use crate::state::hexadecimal;

use crate::daemon::guard::left_out::Spared;

const FILE: &str = "left-out.json";
const UNFINISHED: &str = "left-out.new";

/// Most generations that are kept: the one in force, the rollback target, and some that failed to be
/// committed.
const MOST: usize = 8;
/// Largest file in bytes.
const LARGEST: u64 = 1 << 20;

/// The generations that something is left out of, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Record(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    generation: u64,
    /// The hash of its configuration, in hexadecimal.
    config: String,
    source: LoginSource,
    sets: LeftOut,
}

/// What is left out of the generation of this number; nothing if that is not known. Blocks.
pub(crate) fn left_out(state_dir: &Path, generation: u64) -> (LeftOut, LoginSource) {
    let Spared { left_out, source } = Record::read(state_dir).of(generation);
    (left_out, source)
}

impl Record {
    /// Reads it; what cannot be read, or is not this user's, is as if it were not there.
    pub(super) fn read(state_dir: &Path) -> Self {
        let path = state_dir.join(FILE);
        match read(&path) {
            Ok(record) => record,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    warn!("{}: {error}; it is not used", path.display());
                }
                Self::default()
            }
        }
    }

    pub(super) fn of(&self, generation: u64) -> Spared {
        let entry = self.0.iter().rfind(|entry| entry.generation == generation);
        entry.map(Entry::spared).unwrap_or_default()
    }

    /// What is left out of the newest generation with the configuration of this hash.
    pub(super) fn of_config(&self, hash: &[u8; 32]) -> Spared {
        let config = hexadecimal(hash);
        let entry = self.0.iter().rfind(|entry| entry.config == config);
        entry.map(Entry::spared).unwrap_or_default()
    }

    /// The record with one more generation, and the hash of its configuration; `None` if that adds
    /// nothing. The rollback target's entry stays, however many edits the trial sees.
    pub(super) fn with(
        &self,
        generation: u64,
        hash: &[u8; 32],
        spared: Spared,
        target: Option<u64>,
    ) -> Option<Self> {
        let config = hexadecimal(hash);
        // An entry without addresses is newer than one of the same configuration that has some.
        let adds_nothing = |entry: &Entry| entry.generation != generation && entry.config != config;
        if spared.left_out.is_empty() && self.0.iter().all(adds_nothing) {
            return None;
        }
        let mut entries = self.0.clone();
        entries.retain(|entry| entry.generation != generation);
        entries.push(Entry {
            generation,
            config,
            source: spared.source,
            sets: spared.left_out,
        });
        let mut more = entries.len().saturating_sub(MOST);
        entries.retain(|entry| {
            let stays = more == 0 || Some(entry.generation) == target;
            more -= usize::from(!stays);
            stays
        });
        Some(Self(entries))
    }

    /// A filter that works is worth more than the record of it. Blocks.
    pub(super) fn write_or_warn(&self, state_dir: &Path) {
        if let Err(error) = self.write(state_dir) {
            let path = state_dir.join(FILE);
            warn!(
                "cannot write {}: {error}; the next start bans who is left out of sets now",
                path.display()
            );
        }
    }

    fn write(&self, state_dir: &Path) -> io::Result<()> {
        let mut directory = DirBuilder::new();
        directory.mode(0o700).recursive(true).create(state_dir)?;
        let unfinished = state_dir.join(UNFINISHED);
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(unfinished, state_dir.join(FILE))
    }
}

impl Entry {
    fn spared(&self) -> Spared {
        Spared {
            left_out: self.sets.clone(),
            source: self.source,
        }
    }
}

fn read(path: &Path) -> io::Result<Record> {
    let mut options = OpenOptions::new();
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
    let file: File = options.read(true).custom_flags(flags).open(path)?;
    let meta = file.metadata()?;
    let is_ours = meta.uid() == Uid::effective().as_raw() && meta.mode() & 0o022 == 0;
    if !meta.is_file() || !is_ours {
        let why = "not a file that only this user can write";
        return Err(io::Error::other(why));
    }
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn spared(set: &str) -> Spared {
        let mut left_out = LeftOut::default();
        left_out.insert(set, "192.0.2.7".parse().unwrap());
        Spared {
            left_out,
            source: LoginSource::Logind,
        }
    }

    #[test]
    fn a_record_that_is_written_is_read_again() {
        let state = tempfile::tempdir().unwrap();
        let directory = state.path().join("new");
        assert_eq!(Record::read(&directory), Record::default());
        let record = Record::default()
            .with(7, &[7; 32], spared("feed"), None)
            .unwrap();
        record.write(&directory).unwrap();
        record.write(&directory).unwrap();
        assert_eq!(Record::read(&directory), record);
        let text = fs::read_to_string(directory.join(FILE)).unwrap();
        let config = "07".repeat(32);
        let expected = format!(
            r#"[{{"generation":7,"config":"{config}","source":"logind","sets":{{"feed":["192.0.2.7"]}}}}]"#
        );
        assert_eq!(text, expected);
        let (left_out, source) = left_out(&directory, 7);
        assert!(left_out.contains("feed", "192.0.2.7".parse().unwrap()));
        assert_eq!(source, LoginSource::Logind);
        assert!(super::left_out(&directory, 8).0.is_empty());
    }

    #[test]
    fn a_record_that_others_can_write_is_not_used() {
        let state = tempfile::tempdir().unwrap();
        let record = Record::default()
            .with(7, &[7; 32], spared("feed"), None)
            .unwrap();
        record.write(state.path()).unwrap();
        let path = state.path().join(FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(Record::read(state.path()), Record::default());
        fs::write(&path, "[{").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Record::read(state.path()), Record::default());
    }

    #[test]
    fn the_last_generations_are_kept() {
        let record = (0..20).fold(Record::default(), |record, number| {
            let hash = [u8::try_from(number).unwrap(); 32];
            record.with(number, &hash, spared("feed"), None).unwrap()
        });
        assert_eq!(record.0.len(), MOST);
        assert!(!record.of(19).left_out.is_empty());
        assert!(
            record
                .with(20, &[20; 32], Spared::default(), None)
                .is_none()
        );
        let without = record.with(19, &[19; 32], Spared::default(), None).unwrap();
        assert!(without.of(19).left_out.is_empty());
    }

    #[test]
    fn the_entry_of_the_rollback_target_stays() {
        let first = Record::default().with(1, &[1; 32], spared("feed"), None);
        let record = (2..20).fold(first.unwrap(), |record, number| {
            let hash = [u8::try_from(number).unwrap(); 32];
            record.with(number, &hash, spared("feed"), Some(1)).unwrap()
        });
        let numbers: Vec<u64> = record.0.iter().map(|entry| entry.generation).collect();
        assert_eq!(numbers, [1, 13, 14, 15, 16, 17, 18, 19]);
    }

    #[test]
    fn the_newest_entry_of_a_configuration_counts() {
        let record = Record::default()
            .with(7, &[7; 32], spared("feed"), None)
            .unwrap();
        assert!(!record.of_config(&[7; 32]).left_out.is_empty());
        assert!(record.of_config(&[8; 32]).left_out.is_empty());
        let forced = record.with(8, &[7; 32], Spared::default(), None).unwrap();
        assert!(forced.of_config(&[7; 32]).left_out.is_empty());
        assert!(!forced.of(7).left_out.is_empty());
    }
}
