//! Collects what is wrong with one file, by byte offset, and turns offsets into positions.
//!
//! Owns what is withheld: findings that would only echo a syntax error. Decides nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::config::defaults::MAX_FINDINGS_PER_FILE;
use crate::config::model::Position;
use crate::config::problem::{Place, Problem, count_others};

/// Turns byte offsets of a text into lines and columns.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Offset of the first byte of each line.
    starts: Vec<usize>,
    /// How many characters begin before each block.
    characters: Vec<usize>,
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
        let mut before = 0;
        let characters = text.as_bytes().chunks(BLOCK).map(|block| {
            let here = before;
            before += characters(block);
            here
        });
        Self {
            text,
            starts: std::iter::once(first).chain(after_newlines).collect(),
            characters: characters.collect(),
        }
    }

    /// How many characters begin before `offset`, whatever the length of its line.
    fn characters_before(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        let block = offset / BLOCK;
        let before = self.characters.get(block).copied().unwrap_or_default();
        let rest = self.text.as_bytes().get(block * BLOCK..offset);
        before + characters(rest.unwrap_or_default())
    }

    /// The line of `offset`, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset).max(1)
    }

    /// The line and the column in characters of `offset`, both from 1.
    fn line_column(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.characters_before(offset.max(start)) - self.characters_before(start);
        (line, before + 1)
    }
}

/// Bytes over which characters are counted once.
const BLOCK: usize = 1 << 10;

/// How many characters begin in these bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    let begins = |byte: &&u8| **byte & 0xc0 != 0x80;
    bytes.iter().filter(begins).count()
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

/// The first findings in the order of the text, and how many there were.
#[derive(Default)]
struct Findings {
    /// By offset, and by turn where there are several.
    first: BTreeMap<(usize, usize), String>,
    count: usize,
}

impl Findings {
    fn add(&mut self, offset: usize, message: String) {
        self.first.insert((offset, self.count), message);
        self.count += 1;
        // One more than is shown: it gives the place of the line that counts the others.
        if self.first.len() > MAX_FINDINGS_PER_FILE + 1 {
            self.first.pop_last();
        }
    }
}

/// The findings of one file.
pub(super) struct Report<'a> {
    file: &'a Path,
    lines: Lines<'a>,
    problems: Findings,
    warnings: Findings,
    notes: Findings,
    /// Lines with a syntax error: their values are the parser's guesses.
    guessed_lines: BTreeSet<usize>,
    /// Whether nothing may be said but what is wrong with the syntax.
    is_withheld: bool,
    /// Where the structure of the document broke; everything from here on is a guess.
    broken_at: Option<usize>,
}

impl<'a> Report<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        Self {
            file,
            lines: Lines::of(text),
            problems: Findings::default(),
            warnings: Findings::default(),
            notes: Findings::default(),
            guessed_lines: BTreeSet::new(),
            is_withheld: false,
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
        self.problem(offset, Kind::Wrong, message.into());
    }

    /// Reports that something is missing; `offset` says where it was looked for.
    pub(super) fn absent(&mut self, offset: usize, message: impl Into<String>) {
        self.problem(offset, Kind::Absent, message.into());
    }

    /// Reports what is allowed but probably not meant.
    pub(super) fn warn(&mut self, offset: usize, message: impl Into<String>) {
        self.warnings.add(offset, message.into());
    }

    /// Reports what is fine and worth knowing.
    pub(super) fn note(&mut self, offset: usize, message: impl Into<String>) {
        self.notes.add(offset, message.into());
    }

    /// The notes, in the order of the text.
    pub(super) fn take_notes(&mut self) -> Vec<Problem> {
        let notes = std::mem::take(&mut self.notes);
        self.in_order(notes)
    }

    /// Reports a syntax error unless its line has one already. `breaks` says that nothing
    /// behind it can be relied on. Syntax errors come first: they decide what else is sure.
    pub(super) fn syntax(&mut self, offset: usize, breaks: bool, message: String) {
        if breaks && self.broken_at.is_none_or(|at| offset < at) {
            self.broken_at = Some(offset);
        }
        if self.guessed_lines.insert(self.lines.line(offset)) {
            self.problem(offset, Kind::Syntax, message);
        }
    }

    fn problem(&mut self, offset: usize, kind: Kind, message: String) {
        if self.is_sure(offset, kind) {
            self.problems.add(offset, message);
        }
    }

    /// Withholds everything but errors of syntax: what is in the file is perhaps a secret.
    pub(super) fn withhold(&mut self) {
        self.is_withheld = true;
    }

    /// The problems and the warnings, each in the order of the text.
    pub(super) fn finish(mut self) -> (Vec<Problem>, Vec<Problem>) {
        let problems = std::mem::take(&mut self.problems);
        let warnings = std::mem::take(&mut self.warnings);
        (self.in_order(problems), self.in_order(warnings))
    }

    fn is_sure(&self, offset: usize, kind: Kind) -> bool {
        let behind_break = self.broken_at.is_some_and(|at| offset >= at);
        let guessed = self.guessed_lines.contains(&self.lines.line(offset));
        match kind {
            Kind::Syntax => true,
            _ if self.is_withheld => false,
            Kind::Wrong => !behind_break && !guessed,
            Kind::Absent => self.broken_at.is_none() && !guessed,
        }
    }

    fn in_order(&self, findings: Findings) -> Vec<Problem> {
        let Findings { first, count } = findings;
        let problem = |((offset, _), message)| Problem {
            place: Place::At(self.position(offset)),
            message,
        };
        let mut problems: Vec<Problem> = first.into_iter().map(problem).collect();
        count_others(&mut problems, count, MAX_FINDINGS_PER_FILE);
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_a_long_line_is_that_of_its_characters() {
        let text = "ø".repeat(5_000);
        let lines = Lines::of(&text);
        for characters in [0, 1, 511, 512, 513, 1_024, 4_999, 5_000] {
            assert_eq!(lines.line_column(2 * characters), (1, characters + 1));
        }
    }

    #[test]
    fn the_first_findings_are_kept_in_the_order_of_the_text() {
        let text = "\n".repeat(5_000);
        let mut report = Report::new(Path::new("fw.toml"), &text);
        for offset in (0..5_000).rev() {
            report.wrong(offset, "x");
            report.warn(offset, "y");
            assert!(report.problems.first.len() <= MAX_FINDINGS_PER_FILE + 1);
        }
        let (problems, warnings) = report.finish();
        assert_eq!(problems.len(), MAX_FINDINGS_PER_FILE + 1);
        assert_eq!(problems[0].to_string(), "fw.toml:1:1: x");
        assert_eq!(problems[100].to_string(), "fw.toml:101:1: … and 4900 more");
        assert_eq!(warnings[99].to_string(), "fw.toml:100:1: y");
    }

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
