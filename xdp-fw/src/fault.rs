//! Fault points: named places in the code where a test has this process die or fail.
//!
//! Owns their list, and how one is armed: `XDP_FW_FAULT=NAME:kill` or `NAME:error`, and with `:N`
//! behind that only the N-th time it is reached. `NAME:stop` has it wait there for SIGCONT, while the
//! test does something that is to come between. Only builds with debug assertions have them; in
//! any other build a point is nothing at all.

use std::env;
use std::str::FromStr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, raise};

/// The environment variable that arms a point.
pub const VARIABLE: &str = "XDP_FW_FAULT";

macro_rules! points {
    ($($(#[$doc:meta])+ $point:ident = $name:literal,)+) => {
        /// A place where a fault can strike. A test exercises each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])+ $point,)+
        }

        impl Point {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$point),+];

            /// What it is called in [`VARIABLE`].
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)+
                }
            }
        }
    };
}

points! {
    /// A task beside the owner has an event in hand.
    LinksTask = "task.links",
    /// A root program is pinned beside the place of the old one.
    RootPinned = "open.root-pinned",
    /// The pins of a former process are adopted and swept.
    Adopted = "open.adopted",
    /// The address maps that go on are pinned with the new generation, and no other map of it is made.
    TablesTaken = "generation.tables-taken",
    /// The address maps of a generation are pinned, and nothing is in those that are new.
    TablesPinned = "generation.tables-pinned",
    /// It is loaded and verified, and nothing else of it is pinned.
    GenerationLoaded = "generation.loaded",
    /// Its programs are pinned, and what describes it is not.
    ProgramsPinned = "generation.programs-pinned",
    /// All of it is pinned.
    GenerationPinned = "generation.pinned",
    /// The counters of new rules are zero.
    CountersZeroed = "generation.zeroed",
    /// A prepared generation is about to be written into slot 0.
    CommitReady = "commit.ready",
    /// It is in slot 0, and the old one's pins are still there.
    CommitWritten = "commit.written",
    /// A link is made and filters, and is not pinned.
    LinkMade = "link.made",
    /// A link is pinned.
    LinkPinned = "link.pinned",
    /// A link filters no more, and its pin is still there.
    LinkDetached = "link.detached",
    /// Unloading: every link is gone, and nothing else.
    UnloadedLinks = "unload.links",
    /// Unloading: the programs' and maps' pins are gone, the generations' are not.
    UnloadedShared = "unload.shared",
    /// The generation in force is kept as the base, and nothing is committed after it.
    BaseKept = "base.kept",
    /// The base is about to be written into slot 0 again.
    RevertReady = "revert.ready",
    /// The base is in force again, or confirmed away, and is still pinned as the base.
    BaseForgotten = "base.forgotten",
    /// A file of the configuration is about to be read.
    FileRead = "read.file",
    /// A configuration is read and about to be compiled.
    Compiling = "compile.begun",
    /// One file of a configuration is stored, and others are not.
    ContentStored = "store.content",
    /// The files of a configuration are stored, and the index does not name them.
    ContentsStored = "store.contents",
    /// A new index is written beside the old one.
    IndexWritten = "store.index-written",
    /// It is in its place, and what only the old one named is still there.
    IndexReplaced = "store.index-replaced",
    /// The counts of an earlier layout are in the new counters, and nothing is committed.
    TakeoverCarried = "takeover.carried",
    /// One link has moved, and leads where it led.
    TakeoverMovedOne = "takeover.moved-one",
    /// Every link has moved.
    TakeoverMoved = "takeover.moved",
    /// Every link leads to the new filter.
    TakeoverAligned = "takeover.aligned",
    /// Every packet is in a total, and the old pins are still there.
    TakeoverAccounted = "takeover.accounted",
    /// The old counters are gone, other old pins are not.
    TakeoverRemoved = "takeover.removed",
}

/// What a test asked for.
#[derive(Debug, thiserror::Error)]
#[error("fault point {0}")]
pub struct Fault(&'static str);

/// Nothing, unless a test has armed this point: then the process dies here, or the step fails.
///
/// # Errors
/// [`Fault`] where the point is armed to fail.
pub fn point(point: Point) -> Result<(), Fault> {
    if cfg!(debug_assertions) {
        strike(point)
    } else {
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Kill,
    Error,
    Stop,
}

#[derive(Debug)]
struct Armed {
    name: String,
    effect: Effect,
    /// How often the point is still to be passed.
    left: AtomicU32,
}

static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| env::var(VARIABLE).ok()?.parse().ok());

fn strike(point: Point) -> Result<(), Fault> {
    let name = point.name();
    match &*ARMED {
        Some(armed) if armed.name == name && armed.left.fetch_sub(1, Ordering::Relaxed) == 1 => {
            tracing::warn!("fault point {name}: {:?}", armed.effect);
            match armed.effect {
                // Does not come back.
                Effect::Kill => drop(raise(Signal::SIGKILL)),
                Effect::Stop => {
                    let _ = raise(Signal::SIGSTOP);
                    return Ok(());
                }
                Effect::Error => {}
            }
            Err(Fault(name))
        }
        _ => Ok(()),
    }
}

impl FromStr for Armed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split(':');
        let name = parts.next().filter(|name| !name.is_empty()).ok_or(())?;
        let effect = match parts.next() {
            Some("kill") => Effect::Kill,
            Some("error") => Effect::Error,
            Some("stop") => Effect::Stop,
            _ => return Err(()),
        };
        let left = parts.next().map_or(Ok(1), str::parse).map_err(|_| ())?;
        Ok(Self {
            name: name.to_owned(),
            effect,
            left: AtomicU32::new(left),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_armed_by_name_effect_and_turn() {
        let armed: Armed = "a.b:error:3".parse().unwrap();
        assert_eq!((armed.name.as_str(), armed.effect), ("a.b", Effect::Error));
        assert_eq!(armed.left.into_inner(), 3);
        let armed: Armed = "a.b:stop".parse().unwrap();
        assert_eq!(armed.effect, Effect::Stop);
        let armed: Armed = "a.b:kill".parse().unwrap();
        assert_eq!((armed.effect, armed.left.into_inner()), (Effect::Kill, 1));
        for wrong in ["", "a.b", ":kill", "a.b:maybe", "a.b:kill:x"] {
            assert!(wrong.parse::<Armed>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn no_two_points_have_the_same_name() {
        let mut names: Vec<&str> = Point::ALL.iter().map(|point| point.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Point::ALL.len());
    }
}
