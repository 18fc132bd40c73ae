//! Which interfaces our program is on: brings the kernel in line with the plan.
//!
//! Owns the failures and when to try again. Never decides what should be attached (`plan` does), and
//! never believes that it is: after every change the kernel is asked again. How it is done is
//! `actions`'.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::{error, warn};

use crate::config::{Config, Mode};
use crate::interfaces::{Interface, XdpMode};
use crate::timestamp::Timestamp;

use super::actions::{Change, attach, look, remove};
use super::kernel::Kernel;
use super::plan::{Plan, Planned, State, plan};
use super::refusal::KernelError;
use super::status;
use super::vlan::{self, Hidden};

/// Pause before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The interfaces that could not be attached, by number.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    failures: BTreeMap<u32, Failure>,
    /// Interfaces that stay in the mode that they have, and the one in which they were wanted: to
    /// change it opens them for a moment, which is done once, and never by a start.
    unchanged: BTreeMap<u32, Mode>,
    /// How often each interface that is configured could not be attached since the start.
    counts: BTreeMap<String, u64>,
    /// Interfaces that hide VLAN tags from rules.
    hidden: Hidden,
    /// Whether the start is over.
    started: bool,
}

#[derive(Debug)]
struct Failure {
    message: String,
    attempts: u32,
    /// When to try again; `None` while only a change or the operator can bring that about.
    due: Option<Instant>,
    /// The same as the clock on the wall has it, for people.
    due_at: Option<Timestamp>,
    /// The interface as it was. When it changes (another MTU, a foreign program gone), the cause
    /// may be gone as well.
    seen: Interface,
    /// The mode that was wanted.
    mode: Mode,
}

/// The outcome of one pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Every interface that the configuration names.
    pub(super) interfaces: Vec<status::Interface>,
    /// Whether one of them is not filtered that should be.
    pub(super) degraded: bool,
}

impl Outcome {
    /// An interface that hides tags is filtered, but not as its rules say.
    fn note_hidden(&mut self, hidden: &Hidden) {
        for interface in &mut self.interfaces {
            if interface.error.is_none()
                && let Some(problem) = hidden.get(&interface.name)
            {
                interface.error = Some(problem.to_string());
                self.degraded = true;
            }
        }
    }
}

impl Attachments {
    /// Attaches, detaches and unpins as configured; what failed lately waits for its time.
    pub(super) async fn reconcile(
        &mut self,
        kernel: &mut Kernel,
        config: &Config,
    ) -> Result<Outcome, KernelError> {
        let mut scene = look(kernel).await?;
        let mut found = plan(config, &scene);
        if self.carry_out(kernel, &found, &scene.interfaces).await? {
            scene = look(kernel).await?;
            found = plan(config, &scene);
        }
        for planned in &found.interfaces {
            self.note_foreign(planned);
        }
        self.forget_settled(&found);
        self.started = true;
        let mut outcome = self.outcome(&found);
        let hidden = vlan::hidden(config, &scene.interfaces).await?;
        outcome.note_hidden(&hidden);
        vlan::log_changes(&self.hidden, &hidden);
        self.hidden = hidden;
        Ok(outcome)
    }

    /// Lets everything that failed be tried at once.
    pub(super) fn retry_now(&mut self) {
        for failure in self.failures.values_mut() {
            failure.due = Some(Instant::now());
            failure.due_at = None;
        }
        self.unchanged.clear();
    }

    /// Puts off what is due: nothing can be tried before the kernel answers again.
    pub(super) fn postpone(&mut self, pause: Duration) {
        let earliest = Instant::now() + pause;
        for failure in self.failures.values_mut() {
            failure.due = failure.due.map(|due| due.max(earliest));
        }
    }

    /// When the next attempt is due.
    pub(super) fn next_attempt(&self) -> Option<Instant> {
        self.failures
            .values()
            .filter_map(|failure| failure.due)
            .min()
    }

    /// A failure of an interface that is gone, or that nobody wants any more, would come due for
    /// ever.
    fn forget_settled(&mut self, plan: &Plan) {
        let open: BTreeSet<u32> = plan
            .interfaces
            .iter()
            .filter(|planned| !matches!(planned.state, State::Attached { .. }))
            .filter_map(|planned| planned.state.interface())
            .map(|interface| interface.index)
            .collect();
        self.failures.retain(|index, _| open.contains(index));
        self.unchanged.retain(|index, _| open.contains(index));
        let named: BTreeSet<&str> = plan.interfaces.iter().map(|p| p.name.as_str()).collect();
        self.counts.retain(|name, _| named.contains(name.as_str()));
    }

    /// Whether there was anything to do.
    async fn carry_out(
        &mut self,
        kernel: &mut Kernel,
        plan: &Plan,
        all: &[Interface],
    ) -> Result<bool, KernelError> {
        for removal in &plan.removals {
            remove(kernel, removal.clone()).await?;
        }
        let mut acted = !plan.removals.is_empty();
        for planned in &plan.interfaces {
            let result = match &planned.state {
                State::Detached { interface } if self.is_due(interface, planned.mode) => {
                    attach(kernel, interface, planned.mode, all).await?
                }
                State::OtherMode {
                    interface,
                    link,
                    now,
                } if self.may_change(interface, *now, planned.mode) => {
                    let change = Change {
                        interface,
                        link,
                        now: *now,
                        wanted: planned.mode,
                    };
                    change.carry_out(kernel, all).await?
                }
                _ => continue,
            };
            acted = true;
            if result.is_err() {
                *self.counts.entry(planned.name.clone()).or_default() += 1;
            }
            if let Some(interface) = planned.state.interface() {
                self.note(interface, planned.mode, result);
            }
            if let State::OtherMode { interface, .. } = &planned.state {
                self.wait_for_change(interface);
            }
        }
        Ok(acted)
    }

    fn is_due(&self, interface: &Interface, wanted: Mode) -> bool {
        let Some(failure) = self.failures.get(&interface.index) else {
            return true;
        };
        failure.due.is_some_and(|due| due <= Instant::now())
            || failure.seen != *interface
            || failure.mode != wanted
    }

    /// Whether to change an interface's mode now: when another one is wanted than before, or when
    /// the operator says `reload`. Each of these opens the interface once.
    fn may_change(&mut self, interface: &Interface, now: XdpMode, wanted: Mode) -> bool {
        if self.unchanged.insert(interface.index, wanted) == Some(wanted) {
            return false;
        }
        if !self.started {
            warn!("{}", other_mode(&interface.name, now));
        }
        self.started
    }

    fn note(&mut self, interface: &Interface, mode: Mode, result: Result<(), String>) {
        let Err(message) = result else {
            self.failures.remove(&interface.index);
            return;
        };
        let before = self.failures.get(&interface.index);
        let attempts = before.map_or(0, |failure| failure.attempts);
        if before.is_none_or(|failure| failure.message != message) {
            error!("{message}");
        }
        let failure = Failure {
            message,
            attempts: attempts + 1,
            due: Some(Instant::now() + pause(attempts)),
            due_at: Some((SystemTime::now() + pause(attempts)).into()),
            seen: interface.clone(),
            mode,
        };
        self.failures.insert(interface.index, failure);
    }

    /// To change a mode opens the interface for a moment: that is not done by the clock.
    fn wait_for_change(&mut self, interface: &Interface) {
        if let Some(failure) = self.failures.get_mut(&interface.index) {
            failure.due = None;
            failure.due_at = None;
        }
    }

    /// No event tells that a foreign program is gone, so that is looked for as well.
    fn note_foreign(&mut self, planned: &Planned) {
        if let State::Foreign { interface, program } = &planned.state
            && self.is_due(interface, planned.mode)
        {
            let error = program.describe(&planned.name);
            self.note(interface, planned.mode, Err(error));
        }
    }

    fn outcome(&self, plan: &Plan) -> Outcome {
        let interfaces = plan.interfaces.iter().map(|p| self.report(p)).collect();
        let degraded = plan.interfaces.iter().any(is_failure);
        Outcome {
            interfaces,
            degraded,
        }
    }

    fn next_attempt_at(&self, planned: &Planned) -> Option<Timestamp> {
        let interface = planned.state.interface()?;
        self.failures.get(&interface.index)?.due_at
    }

    fn report(&self, planned: &Planned) -> status::Interface {
        let failure = |interface: &Interface| {
            let failure = self.failures.get(&interface.index);
            failure.map(|failure| failure.message.clone())
        };
        let name = &planned.name;
        let (mode, error) = match &planned.state {
            State::Attached { mode, .. } => (Some(*mode), None),
            State::OtherMode { interface, now, .. } => (
                Some(*now),
                failure(interface).or_else(|| Some(other_mode(name, *now))),
            ),
            State::Detached { interface } => (None, failure(interface)),
            State::Missing => (
                None,
                Some(format!(
                    "{name}: no such interface; filtered as soon as it appears"
                )),
            ),
            State::Unfit { why, .. } => (None, Some(format!("{name}: not filtered: {why}"))),
            State::Foreign { program, .. } => (None, Some(program.describe(name))),
        };
        status::Interface {
            name: name.clone(),
            ifindex: planned.state.interface().map(|interface| interface.index),
            mode: mode.map(|mode| mode.name().to_owned()),
            attached: mode.is_some(),
            error,
            failures: self.counts.get(name).copied().unwrap_or_default(),
            next_attempt: self.next_attempt_at(planned),
        }
    }
}

/// A glob may well match what cannot be filtered (`*` matches `lo`); a name is meant.
fn is_failure(planned: &Planned) -> bool {
    match planned.state {
        State::Attached { .. } => false,
        State::Unfit { .. } => planned.exact,
        _ => true,
    }
}

fn other_mode(name: &str, now: XdpMode) -> String {
    format!(
        "{name}: filtered in {now} mode, which is not the configured one; `xdp-fw reload` changes \
         it, and opens {name} for a moment"
    )
}

fn pause(attempts: u32) -> Duration {
    let factor = 2u32.saturating_pow(attempts);
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

#[cfg(test)]
#[path = "attachments_tests.rs"]
mod tests;
