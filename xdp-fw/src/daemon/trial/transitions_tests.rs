use std::fmt::{Debug, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::deadline::Deadline;
use crate::state::{Content, Trial};

const GOOD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];
const OTHER: [u8; 32] = [3; 32];

const RECORDED: [Recorded; 3] = [Recorded::NoTrial, Recorded::Running, Recorded::Over];
const EVENTS: [Event; 3] = [Event::Confirm, Event::RollBack, Event::Deadline];

fn content(hash: [u8; 32]) -> Content {
    Content {
        hash,
        files: vec![(String::new(), PathBuf::from("/etc/xdp-fw.toml"))],
    }
}

fn main_file() -> &'static Path {
    Path::new("/etc/xdp-fw.toml")
}

fn hashes(active: Option<[u8; 32]>, rollback_target: Option<[u8; 32]>) -> PinnedHashes {
    PinnedHashes {
        active,
        rollback_target,
    }
}

/// The pins that each row stands for, where [`GOOD`] is the last good configuration.
fn pins(pinned: Pinned) -> Vec<PinnedHashes> {
    match pinned {
        // Recorded and not committed; the rollback target pinned and not committed; reverted and
        // the rollback target not released.
        Pinned::LastGood => vec![
            hashes(Some(GOOD), None),
            hashes(Some(GOOD), Some(GOOD)),
            hashes(None, Some(GOOD)),
        ],
        Pinned::NotLastGood => vec![
            hashes(None, None),
            hashes(Some(NEW), None),
            hashes(Some(NEW), Some(NEW)),
            hashes(None, Some(NEW)),
        ],
        // The second: a further edit on trial is recorded and not committed.
        Pinned::Unconfirmed => vec![
            hashes(Some(NEW), Some(GOOD)),
            hashes(Some(OTHER), Some(GOOD)),
        ],
        Pinned::Confirmed => vec![hashes(Some(GOOD), Some(OTHER))],
        Pinned::Unknown => vec![hashes(Some(NEW), Some(OTHER))],
    }
}

/// The records that each column stands for.
fn records(recorded: Recorded) -> Vec<Index> {
    let running = || {
        let trial = Trial {
            content: content(NEW),
            base: 7,
            until: Deadline::after(Duration::from_secs(3_600)).unwrap(),
        };
        Index {
            last_good: Some(content(GOOD)),
            trial: Some(trial),
            ..Index::default()
        }
    };
    match recorded {
        Recorded::NoTrial => vec![Index {
            trial: None,
            ..running()
        }],
        Recorded::Running => vec![
            running(),
            // Another content was refused before.
            Index {
                refused: Some(OTHER),
                ..running()
            },
        ],
        Recorded::Over => {
            let (mut overdue, mut of_another_file) = (running(), running());
            overdue.trial.as_mut().unwrap().until.boot_time = Duration::ZERO;
            let files = &mut of_another_file.trial.as_mut().unwrap().content.files;
            *files = vec![(String::new(), PathBuf::from("/srv/test.toml"))];
            let rolled_back = Index {
                refused: Some(NEW),
                ..running()
            };
            vec![overdue, of_another_file, rolled_back]
        }
    }
}

#[test]
fn every_pinned_state_meets_every_record() {
    let mut met = 0;
    for pinned in PINNED {
        for recorded in RECORDED {
            for (pins, index) in pins(pinned)
                .into_iter()
                .flat_map(|pins| records(recorded).into_iter().map(move |it| (pins, it)))
            {
                let expected = recovery(pinned, recorded);
                let found = at_start(&index, pins, main_file());
                assert_eq!(found, expected, "{pinned:?} × {recorded:?}: {pins:?}");
                // Only what is active can be rolled back, and only what is known be refused.
                let unconfirmed = pins.unconfirmed();
                assert!(found != Recovery::RollBack || unconfirmed.is_some());
                let refuses = matches!(found, Recovery::Refuse | Recovery::RollBack);
                assert!(!refuses || failed_content(&index, pins).is_some());
                assert!(found != Recovery::Resume || index.trial.is_some());
                met += 1;
            }
        }
    }
    assert_eq!(met, 11 * 6);
}

#[test]
fn an_unreadable_record_rolls_back_what_is_unconfirmed() {
    let running = hashes(Some(NEW), Some(GOOD));
    let nothing_known = Index::default();
    assert_eq!(
        at_start(&nothing_known, running, main_file()),
        Recovery::RollBack
    );
    assert_eq!(failed_content(&nothing_known, running), Some(NEW));
    let confirmed = hashes(Some(GOOD), None);
    let found = at_start(&nothing_known, confirmed, main_file());
    assert_eq!(found, Recovery::Clear);
}

#[test]
fn a_confirmation_is_finished_after_a_death() {
    let index = records(Recorded::Running).remove(0).confirmed();
    let pins = hashes(Some(NEW), Some(GOOD));
    assert_eq!(at_start(&index, pins, main_file()), Recovery::Clear);
}

fn rows<R: Copy + Debug, C: Copy + Debug, T: Debug>(
    rows: &[R],
    columns: &[C],
    cell: impl Fn(R, C) -> T,
) -> String {
    let mut text = String::from("| |");
    for column in columns {
        let _ = write!(text, " {column:?} |");
    }
    let _ = write!(text, "\n|---|{}", "---|".repeat(columns.len()));
    for &row in rows {
        let _ = write!(text, "\n| {row:?} |");
        for &column in columns {
            let _ = write!(text, " {:?} |", cell(row, column));
        }
    }
    text
}

#[test]
fn adr_10_shows_the_same_tables() {
    let adr = include_str!("../../../../docs/adr/0010-a-configuration-on-trial-and-its-base.md");
    for table in [
        rows(&PINNED, &RECORDED, recovery),
        rows(&STATES, &EVENTS, on),
    ] {
        assert!(adr.contains(&table), "ADR 10 lacks this table:\n{table}");
    }
}
