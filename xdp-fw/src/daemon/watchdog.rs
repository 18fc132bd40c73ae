//! The watchdog: fed only while the owner answers.
//!
//! A daemon whose owner hangs would go on saying that all is well; this makes the service manager
//! restart it. The filter stays in force meanwhile.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::daemon::engine::command::{Command, Commands};
use crate::daemon::error::Error;
use crate::daemon::systemd::notify;

/// The task.
pub(super) struct Watchdog {
    pub(super) commands: Commands,
    /// How often the service manager wants to hear, if at all.
    pub(super) timeout: Option<Duration>,
}

impl Watchdog {
    /// Runs until it is told to stop.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let feed = async {
            match self.timeout {
                Some(timeout) => self.feed(timeout / 2).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = feed => {}
        }
        Ok(())
    }

    async fn feed(&self, period: Duration) {
        let mut ticks = interval(period.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (reply, alive) = oneshot::channel();
            let reply = reply.into();
            if self.commands.send(Command::Ping { reply }).await.is_ok() && alive.await.is_ok() {
                notify(&[NotifyState::Watchdog]);
            }
        }
    }
}
