//! The running service: watch, compile, commit; metrics; control socket.
//!
//! Owns the tasks and what flows between them. One task, the owner, changes the kernel; the
//! others send it commands over one channel, and read its status from one snapshot. Never parses
//! a configuration, compiles a policy or touches a map itself.
//!
//! - `owner`: the task that obeys; `start`, `reload`, `service`: what it does
//! - `apply`: a configuration becomes active, step by step; `refusal`: why it does not
//! - `attempt`: what is read or compiled just now, for the next start if this process dies of it
//! - `expectations`, `admission`: what it must pass before it is committed; `lockout`: whom it would
//!   cut off; `left_out`, `left_out_record`: whom sets do not cut off; `again`: when that is looked at
//!   again
//! - `trial`, `alarm`, `resume`: in force until it is confirmed; `memory`: over restarts, too
//! - `plan`, `attachments`, `actions`: which interfaces the program is on; `vlan`: which of them
//!   hide tags from rules
//! - `kernel`: the datapath on a thread that may block; `heap`: what it leaves behind
//! - `watcher`, `links`, `signals`: what makes commands
//! - [`control`], `metrics`, `systemd`, `watchdog`: who gets reports; `listener`: the bounds on who asks;
//!   `reply`: whether they still wait
//! - [`lock`]: one daemon for a run directory

mod actions;
mod admission;
mod again;
mod alarm;
mod apply;
mod attachments;
mod attempt;
mod command;
pub mod control;
mod deaths;
mod error;
mod expectations;
mod failures;
mod guard_mode;
mod heap;
mod kernel;
mod left_out;
mod left_out_record;
mod links;
mod listener;
pub mod lock;
mod lockout;
mod memory;
mod metrics;
mod owner;
mod plan;
mod refusal;
mod reload;
mod reply;
mod resume;
mod service;
mod signals;
mod start;
mod status;
mod systemd;
#[cfg(test)]
pub(crate) mod testing;
mod trial;
mod vlan;
mod watchdog;
mod watcher;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config::Cache;
use crate::datapath;

use alarm::Alarm;
use attachments::Attachments;
use control::Control;
use kernel::Kernel;
use left_out_record::Record;
use links::Links;
use lock::Lock;
use memory::Memory;
use metrics::Metrics;
use owner::{Files, Owner};
use signals::{Early, Signals};
use systemd::Systemd;
use watchdog::Watchdog;
use watcher::Watcher;

pub(crate) use heap::set_up as set_up_heap;
pub(crate) use listener::descriptors::raise_limit as raise_descriptor_limit;

pub use command::{Confirmed, Refused, ReloadOptions, Reloaded, RolledBack, Unloaded};
pub use error::Error;
pub(crate) use left_out_record::left_out;
pub use lockout::LockOut;
pub(crate) use refusal::chain;
pub use refusal::{KernelError, ProblemReport, Refusal};
pub use status::{
    GuardRefusal, Interface, LastReload, LeftOut, Listener, Source, State, Status, Trial,
};
pub(crate) use systemd::runs_the_host;
pub(crate) use vlan::rules_on_tags;

/// The tasks that end by themselves: after `unload`, and after a signal to stop.
const MAY_END: [&str; 2] = ["owner", "signals"];

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The configuration file.
    pub config: PathBuf,
    /// The pins in the BPF file system.
    pub pin_dir: PathBuf,
    /// What is kept over restarts: the last good configuration.
    pub state_dir: PathBuf,
    /// What is not: the lock and the control socket.
    pub run_dir: PathBuf,
    /// Whether the start is to succeed even if it cuts off who is connected.
    pub force: bool,
}

/// The daemon with everything it needs, not running yet.
pub struct Daemon {
    lock: Lock,
    owner: Owner,
    control: Control,
    metrics: Metrics,
    links: Links,
    watcher: Watcher,
    signals: Signals,
    systemd: Systemd,
    watchdog: Watchdog,
}

impl Settings {
    /// Acquires rights, lock, sockets and pins; nothing runs before it has them all. Within a
    /// runtime.
    ///
    /// # Errors
    /// [`Error`] says what is not to be had.
    pub async fn build(self) -> Result<Daemon, Error> {
        let early = Early::new()?;
        let missing = datapath::missing_capabilities();
        if !missing.is_empty() {
            return Err(Error::NotPermitted { missing });
        }
        let lock = Lock::acquire(&self.run_dir)?;
        let kernel = Kernel::open(self.pin_dir.clone()).await?;
        let memory = Memory::read(self.state_dir.clone()).await?;
        let state_dir = self.state_dir.clone();
        let record = kernel::blocking(move || Record::read(&state_dir)).await?;
        let alarm = Alarm::new().map_err(|source| Error::Events {
            what: "the end of a trial",
            source,
        })?;
        let (commands, received) = mpsc::channel(command::QUEUE);
        let asked = CancellationToken::new();
        let (status, snapshot) = watch::channel(Status::starting(self.config.clone()));
        let (files, watched) = watch::channel(Files {
            paths: Arc::new([]),
            closed: Arc::new([]),
            read_at: SystemTime::now(),
        });
        let (exporter, metrics) = metrics::exporter(self.pin_dir.clone(), snapshot.clone());
        Ok(Daemon {
            lock,
            control: Control::bind(&self.run_dir, commands.clone(), snapshot.clone())?,
            metrics,
            links: Links::new(commands.clone())?,
            watcher: Watcher::new(watched, commands.clone()),
            signals: Signals::new(early, commands.clone(), asked.clone())?,
            systemd: Systemd { status: snapshot },
            watchdog: Watchdog {
                commands,
                timeout: sd_notify::watchdog_enabled(),
            },
            owner: Owner {
                settings: self,
                kernel,
                commands: received,
                asked,
                status,
                files,
                exporter,
                attachments: Attachments::default(),
                memory,
                cache: Cache::default(),
                alarm,
                named: Vec::new(),
                compiled: crate::policy::Memo::default(),
                spared: left_out::Spared::default(),
                record,
                before: None,
                troubles: std::collections::BTreeMap::new(),
            },
        })
    }
}

impl Daemon {
    /// Runs until a signal, `unload`, or an error ends it.
    ///
    /// # Errors
    /// The first error that a task ended with.
    pub async fn run(self) -> Result<(), Error> {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        macro_rules! spawn {
            ($($name:ident),+) => {$({
                let task = self.$name.run(stop.clone());
                let name = stringify!($name);
                tasks.spawn(async move { (name, task.await) });
            })+};
        }
        spawn!(
            owner, control, metrics, links, watcher, signals, systemd, watchdog
        );
        let mut outcome = Ok(());
        while let Some(ended) = tasks.join_next().await {
            let result = match ended {
                Ok((name, Ok(()))) if !stop.is_cancelled() && !MAY_END.contains(&name) => {
                    Err(Error::Task(name))
                }
                Ok((name, result)) => {
                    debug!("{name} ended");
                    result
                }
                Err(_) => Err(Error::Task("a task")),
            };
            // The first to end, well or not, ends them all.
            stop.cancel();
            outcome = outcome.and(result);
        }
        if outcome.is_ok() {
            self.lock.retire();
        }
        systemd::flush().await;
        outcome
    }
}
