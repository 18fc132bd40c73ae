//! Which interfaces our program is on: brings the kernel in line with the plan.
//!
//! Owns the order of things. Never decides what should be attached (`plan` does), and never believes
//! that it is: after every change the kernel is asked again. How it is done is `actions`', and when it
//! is tried again `failures`'.

mod backoff;
mod change;
mod plan;
pub(in crate::daemon) mod vlan;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::config::{Config, Mode};
use crate::interfaces::{Interface, XdpMode};

use crate::daemon::attach::backoff::Failures;
use crate::daemon::attach::change::{Change, attach, look, remove};
use crate::daemon::attach::plan::{Plan, Planned, State, plan};
use crate::daemon::datapath_thread::Kernel;
use crate::daemon::refusal::KernelError;
use crate::daemon::status;
use vlan::Hidden;

/// What is remembered from one pass to the next.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Attachments {
    failures: Failures,
    /// Interfaces that stay in the mode that they have, and the one in which they were wanted: to
    /// change it opens them for a moment, which is done once, and never by a start.
    unchanged: BTreeMap<u32, Mode>,
    /// Interfaces that hide VLAN tags from rules.
    hidden: Hidden,
    /// Whether the start is over.
    started: bool,
}

/// The outcome of one pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::daemon) struct Outcome {
    /// Every interface that the configuration names.
    pub(in crate::daemon) interfaces: Vec<status::Interface>,
    /// Whether one of them is not filtered that should be.
    pub(in crate::daemon) degraded: bool,
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
    pub(in crate::daemon) async fn reconcile(
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
            self.note_restored(planned);
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
    pub(in crate::daemon) fn retry_now(&mut self) {
        self.failures.retry_now();
        self.unchanged.clear();
    }

    /// Puts off what is due: nothing can be tried before the kernel answers again.
    pub(in crate::daemon) fn postpone(&mut self, pause: Duration) {
        self.failures.postpone(pause);
    }

    /// When the next attempt is due.
    pub(in crate::daemon) fn next_attempt(&self) -> Option<Instant> {
        self.failures.next_attempt()
    }

    fn forget_settled(&mut self, plan: &Plan) {
        let open: BTreeSet<u32> = plan
            .interfaces
            .iter()
            .filter(|planned| !matches!(planned.state, State::Attached { .. }))
            .filter_map(|planned| planned.state.interface())
            .map(|interface| interface.index)
            .collect();
        let named = plan.interfaces.iter().map(|p| p.name.as_str()).collect();
        self.failures.retain(&open, &named);
        self.unchanged.retain(|index, _| open.contains(index));
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
                State::Detached { interface } if self.failures.is_due(interface, planned.mode) => {
                    attach(kernel, planned.hook, interface, planned.mode, all).await?
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
            if let Some(interface) = planned.state.interface() {
                self.failures.note_attempt(interface, planned.mode, result);
            }
        }
        Ok(acted)
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

    /// No event tells that a foreign program is gone, so that is looked for as well.
    fn note_foreign(&mut self, planned: &Planned) {
        if let State::Foreign { interface, program } = &planned.state
            && self.failures.is_due(interface, planned.mode)
        {
            let error = program.describe(&planned.name);
            self.failures.note(interface, planned.mode, error);
        }
    }

    /// To change a mode opens the interface for a moment: that is not done by the clock. An
    /// interface that lost the old mode over it is not filtered at all, and is tried again.
    fn note_restored(&mut self, planned: &Planned) {
        if let State::OtherMode { interface, .. } = &planned.state {
            self.failures.wait_for_change(interface);
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

    fn report(&self, planned: &Planned) -> status::Interface {
        let name = &planned.name;
        let interface = planned.state.interface();
        let failure = interface.and_then(|interface| self.failures.of(interface));
        let failed = failure.map(|failure| failure.message.clone());
        let (mode, error) = match &planned.state {
            State::Attached { mode, .. } => (Some(*mode), None),
            State::OtherMode { now, .. } => {
                (Some(*now), failed.or_else(|| Some(other_mode(name, *now))))
            }
            State::Detached { .. } => (None, failed),
            State::Missing => (
                None,
                Some(format!(
                    "{name}: no such interface; filtered as soon as it appears"
                )),
            ),
            State::Unreadable { why, .. } => (None, Some(unreadable(name, why))),
            State::Unfit { why, .. } => (None, Some(format!("{name}: not filtered: {why}"))),
            State::Foreign { program, .. } => (None, Some(program.describe(name))),
        };
        status::Interface {
            name: name.clone(),
            ifindex: interface.map(|interface| interface.index),
            mode: mode.map(|mode| mode.name().to_owned()),
            attached: mode.is_some(),
            error,
            failures: self.failures.count(name),
            next_attempt: failure.and_then(|failure| failure.due_at),
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

fn unreadable(name: &str, why: &str) -> String {
    format!(
        "{name}: not filtered: the kernel's message about this interface cannot be read: {why}; \
         `ip -d link` may show it: give it another name, or report this with that output"
    )
}

fn other_mode(name: &str, now: XdpMode) -> String {
    format!(
        "{name}: filtered in {now} mode, which is not the configured one; `xdp-fw reload` changes \
         it, and opens {name} for a moment"
    )
}

#[cfg(test)]
#[path = "attachments_tests.rs"]
mod tests;
