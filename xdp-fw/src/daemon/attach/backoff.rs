//! The interfaces that could not be attached: why, how often, and when that is tried again.
//!
//! Owns the back-off. Never attaches anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::error;

use crate::config::Mode;
use crate::interfaces::Interface;
use crate::timestamp::Timestamp;

/// Pause before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The failures, by the interface's number.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Failures {
    open: BTreeMap<u32, Failure>,
    /// How often each interface that is configured could not be attached since the start.
    counts: BTreeMap<String, u64>,
}

/// Why an interface is not attached.
#[derive(Debug)]
pub(in crate::daemon) struct Failure {
    /// What is wrong and what to do.
    pub(in crate::daemon) message: String,
    /// When it is tried again, for people.
    pub(in crate::daemon) due_at: Option<Timestamp>,
    attempts: u32,
    /// When to try again; `None` while only a change or the operator can bring that about.
    due: Option<Instant>,
    /// The interface as it was. When it changes (another MTU, a foreign program gone), the cause
    /// may be gone as well.
    seen: Interface,
    /// The mode that was wanted.
    mode: Mode,
}

impl Failures {
    /// What is wrong with an interface.
    pub(in crate::daemon) fn of(&self, interface: &Interface) -> Option<&Failure> {
        self.open.get(&interface.index)
    }

    /// How often attaching has failed.
    pub(in crate::daemon) fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or_default()
    }

    /// Lets everything be tried at once.
    pub(in crate::daemon) fn retry_now(&mut self) {
        for failure in self.open.values_mut() {
            failure.due = Some(Instant::now());
            failure.due_at = None;
        }
    }

    /// Puts off what is due.
    pub(in crate::daemon) fn postpone(&mut self, pause: Duration) {
        let earliest = Instant::now() + pause;
        for failure in self.open.values_mut() {
            if failure.due.is_some_and(|due| due < earliest) {
                failure.due = Some(earliest);
                failure.due_at = Some((SystemTime::now() + pause).into());
            }
        }
    }

    /// When the next attempt is due.
    pub(in crate::daemon) fn next_attempt(&self) -> Option<Instant> {
        self.open.values().filter_map(|failure| failure.due).min()
    }

    /// Whether to try an interface now: for the first time, after its pause, or because something
    /// about it is different.
    pub(in crate::daemon) fn is_due(&self, interface: &Interface, wanted: Mode) -> bool {
        let Some(failure) = self.open.get(&interface.index) else {
            return true;
        };
        failure.due.is_some_and(|due| due <= Instant::now())
            || failure.seen != *interface
            || failure.mode != wanted
    }

    /// Notes how an attempt went.
    pub(in crate::daemon) fn note_attempt(
        &mut self,
        interface: &Interface,
        mode: Mode,
        result: Result<(), String>,
    ) {
        match result {
            Ok(()) => drop(self.open.remove(&interface.index)),
            Err(message) => {
                *self.counts.entry(interface.name.to_string()).or_default() += 1;
                self.note(interface, mode, message);
            }
        }
    }

    /// Notes what is wrong; told once as long as it stays the same.
    pub(in crate::daemon) fn note(&mut self, interface: &Interface, mode: Mode, message: String) {
        let before = self.open.get(&interface.index);
        let attempts = before.map_or(0, |failure| failure.attempts);
        if before.is_none_or(|failure| failure.message != message) {
            error!("{message}");
        }
        let failure = Failure {
            message,
            due_at: Some((SystemTime::now() + pause(attempts)).into()),
            attempts: attempts + 1,
            due: Some(Instant::now() + pause(attempts)),
            seen: interface.clone(),
            mode,
        };
        self.open.insert(interface.index, failure);
    }

    /// Has an interface tried again only when something about it changes.
    pub(in crate::daemon) fn wait_for_change(&mut self, interface: &Interface) {
        if let Some(failure) = self.open.get_mut(&interface.index) {
            failure.due = None;
            failure.due_at = None;
        }
    }

    /// Forgets the rest: what is attached, gone, or not wanted any more would come due for ever.
    pub(in crate::daemon) fn retain(&mut self, open: &BTreeSet<u32>, named: &BTreeSet<&str>) {
        self.open.retain(|index, _| open.contains(index));
        self.counts.retain(|name, _| named.contains(name.as_str()));
    }
}

fn pause(attempts: u32) -> Duration {
    let factor = 2u32.saturating_pow(attempts);
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(mtu: u32) -> Interface {
        Interface {
            index: 7,
            name: crate::names::InterfaceName::from_text("wan0"),
            flaw: None,
            ethernet: true,
            kind: None,
            up: true,
            mtu,
            controller: None,
            lower: None,
            xdp: None,
        }
    }

    fn refused() -> Result<(), String> {
        Err("MTU too large".to_owned())
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds: Vec<u64> = (0..9).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_waits_for_its_time_unless_something_changes() {
        let mut failures = Failures::default();
        let before = interface(9_000);
        failures.note_attempt(&before, Mode::Native, refused());
        assert!(!failures.is_due(&before, Mode::Native));
        assert!(failures.is_due(&interface(1_500), Mode::Native));
        assert!(failures.is_due(&before, Mode::Generic));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(failures.is_due(&before, Mode::Native));
        failures.note_attempt(&before, Mode::Native, refused());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!failures.is_due(&before, Mode::Native));
        failures.retry_now();
        assert!(failures.is_due(&before, Mode::Native));
        failures.note_attempt(&before, Mode::Native, Ok(()));
        assert_eq!(failures.next_attempt(), None);
        // What has failed has failed, also when it is well again.
        assert_eq!(failures.count("wan0"), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_put_off_says_so() {
        let mut failures = Failures::default();
        let interface = interface(9_000);
        failures.note_attempt(&interface, Mode::Native, refused());
        let before = failures.of(&interface).and_then(|failure| failure.due_at);
        failures.postpone(Duration::from_secs(5));
        let after = failures.of(&interface).and_then(|failure| failure.due_at);
        assert!(after > before);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(!failures.is_due(&interface, Mode::Native));
        failures.wait_for_change(&interface);
        assert_eq!(failures.next_attempt(), None);
    }

    #[tokio::test]
    async fn a_failure_nobody_cares_about_any_more_is_forgotten() {
        let mut failures = Failures::default();
        failures.note_attempt(&interface(9_000), Mode::Native, refused());
        failures.retain(&BTreeSet::new(), &BTreeSet::new());
        assert_eq!(failures.next_attempt(), None);
        assert_eq!(failures.count("wan0"), 0);
    }
}
