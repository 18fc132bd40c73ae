//! The owner of the datapath: the only task that changes anything in the kernel.
//!
//! Owns the order of things. One command at a time, each to its end: there is no moment at which
//! two of them could disagree. What the commands do is `service`'s and `reload`'s.

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

use super::alarm::Alarm;
use super::attachments::Attachments;
use super::command::Command;
use super::error::Error;
use super::kernel::Kernel;
use super::left_out::{Before, Spared};
use super::left_out_record::Record;
use super::memory::Memory;
use super::metrics::Exporter;
use super::refusal::Refusal;
use super::service::Service;
use super::status::Status;
use super::{Settings, start};
use crate::config::Cache;
use crate::policy::Memo;

/// The files that the configuration consists of, for the watcher.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// Their paths as the operator wrote them.
    pub(super) paths: Arc<[PathBuf]>,
    /// Those that were refused for whose they are or for who may access them.
    pub(super) closed: Arc<[PathBuf]>,
    /// Before this moment nothing was read.
    pub(super) read_at: SystemTime,
}

/// The task.
pub(super) struct Owner {
    pub(super) settings: Settings,
    pub(super) kernel: Kernel,
    pub(super) commands: mpsc::Receiver<Command>,
    /// Cancelled once somebody wants the daemon to stop. That a task failed is not that: the next
    /// daemon adopts the filter, and `on_stop` is not meant.
    pub(super) asked: CancellationToken,
    pub(super) status: watch::Sender<Status>,
    pub(super) files: watch::Sender<Files>,
    pub(super) exporter: Exporter,
    pub(super) attachments: Attachments,
    pub(super) memory: Memory,
    /// The set files that were read last.
    pub(super) cache: Cache,
    /// Rings at the end of a trial.
    pub(super) alarm: Alarm,
    /// The interfaces by index and name that the rules in force were compiled for.
    pub(super) named: Vec<(u32, String)>,
    /// What the compiler need not work out again.
    pub(super) compiled: Memo,
    /// What is left out of the sets in force, and of those of earlier generations.
    pub(super) spared: Spared,
    pub(super) record: Record,
    /// The sets in force as their text has them; `None` until this process has put some into force.
    pub(super) before: Option<Before>,
    /// What keeps parts of the daemon from their work.
    pub(super) troubles: BTreeMap<&'static str, String>,
}

impl Owner {
    /// Puts the first generation into force, then obeys until it is told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
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
    pub(super) fn trouble(&mut self, part: &'static str, error: Option<String>) {
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
