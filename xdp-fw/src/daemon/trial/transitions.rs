//! The transitions of a trial, as two tables: at a start, and while the daemon runs.
//!
//! Pure. Every combination of what is pinned and what is recorded can be left behind by a process
//! that died at some step of a trial, or by a reboot. ADR 10 shows the same tables; a test compares
//! them.

use std::path::Path;

use crate::state::Index;

/// The pinned generations, by the hashes of their configurations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::daemon) struct PinnedHashes {
    pub(in crate::daemon) active: Option<[u8; 32]>,
    pub(in crate::daemon) rollback_target: Option<[u8; 32]>,
}

/// What the pins hold, seen beside the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pinned {
    /// Nothing unconfirmed; the last good configuration is active, or is the rollback target.
    LastGood,
    /// Nothing unconfirmed, and the last good configuration is not pinned: a reboot, a stop that
    /// detached.
    NotLastGood,
    /// An unconfirmed configuration is active, and the last good one is the rollback target.
    Unconfirmed,
    /// The last good configuration is active beside another rollback target.
    Confirmed,
    /// Active configuration and rollback target differ, and neither is the last good one.
    Unknown,
}

/// What the state directory records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// No trial. A record that cannot be read counts as this.
    NoTrial,
    /// A trial of this configuration file, before its deadline.
    Running,
    /// A trial that is overdue, rolled back, or of another configuration file: nobody is left who
    /// could confirm it.
    Over,
}

/// What a start does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Recovery {
    /// Releases a rollback target that is left.
    Clear,
    /// Goes on with the trial, up to the recorded deadline.
    Resume,
    /// Refuses the content of the trial from now on; it is not active.
    Refuse,
    /// Refuses the content of the trial from now on, and puts the rollback target back.
    RollBack,
}

const PINNED: [Pinned; 5] = [
    Pinned::LastGood,
    Pinned::NotLastGood,
    Pinned::Unconfirmed,
    Pinned::Confirmed,
    Pinned::Unknown,
];

/// At a start: a row per [`PINNED`]; columns: no trial recorded, running, over.
#[rustfmt::skip]
const AT_START: [[Recovery; 3]; PINNED.len()] = [
    [Recovery::Clear,    Recovery::Resume,   Recovery::Refuse],
    [Recovery::Clear,    Recovery::Refuse,   Recovery::Refuse],
    [Recovery::RollBack, Recovery::Resume,   Recovery::RollBack],
    [Recovery::Clear,    Recovery::RollBack, Recovery::RollBack],
    [Recovery::RollBack, Recovery::RollBack, Recovery::RollBack],
];

impl PinnedHashes {
    /// The configuration that is active on trial: a rollback target never is.
    pub(in crate::daemon) fn unconfirmed(self) -> Option<[u8; 32]> {
        let rollback_target = self.rollback_target?;
        self.active.filter(|active| *active != rollback_target)
    }

    fn beside(self, index: &Index) -> Pinned {
        let is_last_good = |hash: Option<[u8; 32]>| hash.is_some_and(|it| index.is_last_good(&it));
        let comes_back = is_last_good(self.rollback_target.or(self.active));
        match (self.unconfirmed(), comes_back) {
            (None, true) => Pinned::LastGood,
            (None, false) => Pinned::NotLastGood,
            (Some(_), true) => Pinned::Unconfirmed,
            (active, false) if is_last_good(active) => Pinned::Confirmed,
            (Some(_), false) => Pinned::Unknown,
        }
    }
}

impl Recorded {
    fn of(index: &Index, main: &Path) -> Self {
        let Some(trial) = &index.trial else {
            return Self::NoTrial;
        };
        let is_rolled_back = index.refused == Some(trial.content.hash);
        let is_overdue = trial.until.remaining().is_none();
        let is_of_another_file = trial.content.belongs_to(main).is_err();
        match is_rolled_back || is_overdue || is_of_another_file {
            true => Self::Over,
            false => Self::Running,
        }
    }
}

/// What a start with the configuration file `main` does about a trial.
pub(in crate::daemon) fn at_start(index: &Index, pinned: PinnedHashes, main: &Path) -> Recovery {
    recovery(pinned.beside(index), Recorded::of(index, main))
}

fn recovery(pinned: Pinned, recorded: Recorded) -> Recovery {
    let row = PINNED.iter().zip(&AT_START).find(|(it, _)| **it == pinned);
    let [no_trial, running, over] = row.map_or([Recovery::Clear; 3], |(_, row)| *row);
    match recorded {
        Recorded::NoTrial => no_trial,
        Recorded::Running => running,
        Recorded::Over => over,
    }
}

/// The content that a failed trial leaves refused.
pub(in crate::daemon) fn failed_content(index: &Index, pinned: PinnedHashes) -> Option<[u8; 32]> {
    let recorded = index.trial.as_ref().map(|trial| trial.content.hash);
    recorded.or(pinned.unconfirmed())
}

/// The trial of a running daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum TrialState {
    /// No trial, and none was rolled back since the last confirmation.
    NoTrial,
    /// No trial; a content is refused.
    RolledBack,
    /// On trial, before the deadline.
    Running,
    /// On trial, after the deadline: the timer has expired and nothing was done yet.
    Overdue,
}

/// What ends a trial, or tries to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Event {
    Confirm,
    RollBack,
    /// The timer.
    Deadline,
}

/// What a running daemon does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Transition {
    /// Nothing changes.
    Stay,
    /// The unconfirmed configuration becomes the last good one.
    Confirm,
    /// The rollback target becomes active, and the content of the trial is refused.
    Revert,
    /// The configuration before the last good one is applied like any other.
    ApplyPrevious,
    /// An error: there is no trial.
    NothingOnTrial,
    /// An error: the trial was rolled back.
    TakenBack,
    /// An error: the deadline has passed.
    TooLate,
}

const STATES: [TrialState; 4] = [
    TrialState::NoTrial,
    TrialState::RolledBack,
    TrialState::Running,
    TrialState::Overdue,
];

/// While the daemon runs: a row per [`STATES`]; columns: confirm, roll back, deadline.
#[rustfmt::skip]
const RUNNING: [[Transition; 3]; STATES.len()] = [
    [Transition::NothingOnTrial, Transition::ApplyPrevious, Transition::Stay],
    [Transition::TakenBack,      Transition::ApplyPrevious, Transition::Stay],
    [Transition::Confirm,        Transition::Revert,        Transition::Stay],
    [Transition::TooLate,        Transition::Revert,        Transition::Revert],
];

/// What a running daemon does about a trial.
pub(in crate::daemon) fn on(state: TrialState, event: Event) -> Transition {
    let row = STATES.iter().zip(&RUNNING).find(|(it, _)| **it == state);
    let [confirm, roll_back, deadline] = row.map_or([Transition::Stay; 3], |(_, row)| *row);
    match event {
        Event::Confirm => confirm,
        Event::RollBack => roll_back,
        Event::Deadline => deadline,
    }
}

#[cfg(test)]
#[path = "transitions_tests.rs"]
mod tests;
