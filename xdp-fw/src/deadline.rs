//! A moment in the future that clock jumps, suspend and restarts do not move.
//!
//! Owns which clock counts: the boot-time clock, which nobody sets and which runs on while the host
//! sleeps. The wall clock is for people alone. After a reboot there is nothing to compare with: every
//! deadline of another boot has passed.

use std::fs;
use std::io;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

/// Where the kernel tells one boot from another.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A moment of this boot, or of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// What people's clocks were to show then, as far as was known when it was set.
    pub wall: SystemTime,
    /// `CLOCK_BOOTTIME` then.
    pub boot_time: Duration,
    /// The boot that this clock is of.
    pub boot: String,
}

impl Deadline {
    /// The moment after this time from now.
    ///
    /// # Errors
    /// Where the kernel tells neither time nor boot.
    pub fn after(time: Duration) -> io::Result<Self> {
        Ok(Self {
            wall: SystemTime::now() + time,
            boot_time: boot_time()? + time,
            boot: boot()?,
        })
    }

    /// How long it is until then; `None` once it has passed, and in another boot.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let (now, boot) = (boot_time().ok()?, boot().ok()?);
        self.remaining_at(now, &boot)
    }

    fn remaining_at(&self, now: Duration, boot: &str) -> Option<Duration> {
        let remaining = self.boot_time.checked_sub(now)?;
        (self.boot == boot && !remaining.is_zero()).then_some(remaining)
    }
}

fn boot_time() -> io::Result<Duration> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME)?;
    Ok(now.into())
}

/// Read once: a process lives in one boot, and a deadline must not seem to have passed because no
/// descriptor is left to read this with.
fn boot() -> io::Result<String> {
    static BOOT: OnceLock<String> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(boot.clone());
    }
    let boot = fs::read_to_string(BOOT_ID)?.trim().to_owned();
    Ok(BOOT.get_or_init(|| boot).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_out_and_a_reboot_ends_it() {
        let deadline = Deadline {
            wall: SystemTime::UNIX_EPOCH,
            boot_time: Duration::from_secs(100),
            boot: "first".to_owned(),
        };
        let at = |seconds, boot| deadline.remaining_at(Duration::from_secs(seconds), boot);
        assert_eq!(at(40, "first"), Some(Duration::from_secs(60)));
        assert_eq!(at(100, "first"), None);
        assert_eq!(at(101, "first"), None);
        assert_eq!(at(40, "second"), None);
    }

    #[test]
    fn a_deadline_is_ahead_without_descriptors() {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let deadline = Deadline::after(Duration::from_secs(3_600)).unwrap();
        // Tests run in processes of their own, one each.
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 0, hard).unwrap();
        let (remaining, again) = (deadline.remaining(), Deadline::after(Duration::ZERO));
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        assert!(remaining.is_some());
        again.unwrap();
    }

    #[test]
    fn a_deadline_is_ahead_in_this_boot() {
        let hour = Duration::from_secs(3_600);
        let deadline = Deadline::after(hour).unwrap();
        assert!(deadline.remaining().is_some_and(|left| left <= hour));
    }
}
