//! The index of the state directory: what is remembered, and its text.
//!
//! Owns the format. A header, a line for each thing, and the hash of all that, so that a file that
//! is cut off or changed is noticed:
//!
//! ```text
//! xdp-fw state 1
//! last-good HASH
//! file SHA256 PATH
//! trial HASH
//! file SHA256 PATH
//! base NUMBER
//! until UNIX-SECONDS BOOT-TIME-MILLISECONDS BOOT-ID
//! previous HASH
//! file SHA256 PATH
//! former HASH
//! file SHA256 PATH
//! refused HASH
//! cut-off HASH
//! SHA256
//! ```

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::{SnapshotError, content_name};
use crate::config::{Digest, Loaded};
use crate::deadline::Deadline;

/// First line of the index; the number grows with its format.
pub(super) const HEADER: &str = "xdp-fw state 1";

/// What the state directory remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// What was in force last without being on trial.
    pub last_good: Option<Content>,
    /// What that was before.
    pub previous: Option<Content>,
    /// What is in force until it is confirmed or taken back.
    pub trial: Option<Trial>,
    /// What is in force on trial, until the commit has replaced it.
    pub former: Option<Content>,
    /// What was taken back, or could not be tried: refused until it is asked for.
    pub refused: Option<[u8; 32]>,
    /// What would have cut off who was connected: no start puts it into force.
    pub cut_off: Option<[u8; 32]>,
}

/// A configuration with its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// [`Loaded::hash`].
    pub hash: [u8; 32],
    /// The name of each file's content and its path, the main one first.
    pub files: Vec<(String, PathBuf)>,
}

/// A configuration on trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What is on trial.
    pub content: Content,
    /// The generation that comes back.
    pub base: u64,
    /// When it comes back.
    pub until: Deadline,
}

impl Content {
    /// What a configuration is remembered by.
    #[must_use]
    pub fn of(loaded: &Loaded) -> Self {
        let files = loaded.files.iter().map(|file| (&file.path, file.digest()));
        let sets = loaded.set_files.iter();
        let sets = sets.map(|(path, file)| (path, file.digest));
        let named = |(path, digest): (&PathBuf, Digest)| (hexadecimal(&digest), path.clone());
        Self {
            hash: loaded.hash(),
            files: files.chain(sets).map(named).collect(),
        }
    }
}

impl Content {
    fn main(&self) -> Option<PathBuf> {
        self.files.first().map(|(_, main)| absolute(main))
    }

    /// Whether it is the configuration of this main file. Who tries a file by hand, with the state
    /// directory of the service, is not to get the rules of the service.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Other`] if it is not.
    pub fn belongs_to(&self, main: &Path) -> Result<(), SnapshotError> {
        match self.files.first() {
            Some((_, own)) if absolute(own) != absolute(main) => Err(SnapshotError::Other {
                main: own.clone(),
                wanted: main.to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The steps; each gives the index as it is to be written next.
impl Index {
    /// `content` is in force as the file says, and nothing is on trial.
    #[must_use]
    pub fn in_force(self, content: Content) -> Self {
        let last_good = self.last_good.as_ref();
        let before = if last_good.is_some_and(|last| last.hash == content.hash) {
            self.previous
        } else {
            self.last_good
        };
        Self {
            // Nobody goes back to the rules of another file.
            previous: before.filter(|before| before.main() == content.main()),
            last_good: Some(content),
            trial: None,
            former: None,
            refused: None,
            cut_off: None,
        }
    }

    /// `trial` is about to be put into force, and what has the hash `in_force` is until then.
    #[must_use]
    pub fn on_trial(self, trial: Trial, in_force: Option<[u8; 32]>) -> Self {
        Self {
            former: in_force.and_then(|hash| self.tried(&hash).cloned()),
            // The file may say that still, and be found again by a start.
            cut_off: self.cut_off.filter(|hash| *hash != trial.content.hash),
            trial: Some(trial),
            refused: None,
            ..self
        }
    }

    /// Nothing is on trial any more.
    #[must_use]
    pub fn without_trial(self) -> Self {
        Self {
            trial: None,
            former: None,
            ..self
        }
    }

    /// What is on trial becomes the last good one; without a trial nothing changes.
    #[must_use]
    pub fn confirmed(mut self) -> Self {
        match self.trial.take() {
            Some(trial) => Self {
                refused: self.refused,
                cut_off: self.cut_off,
                ..self.in_force(trial.content)
            },
            None => self,
        }
    }

    /// The last good one and the one before change places.
    #[must_use]
    pub fn swapped(self) -> Self {
        Self {
            last_good: self.previous,
            previous: self.last_good,
            ..self
        }
    }

    /// What is on trial, or was before that, if it has this hash.
    #[must_use]
    pub fn tried(&self, hash: &[u8; 32]) -> Option<&Content> {
        let trial = self.trial.as_ref().map(|trial| &trial.content);
        let both = [trial, self.former.as_ref()];
        both.into_iter()
            .flatten()
            .find(|content| content.hash == *hash)
    }

    /// Whether this is the hash of the last good configuration.
    #[must_use]
    pub fn is_last_good(&self, hash: &[u8; 32]) -> bool {
        self.last_good
            .as_ref()
            .is_some_and(|content| content.hash == *hash)
    }

    /// Everything that must not be removed.
    pub(super) fn contents(&self) -> impl Iterator<Item = &Content> {
        let trial = self.trial.as_ref().map(|trial| &trial.content);
        let others = [&self.last_good, &self.previous, &self.former];
        let kept = others.map(Option::as_ref).into_iter().chain([trial]);
        kept.flatten()
    }

    /// The text of the index.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        if let Some(content) = &self.last_good {
            write_content(&mut text, "last-good", content);
        }
        if let Some(trial) = &self.trial {
            write_content(&mut text, "trial", &trial.content);
            let wall = trial.until.wall.duration_since(UNIX_EPOCH);
            let _ = write!(
                text,
                "base {}\nuntil {} {} {}\n",
                trial.base,
                wall.unwrap_or_default().as_secs(),
                trial.until.boot_time.as_millis(),
                trial.until.boot
            );
        }
        if let Some(content) = &self.previous {
            write_content(&mut text, "previous", content);
        }
        if let Some(content) = &self.former {
            write_content(&mut text, "former", content);
        }
        if let Some(refused) = &self.refused {
            let _ = writeln!(text, "refused {}", hexadecimal(refused));
        }
        if let Some(cut_off) = &self.cut_off {
            let _ = writeln!(text, "cut-off {}", hexadecimal(cut_off));
        }
        let seal = content_name(&text);
        text + &seal + "\n"
    }

    /// Reads the text of an index, or says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let body = text
            .strip_suffix('\n')
            .and_then(|text| text.rfind('\n'))
            .map(|end| end + 1);
        let (body, seal) = body
            .and_then(|at| text.split_at_checked(at))
            .ok_or("it is cut off")?;
        if seal.trim_end() != content_name(body) {
            return Err("its checksum is wrong");
        }
        let entries = body
            .strip_prefix(HEADER)
            .ok_or("it was written by another version")?;
        parse_entries(entries.trim()).ok_or("an entry is malformed")
    }
}

fn write_content(text: &mut String, what: &str, content: &Content) {
    let _ = writeln!(text, "{what} {}", hexadecimal(&content.hash));
    for (name, path) in &content.files {
        let _ = writeln!(text, "file {name} {}", escaped(path));
    }
}

fn parse_entries(entries: &str) -> Option<Index> {
    let mut index = Index::default();
    let mut lines = entries.lines().peekable();
    while let Some(line) = lines.next() {
        let (what, hash) = line.split_once(' ')?;
        let hash = unhexadecimal(hash)?;
        if what == "refused" {
            index.refused = Some(hash);
            continue;
        }
        if what == "cut-off" {
            index.cut_off = Some(hash);
            continue;
        }
        let mut files = Vec::new();
        while let Some(file) = lines.peek().and_then(|line| line.strip_prefix("file ")) {
            let (name, path) = file.split_once(' ')?;
            files.push((name.to_owned(), unescaped(path)?));
            lines.next();
        }
        let content = (!files.is_empty()).then_some(Content { hash, files })?;
        match what {
            "last-good" => index.last_good = Some(content),
            "previous" => index.previous = Some(content),
            "former" => index.former = Some(content),
            "trial" => {
                index.trial = Some(Trial {
                    content,
                    base: lines.next()?.strip_prefix("base ")?.parse().ok()?,
                    until: parse_deadline(lines.next()?.strip_prefix("until ")?)?,
                });
            }
            _ => return None,
        }
    }
    Some(index)
}

fn parse_deadline(text: &str) -> Option<Deadline> {
    let mut words = text.splitn(3, ' ');
    let mut number = || words.next()?.parse().ok();
    let wall = UNIX_EPOCH.checked_add(Duration::from_secs(number()?))?;
    Some(Deadline {
        wall,
        boot_time: Duration::from_millis(number()?),
        boot: words.next()?.to_owned(),
    })
}

/// Bytes as two digits each.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn unhexadecimal(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (at, byte) in (0..).step_by(2).zip(&mut bytes) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// A path on one line, whatever bytes it has.
fn escaped(path: &Path) -> String {
    path.as_os_str()
        .as_bytes()
        .iter()
        .fold(String::new(), |mut out, &byte| {
            if byte.is_ascii_graphic() && byte != b'%' {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02x}");
            }
            out
        })
}

fn unescaped(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
