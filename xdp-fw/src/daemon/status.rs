//! What the daemon knows of itself: the snapshot that travels to everyone who asks.
//!
//! Owns its shape, which is that of `xdp-fw status --json`: adding keys is compatible, anything
//! else is not. Never asks the kernel.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::datapath;
use crate::deadline::Deadline;
use crate::lockout::LoginSource;
use crate::state::hexadecimal;
use crate::timestamp::Timestamp;

use crate::names::quantity::{counted, few};

use crate::daemon::refusal::ProblemReport;

/// The daemon's state, complete and consistent in itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it was started.
    pub started: Timestamp,
    /// What it is doing.
    pub state: State,
    /// Whether something configured is not being filtered.
    pub degraded: bool,
    /// Number of the generation in force; grows with each commit, 0 before the first.
    pub generation: u64,
    /// Rules in force.
    pub rules: u32,
    /// Prefixes that they name.
    pub prefixes: u64,
    /// The tables that hold them in the kernel; those of source and destination, IPv4 and IPv6.
    #[serde(default)]
    pub tables: Vec<datapath::Table>,
    /// The configuration file.
    #[serde(serialize_with = "crate::names::path_text::path")]
    pub config: PathBuf,
    /// SHA-256 of what is in force, in hexadecimal.
    pub config_hash: String,
    /// Where what is in force was read from.
    pub config_source: Source,
    /// What is allowed in it but probably not meant, as `file:line:column: …`.
    pub warnings: Vec<String>,
    /// Addresses that are left out of its sets while they are logged in.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// Which list says who is logged in: `logind`, `utmp` or `none`.
    #[serde(default)]
    pub logins: LoginSource,
    /// What the lock-out guard refuses; `None` if it refuses nothing.
    #[serde(default)]
    pub guard_refusal: Option<GuardRefusal>,
    /// Until when what is in force can be confirmed; `None` if it stays.
    pub trial: Option<Trial>,
    /// How the last reload went; the start counts as one.
    pub last_reload: Option<LastReload>,
    /// When a configuration was last put into force, or found to be in force already.
    pub last_success: Option<Timestamp>,
    /// Every interface that the configuration names, in its order.
    pub interfaces: Vec<Interface>,
    /// The metrics listener.
    pub metrics: Listener,
    /// Why edits are not noticed or the interfaces not known, and the like.
    pub errors: Vec<String>,
}

/// An address that is left out of a set while it is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The set.
    pub set: String,
    /// The address.
    pub address: IpAddr,
    /// Which list says that it is logged in.
    pub source: LoginSource,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            set,
            address,
            source,
        } = self;
        write!(
            f,
            "set {set}: {address} is left out while it is logged in over SSH ({source}); `xdp-fw \
             reload --force` bans it now"
        )
    }
}

/// The file says what the lock-out guard refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardRefusal {
    /// Since when.
    pub since: Timestamp,
    /// When the guard is asked again; `None` if only `xdp-fw reload` asks it.
    pub next_attempt: Option<Timestamp>,
}

/// What is in force is on trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// When it is taken back, unless it is confirmed before.
    pub until: Timestamp,
    /// How long that is, when this was asked.
    pub seconds_left: u64,
    /// The generation that comes back then.
    pub base: u64,
    /// The same moment as the daemon's clock has it.
    #[serde(skip)]
    pub(super) deadline: Option<Deadline>,
}

impl Trial {
    /// As it is now.
    pub(super) fn now(mut self) -> Self {
        if let Some(deadline) = &self.deadline {
            self.seconds_left = deadline.remaining().unwrap_or_default().as_secs();
        }
        self
    }
}

/// What the daemon is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The first generation is being made.
    Starting,
    /// It waits for something to happen.
    Running,
    /// A new generation is being made.
    Reloading,
}

/// Where a configuration was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The configuration file.
    File,
    /// The state directory's copy, because the file could not be used.
    LastGood,
    /// The state directory's copy of what is on trial, because the file could not be used.
    Trial,
}

/// How a reload went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReload {
    /// Whether what the file says is in force.
    pub ok: bool,
    /// When it ended.
    pub at: Timestamp,
    /// Why it failed; several lines if there are several problems.
    pub error: Option<String>,
    /// The problems of the configuration one by one.
    pub problems: Vec<ProblemReport>,
}

/// An interface that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number; `None` while it does not exist.
    pub ifindex: Option<u32>,
    /// `native` or `generic`, as the kernel says; `None` while it is not attached.
    pub mode: Option<String>,
    /// Whether our program is on it.
    pub attached: bool,
    /// What is wrong and what to do.
    pub error: Option<String>,
    /// How often it could not be attached since the daemon was started.
    #[serde(default)]
    pub failures: u64,
    /// When that is tried again; `None` if it is attached, or nothing but a change can help.
    #[serde(default)]
    pub next_attempt: Option<Timestamp>,
}

/// The metrics listener.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Where it is configured to listen; `None` when switched off.
    pub listen: Option<SocketAddr>,
    /// Why it does not.
    pub error: Option<String>,
}

impl Status {
    /// The state of a daemon that has just been started.
    pub(super) fn starting(config: PathBuf) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: Timestamp::now(),
            state: State::Starting,
            degraded: false,
            generation: 0,
            rules: 0,
            prefixes: 0,
            tables: Vec::new(),
            config,
            config_hash: String::new(),
            config_source: Source::File,
            warnings: Vec::new(),
            left_out: Vec::new(),
            logins: LoginSource::None,
            guard_refusal: None,
            trial: None,
            last_reload: None,
            last_success: None,
            interfaces: Vec::new(),
            metrics: Listener::default(),
            errors: Vec::new(),
        }
    }

    /// Notes what is in force, below `pins`.
    pub(super) fn in_force(
        &mut self,
        generation: &datapath::Generation,
        source: Source,
        pins: &Path,
    ) {
        self.tables = datapath::tables(pins, generation).unwrap_or_else(|error| {
            // Nobody filters worse for not knowing.
            tracing::warn!("{error}");
            Vec::new()
        });
        self.generation = generation.number;
        self.rules = generation.rules;
        self.prefixes = generation.prefixes;
        self.config_hash = hexadecimal(&generation.config);
        self.config_source = source;
    }

    /// One line for `systemctl status`.
    #[must_use]
    pub fn line(&self) -> String {
        let (attached, failing): (Vec<_>, Vec<_>) = self
            .interfaces
            .iter()
            .partition(|i| i.attached && i.error.is_none());
        let mut parts = vec![format!(
            "generation {}: {}, {}",
            self.generation,
            counted(self.rules.into(), "rule"),
            counted(self.prefixes, "prefix")
        )];
        let mode =
            |i: &Interface| format!("{} {}", i.name, i.mode.as_deref().unwrap_or("attached"));
        parts.push(list("on ", &attached, mode).unwrap_or_else(|| "on no interface".to_owned()));
        let word = if self.degraded {
            "degraded: "
        } else {
            "not on "
        };
        parts.extend(list(word, &failing, |i| i.name.clone()));
        if self.guard_refusal.is_some() {
            parts.push("degraded: the lock-out guard refuses what the file says".to_owned());
        }
        if !self.left_out.is_empty() {
            let addresses: BTreeSet<IpAddr> = self.left_out.iter().map(|it| it.address).collect();
            let count = addresses.len();
            let noun = if count == 1 { "address" } else { "addresses" };
            parts.push(format!("{count} logged-in {noun} left out of sets"));
        }
        if let Some(trial) = &self.trial {
            parts.push(format!("ON TRIAL until {}: `xdp-fw confirm`", trial.until));
        }
        match self.config_source {
            Source::File => {}
            Source::LastGood => parts.push("running the last good configuration".to_owned()),
            Source::Trial => parts.push("running what the file said before".to_owned()),
        }
        if self.last_reload.as_ref().is_some_and(|reload| !reload.ok) {
            parts.push("last reload failed".to_owned());
        }
        if self.metrics.error.is_some() {
            parts.push("no metrics".to_owned());
        }
        parts.join("; ")
    }
}

fn list<'a>(
    before: &str,
    items: &[&'a Interface],
    name: impl Fn(&'a Interface) -> String,
) -> Option<String> {
    let names = items.iter().map(|item| name(item));
    (!items.is_empty()).then(|| format!("{before}{}", few(names, items.len(), ", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::testing::status;

    #[test]
    fn the_line_tells_what_is_in_force_and_where() {
        insta::assert_snapshot!(
            status().line(),
            @"generation 7: 3 rules, 12 prefixes; on eth0 native, wan0 generic"
        );
    }

    #[test]
    fn the_line_names_a_few_interfaces_and_counts_the_others() {
        let mut status = status();
        let one = status.interfaces[0].clone();
        status.interfaces = (0..500)
            .map(|number| Interface {
                name: format!("eth{number}"),
                ..one.clone()
            })
            .collect();
        let line = status.line();
        assert!(line.ends_with("eth7 native, and 492 more"), "{line}");
    }

    #[test]
    fn the_line_tells_everything_that_is_wrong() {
        let mut status = status();
        status.degraded = true;
        status.rules = 1;
        status.config_source = Source::LastGood;
        status.interfaces[1].attached = false;
        status.interfaces[1].error = Some("no such interface".to_owned());
        status.last_reload = Some(LastReload {
            ok: false,
            at: status.started,
            error: Some("x".to_owned()),
            problems: vec![],
        });
        status.metrics.error = Some("taken".to_owned());
        insta::assert_snapshot!(
            status.line(),
            @"generation 7: 1 rule, 12 prefixes; on eth0 native; degraded: wan0; running the last good configuration; last reload failed; no metrics"
        );
    }

    #[test]
    fn json_keeps_its_contract() {
        let json = serde_json::to_value(status()).unwrap();
        for key in [
            "generation",
            "rules",
            "prefixes",
            "tables",
            "config",
            "last_reload",
            "interfaces",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        let reload = &json["last_reload"];
        assert!(reload["ok"].is_boolean() && reload["at"].is_string() && reload["error"].is_null());
        let interface = &json["interfaces"][0];
        for key in ["name", "ifindex", "mode", "attached", "error"] {
            assert!(interface.get(key).is_some(), "{key}");
        }
    }
}
