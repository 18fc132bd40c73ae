//! What is to become of a trial that a start finds.
//!
//! Pure: what the state directory remembers against what the pins say. Each case is what a process
//! left that died at some step of a trial, or a reboot: see `docs/adr/0010`.

use std::path::Path;

use crate::config::snapshot::Index;
use crate::deadline::Deadline;

/// What the pins say, by the hashes of configurations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pinned {
    pub(super) in_force: Option<[u8; 32]>,
    pub(super) base: Option<[u8; 32]>,
}

/// What is to become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outlook {
    /// There is none: a base that is left over goes.
    None,
    /// It goes on.
    GoesOn {
        /// Until then.
        until: Deadline,
        /// What is in force on trial: not always what was to be, last. `None` for nothing yet.
        in_force: Option<[u8; 32]>,
    },
    /// It has failed: this content is refused from now on.
    Failed {
        /// The content.
        refused: [u8; 32],
        /// Whether it is in force, so that the base has to come back.
        in_force: bool,
    },
}

/// Compares. An index that could not be read is an empty one; `main` is the file that the start is
/// about.
pub(super) fn outlook(index: &Index, pinned: Pinned, main: &Path) -> Outlook {
    // What is on trial never is what the base is.
    let on_trial = match (pinned.in_force, pinned.base) {
        (Some(in_force), Some(base)) if in_force != base => Some(in_force),
        _ => None,
    };
    let Some(trial) = &index.trial else {
        // A confirmation has made it the last good one. What else nobody remembers was not confirmed.
        return match on_trial {
            Some(refused) if !index.is_last_good(&refused) => Outlook::Failed {
                refused,
                in_force: true,
            },
            _ => Outlook::None,
        };
    };
    let was_taken_back = index.refused == Some(trial.content.hash);
    let is_over = trial.until.remaining().is_none();
    // Nothing could come back: after a reboot, after a stop that detached, without the base's pins.
    let is_gone = !pinned
        .base
        .or(pinned.in_force)
        .is_some_and(|base| index.is_last_good(&base));
    // Somebody tries a file by hand: nobody is left who could confirm the other one.
    let is_other = trial.content.belongs_to(main).is_err();
    if was_taken_back || is_over || is_gone || is_other {
        return Outlook::Failed {
            refused: trial.content.hash,
            in_force: on_trial.is_some(),
        };
    }
    Outlook::GoesOn {
        until: trial.until.clone(),
        in_force: on_trial,
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use super::outlook as outlook_for;
    use super::{Index, Outlook, Pinned};
    use crate::config::snapshot::{Content, Trial};
    use crate::deadline::Deadline;

    const GOOD: [u8; 32] = [1; 32];
    const NEW: [u8; 32] = [2; 32];

    fn outlook(index: &Index, pinned: Pinned) -> Outlook {
        outlook_for(index, pinned, Path::new("/etc/xdp-fw.toml"))
    }

    fn content(hash: [u8; 32]) -> Content {
        Content {
            hash,
            files: vec![(String::new(), PathBuf::from("/etc/xdp-fw.toml"))],
        }
    }

    fn index(left: Option<Duration>) -> Index {
        let mut until = Deadline::after(left.unwrap_or_default()).unwrap();
        if left.is_none() {
            until.boot_time = Duration::ZERO;
        }
        Index {
            last_good: Some(content(GOOD)),
            trial: Some(Trial {
                content: content(NEW),
                base: 7,
                until,
            }),
            ..Index::default()
        }
    }

    fn pinned(in_force: Option<[u8; 32]>, base: Option<[u8; 32]>) -> Pinned {
        Pinned { in_force, base }
    }

    const HOUR: Option<Duration> = Some(Duration::from_secs(3_600));
    const RUNNING: Pinned = Pinned {
        in_force: Some(NEW),
        base: Some(GOOD),
    };

    fn failed(in_force: bool) -> Outlook {
        Outlook::Failed {
            refused: NEW,
            in_force,
        }
    }

    #[test]
    fn a_trial_goes_on_whatever_step_of_its_beginning_was_the_last() {
        let index = index(HOUR);
        let until = index.trial.clone().unwrap().until;
        for (pinned, in_force) in [
            (pinned(Some(GOOD), None), None),
            (pinned(Some(GOOD), Some(GOOD)), None),
            (RUNNING, Some(NEW)),
            // A second edit on trial was written down, and not committed.
            (pinned(Some([3; 32]), Some(GOOD)), Some([3; 32])),
        ] {
            let until = until.clone();
            let goes_on = Outlook::GoesOn { until, in_force };
            assert_eq!(outlook(&index, pinned), goes_on, "{pinned:?}");
        }
    }

    #[test]
    fn a_trial_fails_at_its_deadline_and_with_its_pins() {
        let over = index(None);
        assert_eq!(outlook(&over, RUNNING), failed(true));
        assert_eq!(outlook(&over, pinned(Some(GOOD), None)), failed(false));
        for gone in [
            Pinned::default(),
            pinned(Some(NEW), None),
            pinned(Some(NEW), Some(NEW)),
        ] {
            assert_eq!(outlook(&index(HOUR), gone), failed(false), "{gone:?}");
        }
    }

    #[test]
    fn going_back_is_finished_whatever_step_was_the_last() {
        let index = Index {
            refused: Some(NEW),
            ..index(HOUR)
        };
        assert_eq!(outlook(&index, RUNNING), failed(true));
        // The base is in force again, and still kept; then no longer.
        let back = pinned(Some(GOOD), Some(GOOD));
        assert_eq!(outlook(&index, back), failed(false));
        assert_eq!(outlook(&index, pinned(Some(GOOD), None)), failed(false));
        let done = Index {
            trial: None,
            ..index
        };
        assert_eq!(outlook(&done, back), Outlook::None);
    }

    #[test]
    fn a_confirmation_is_finished_and_what_nobody_remembers_goes_back() {
        let confirmed = index(HOUR).confirmed();
        assert_eq!(outlook(&confirmed, RUNNING), Outlook::None);
        // The state directory was emptied, or is damaged, or tells of something else.
        assert_eq!(outlook(&Index::default(), RUNNING), failed(true));
        let other = Index::default().in_force(content([3; 32]));
        assert_eq!(outlook(&other, RUNNING), failed(true));
        let nothing = pinned(Some(GOOD), None);
        assert_eq!(outlook(&Index::default(), nothing), Outlook::None);
    }

    #[test]
    fn a_start_with_another_file_ends_the_trial() {
        let test = Path::new("/srv/test.toml");
        let other = |pinned| outlook_for(&index(HOUR), pinned, test);
        assert_eq!(other(RUNNING), failed(true));
        assert_eq!(other(pinned(Some(GOOD), None)), failed(false));
    }
}
