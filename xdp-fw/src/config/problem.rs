//! What is wrong with a configuration, and where.
//!
//! Owns how problems are held and printed. Never decides what a problem is: `parse` does.

use std::fmt;
use std::path::PathBuf;

use super::defaults::{MAX_MESSAGE_LENGTH, MAX_PROBLEMS};
use super::model::Position;
use crate::names::printable::write_visibly;

/// Where a problem lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole: it could not be read.
    File(PathBuf),
    /// A line and a column.
    At(Position),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.display().fmt(f),
            Self::At(position) => position.fmt(f),
        }
    }
}

/// One thing that is wrong, or (as a warning) probably not what was meant.
///
/// Prints as `file:line:column: what is wrong; what was expected`, always on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it lies.
    pub place: Place,
    /// What is wrong and what was expected; a sentence without its period.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A path may have a newline or an escape sequence in it.
        let text = format!("{}: {}", self.place, self.message);
        text.chars().try_for_each(|char| write_visibly(f, char))
    }
}

/// The first of many problems or warnings, and how many there were. What is not among the first is
/// counted and not kept.
#[derive(Debug, Default)]
pub(crate) struct FirstProblems {
    first: Vec<Problem>,
    count: usize,
}

impl FirstProblems {
    pub(crate) fn push(&mut self, problem: Problem) {
        self.count += 1;
        // One more than is shown: it gives the place of the line that counts the others.
        if self.first.len() <= MAX_PROBLEMS {
            self.first.push(Problem {
                message: shortened(problem.message),
                ..problem
            });
        }
    }

    pub(crate) fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first, and a line that counts the others.
    pub(crate) fn into_vec(mut self) -> Vec<Problem> {
        count_others(&mut self.first, self.count, MAX_PROBLEMS);
        self.first
    }
}

/// Makes the one behind the first `shown` say how many of `count` there are from there on.
pub(crate) fn count_others(first: &mut [Problem], count: usize, shown: usize) {
    if let Some(last) = first.get_mut(shown) {
        last.message = format!("… and {} more", count.saturating_sub(shown));
    }
}

/// The message, cut where it is too long to be read.
fn shortened(message: String) -> String {
    match message.char_indices().nth(MAX_MESSAGE_LENGTH) {
        None => message,
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
    }
}

/// Everything that is wrong with a configuration: the problems of the main file, then those of
/// each included one, in the order of their lines; then those of each set file.
///
/// Prints one problem per line, without a newline at the end. Never empty as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What to watch for a correction, as in [`Loaded::watched`](super::Loaded::watched).
    pub watched: Vec<PathBuf>,
    /// The files and directories among them that a `chmod` or `chown` would mend.
    pub closed: Vec<PathBuf>,
    /// Whether this process may not read one of the files.
    pub denied: bool,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> FirstProblems {
        let mut first = FirstProblems::default();
        first.extend((0..count).map(|number| Problem {
            place: Place::File(PathBuf::from("fw.toml")),
            message: number.to_string(),
        }));
        first
    }

    #[test]
    fn problems_beyond_the_bound_are_counted_and_not_kept() {
        let first = numbered(700_000);
        assert_eq!(first.first.len(), MAX_PROBLEMS + 1);
        let shown = first.into_vec();
        assert_eq!(shown[MAX_PROBLEMS - 1].message, "199");
        assert_eq!(shown[MAX_PROBLEMS].message, "… and 699800 more");
        assert_eq!(numbered(MAX_PROBLEMS).into_vec().len(), MAX_PROBLEMS);
    }

    #[test]
    fn a_message_is_cut_where_nobody_reads_on() {
        let mut first = FirstProblems::default();
        first.push(Problem {
            place: Place::File(PathBuf::from("fw.toml")),
            message: "ø".repeat(1 << 20),
        });
        let message = &first.into_vec()[0].message;
        assert_eq!(message.chars().count(), MAX_MESSAGE_LENGTH + 1);
    }

    #[test]
    fn a_problem_stays_on_one_line_whatever_its_file_is_called() {
        let place = Place::File(PathBuf::from("/a\n\u{1b}[31m/ø"));
        let problem = Problem {
            place,
            message: "is \"odd\"\u{202e}".into(),
        };
        assert_eq!(
            problem.to_string(),
            "/a\\n\\u{1b}[31m/ø: is \"odd\"\\u{202e}"
        );
    }
}
