//! Files that are neither a set file nor a configuration: what they are, and what to do about it.
//!
//! Owns the signs by which formats are known and the commands that make a list of them. Quotes
//! nothing: such a file is perhaps nobody's business.

mod bytes;
mod lines;
mod programs;
mod tables;

use std::fmt;

pub(super) use bytes::of_bytes;
pub(super) use lines::of_lines;

/// What a file is instead, in words, and the command that prints a list of prefixes, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// Completes "is …".
    name: &'static str,
    /// Completes "; …".
    remedy: String,
}

impl Format {
    fn new(name: &'static str, remedy: impl Into<String>) -> Self {
        let remedy = remedy.into();
        Self { name, remedy }
    }

    /// Whether more than a line in a hundred has the look of it.
    pub(super) fn is_sure(&self) -> bool {
        !["a configuration of a program", "prose", "a list of names"].contains(&self.name)
    }

    /// Text whose lines end as on a Macintosh of old.
    pub(super) fn of_cr() -> Self {
        Self::new(
            "text with CR between its lines",
            "`tr '\\r' '\\n' < FILE > NEW`",
        )
    }

    /// The same of a file that should be a configuration, of which no list can be made.
    pub(super) fn of_a_configuration(mut self) -> Self {
        self.remedy = self
            .remedy
            .replace("one prefix per line", "TOML")
            .replace("a plain-text list", "TOML");
        self
    }

    /// What it is: completes "is …".
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = if self.remedy.starts_with('`') {
            "run "
        } else {
            ""
        };
        write!(f, "is {}; {run}{}", self.name, self.remedy)
    }
}
