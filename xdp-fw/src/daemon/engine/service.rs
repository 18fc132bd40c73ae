//! The owner with a configuration in force, and what it does between reloads.
//!
//! Owns the configuration in force, and writes the status that everyone else reads.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::config::{Config, OnStop};
use crate::names::quantity::counted;

use crate::daemon::attach::Outcome;
use crate::daemon::engine::Owner;
use crate::daemon::engine::command::Unloaded;
use crate::daemon::error::Error;
use crate::daemon::guard::recheck::Again;
use crate::daemon::refusal::Refusal;
use crate::daemon::trial::Trial;

/// Pause before a port that was taken, or netlink that did not answer, is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// The owner with a configuration in force.
pub(in crate::daemon) struct Service {
    pub(in crate::daemon) owner: Owner,
    /// What is in force.
    pub(in crate::daemon) config: Arc<Config>,
    /// Its hash.
    pub(in crate::daemon) hash: [u8; 32],
    /// What comes back unless it is confirmed.
    pub(in crate::daemon) trial: Option<Trial>,
    /// When to try the metrics port and netlink again.
    pub(in crate::daemon) due: Option<Instant>,
    /// What the lock-out guard looks at again.
    pub(in crate::daemon) again: Again,
    /// Whether something that is configured is not filtered.
    pub(in crate::daemon) is_unfiltered: bool,
}

impl Service {
    /// When something that failed is to be tried again.
    pub(in crate::daemon) fn next_attempt(&self) -> Option<Instant> {
        let attachments = self.owner.attachments.next_attempt();
        self.due.into_iter().chain(attachments).min()
    }

    /// Has what failed tried again after a pause.
    pub(in crate::daemon) fn retry_if(&mut self, failed: bool) {
        if failed {
            self.due = Some(Instant::now() + PAUSE);
        }
    }

    /// Tries what failed.
    pub(in crate::daemon) async fn try_again(&mut self) {
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.due = None;
            self.listen().await;
        }
        self.reconcile().await;
    }

    /// Attaches and detaches as configured.
    pub(in crate::daemon) async fn reconcile(&mut self) {
        self.follow_names().await;
        let owner = &mut self.owner;
        match owner
            .attachments
            .reconcile(&mut owner.kernel, &self.config)
            .await
        {
            Ok(outcome) => {
                self.owner.trouble("interfaces", None);
                self.tell_interfaces(outcome);
            }
            Err(error) => {
                self.retry_if(true);
                self.owner.attachments.postpone(PAUSE);
                self.owner.trouble("interfaces", Some(error.to_string()));
            }
        }
    }

    fn tell_interfaces(&mut self, outcome: Outcome) {
        self.is_unfiltered = outcome.degraded;
        self.owner.status.send_if_modified(|status| {
            let new = Outcome {
                interfaces: std::mem::take(&mut status.interfaces),
                degraded: status.degraded && status.guard_refusal.is_none(),
            } != outcome;
            status.interfaces = outcome.interfaces;
            status.degraded = outcome.degraded || status.guard_refusal.is_some();
            new
        });
    }

    /// Has the metrics listen where they should.
    pub(in crate::daemon) async fn listen(&mut self) {
        let listen = self.config.metrics.listen;
        let error = self.owner.exporter.listen(listen).await.err();
        if let Some(error) = &error {
            self.due = Some(Instant::now() + PAUSE);
            if self.owner.status.borrow().metrics.error.is_none() {
                error!("no metrics: {error}; filtering goes on, trying again");
            }
        }
        self.owner.status.send_modify(|status| {
            status.metrics.listen = listen;
            status.metrics.error = error;
        });
    }

    /// Stops filtering.
    pub(in crate::daemon) async fn unload(&mut self) -> Result<Unloaded, Refusal> {
        let removed = self.owner.kernel.unload().await?;
        warn!(
            "unloaded: detached from {}, nothing is filtered any more",
            counted(removed.links as u64, "interface")
        );
        Ok(removed.into())
    }

    /// The daemon ends; `on_stop` says what that means for the filter.
    pub(in crate::daemon) async fn stop(mut self) -> Result<(), Error> {
        match self.config.on_stop {
            OnStop::Keep => info!(
                "stopping; the filter stays in force (on_stop = \"keep\"): \
                 `xdp-fw stats` reads it, `xdp-fw unload` removes it"
            ),
            OnStop::Detach => {
                let removed = self.owner.kernel.unload().await?;
                let interfaces = counted(removed.links as u64, "interface");
                info!("stopping; detached from {interfaces} (on_stop = \"detach\")");
                for path in removed.left {
                    warn!("{}: not ours, left alone", path.display());
                }
            }
        }
        Ok(())
    }
}
