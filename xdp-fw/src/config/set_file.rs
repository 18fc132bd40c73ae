//! A set file: what is in it, read piece by piece.
//!
//! Owns the loop over its lines, and what is kept of a file: its prefixes and its digest, never its
//! text. Never opens a file: [`Files`](super::Files) does.

use std::net::Ipv4Addr;
use std::path::Path;
use std::str::Utf8Error;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::defaults::MAX_SET_LINE_BYTES;
use super::meter::{Amount, Room};
use super::parse::set_line::{self, Line};
use super::prefixes::{Merged, Prefixes, Unsorted};
use super::problem::Problem;
use super::set_faults::Faults;
use super::source::FileError;

/// SHA-256 of a content.
pub(crate) type Digest = [u8; 32];

/// A set file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct SetFile {
    pub(super) merged: Merged,
    /// The first of what is wrong with it.
    pub(super) problems: Vec<Problem>,
    pub(super) mapped: Mapped,
    pub(crate) digest: Digest,
    /// In bytes.
    pub(crate) size: u64,
    /// How many prefixes were read, before any were merged.
    pub(super) amount: Amount,
}

/// The lines that are IPv4 in the notation of IPv6.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) count: usize,
    /// The first of them that is all of IPv4.
    pub(super) whole: Option<usize>,
}

impl SetFile {
    /// Its prefixes; none lies inside another.
    #[must_use]
    pub fn prefixes(&self) -> &Arc<Prefixes> {
        &self.merged.prefixes
    }

    /// Reads the text of the set file `path`.
    ///
    /// # Errors
    ///
    /// [`FileError::NotUtf8`] if it is not text. What is wrong with its lines is kept with it.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, FileError> {
        Self::parse_within(path, text, Room::endless())
    }

    /// Reads the text of the set file `path`, of no more prefixes than there is room for.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`]; [`FileError::Passed`] where there is no room for the next prefix.
    pub fn parse_within(path: &Path, text: &[u8], room: Room) -> Result<Self, FileError> {
        let mut lines = Lines::of(path, room);
        lines.take(text);
        lines.finish()
    }
}

/// The lines of a set file, as they come.
pub(crate) struct Lines {
    hash: Sha256,
    size: u64,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    /// How many lines have come as a whole.
    count: usize,
    prefixes: Unsorted,
    room: Room,
    /// How many of them say nothing.
    blank: usize,
    faults: Faults,
    mapped: Mapped,
    /// Where it stopped being text, or there was no room for more.
    broken: Option<FileError>,
}

impl Lines {
    pub(crate) fn of(path: &Path, room: Room) -> Self {
        Self {
            hash: Sha256::new(),
            size: 0,
            rest: Vec::new(),
            count: 0,
            prefixes: Unsorted::default(),
            room,
            blank: 0,
            faults: Faults::of(path),
            mapped: Mapped::default(),
            broken: None,
        }
    }

    /// Takes the next piece, wherever it was cut.
    pub(crate) fn take(&mut self, mut piece: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        self.hash.update(piece);
        self.size += piece.len() as u64;
        self.faults.see(piece);
        let is_end = |byte: &u8| *byte == b'\n';
        if !self.rest.is_empty() {
            let end = piece.iter().position(is_end);
            let (head, tail) = piece.split_at(end.map_or(piece.len(), |end| end + 1));
            self.rest.extend_from_slice(head);
            if end.is_none() {
                self.bound_rest();
                return;
            }
            let mut line = std::mem::take(&mut self.rest);
            self.whole_lines(&line);
            line.clear();
            self.rest = line;
            piece = tail;
        }
        let end = piece.iter().rposition(is_end).map_or(0, |end| end + 1);
        let (lines, rest) = piece.split_at(end);
        self.whole_lines(lines);
        self.rest.extend_from_slice(rest);
        self.bound_rest();
    }

    /// No line is as long, and what is left of one stays in memory.
    fn bound_rest(&mut self) {
        if self.rest.len() > MAX_SET_LINE_BYTES {
            self.rest = Vec::new();
            self.broken = Some(FileError::LongLine {
                line: self.count + 1,
            });
        }
    }

    /// What the file is, now that all of it has come.
    pub(crate) fn finish(mut self) -> Result<SetFile, FileError> {
        let last = std::mem::take(&mut self.rest);
        self.whole_lines(&last);
        if let Some(error) = self.faults.whole(self.broken) {
            return Err(error);
        }
        let good = self.count - self.blank - self.faults.count;
        let amount = self.prefixes.amount();
        Ok(SetFile {
            amount,
            merged: self.prefixes.merged(),
            problems: self.faults.problems(good),
            mapped: self.mapped,
            digest: self.hash.finalize().into(),
            size: self.size,
        })
    }

    fn whole_lines(&mut self, lines: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        match str::from_utf8(lines) {
            Ok(text) => self.text(text),
            Err(_) => self.lines_in_other_encodings(lines),
        }
    }

    /// A comment may be in Latin-1: only addresses are read.
    fn lines_in_other_encodings(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line);
            if set_line::content(&text).contains(char::REPLACEMENT_CHARACTER)
                && let Err(error) = str::from_utf8(line)
            {
                self.broken = Some(not_utf8(line, &error, self.count));
            }
            if self.broken.is_some() {
                return;
            }
            self.text(&text);
        }
    }

    fn text(&mut self, text: &str) {
        let mut rest = match self.count {
            0 => text.trim_start_matches('\u{feff}'),
            _ => text,
        };
        while !rest.is_empty() {
            self.count += 1;
            if let Some((prefix, length)) = plain(rest.as_bytes()) {
                self.prefixes.v4.push(prefix);
                if !self.has_room(Amount { v4: 1, v6: 0 }) {
                    return;
                }
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            let (line, others) = rest.split_once('\n').unwrap_or((rest, ""));
            if line.len() > MAX_SET_LINE_BYTES {
                self.broken = Some(FileError::LongLine { line: self.count });
                return;
            }
            let before = self.prefixes.amount();
            self.line(line);
            // A range is some 250 prefixes at most.
            if !self.has_room(self.prefixes.amount().without(before)) {
                return;
            }
            rest = others;
        }
    }

    /// Takes room for what the present line has added; false if there is none.
    fn has_room(&mut self, more: Amount) -> bool {
        let Err(passed) = self.room.take(more) else {
            return true;
        };
        let line = self.count;
        self.broken = Some(FileError::Passed { passed, line });
        false
    }

    fn line(&mut self, line: &str) {
        let content = set_line::content(line);
        match set_line::read(content, &mut self.prefixes) {
            Line::Prefixes => {}
            Line::Blank => self.blank += 1,
            Line::Mapped => self.mapped.count += 1,
            Line::AllMapped => _ = self.mapped.whole.get_or_insert(self.count),
            Line::Bad => self
                .faults
                .add(self.count, line, content, set_line::explain),
        }
    }
}

/// A line that is a prefix of IPv4 and nothing else, as most are, and its length with its end. The
/// judge of every other line is [`set_line::read`], which says the same of these.
fn plain(text: &[u8]) -> Option<((Ipv4Addr, u8), usize)> {
    let mut at = 0;
    let mut number = |most: u32, digits: usize| {
        let (start, mut value) = (at, 0);
        while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0'))
            && digit < 10
        {
            value = value * 10 + u32::from(digit);
            at += 1;
            if at - start > digits {
                return None;
            }
        }
        let is_led_by_zero = at - start > 1 && text.get(start) == Some(&b'0');
        let end = text.get(at).copied();
        at += 1;
        (at - 1 > start && !is_led_by_zero && value <= most).then_some((value, end))
    };
    let mut bits = 0;
    let mut end = None;
    for octet in 0..4 {
        let (value, next) = number(255, 3)?;
        bits = bits << 8 | value;
        end = next;
        if octet < 3 && end != Some(b'.') {
            return None;
        }
    }
    let mut length = 32;
    if end == Some(b'/') {
        (length, end) = number(32, 2)?;
    }
    if end == Some(b'\r') {
        end = text.get(at).copied();
        at += 1;
        // At the end of the file it may stand alone.
        if !matches!(end, Some(b'\n') | None) {
            return None;
        }
    }
    let host = u32::MAX.checked_shr(length).unwrap_or(0);
    let is_whole = matches!(end, Some(b'\n') | None) && bits & host == 0;
    let length = u8::try_from(length).ok()?;
    is_whole.then_some(((Ipv4Addr::from_bits(bits), length), at.min(text.len())))
}

/// Where bytes stop being text; `before` is how many lines came before them.
pub(super) fn not_utf8(bytes: &[u8], error: &Utf8Error, before: usize) -> FileError {
    let end = error.valid_up_to();
    let (good, bad) = bytes.split_at_checked(end).unwrap_or_default();
    let line_start = good
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    let last_line = good.get(line_start..).unwrap_or_default();
    FileError::NotUtf8 {
        byte: bad.first().copied().unwrap_or_default(),
        line: before + good.iter().filter(|&&byte| byte == b'\n').count() + 1,
        column: String::from_utf8_lossy(last_line).chars().count() + 1,
    }
}

#[cfg(test)]
#[path = "set_file_tests.rs"]
mod tests;
