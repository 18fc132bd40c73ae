//! Collects what is wrong with one file, by byte offset, and turns offsets into positions.
//!
//! Owns what is withheld: findings that would only echo a syntax error. Decides nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::model::Position;
use crate::config::problem::{Place, Problem};

/// Turns byte offsets of a text into lines and columns.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Offset of the first byte of each line.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        // A byte order mark is no column.
        let first = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(first).chain(after_newlines).collect(),
        }
    }

    /// The line of `offset`, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset).max(1)
    }

    /// The line and the column in characters of `offset`, both from 1.
    fn line_column(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..offset.max(start)).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

/// How sure a finding is when the syntax of the file is broken somewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A syntax error; never withheld.
    Syntax,
    /// Something that is there is wrong.
    Wrong,
    /// Something is not there; it may be behind a syntax error.
    Absent,
}

struct Finding {
    offset: usize,
    kind: Kind,
    message: String,
}

/// The findings of one file.
pub(super) struct Report<'a> {
    file: &'a Path,
    lines: Lines<'a>,
    problems: Vec<Finding>,
    warnings: Vec<Finding>,
    /// Lines with a syntax error: their values are the parser's guesses.
    guessed_lines: BTreeSet<usize>,
    /// Where the structure of the document broke; everything from here on is a guess.
    broken_at: Option<usize>,
}

impl<'a> Report<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        Self {
            file,
            lines: Lines::of(text),
            problems: Vec::new(),
            warnings: Vec::new(),
            guessed_lines: BTreeSet::new(),
            broken_at: None,
        }
    }

    /// The position of a byte offset.
    pub(super) fn position(&self, offset: usize) -> Position {
        let (line, column) = self.lines.line_column(offset);
        Position {
            file: self.file.to_path_buf(),
            line,
            column,
        }
    }

    /// Where the character `index` of a string stands, whose value is at `span`: where it begins,
    /// if it is not written character by character.
    pub(super) fn within(&self, span: std::ops::Range<usize>, value: &str, index: usize) -> usize {
        let written = self.lines.text.get(span.clone()).unwrap_or_default();
        let is_plain = |quote: char| {
            let inner = written.strip_prefix(quote);
            inner.and_then(|inner| inner.strip_suffix(quote)) == Some(value)
        };
        if !is_plain('"') && !is_plain('\'') {
            return span.start;
        }
        let before = value.chars().take(index).map(char::len_utf8);
        span.start + 1 + before.sum::<usize>()
    }

    /// Reports that what is at `offset` is wrong.
    pub(super) fn wrong(&mut self, offset: usize, message: impl Into<String>) {
        self.problems.push(Finding {
            offset,
            kind: Kind::Wrong,
            message: message.into(),
        });
    }

    /// Reports that something is missing; `offset` says where it was looked for.
    pub(super) fn absent(&mut self, offset: usize, message: impl Into<String>) {
        self.problems.push(Finding {
            offset,
            kind: Kind::Absent,
            message: message.into(),
        });
    }

    /// Reports what is allowed but probably not meant.
    pub(super) fn warn(&mut self, offset: usize, message: impl Into<String>) {
        self.warnings.push(Finding {
            offset,
            kind: Kind::Wrong,
            message: message.into(),
        });
    }

    /// Reports a syntax error unless its line has one already. `breaks` says that nothing
    /// behind it can be relied on.
    pub(super) fn syntax(&mut self, offset: usize, breaks: bool, message: String) {
        if breaks && self.broken_at.is_none_or(|at| offset < at) {
            self.broken_at = Some(offset);
        }
        if self.guessed_lines.insert(self.lines.line(offset)) {
            self.problems.push(Finding {
                offset,
                kind: Kind::Syntax,
                message,
            });
        }
    }

    /// The problems and the warnings, each in the order of the text.
    pub(super) fn finish(mut self) -> (Vec<Problem>, Vec<Problem>) {
        let mut problems = std::mem::take(&mut self.problems);
        problems.retain(|finding| self.is_sure(finding));
        let warnings = std::mem::take(&mut self.warnings);
        (self.in_order(problems), self.in_order(warnings))
    }

    fn is_sure(&self, finding: &Finding) -> bool {
        let behind_break = self.broken_at.is_some_and(|at| finding.offset >= at);
        let guessed = self
            .guessed_lines
            .contains(&self.lines.line(finding.offset));
        match finding.kind {
            Kind::Syntax => true,
            Kind::Wrong => !behind_break && !guessed,
            Kind::Absent => self.broken_at.is_none() && !guessed,
        }
    }

    fn in_order(&self, mut findings: Vec<Finding>) -> Vec<Problem> {
        findings.sort_by_key(|finding| finding.offset);
        let problem = |finding: Finding| Problem {
            place: Place::At(self.position(finding.offset)),
            message: finding.message,
        };
        findings.into_iter().map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_skip_a_byte_order_mark() {
        let lines = Lines::of("\u{feff}øa\nb\n");
        let at = |offset| lines.line_column(offset);
        assert_eq!(
            (at(0), at(3), at(5), at(6)),
            ((1, 1), (1, 1), (1, 2), (1, 3))
        );
        assert_eq!(
            (at(7), at(8), at(9), at(99)),
            ((2, 1), (2, 2), (3, 1), (3, 1))
        );
    }
}
