//! The owner of the datapath: the only task that changes anything in the kernel.
//!
//! Owns the order of things. One command at a time, each to its end: there is no moment at which
//! two of them could disagree. What the commands do is `service`'s and `reload`'s.

pub(in crate::daemon) mod command;
pub(in crate::daemon) mod reply;
pub(in crate::daemon) mod service;
pub(in crate::daemon) mod start;

use std::collections::BTreeMap;
use std::future::pending;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::config::Cache;
use crate::daemon::Settings;
use crate::daemon::attach::Attachments;
use crate::daemon::datapath_thread::Kernel;
use crate::daemon::engine::command::Command;
use crate::daemon::engine::service::Service;
use crate::daemon::error::Error;
use crate::daemon::guard::left_out::{Before, Spared};
use crate::daemon::left_out_record::Record;
use crate::daemon::metrics::Exporter;
use crate::daemon::refusal::Refusal;
use crate::daemon::state_store::Memory;
use crate::daemon::status::Status;
use crate::daemon::trial::boottime_timer::Alarm;
use crate::policy::Memo;

/// The files that the configuration consists of, for the watcher.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Files {
    /// Their paths as the operator wrote them.
    pub(in crate::daemon) paths: Arc<[PathBuf]>,
    /// Those that were refused for whose they are or for who may access them.
    pub(in crate::daemon) closed: Arc<[PathBuf]>,
    /// Before this moment nothing was read.
    pub(in crate::daemon) read_at: SystemTime,
}

/// The task.
pub(in crate::daemon) struct Owner {
    pub(in crate::daemon) settings: Settings,
    pub(in crate::daemon) kernel: Kernel,
    pub(in crate::daemon) commands: mpsc::Receiver<Command>,
    /// Cancelled once somebody wants the daemon to stop. That a task failed is not that: the next
    /// daemon adopts the filter, and `on_stop` is not meant.
    pub(in crate::daemon) asked: CancellationToken,
    pub(in crate::daemon) status: watch::Sender<Status>,
    pub(in crate::daemon) files: watch::Sender<Files>,
    pub(in crate::daemon) exporter: Exporter,
    pub(in crate::daemon) attachments: Attachments,
    pub(in crate::daemon) memory: Memory,
    /// The set files that were read last.
    pub(in crate::daemon) cache: Cache,
    /// Rings at the end of a trial.
    pub(in crate::daemon) alarm: Alarm,
    /// The interfaces by index and name that the rules in force were compiled for.
    pub(in crate::daemon) named: Vec<(u32, String)>,
    /// What the compiler need not work out again.
    pub(in crate::daemon) compiled: Memo,
    /// What is left out of the sets in force, and of those of earlier generations.
    pub(in crate::daemon) spared: Spared,
    pub(in crate::daemon) record: Record,
    /// The sets in force as their text has them; `None` until this process has put some into force.
    pub(in crate::daemon) before: Option<Before>,
    /// What keeps parts of the daemon from their work.
    pub(in crate::daemon) troubles: BTreeMap<&'static str, String>,
}

impl Owner {
    /// Puts the first generation into force, then obeys until it is told to stop.
    pub(in crate::daemon) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        self.memory.stop = stop.clone();
        let mut service = match start::start(self).await {
            Err(_) if stop.is_cancelled() => {
                info!("stopped before the configuration was in force; what was before stays");
                return Ok(());
            }
            started => started?,
        };
        loop {
            let due = until(service.next_attempt());
            let look_due = until(service.again.due());
            tokio::select! {
                () = stop.cancelled() => {
                    return match service.owner.asked.is_cancelled() {
                        true => service.stop().await,
                        false => Ok(()),
                    };
                }
                Some(command) = service.owner.commands.recv() => {
                    if obey(&mut service, command).await.is_break() {
                        return Ok(());
                    }
                }
                () = due => service.try_again().await,
                () = look_due => service.look_again().await,
                () = service.owner.alarm.rings() => service.expire().await,
            }
            if let Some(lost) = service.owner.kernel.lost() {
                return Err(lost.into());
            }
        }
    }
}

/// Never, if there is no such moment.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

impl Owner {
    /// Notes what keeps a part of the daemon from its work, or that nothing does.
    pub(in crate::daemon) fn trouble(&mut self, part: &'static str, error: Option<String>) {
        let before = match &error {
            Some(error) => self.troubles.insert(part, error.clone()),
            None => self.troubles.remove(part),
        };
        if before == error {
            return;
        }
        match error {
            Some(error) => error!("{part}: {error}"),
            None => info!("{part}: recovered"),
        }
        let errors = self.troubles.iter();
        let errors = errors.map(|(part, error)| format!("{part}: {error}"));
        let errors = errors.collect();
        self.status.send_modify(|status| status.errors = errors);
    }
}

async fn obey(service: &mut Service, command: Command) -> ControlFlow<()> {
    if command.is_abandoned() {
        info!("{}: not done, its client has left", command.name());
        return ControlFlow::Continue(());
    }
    let was_overdue = service.is_overdue();
    if was_overdue && !matches!(command, Command::RollBack { .. }) {
        // What a command finds is what the deadline has left, however long it has waited.
        service.expire().await;
    }
    match command {
        Command::Reload {
            cause,
            options,
            reply,
        } => {
            let result = service.reload(cause, options).await;
            reply.send(result.map_err(|refusal| (&refusal).into()));
        }
        Command::Confirm { reply } => {
            let result = match was_overdue {
                true => Err(Refusal::TooLate),
                false => service.confirm().await,
            };
            reply.send(result.map_err(|refusal| (&refusal).into()));
        }
        Command::RollBack { reply } => {
            let result = service.roll_back().await;
            reply.send(result.map_err(|refusal| (&refusal).into()));
        }
        Command::Reconcile { reply } => {
            service.reconcile().await;
            reply.send(());
        }
        Command::Trouble { part, error } => service.owner.trouble(part, error),
        Command::Ping { reply } => reply.send(()),
        Command::Unload { reply } => {
            let result = service.unload().await;
            let done = result.is_ok();
            reply.send(result.map_err(|refusal| (&refusal).into()));
            if done {
                return ControlFlow::Break(());
            }
        }
    }
    ControlFlow::Continue(())
}
