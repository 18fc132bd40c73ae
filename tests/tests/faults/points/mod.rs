//! A fault at any point of the daemon's work: it dies, or a step fails. The old or the new rules are in
//! force as a whole, no packet meets another fate, none is lost from a total, and the next start or
//! reload leaves nothing behind. A stream of numbered packets runs throughout.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod carried_tables;
mod host;
mod reload;
mod removal;
mod start;
mod trial;

use xdp_fw::fault::Point;
use xdp_fw_tests::daemon::Daemon;

/// What the daemon is about when it comes to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Its first start on a host that is not filtered.
    FirstStart,
    /// A start that adopts what another has left.
    Restart,
    Reload,
    /// An interface is not configured any more.
    Detach,
    Unload,
    /// A reload on trial.
    Trial,
    /// What is on trial is taken back, or stays.
    EndOfTrial,
    /// In the tests of what it belongs to.
    Elsewhere,
}

/// Every point is exercised: one that is new does not compile before it says where.
fn work(point: Point) -> Work {
    match point {
        Point::RootPinned | Point::LinkMade | Point::LinkPinned => Work::FirstStart,
        Point::Adopted => Work::Restart,
        Point::TablesTaken
        | Point::TablesPinned
        | Point::GenerationLoaded
        | Point::ProgramsPinned
        | Point::GenerationPinned
        | Point::CountersZeroed
        | Point::CommitReady
        | Point::CommitWritten
        | Point::ContentStored
        | Point::ContentsStored
        | Point::IndexWritten
        | Point::IndexReplaced => Work::Reload,
        Point::LinkDetached => Work::Detach,
        Point::UnloadedLinks | Point::UnloadedShared => Work::Unload,
        Point::BaseKept => Work::Trial,
        Point::RevertReady | Point::BaseForgotten => Work::EndOfTrial,
        // `daemon::end`, `daemon::limits`, and `datapath::migration`.
        Point::LinksTask
        | Point::FileRead
        | Point::Compiling
        | Point::MigrationCarried
        | Point::MigrationMovedOne
        | Point::MigrationMoved
        | Point::MigrationAligned
        | Point::MigrationAccounted
        | Point::MigrationRemoved => Work::Elsewhere,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Kill,
    Error,
}

/// Every point of this work with both effects.
fn each(wanted: Work, case: impl Fn(Point, Effect)) {
    let points = Point::ALL.iter().filter(|point| work(**point) == wanted);
    let mut cases = 0;
    for point in points {
        for effect in [Effect::Kill, Effect::Error] {
            println!("{}: {effect:?}", point.name());
            case(*point, effect);
            cases += 1;
        }
    }
    assert_ne!(cases, 0, "{wanted:?} has no point");
}

/// As it is armed: at the `turn`-th time.
fn armed(point: Point, effect: Effect, turn: u32) -> String {
    let effect = match effect {
        Effect::Kill => "kill",
        Effect::Error => "error",
    };
    format!("{}:{effect}:{turn}", point.name())
}

/// The daemon has met its fault, and died of it if that was meant.
fn assert_met(daemon: &mut Daemon<'_>, effect: Effect) {
    if effect == Effect::Kill {
        let end = daemon.await_end();
        assert_eq!(end.status.unwrap().code(), None, "{end}");
    }
    daemon.await_log(0, "fault point");
}
