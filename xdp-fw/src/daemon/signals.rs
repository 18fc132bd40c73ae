//! Signals: SIGHUP reloads, SIGTERM and SIGINT stop.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::command::{Cause, Command, Commands, ReloadOptions};
use super::error::Error;

/// The task.
pub(super) struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    commands: Commands,
    /// Cancelled by a signal to stop, and by nothing else.
    asked: CancellationToken,
}

impl Signals {
    /// Takes the signals over; until then they kill.
    pub(super) fn new(commands: Commands, asked: CancellationToken) -> Result<Self, Error> {
        let receive = |kind| {
            signal(kind).map_err(|source| Error::Events {
                what: "signals",
                source,
            })
        };
        Ok(Self {
            hangup: receive(SignalKind::hangup())?,
            terminate: receive(SignalKind::terminate())?,
            interrupt: receive(SignalKind::interrupt())?,
            commands,
            asked,
        })
    }

    /// Runs until there is a signal to stop; its end is everyone's.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = self.terminate.recv() => {
                    info!("SIGTERM");
                    break;
                }
                _ = self.interrupt.recv() => {
                    info!("SIGINT");
                    break;
                }
                _ = self.hangup.recv() => self.reload(),
            }
        }
        self.asked.cancel();
        Ok(())
    }

    /// Nobody waits for the answer, and a full queue means that a reload is coming anyway.
    fn reload(&self) {
        let (reply, _) = oneshot::channel();
        let _ = self.commands.try_send(Command::Reload {
            cause: Cause::Signal,
            options: ReloadOptions::default(),
            reply,
        });
    }
}
