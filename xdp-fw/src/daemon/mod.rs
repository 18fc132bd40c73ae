//! The running service: watch, compile, commit; metrics; control socket.
//!
//! Owns the tasks and what flows between them. One task, the owner, changes the kernel; the
//! others send it commands over one channel, and read its status from one snapshot. Never parses
//! a configuration, compiles a policy or touches a map itself.
//!
//! - `engine`: the task that obeys, and what it holds; the start
//! - `apply`: a configuration becomes active, step by step; [`Refusal`]: why it does not
//! - `guard`: what a candidate must pass, and what is looked at again later
//! - `trial`: an active configuration that goes away again unless it is confirmed
//! - `attach`: which interfaces the program is on
//! - `triggers`: what makes commands: files, links, signals
//! - [`control`], `metrics`, `systemd`, `watchdog`: who gets reports; `listener`: the bounds on who asks
//! - `state_store`: what is kept over restarts; `attempt`: what is read or compiled just now, for the
//!   next start if this process dies of it; `left_out_record`: whom sets leave out
//! - `datapath_thread`: the datapath on a thread that may block; `malloc`: what it leaves behind
//! - [`lock`]: one daemon for a run directory

mod apply;
mod attach;
mod attempt;
pub mod control;
mod datapath_thread;
mod engine;
mod error;
mod guard;
mod left_out_record;
mod listener;
pub mod lock;
mod malloc;
mod metrics;
mod refusal;
mod state_store;
mod status;
mod systemd;
#[cfg(test)]
pub(crate) mod testing;
mod trial;
mod triggers;
mod watchdog;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config::Cache;
use crate::datapath;

use attach::Attachments;
use control::Control;
use datapath_thread::Kernel;
use engine::{Files, Owner};
use left_out_record::Record;
use lock::Lock;
use metrics::Metrics;
use state_store::Memory;
use systemd::Systemd;
use trial::boottime_timer::Alarm;
use triggers::links::Links;
use triggers::signals::{Early, Signals};
use triggers::watcher::Watcher;
use watchdog::Watchdog;

pub(crate) use listener::descriptors::raise_limit as raise_descriptor_limit;
pub(crate) use malloc::set_up as set_up_heap;

pub(crate) use attach::vlan::rules_on_tags;
pub use engine::command::{Confirmed, Refused, ReloadOptions, Reloaded, RolledBack, Unloaded};
pub use error::Error;
pub use guard::lock_out::LockOut;
pub(crate) use left_out_record::left_out;
pub(crate) use refusal::chain;
pub use refusal::{KernelError, ProblemReport, Refusal};
pub use status::{
    GuardRefusal, Interface, LastReload, LeftOut, Listener, Source, State, Status, Trial,
};
pub(crate) use systemd::runs_the_host;

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
        let record = datapath_thread::blocking(move || Record::read(&state_dir)).await?;
        let alarm = Alarm::new().map_err(|source| Error::Events {
            what: "the end of a trial",
            source,
        })?;
        let (commands, received) = mpsc::channel(engine::command::QUEUE);
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
                spared: guard::left_out::Spared::default(),
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
