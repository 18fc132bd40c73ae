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

use std::fs;
use std::path::Path;

use xdp_fw::fault::Point;
use xdp_fw_tests::daemon::Daemon;

/// What a point that is struck does to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Kill,
    Error,
}

/// For each row two tests: what is at work there survives death and an error at that point. Further
/// values of a row go to its case.
macro_rules! strike {
    ($($work:ident: $case:path {
        $($name:ident: $point:ident $(, $more:expr)*;)+
    })+) => {
        /// The points that are struck here.
        const STRUCK: &[Point] = &[$($(Point::$point),+),+];

        $(
            mod $work {
                $(
                    mod $name {
                        use super::super::*;

                        #[test]
                        fn survives_death() {
                            $case(Point::$point, Effect::Kill $(, $more)*);
                        }

                        #[test]
                        fn survives_an_error() {
                            $case(Point::$point, Effect::Error $(, $more)*);
                        }
                    }
                )+
            }
        )+
    };
}

strike! {
    a_reload: reload::leaves_the_old_or_the_new_rules {
        at_tables_taken: TablesTaken;
        at_tables_pinned: TablesPinned;
        at_generation_loaded: GenerationLoaded;
        at_programs_pinned: ProgramsPinned;
        at_generation_pinned: GenerationPinned;
        at_counters_zeroed: CountersZeroed;
        at_commit_ready: CommitReady;
        at_commit_written: CommitWritten;
        at_content_stored: ContentStored;
        at_contents_stored: ContentsStored;
        at_index_written: IndexWritten;
        at_index_replaced: IndexReplaced;
    }
    a_first_start: start::is_completed_by_the_next {
        at_root_pinned: RootPinned;
        at_link_made: LinkMade;
        at_link_pinned: LinkPinned;
    }
    // What a start does to a filter that is in force, a reload does too; here both happen at once.
    a_restart: start::leaves_the_filter_in_force {
        at_adopted: Adopted;
        at_generation_loaded: GenerationLoaded;
        at_generation_pinned: GenerationPinned;
        at_commit_ready: CommitReady;
        at_commit_written: CommitWritten;
    }
    a_detach: removal::leaves_the_others_filtered {
        at_link_detached: LinkDetached;
    }
    an_unload: removal::is_completed_by_the_next {
        at_links: UnloadedLinks;
        at_shared: UnloadedShared;
    }
    // What a reload does, and what a trial does besides; with the turn at which the trial comes there.
    a_trial: trial::begins_or_leaves_the_old_rules {
        at_generation_pinned: GenerationPinned, 2;
        at_index_written: IndexWritten, 2;
        at_index_replaced: IndexReplaced, 2;
        at_base_kept: BaseKept, 1;
        at_commit_ready: CommitReady, 2;
        at_commit_written: CommitWritten, 2;
    }
    a_rollback: trial::ends_as_it_would_have {
        at_revert_ready: RevertReady, "rollback";
        at_base_forgotten: BaseForgotten, "rollback";
    }
    a_confirmation: trial::ends_as_it_would_have {
        at_base_forgotten: BaseForgotten, "confirm";
    }
}

/// Points that are struck in the tests of what they belong to: the file says `Point::NAME` or
/// `name:effect`.
const STRUCK_ELSEWHERE: &[(Point, &str)] = &[
    (Point::LinksTask, "tests/daemon/end.rs"),
    (Point::FileRead, "tests/daemon/limits.rs"),
    (Point::Compiling, "tests/daemon/limits.rs"),
    (Point::TakeoverCarried, "tests/datapath/takeover.rs"),
    (Point::TakeoverMovedOne, "tests/datapath/takeover.rs"),
    (Point::TakeoverMoved, "tests/datapath/takeover.rs"),
    (Point::TakeoverAligned, "tests/datapath/takeover.rs"),
    (Point::TakeoverAccounted, "tests/datapath/takeover.rs"),
    (Point::TakeoverRemoved, "tests/datapath/takeover.rs"),
];

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

mod without_root {
    use super::*;

    #[test]
    fn point_struck_elsewhere_is_named_by_its_file() {
        // Asked at run time: a build directory may be shared between checkouts.
        let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
        for (point, file) in STRUCK_ELSEWHERE {
            let text = fs::read_to_string(Path::new(&root).join(file)).unwrap();
            let names = [format!("Point::{point:?}"), format!("\"{}:", point.name())];
            let is_named = names.iter().any(|name| text.contains(name));
            assert!(is_named, "{file} has none of {names:?}");
        }
    }

    #[test]
    fn every_fault_point_has_a_case() {
        let elsewhere = |point| STRUCK_ELSEWHERE.iter().any(|(other, _)| *other == point);
        for point in Point::ALL {
            let has_case = STRUCK.contains(point) || elsewhere(*point);
            assert!(has_case, "{point:?}: add a row to `strike!`");
        }
    }
}
