//! What to attach, detach and unpin: a pure function of the configuration, the interfaces and
//! the links.
//!
//! Owns the decision alone. It is made again from what the kernel says after every event, so no
//! history of events can lead it astray.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Mode};
use crate::datapath::{Foreign, Hook, Link};
use crate::interfaces::{Interface, XdpMode, matches, why_unfit};
use crate::names::pattern::exact;

/// What the kernel says, all from about the same moment.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Scene {
    /// Interfaces of this namespace.
    pub(in crate::daemon) interfaces: Vec<Interface>,
    /// Pinned links, dead ones too.
    pub(in crate::daemon) links: Vec<Link>,
    /// Programs on interfaces that are none of ours, by interface.
    pub(in crate::daemon) foreign: BTreeMap<u32, Foreign>,
}

/// What follows from it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::daemon) struct Plan {
    /// Links that have to go.
    pub(in crate::daemon) removals: Vec<Removal>,
    /// Every interface that the configuration names, in its order, at each hook.
    pub(in crate::daemon) interfaces: Vec<Planned>,
}

/// A link that has to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) enum Removal {
    /// Its interface is gone; only the pin is left.
    Dead(Link),
    /// Its interface is no longer configured.
    NotConfigured {
        /// The link.
        link: Link,
        /// The interface's name.
        name: String,
    },
}

/// An interface that the configuration names, at one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Planned {
    /// Where it is filtered.
    pub(in crate::daemon) hook: Hook,
    /// Its name.
    pub(in crate::daemon) name: String,
    /// Named itself, not only by a glob.
    pub(in crate::daemon) exact: bool,
    /// How it is to be attached.
    pub(in crate::daemon) mode: Mode,
    /// How it stands.
    pub(in crate::daemon) state: State,
}

/// How a configured interface stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) enum State {
    /// As configured.
    Attached { interface: Interface, mode: XdpMode },
    /// Ours, in another mode than configured.
    OtherMode {
        interface: Interface,
        link: Link,
        now: XdpMode,
    },
    /// To be attached.
    Detached { interface: Interface },
    /// Not there.
    Missing,
    /// The kernel's message about it could not be read, so that nobody knows whether the
    /// configuration names it.
    Unreadable {
        interface: Interface,
        why: &'static str,
    },
    /// Its frames do not begin with an Ethernet header, as the program takes for granted.
    Unfit { interface: Interface, why: String },
    /// Someone else's program is on it.
    Foreign {
        interface: Interface,
        program: Foreign,
    },
}

impl State {
    /// The interface, where it exists.
    pub(in crate::daemon) fn interface(&self) -> Option<&Interface> {
        match self {
            Self::Attached { interface, .. }
            | Self::OtherMode { interface, .. }
            | Self::Detached { interface }
            | Self::Unreadable { interface, .. }
            | Self::Unfit { interface, .. }
            | Self::Foreign { interface, .. } => Some(interface),
            Self::Missing => None,
        }
    }
}

/// Decides.
pub(in crate::daemon) fn plan(config: &Config, scene: &Scene) -> Plan {
    let interfaces: Vec<Planned> = wanted(config, &scene.interfaces)
        .into_iter()
        .flat_map(|(name, interface)| {
            Hook::ALL.map(|hook| planned(config, scene, hook, name.clone(), interface))
        })
        .collect();
    let removals = removals(scene, &interfaces);
    Plan {
        removals,
        interfaces,
    }
}

/// The configured interfaces in the order of the patterns, each once; then those of which nobody
/// knows whether they are configured.
fn wanted<'a>(
    config: &Config,
    interfaces: &'a [Interface],
) -> Vec<(String, Option<&'a Interface>)> {
    let (readable, flawed): (Vec<_>, Vec<_>) = interfaces.iter().partition(|it| it.flaw.is_none());
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::new();
    for pattern in &config.interfaces {
        let mut found = false;
        for &interface in readable.iter().filter(|it| matches(pattern, &it.name)) {
            found = true;
            if seen.insert(interface.name.clone()) {
                wanted.push((interface.name.to_string(), Some(interface)));
            }
        }
        if let Some(name) = exact(pattern)
            && !found
            && seen.insert(name.clone())
        {
            wanted.push((name.into(), None));
        }
    }
    let flawed = flawed.into_iter();
    wanted.extend(flawed.map(|it| (it.name.to_string(), Some(it))));
    wanted
}

fn planned(
    config: &Config,
    scene: &Scene,
    hook: Hook,
    name: String,
    interface: Option<&Interface>,
) -> Planned {
    let mode = config.mode_of(&name).unwrap_or(config.mode);
    let mut patterns = config.interfaces.iter();
    Planned {
        hook,
        exact: patterns.any(|pattern| exact(pattern).is_some_and(|it| it == *name)),
        name,
        mode,
        state: interface.map_or(State::Missing, |interface| {
            state(scene, hook, interface, mode)
        }),
    }
}

fn state(scene: &Scene, hook: Hook, interface: &Interface, wanted: Mode) -> State {
    let interface = interface.clone();
    if let Some(why) = interface.flaw {
        return State::Unreadable { interface, why };
    }
    if let Some(why) = why_unfit(&interface, &scene.interfaces) {
        return State::Unfit { interface, why };
    }
    let Hook::XdpIngress = hook;
    let Some(xdp) = interface.xdp else {
        return State::Detached { interface };
    };
    match link(scene, hook, &interface) {
        None => State::Foreign {
            program: foreign(scene, interface.index, xdp.program),
            interface,
        },
        Some(_) if satisfies(xdp.mode, wanted) => State::Attached {
            interface,
            mode: xdp.mode,
        },
        Some(link) => State::OtherMode {
            interface,
            link: link.clone(),
            now: xdp.mode,
        },
    }
}

/// What was found out about a program, or its number alone.
fn foreign(scene: &Scene, interface: u32, program: u32) -> Foreign {
    let known = scene.foreign.get(&interface);
    let known = known.filter(|foreign| foreign.program == program);
    known.cloned().unwrap_or(Foreign {
        program,
        name: None,
        dispatcher: false,
    })
}

/// `auto` is content with what it got.
fn satisfies(now: XdpMode, wanted: Mode) -> bool {
    match wanted {
        Mode::Auto => true,
        Mode::Native => now == XdpMode::Native,
        Mode::Generic => now == XdpMode::Generic,
    }
}

/// The programs that are none of ours, by interface.
pub(in crate::daemon) fn foreign_programs(
    interfaces: &[Interface],
    links: &[Link],
) -> Vec<(u32, u32)> {
    let ours: BTreeSet<u32> = links.iter().map(|link| link.program).collect();
    let programs = interfaces
        .iter()
        .filter_map(|interface| Some((interface.index, interface.xdp?.program)));
    programs
        .filter(|(_, program)| !ours.contains(program))
        .collect()
}

/// Our link on an interface. The number alone does not say so: a device that was moved to another
/// namespace takes its link along, and has a number of that namespace.
fn link<'a>(scene: &'a Scene, hook: Hook, interface: &Interface) -> Option<&'a Link> {
    let program = match hook {
        Hook::XdpIngress => interface.xdp?.program,
    };
    let mut links = scene.links.iter().filter(|link| link.hook == hook);
    links.find(|link| link.interface == Some(interface.index) && link.program == program)
}

/// Dead links, and those on interfaces that nobody wants filtered. A link whose interface is not
/// in this namespace follows its device, and is left alone.
fn removals(scene: &Scene, planned: &[Planned]) -> Vec<Removal> {
    let dead = scene.links.iter().filter(|link| link.interface.is_none());
    let kept: BTreeSet<(Hook, u32)> = planned
        .iter()
        .filter_map(|planned| Some((planned.hook, planned.state.interface()?.index)))
        .collect();
    let all = Hook::ALL.into_iter();
    let all = all.flat_map(|hook| scene.interfaces.iter().map(move |it| (hook, it)));
    let gone = all.filter(|(hook, interface)| !kept.contains(&(*hook, interface.index)));
    let unconfigured = gone.filter_map(|(hook, interface)| {
        Some(Removal::NotConfigured {
            link: link(scene, hook, interface)?.clone(),
            name: interface.name.to_string(),
        })
    });
    dead.cloned()
        .map(Removal::Dead)
        .chain(unconfigured)
        .collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
