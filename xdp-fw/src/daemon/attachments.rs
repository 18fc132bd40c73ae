//! Which interfaces our program is on: brings the kernel in line with the plan.
//!
//! Owns the failures and when to try again. Never decides what should be attached (`plan` does),
//! and never believes that it is: after every change netlink is asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::config::{Config, Mode};
use crate::datapath::{self, AttachMode};
use crate::interfaces::{self, Interface, XdpMode};

use super::kernel::Kernel;
use super::plan::{Plan, Planned, Removal, Scene, State, plan};
use super::refusal::{KernelError, chain};
use super::status;

/// Pause before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The interfaces that could not be attached, by number.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    failures: BTreeMap<u32, Failure>,
}

#[derive(Debug)]
struct Failure {
    message: String,
    attempts: u32,
    due: Instant,
    /// The interface as it was. When it changes (another MTU, a foreign program gone), the cause
    /// may be gone as well.
    seen: Interface,
}

/// The outcome of one pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Every interface that the configuration names.
    pub(super) interfaces: Vec<status::Interface>,
    /// Whether one of them is not filtered that should be.
    pub(super) degraded: bool,
}

impl Attachments {
    /// Attaches, detaches and unpins as configured; what failed lately waits for its time.
    pub(super) async fn reconcile(
        &mut self,
        kernel: &mut Kernel,
        config: &Config,
    ) -> Result<Outcome, KernelError> {
        let mut found = plan(config, &look(kernel).await?);
        if self.carry_out(kernel, &found).await? {
            found = plan(config, &look(kernel).await?);
        }
        for planned in &found.interfaces {
            self.note_foreign(planned);
        }
        self.forget_settled(&found);
        Ok(self.outcome(&found))
    }

    /// Lets everything that failed be tried at once.
    pub(super) fn retry_now(&mut self) {
        for failure in self.failures.values_mut() {
            failure.due = Instant::now();
        }
    }

    /// When the next attempt is due.
    pub(super) fn next_attempt(&self) -> Option<Instant> {
        self.failures.values().map(|failure| failure.due).min()
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
    }

    /// Whether there was anything to do.
    async fn carry_out(&mut self, kernel: &mut Kernel, plan: &Plan) -> Result<bool, KernelError> {
        for removal in &plan.removals {
            remove(kernel, removal.clone()).await?;
        }
        let mut acted = !plan.removals.is_empty();
        for planned in &plan.interfaces {
            let result = match &planned.state {
                State::Detached { interface } if self.is_due(interface) => {
                    attach(kernel, interface, planned.mode).await?
                }
                State::OtherMode {
                    interface,
                    link,
                    now,
                } if self.is_due(interface) => {
                    let link = link.clone();
                    change(kernel, interface, link, *now, planned.mode).await?
                }
                _ => continue,
            };
            acted = true;
            if let Some(interface) = planned.state.interface() {
                self.note(interface, result);
            }
        }
        Ok(acted)
    }

    fn is_due(&self, interface: &Interface) -> bool {
        self.failures
            .get(&interface.index)
            .is_none_or(|failure| failure.due <= Instant::now() || failure.seen != *interface)
    }

    fn note(&mut self, interface: &Interface, result: Result<(), String>) {
        let Err(message) = result else {
            self.failures.remove(&interface.index);
            return;
        };
        let before = self.failures.get(&interface.index);
        let attempts = before.map_or(0, |failure| failure.attempts);
        let pause = pause(attempts);
        if before.is_none_or(|failure| failure.message != message) {
            error!(interface = interface.name, "{message}; trying again");
        }
        let failure = Failure {
            message,
            attempts: attempts + 1,
            due: Instant::now() + pause,
            seen: interface.clone(),
        };
        self.failures.insert(interface.index, failure);
    }

    /// No event tells that a foreign program is gone, so that is looked for as well.
    fn note_foreign(&mut self, planned: &Planned) {
        if let State::Foreign { interface, program } = &planned.state
            && self.is_due(interface)
        {
            self.note(interface, Err(foreign(&planned.name, *program)));
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
        let failure = |interface: &Interface| {
            let failure = self.failures.get(&interface.index);
            failure.map(|failure| failure.message.clone())
        };
        let name = &planned.name;
        let (mode, error) = match &planned.state {
            State::Attached { mode, .. } => (Some(*mode), None),
            State::OtherMode { interface, now, .. } => (Some(*now), failure(interface)),
            State::Detached { interface } => (None, failure(interface)),
            State::Missing => (
                None,
                Some(format!(
                    "{name}: no such interface; filtered as soon as it appears"
                )),
            ),
            State::NotEthernet { interface } => (None, Some(not_ethernet(interface))),
            State::Foreign { program, .. } => (None, Some(foreign(name, *program))),
        };
        status::Interface {
            name: name.clone(),
            ifindex: planned.state.interface().map(|interface| interface.index),
            mode: mode.map(|mode| mode.name().to_owned()),
            attached: mode.is_some(),
            error,
        }
    }
}

/// A glob may well match what cannot be filtered (`*` matches `lo`); a name is meant.
fn is_failure(planned: &Planned) -> bool {
    match planned.state {
        State::Attached { .. } => false,
        State::NotEthernet { .. } => planned.exact,
        _ => true,
    }
}

fn pause(attempts: u32) -> Duration {
    let factor = 2u32.saturating_pow(attempts);
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

fn foreign(name: &str, program: u32) -> String {
    format!(
        "{name}: another XDP program (id {program}) is attached, and is left alone; \
         see `bpftool prog show id {program}`, or remove it with `ip link set dev {name} xdp off`"
    )
}

fn not_ethernet(interface: &Interface) -> String {
    let kind = interface.kind.as_deref().unwrap_or("not Ethernet");
    format!(
        "{}: not an Ethernet interface ({kind}): not filtered; remove it from `interfaces`",
        interface.name
    )
}

async fn look(kernel: &mut Kernel) -> Result<Scene, KernelError> {
    let links = kernel.run(|datapath| datapath.links()).await??;
    let interfaces = interfaces::list().await?;
    Ok(Scene { interfaces, links })
}

async fn remove(kernel: &mut Kernel, removal: Removal) -> Result<(), KernelError> {
    let (link, what) = match removal {
        Removal::Dead(link) => {
            let what = format!("link {}, whose interface is gone", link.number);
            (link, what)
        }
        Removal::NotConfigured { link, name } => (link, format!("{name}, no longer configured")),
    };
    match kernel.run(move |datapath| datapath.detach(&link)).await? {
        Ok(()) => info!("detached {what}"),
        Err(error) => error!("cannot detach {what}: {}", chain(&error)),
    }
    Ok(())
}

/// The inner result says what the kernel did not like.
type Attempt = Result<Result<(), String>, KernelError>;

async fn attach(kernel: &mut Kernel, interface: &Interface, mode: Mode) -> Attempt {
    let name = &interface.name;
    let result = match mode {
        Mode::Native => attach_as(kernel, interface, AttachMode::Native).await?,
        Mode::Generic => attach_as(kernel, interface, AttachMode::Generic).await?,
        Mode::Auto => match attach_as(kernel, interface, AttachMode::Native).await? {
            Ok(()) => Ok(()),
            Err(native) => {
                warn!("{}; trying generic", chain(&native));
                attach_as(kernel, interface, AttachMode::Generic).await?
            }
        },
    };
    if result.is_ok() {
        info!("attached {name}");
    }
    Ok(result.map_err(|error| chain(&error)))
}

async fn attach_as(
    kernel: &mut Kernel,
    interface: &Interface,
    mode: AttachMode,
) -> Result<Result<(), datapath::Error>, KernelError> {
    let (index, name) = (interface.index, interface.name.clone());
    kernel
        .run(move |datapath| datapath.attach(index, &name, mode))
        .await
}

/// The kernel does not have both modes on an interface at once: there is a moment without a
/// filter. Should the new mode fail, the old one is better than none.
async fn change(
    kernel: &mut Kernel,
    interface: &Interface,
    link: datapath::Link,
    now: XdpMode,
    wanted: Mode,
) -> Attempt {
    let name = &interface.name;
    warn!("{name}: changing mode from {now}; for a moment it is not filtered");
    if let Err(error) = kernel.run(move |datapath| datapath.detach(&link)).await? {
        return Ok(Err(chain(&error)));
    }
    let Err(error) = attach(kernel, interface, wanted).await? else {
        return Ok(Ok(()));
    };
    let former = if now == XdpMode::Generic {
        Mode::Generic
    } else {
        Mode::Native
    };
    Ok(Err(match attach(kernel, interface, former).await? {
        Ok(()) => format!("{error}; it stays {now}"),
        Err(again) => format!("{error}; and {now} mode cannot be restored: {again}"),
    }))
}

#[cfg(test)]
#[path = "attachments_tests.rs"]
mod tests;
