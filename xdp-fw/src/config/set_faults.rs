//! What is wrong with the lines of a set file, and how much of it is said.
//!
//! Owns the bound on it, the one message for a file of another format, and that nothing is quoted of a
//! file without a single good line: it may be one that a slip or somebody's link led to.

use std::path::{Path, PathBuf};

use super::defaults::MAX_PROBLEMS_PER_FILE;
use super::foreign::{self, Format};
use super::model::Position;
use super::parse::set_line::Fault;
use super::problem::{Place, Problem};
use super::source::FileError;

/// How much of the beginning of a file says what it is, in bytes.
const HEAD: usize = 4096;

/// As much of a line as says what its file is, in bytes.
const LOOK: usize = 256;

/// The lines that are not good, and the beginning of the file.
pub(super) struct Faults {
    path: PathBuf,
    head: Vec<u8>,
    pub(super) count: usize,
    /// The first of them.
    first: Vec<Line>,
}

struct Line {
    line: usize,
    column: usize,
    fault: Fault,
    text: String,
}

impl Faults {
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            head: Vec::new(),
            count: 0,
            first: Vec::new(),
        }
    }

    /// Sees the next piece of the file.
    pub(super) fn see(&mut self, piece: &[u8]) {
        let free = HEAD.saturating_sub(self.head.len());
        self.head.extend(piece.iter().take(free));
    }

    /// Takes a line that is not good; `explain` says why, if that is of interest.
    pub(super) fn add(
        &mut self,
        line: usize,
        text: &str,
        content: &str,
        explain: fn(&str) -> Fault,
    ) {
        self.count += 1;
        if self.first.len() > MAX_PROBLEMS_PER_FILE {
            return;
        }
        let before = text.find(content).and_then(|at| text.get(..at));
        self.first.push(Line {
            line,
            column: before.unwrap_or_default().chars().count() + 1,
            fault: explain(content),
            text: cut(text).to_owned(),
        });
    }

    /// Why the file as a whole is refused, whose lines say `error`.
    pub(super) fn whole(&self, error: Option<FileError>) -> Option<FileError> {
        if error.is_none() && self.count == 0 {
            return None;
        }
        if let Some(format) = foreign::of_bytes(&self.head) {
            return Some(FileError::Foreign(format));
        }
        let head = String::from_utf8_lossy(&self.head);
        if !head.contains('\n') && head.trim().contains('\r') {
            return Some(FileError::Foreign(Format::of_cr()));
        }
        match error {
            Some(error @ FileError::LongLine { .. }) => {
                let format = foreign::of_lines(head.lines());
                Some(format.map_or(error, FileError::Foreign))
            }
            error => error,
        }
    }

    /// What is said of them, in a file with so many good lines.
    pub(super) fn problems(self, good: usize) -> Vec<Problem> {
        let Some(first) = self.first.first() else {
            return Vec::new();
        };
        if self.count > good
            && let Some(format) =
                foreign::of_lines(self.first.iter().map(|line| line.text.as_str()))
        {
            return vec![self.problem(first, format!("this {format}"))];
        }
        if good == 0 {
            return self.unquoted();
        }
        let mut problems = self.quoted(&self.first);
        if let Some(last) = problems.get_mut(MAX_PROBLEMS_PER_FILE) {
            last.message = format!("… and {} more", self.count - MAX_PROBLEMS_PER_FILE);
        }
        problems
    }

    /// In a file without a good line: what is an address is no secret, the others are one problem.
    fn unquoted(self) -> Vec<Problem> {
        let is_other = |line: &&Line| !line.fault.is_address;
        let Some(other) = self.first.iter().find(is_other) else {
            let mut problems = self.quoted(&self.first);
            if let Some(last) = problems.get_mut(MAX_PROBLEMS_PER_FILE) {
                last.message = format!("… and {} more", self.count - MAX_PROBLEMS_PER_FILE);
            }
            return problems;
        };
        let message = format!(
            "{} (no line of {} is good, so none is quoted)",
            other.fault.unquoted(),
            self.count
        );
        vec![self.problem(other, message)]
    }

    fn quoted(&self, lines: &[Line]) -> Vec<Problem> {
        let problem = |line: &Line| self.problem(line, line.fault.to_string());
        lines.iter().map(problem).collect()
    }

    fn problem(&self, at: &Line, message: String) -> Problem {
        let place = Place::At(Position {
            file: self.path.clone(),
            line: at.line,
            column: at.column,
        });
        Problem { place, message }
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=LOOK.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}
