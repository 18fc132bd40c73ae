//! What is being read or compiled, noted on the disk: a process that dies of it leaves the note.
//!
//! Owns the two files below the state directory, `attempt` while something is tried and `died` once a
//! start has found one, and whether a content is the one that was noted. Never decides what follows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tracing::debug;

/// While something is tried.
const ATTEMPT: &str = "attempt";
/// What earlier processes died of.
const DIED: &str = "died";
/// Most of them that are known.
const MOST: usize = 4;

/// A content that is tried, by what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// The files are read; those from here on.
    Reading,
    /// One of them is about to be.
    File(Seen),
    /// A content with this hash is read from its copy.
    ReadingCopy([u8; 32]),
    /// It is compiled.
    Compiling([u8; 32]),
    /// So many processes died of it; the last line.
    Deaths(u32),
}

/// Which file it is: device, inode, size, and the times of change of content and of anything at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    path: PathBuf,
    identity: Option<(u64, u64, u64, [i64; 4])>,
}

impl Seen {
    fn of(path: &Path) -> Self {
        let identity = fs::metadata(path).ok().map(|meta| {
            let (modified, changed) = (meta.mtime(), meta.ctime());
            let times = [modified, meta.mtime_nsec(), changed, meta.ctime_nsec()];
            (meta.dev(), meta.ino(), meta.size(), times)
        });
        Self {
            path: path.to_path_buf(),
            identity,
        }
    }
}

/// Where notes are.
#[derive(Debug, Clone)]
pub(super) struct Notes {
    state_dir: PathBuf,
}

/// Something is tried; the note goes with it.
#[derive(Debug)]
pub(super) struct Attempt {
    path: PathBuf,
    file: Mutex<File>,
}

/// What an earlier process died of.
#[derive(Debug, Clone)]
pub(super) struct Died {
    lines: Vec<Line>,
    deaths: u32,
    at: SystemTime,
}

impl Notes {
    pub(super) fn new(state_dir: PathBuf) -> Self {
        Self { state_dir }
    }

    /// Notes that the files of the configuration are read.
    pub(super) fn reading(&self) -> Option<Arc<Attempt>> {
        self.begin(&Line::Reading)
    }

    /// Notes that the copy with this hash is read.
    pub(super) fn reading_copy(&self, hash: [u8; 32]) -> Option<Arc<Attempt>> {
        self.begin(&Line::ReadingCopy(hash))
    }

    /// Notes that the content with this hash is compiled.
    pub(super) fn compiling(&self, hash: [u8; 32]) -> Option<Arc<Attempt>> {
        self.begin(&Line::Compiling(hash))
    }

    /// Where it cannot be noted, the store that fails reports it anyway.
    fn begin(&self, line: &Line) -> Option<Arc<Attempt>> {
        let path = self.state_dir.join(ATTEMPT);
        let open = || {
            fs::create_dir_all(&self.state_dir)?;
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.custom_flags(libc::O_NOFOLLOW).open(&path)
        };
        let file = open()
            .inspect_err(|error| debug!("{}: {error}", path.display()))
            .ok()?;
        let attempt = Attempt {
            path,
            file: Mutex::new(file),
        };
        attempt.note(line);
        Some(Arc::new(attempt))
    }

    /// What earlier processes died of, the last first. Found once: an attempt that is under way after
    /// this is one of this process. Blocks.
    pub(super) fn died(&self) -> Vec<Died> {
        let attempt = self.state_dir.join(ATTEMPT);
        let last = read(&attempt).ok().flatten();
        let mut died = self.known();
        if let Some(mut last) = last {
            let before = died.iter().filter(|known| known.is_same(&last));
            last.deaths += before.map(|known| known.deaths).max().unwrap_or_default();
            died.retain(|known| !known.is_same(&last));
            died.insert(0, last);
            died.truncate(MOST);
            if let Err(error) = self.write(&died) {
                debug!("{}: {error}", self.state_dir.display());
            }
        }
        let _ = fs::remove_file(&attempt);
        died
    }

    fn known(&self) -> Vec<Died> {
        let places = (0..MOST).map(|number| self.place(number));
        places.filter_map(|place| read(&place).ok()?).collect()
    }

    fn place(&self, number: usize) -> PathBuf {
        self.state_dir.join(format!("{DIED}-{number}"))
    }

    fn write(&self, died: &[Died]) -> io::Result<()> {
        for (number, died) in died.iter().enumerate() {
            let place = self.place(number);
            let new = place.with_extension("new");
            let mut text = Vec::new();
            for line in died.lines.iter().chain([&Line::Deaths(died.deaths)]) {
                serde_json::to_writer(&mut text, line)?;
                text.push(b'\n');
            }
            fs::write(&new, text)?;
            File::open(&new)?.set_modified(died.at)?;
            fs::rename(&new, &place)?;
        }
        Ok(())
    }

    /// Nothing that an earlier process died of bars anything any more.
    pub(super) fn forget(&self) {
        for number in 0..MOST {
            let _ = fs::remove_file(self.place(number));
        }
    }
}

/// The note in a file; nothing in what cannot be read as one.
fn read(path: &Path) -> io::Result<Option<Died>> {
    let text = fs::read(path)?;
    let lines = text.split(|&byte| byte == b'\n');
    // The last line may be half of one.
    let mut lines: Vec<Line> = lines
        .map_while(|line| serde_json::from_slice(line).ok())
        .collect();
    let deaths = match lines.last() {
        Some(Line::Deaths(deaths)) => *deaths,
        _ => 1,
    };
    lines.retain(|line| !matches!(line, Line::Deaths(_)));
    let at = fs::metadata(path)?.modified()?;
    let died = Died { lines, deaths, at };
    Ok(Some(died).filter(|died| !died.lines.is_empty()))
}

impl Attempt {
    /// Notes that a file, or the directory of a glob, is about to be read.
    pub(super) fn reads(&self, path: &Path) {
        // JSON has no bytes: a path that is none of its strings leaves the note to the others.
        if path.to_str().is_some() {
            self.note(&Line::File(Seen::of(path)));
        }
    }

    fn note(&self, line: &Line) {
        let Ok(mut text) = serde_json::to_vec(line) else {
            return;
        };
        text.push(b'\n');
        // One write, and none is lost that was made when the process dies.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.write_all(&text);
    }
}

impl Attempt {
    /// The process has not died of it.
    pub(super) fn end(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Nothing is tried any more, however that has ended.
#[derive(Debug, Default)]
pub(super) struct Noted(pub(super) Option<Arc<Attempt>>);

impl Drop for Noted {
    fn drop(&mut self) {
        if let Some(attempt) = &self.0 {
            attempt.end();
        }
    }
}

impl Died {
    /// What was done with the content.
    pub(super) fn stage(&self) -> &'static str {
        match self.lines.first() {
            Some(Line::Compiling(_)) => "compiled",
            _ => "read",
        }
    }

    /// Whether it is the same content: one process may have come further with it than another.
    fn is_same(&self, other: &Self) -> bool {
        let mut lines = self.lines.iter().zip(&other.lines);
        lines.all(|(line, other)| line == other)
    }

    /// How many processes died of it.
    pub(super) fn deaths(&self) -> u32 {
        self.deaths
    }

    /// The files that are to be watched for a change of it.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.lines.iter().filter_map(|line| match line {
            Line::File(seen) => Some(seen.path.as_path()),
            _ => None,
        })
    }

    pub(super) fn age(&self) -> Duration {
        self.at.elapsed().unwrap_or_default()
    }

    /// Whether the files that were read are what they were, as far as they were read. Blocks.
    pub(super) fn is_on_disk(&self) -> bool {
        self.lines.first() == Some(&Line::Reading)
            && self.lines.iter().all(|line| match line {
                Line::File(seen) => Seen::of(&seen.path) == *seen,
                _ => true,
            })
    }

    /// Whether the content has this hash.
    pub(super) fn is_content(&self, hash: &[u8; 32]) -> bool {
        match self.lines.first() {
            Some(Line::ReadingCopy(died) | Line::Compiling(died)) => died == hash,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn died(notes: &Notes) -> Vec<Died> {
        notes.died()
    }

    #[test]
    fn an_attempt_that_ends_leaves_no_note() {
        let directory = tempfile::tempdir().unwrap();
        let notes = Notes::new(directory.path().join("state"));
        let attempt = notes.reading().unwrap();
        attempt.reads(directory.path());
        drop(Noted(Some(attempt)));
        assert!(died(&notes).is_empty());
        assert_eq!(
            fs::read_dir(directory.path().join("state"))
                .unwrap()
                .count(),
            0
        );
    }

    #[test]
    fn a_note_of_files_holds_until_one_of_them_changes() {
        let directory = tempfile::tempdir().unwrap();
        let notes = Notes::new(directory.path().join("state"));
        let (main, set) = (
            directory.path().join("a.toml"),
            directory.path().join("b.txt"),
        );
        fs::write(&main, "a").unwrap();
        fs::write(&set, "b").unwrap();
        let attempt = notes.reading().unwrap();
        attempt.reads(&main);
        attempt.reads(&set);
        std::mem::forget(attempt);
        for _ in 0..2 {
            // Over as many starts as there are.
            let found = died(&notes);
            assert_eq!(found.len(), 1);
            assert!(found[0].is_on_disk() && found[0].stage() == "read");
        }
        fs::write(&set, "bb").unwrap();
        assert!(!died(&notes)[0].is_on_disk());
        notes.forget();
        assert!(died(&notes).is_empty());
    }

    #[test]
    fn what_was_half_written_counts_as_far_as_it_goes() {
        let directory = tempfile::tempdir().unwrap();
        let notes = Notes::new(directory.path().to_path_buf());
        std::mem::forget(notes.compiling([7; 32]).unwrap());
        let path = directory.path().join(ATTEMPT);
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"file\":{\"pa");
        fs::write(&path, text).unwrap();
        let found = died(&notes);
        assert!(found[0].is_content(&[7; 32]) && !found[0].is_content(&[8; 32]));
        assert!(!found[0].is_on_disk() && found[0].stage() == "compiled");
        fs::write(&path, "nonsense").unwrap();
        assert_eq!(died(&notes).len(), 1);
    }

    #[test]
    fn several_deaths_are_known_and_the_same_one_once() {
        let directory = tempfile::tempdir().unwrap();
        let notes = Notes::new(directory.path().to_path_buf());
        for hash in [1, 2, 1, 3, 4, 5] {
            std::mem::forget(notes.reading_copy([hash; 32]).unwrap());
            notes.died();
        }
        let found = notes.died();
        assert_eq!(found.len(), MOST);
        for (hash, deaths) in [(1, 2), (3, 1), (4, 1), (5, 1)] {
            let found = found.iter().find(|died| died.is_content(&[hash; 32]));
            assert_eq!(found.unwrap().deaths(), deaths);
        }
    }
}
