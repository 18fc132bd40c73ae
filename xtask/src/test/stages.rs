//! The stages of a test run: when to go on, and the summary at the end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How a stage that did not fail ended.
pub(super) enum Outcome<T> {
    /// Its tests passed.
    Passed(T),
    /// No test was left to run: right under a filter, wrong without one.
    NothingToRun,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Passed,
    Failed,
    Nothing,
    NotRun,
}

/// The stages so far.
pub(super) struct Stages {
    keep_going: bool,
    start: Instant,
    lines: Vec<(&'static str, Word, Duration)>,
}

impl Stages {
    pub(super) fn new(keep_going: bool) -> Self {
        Self {
            keep_going,
            start: Instant::now(),
            lines: Vec::new(),
        }
    }

    /// Runs a stage, unless one failed before; what it made, if it passed.
    pub(super) fn run<T>(
        &mut self,
        name: &'static str,
        stage: impl FnOnce() -> Result<Outcome<T>>,
    ) -> Option<T> {
        let failed = self.lines.iter().any(|(_, word, _)| *word == Word::Failed);
        if failed && !self.keep_going {
            self.lines.push((name, Word::NotRun, Duration::ZERO));
            return None;
        }
        println!("test: {name}");
        let start = Instant::now();
        let (word, made) = match stage() {
            Ok(Outcome::Passed(made)) => (Word::Passed, Some(made)),
            Ok(Outcome::NothingToRun) => (Word::Nothing, None),
            Err(error) => {
                eprintln!("test: {name}: {error:#}");
                (Word::Failed, None)
            }
        };
        self.lines.push((name, word, start.elapsed()));
        made
    }

    /// Prints the summary; an error unless everything that should have run passed.
    pub(super) fn finish(self, filtered: bool) -> Result<()> {
        println!();
        for (name, word, took) in &self.lines {
            println!(
                "{name:<14} {:<16} {:>7.1} s",
                word.shown(),
                took.as_secs_f64()
            );
        }
        println!(
            "{:<14} {:<16} {:>7.1} s",
            "total",
            "",
            self.start.elapsed().as_secs_f64()
        );
        self.verdict(filtered)
    }

    fn verdict(&self, filtered: bool) -> Result<()> {
        let named = |wanted: Word| -> Vec<&str> {
            let of_kind = self.lines.iter().filter(|(_, word, _)| *word == wanted);
            of_kind.map(|(name, ..)| *name).collect()
        };
        let failed = named(Word::Failed);
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        let empty = named(Word::Nothing);
        if !filtered && !empty.is_empty() {
            bail!(
                "{}: there is no test to run, which cannot be right",
                empty.join(", ")
            );
        }
        // Doc tests do not say whether the filter left any; the other two stages do.
        if filtered && empty.contains(&"unit") && empty.contains(&"privileged") {
            bail!("the filter matches no test");
        }
        Ok(())
    }
}

impl Word {
    fn shown(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Nothing => "nothing to run",
            Self::NotRun => "not run",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed() -> Result<Outcome<()>> {
        Ok(Outcome::Passed(()))
    }

    fn failed() -> Result<Outcome<()>> {
        bail!("on purpose")
    }

    fn nothing() -> Result<Outcome<()>> {
        Ok(Outcome::NothingToRun)
    }

    #[test]
    fn after_a_failure_nothing_more_runs() {
        let mut stages = Stages::new(false);
        stages.run("unit", failed);
        stages.run("privileged", || -> Result<Outcome<()>> {
            panic!("must not run")
        });
        assert_eq!(
            stages.verdict(false).unwrap_err().to_string(),
            "failed: unit"
        );
    }

    #[test]
    fn keep_going_runs_everything_and_still_fails() {
        let mut stages = Stages::new(true);
        let mut ran = false;
        stages.run("unit", failed);
        stages.run("privileged", || {
            ran = true;
            passed()
        });
        assert!(ran);
        assert!(stages.verdict(false).is_err());
    }

    #[test]
    fn a_stage_without_tests_is_a_failure_unless_a_filter_left_none() {
        let mut stages = Stages::new(false);
        stages.run("unit", passed);
        stages.run("privileged", nothing);
        assert!(stages.verdict(false).is_err());
        assert!(stages.verdict(true).is_ok());
    }

    #[test]
    fn a_filter_that_matches_nothing_at_all_is_a_failure() {
        let mut stages = Stages::new(false);
        stages.run("unit", nothing);
        stages.run("documentation", passed);
        stages.run("privileged", nothing);
        assert!(stages.verdict(true).is_err());
    }
}
