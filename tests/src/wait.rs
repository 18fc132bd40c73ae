//! Waiting for events until a deadline, and never by sleeping.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until one of the descriptors is ready; false when the deadline comes first.
pub(crate) fn any_ready(descriptors: &[(BorrowedFd<'_>, PollFlags)], deadline: Instant) -> bool {
    loop {
        let mut polled: Vec<PollFd<'_>> = descriptors
            .iter()
            .map(|(descriptor, flags)| PollFd::new(*descriptor, *flags))
            .collect();
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up: a remainder below a millisecond must not become a busy loop.
        let millis = left.as_micros().div_ceil(1000).min(i32::MAX as u128) as i32;
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::ZERO);
        match poll(&mut polled, timeout) {
            Ok(0) if left.is_zero() => return false,
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return true,
            Err(error) => panic!("cannot poll: {error}"),
        }
    }
}
