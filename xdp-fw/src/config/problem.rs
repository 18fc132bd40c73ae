//! What is wrong with a configuration, and where.
//!
//! Owns how problems are held and printed. Never decides what a problem is: `parse` does.

use std::fmt;
use std::path::PathBuf;

use super::model::Position;

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

/// Writes a character as itself, or escaped if a terminal would act on it or hide it.
pub(super) fn write_visibly(out: &mut impl fmt::Write, char: char) -> fmt::Result {
    match char {
        '"' | '\'' | '\\' => out.write_char(char),
        _ => write!(out, "{}", char.escape_debug()),
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
