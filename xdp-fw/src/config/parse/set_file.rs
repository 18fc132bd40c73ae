//! Set files: a prefix or a range of addresses per line, `#` and `;` comments.
//!
//! Owns the fast loop over their lines, and that each file is read and parsed once however many
//! sets name it. Never decides whether an empty file is a mistake: the set does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::address::{explain, prefix};
use super::range::{self, Bad};
use super::words::quoted;
use crate::config::defaults::MAX_PROBLEMS_PER_FILE;
use crate::config::load::ReadFile;
use crate::config::model::Position;
use crate::config::pattern::glob_directory;
use crate::config::prefixes::{Merged, Unsorted};
use crate::config::problem::{Place, Problem};
use crate::config::source::{FileError, Files, Role};

/// What came of a set file.
#[derive(Clone, Copy)]
pub(super) enum Shelved<'a> {
    /// Its prefixes.
    Prefixes(&'a Merged),
    /// It could not be read: why, to follow the file's name.
    Unreadable(&'a str),
    /// It has problems, which are reported already.
    Faulty,
}

/// The set files that were read so far.
pub(super) struct Shelf<'f, F> {
    pub(super) files: &'f F,
    parsed: BTreeMap<PathBuf, Result<Merged, Option<String>>>,
    /// What was read, in the order of reading.
    pub(super) read: Vec<ReadFile>,
    /// What is wrong inside the files.
    pub(super) problems: Vec<Problem>,
    /// Every file that is named, and the directory of every glob.
    pub(super) watched: BTreeSet<PathBuf>,
}

impl<'f, F: Files> Shelf<'f, F> {
    pub(super) fn new(files: &'f F) -> Self {
        Self {
            files,
            parsed: BTreeMap::new(),
            read: Vec::new(),
            problems: Vec::new(),
            watched: BTreeSet::new(),
        }
    }

    /// The files that a path stands for, which are watched from now on, or why it stands for
    /// none.
    pub(super) fn expand(&mut self, path: &Path) -> Result<Vec<PathBuf>, String> {
        let paths = match glob_directory(path) {
            None => vec![path.to_path_buf()],
            Some(directory) => {
                let paths = self.files.glob(path).map_err(|error| match error {
                    FileError::Missing => {
                        let directory = directory.display();
                        format!("{directory} does not exist; create it, or correct the path")
                    }
                    error => format!("{} {error}", directory.display()),
                });
                // An empty path is the working directory.
                let is_here = directory.as_os_str().is_empty();
                self.watched
                    .insert(if is_here { ".".into() } else { directory });
                paths?
            }
        };
        self.watched.extend(paths.iter().cloned());
        Ok(paths)
    }

    /// The prefixes of a file; read and parsed at the first call.
    pub(super) fn prefixes(&mut self, path: &Path) -> Shelved<'_> {
        if !self.parsed.contains_key(path) {
            let parsed = self.load(path);
            self.parsed.insert(path.to_path_buf(), parsed);
        }
        match self.parsed.get(path) {
            Some(Ok(prefixes)) => Shelved::Prefixes(prefixes),
            Some(Err(Some(why))) => Shelved::Unreadable(why),
            Some(Err(None)) | None => Shelved::Faulty,
        }
    }

    fn load(&mut self, path: &Path) -> Result<Merged, Option<String>> {
        let text = match self.files.read(path, Role::Set) {
            Ok(text) => text,
            Err(error @ FileError::NotUtf8 { line, column, .. }) => {
                let position = Position {
                    file: path.to_path_buf(),
                    line,
                    column,
                };
                self.problems.push(Problem {
                    place: Place::At(position),
                    message: error.to_string(),
                });
                return Err(None);
            }
            Err(FileError::Missing) => {
                return Err(Some(
                    "does not exist; create it, or correct the path".into(),
                ));
            }
            Err(error) => return Err(Some(error.to_string())),
        };
        let (prefixes, problems) = parse(path, &text);
        self.read.push(ReadFile {
            path: path.to_path_buf(),
            text,
        });
        let faulty = !problems.is_empty();
        self.problems.extend(problems);
        if faulty {
            Err(None)
        } else {
            Ok(prefixes.merged())
        }
    }
}

/// The prefixes of a set file and the first of its problems. Allocates for the result and for
/// problems alone.
fn parse(file: &Path, text: &str) -> (Unsorted, Vec<Problem>) {
    let mut prefixes = Unsorted::default();
    let mut problems = Vec::new();
    let mut faults: usize = 0;
    for (index, line) in text.trim_start_matches('\u{feff}').split('\n').enumerate() {
        let content = without_comment(line).trim_ascii();
        if content.is_empty() {
            continue;
        }
        if let Some(prefix) = prefix(content) {
            prefixes.push(prefix);
            continue;
        }
        if let Ok(range) = range::prefixes(content) {
            range.into_iter().for_each(|prefix| prefixes.push(prefix));
            continue;
        }
        faults += 1;
        if faults <= MAX_PROBLEMS_PER_FILE + 1 {
            problems.push(fault(file, index + 1, line, content));
        }
    }
    if let Some(last) = problems.get_mut(MAX_PROBLEMS_PER_FILE) {
        last.message = format!("… and {} more", faults - MAX_PROBLEMS_PER_FILE);
    }
    (prefixes, problems)
}

fn without_comment(line: &str) -> &str {
    let end = line.bytes().position(|byte| byte == b'#' || byte == b';');
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}

fn fault(file: &Path, line: usize, text: &str, content: &str) -> Problem {
    let before = text
        .find(content)
        .and_then(|at| text.get(..at))
        .unwrap_or_default();
    let column = before.chars().count() + 1;
    let place = Place::At(Position {
        file: file.to_path_buf(),
        line,
        column,
    });
    let message = wording(content);
    Problem { place, message }
}

/// What is wrong with a line that is neither a prefix nor a range.
fn wording(content: &str) -> String {
    let subject = quoted(content);
    match range::prefixes(content) {
        Err(Bad::Mixed) => {
            return format!(
                "{subject} goes from one family to the other; expected two addresses of one"
            );
        }
        Err(Bad::Reversed(from, to)) => {
            return format!("range {subject} is reversed; expected {to} - {from}");
        }
        Ok(_) | Err(Bad::NotARange) => {}
    }
    if content.starts_with(['!', '@']) {
        return format!("{subject} is for rules; expected a prefix");
    }
    match content.split_once(|char: char| char.is_ascii_whitespace()) {
        Some((first, rest)) if prefix(first).is_some() => format!(
            "{} follows a prefix; expected one prefix per line, comments after # or ;",
            quoted(rest.trim_ascii())
        ),
        _ => explain(content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The prefixes in their order, those of IPv4 first, and the problems.
    fn parsed(text: &str) -> (Vec<String>, Vec<String>) {
        let (Unsorted { v4, v6 }, problems) = parse(Path::new("set.txt"), text);
        let v4 = v4
            .iter()
            .map(|(address, length)| format!("{address}/{length}"));
        let v6 = v6
            .iter()
            .map(|(address, length)| format!("{address}/{length}"));
        let prefixes = v4.chain(v6).collect();
        (prefixes, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn comments_blank_lines_crlf_and_a_byte_order_mark_are_skipped() {
        let text =
            "\u{feff}192.0.2.0/24 # office\r\n\r\n;x\n \t2001:db8::1;SBL1\n# end\n10.0.0.0/8";
        let (prefixes, problems) = parsed(text);
        assert_eq!(prefixes, ["192.0.2.0/24", "10.0.0.0/8", "2001:db8::1/128"]);
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn the_formats_of_common_lists_are_read() {
        let text = "; Spamhaus DROP List 2026/11/22\n1.10.16.0/20 ; SBL256894\n\
                    # FireHOL level 1\n0.0.0.0/8\n\
                    2001:db8:bad::/48 ; SBL000001\n203.0.113.7\n\
                    198.51.100.0 - 198.51.100.255 # a range\n192.0.2.1-192.0.2.2\n\
                    2001:db8::10 - 2001:db8::1f\n";
        let (prefixes, problems) = parsed(text);
        assert_eq!(
            prefixes,
            [
                "1.10.16.0/20",
                "0.0.0.0/8",
                "203.0.113.7/32",
                "198.51.100.0/24",
                "192.0.2.1/32",
                "192.0.2.2/32",
                "2001:db8:bad::/48",
                "2001:db8::10/124",
            ]
        );
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn each_bad_line_is_a_problem_with_its_column() {
        let (prefixes, problems) = parsed(
            "10.0.0.1/8\n192.0.2.1\n  \tnonsense # c\n10.0.0.0/8 eth0\n@office\n!10.0.0.0/8\n\
             10.0.0.9 - 10.0.0.1\n10.0.0.1-::1\n10.0.0.1-9\n192.0.2.0\t192.0.2.255\t24\n\
             list.example.com\n{\"cidr\":\"10.0.0.0/8\"}",
        );
        assert_eq!(prefixes, ["192.0.2.1/32"]);
        insta::assert_snapshot!(problems.join("\n"));
    }

    #[test]
    fn a_file_of_nonsense_reports_the_first_twenty_lines() {
        let (_, problems) = parsed(&"10.0.0.1/8\n".repeat(500));
        assert_eq!(problems.len(), 21);
        assert_eq!(problems[20], "set.txt:21:1: … and 480 more");
        let (_, problems) = parsed(&"10.0.0.1/8\n".repeat(20));
        assert_eq!(problems.len(), 20);
    }

    #[test]
    fn a_million_lines_take_a_moment() {
        let text: String = (0..1_000_000u32)
            .map(|n| format!("{}\n", std::net::Ipv4Addr::from(n << 8)))
            .collect();
        let start = std::time::Instant::now();
        let (prefixes, problems) = parse(Path::new("set.txt"), &text);
        let took = start.elapsed();
        assert_eq!((prefixes.v4.len(), problems.len()), (1_000_000, 0));
        // Generous: unoptimized, on a busy machine. An optimized build takes a tenth.
        assert!(took.as_secs() < 10, "{took:?}");
    }
}
