//! Events of interfaces, as commands to the owner.
//!
//! Owns the subscription. What an event says is not passed on: the owner looks for itself, so
//! that a lost event costs nothing but time.

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::fault::{self, Point};
use crate::interfaces::{self, Events};

use crate::daemon::engine::command::{Command, Commands};
use crate::daemon::error::Error;

/// The task.
pub(in crate::daemon) struct Links {
    events: Events,
    commands: Commands,
}

impl Links {
    /// Subscribes; what is listed later misses nothing.
    pub(in crate::daemon) fn new(commands: Commands) -> Result<Self, Error> {
        let what = "events of interfaces";
        let events = interfaces::watch().map_err(|source| Error::Events { what, source })?;
        Ok(Self { events, commands })
    }

    /// Runs until it is told to stop.
    pub(in crate::daemon) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                event = self.events.next() => {
                    event.ok_or(Error::Task("links"))?;
                }
            }
            self.events.skip_ready();
            fault::point(Point::LinksTask).map_err(|_| Error::Task("links"))?;
            // While the owner is at it, events gather and become the next command.
            let (reply, done) = oneshot::channel();
            let sent = self
                .commands
                .send(Command::Reconcile {
                    reply: reply.into(),
                })
                .await;
            if sent.is_err() || done.await.is_err() {
                stop.cancelled().await;
                return Ok(());
            }
        }
    }
}
