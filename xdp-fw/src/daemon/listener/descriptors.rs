//! The process's descriptors: as many as it may have, and the last ones for reloads.
//!
//! The kernel gives the lowest number that is free. So a connection whose number is below
//! `limit - reserve` leaves the last `reserve` numbers alone, whatever else is open, and a reload, a
//! trial's end or a new interface finds them free.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{debug, warn};

/// What everything but connections may need at once: a reload with its pins, its files and its
/// netlink sockets, and a scrape beside it.
const WORK: u64 = 64;

/// For connections to the control socket: with each its duplicate, which tells that the client is gone.
const CONTROL: u64 = 40;

/// What connections to the control socket leave alone.
pub(in crate::daemon) const LEFT_BY_CONTROL: u64 = WORK;

/// What connections to the metrics leave alone: commands have to get through.
pub(in crate::daemon) const LEFT_BY_METRICS: u64 = WORK + CONTROL;

/// Below this many, listeners take fewer connections than they could.
const ENOUGH: u64 = 256;

/// Raises the limit as far as it goes. The soft one, 1,024 by default, is for programs that use
/// `select`.
pub(crate) fn raise_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        }
        Ok((soft, hard))
    });
    match raised {
        Ok((_, hard)) if hard < ENOUGH => warn!(
            "only {hard} open files are allowed: set LimitNOFILE={ENOUGH} or more in the unit; \
             fewer connections are taken, so that reloads have descriptors"
        ),
        Ok((soft, hard)) => debug!("open files: {soft} raised to {hard}"),
        Err(error) => warn!("the limit on open files stays as it is: {error}"),
    }
}

/// Whether this descriptor is one of the last ones of the process.
pub(super) fn is_reserved(descriptor: &impl AsRawFd, reserve: u64) -> bool {
    let limit = getrlimit(Resource::RLIMIT_NOFILE);
    is_among_last(descriptor.as_raw_fd(), reserve, limit)
}

fn is_among_last(number: i32, reserve: u64, limit: Result<(u64, u64), Errno>) -> bool {
    let Ok((limit, _)) = limit else {
        return false;
    };
    u64::try_from(number).is_ok_and(|number| number >= limit.saturating_sub(reserve))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_descriptors_are_reserved() {
        let last = |number| is_among_last(number, 64, Ok((1_024, 4_096)));
        assert!(!last(3));
        assert!(!last(959));
        assert!(last(960));
        assert!(last(1_023));
    }

    #[test]
    fn a_limit_below_the_reserve_leaves_nothing() {
        assert!(is_among_last(3, 64, Ok((32, 32))));
    }
}
