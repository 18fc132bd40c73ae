//! The alarm: rings at a deadline, on time also after the host has slept.
//!
//! Owns a timer of the boot-time clock. The runtime's timers stand still during suspend.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::deadline::Deadline;

/// An alarm that is set to one deadline, or to none.
pub(in crate::daemon) struct Alarm(AsyncFd<Timer>);

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// Makes one that is not set. Within a runtime.
    pub(in crate::daemon) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = Timer(TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?);
        // SAFETY: the timer owns its descriptor, gives always the same one, and lives and ends with
        // the `AsyncFd`.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) };
        Ok(Self(timer?))
    }

    /// Rings then and only then; at once if the deadline has passed.
    pub(in crate::daemon) fn set(&self, deadline: Option<&Deadline>) -> io::Result<()> {
        let timer = &self.0.get_ref().0;
        let Some(deadline) = deadline else {
            return Ok(timer.unset()?);
        };
        // A time of zero would unset it.
        let time = deadline.boot_time.max(Duration::from_nanos(1));
        let expiration = Expiration::OneShot(TimeSpec::from_duration(time));
        Ok(timer.set(expiration, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?)
    }

    /// Waits until it rings.
    pub(in crate::daemon) async fn rings(&self) {
        let wait = |timer: &Timer| timer.0.wait().map_err(io::Error::from);
        // A descriptor that cannot be read any more never rings.
        if self.0.async_io(Interest::READABLE, wait).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_rings_at_a_deadline_that_has_passed_and_not_when_it_is_unset() {
        let alarm = Alarm::new().unwrap();
        let mut deadline = Deadline::after(Duration::from_secs(3_600)).unwrap();
        alarm.set(Some(&deadline)).unwrap();
        deadline.boot_time = Duration::ZERO;
        alarm.set(Some(&deadline)).unwrap();
        alarm.rings().await;

        alarm.set(Some(&deadline)).unwrap();
        alarm.set(None).unwrap();
        tokio::select! {
            biased;
            () = alarm.rings() => panic!("it was unset"),
            () = tokio::task::yield_now() => {}
        }
    }
}
