//! What a connection is doing, since when, and how long it may.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// A request is on its way: the first one, or one whose first byte has come.
    Headers,
    /// Nothing, after an answer.
    Idle,
    /// Its answer is made.
    Serving,
    /// Its answer is sent.
    Writing,
}

/// How long each phase may take as a whole: a byte now and then prolongs none.
#[derive(Debug, Clone, Copy)]
pub(in crate::daemon) struct Times {
    pub(in crate::daemon) headers: Duration,
    pub(in crate::daemon) idle: Duration,
    /// `None` where the answer takes as long as what was asked for.
    pub(in crate::daemon) serving: Option<Duration>,
    pub(in crate::daemon) writing: Duration,
}

impl Times {
    /// Those that both listeners have.
    pub(in crate::daemon) const COMMON: Self = Self {
        headers: Duration::from_secs(5),
        idle: Duration::from_secs(30),
        serving: None,
        writing: Duration::from_secs(30),
    };

    const fn of(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Headers => Some(self.headers),
            Phase::Idle => Some(self.idle),
            Phase::Serving => self.serving,
            Phase::Writing => Some(self.writing),
        }
    }
}

/// A connection's phase, for all who look at it.
#[derive(Debug, Clone)]
pub(super) struct Line(Arc<watch::Sender<(Phase, Instant)>>);

impl Line {
    /// A connection that was just made.
    pub(super) fn new() -> Self {
        let (sender, _) = watch::channel((Phase::Headers, Instant::now()));
        Self(Arc::new(sender))
    }

    pub(super) fn phase(&self) -> Phase {
        self.0.borrow().0
    }

    /// Since when it is in its phase.
    pub(super) fn since(&self) -> Instant {
        self.0.borrow().1
    }

    /// Another phase begins now.
    pub(super) fn enter(&self, phase: Phase) {
        let _ = self.0.send_replace((phase, Instant::now()));
    }

    /// Ends one phase, and begins another one, if it is in that one.
    pub(super) fn follow(&self, before: Phase, after: Phase) {
        if self.phase() == before {
            self.enter(after);
        }
    }

    /// Waits until a phase has taken too long, and gives which.
    pub(super) async fn overdue(&self, times: Times) -> Phase {
        let mut changes = self.0.subscribe();
        loop {
            let (phase, since) = *changes.borrow_and_update();
            let due = async {
                match times.of(phase) {
                    Some(time) => sleep_until(since + time).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // The sender is ours: it outlives this.
                _ = changes.changed() => {}
                () = due => return phase,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn takes(line: &Line) -> (Phase, Duration) {
        let begun = Instant::now();
        let phase = line.overdue(Times::COMMON).await;
        (phase, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn headers_have_five_seconds_and_idling_has_thirty() {
        let line = Line::new();
        assert_eq!(takes(&line).await, (Phase::Headers, 5 * SECOND));
        line.enter(Phase::Idle);
        assert_eq!(takes(&line).await, (Phase::Idle, 30 * SECOND));
        line.enter(Phase::Writing);
        assert_eq!(takes(&line).await, (Phase::Writing, 30 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_may_take_as_long_as_it_does() {
        let line = Line::new();
        line.enter(Phase::Serving);
        let hour = tokio::time::timeout(3_600 * SECOND, line.overdue(Times::COMMON));
        assert!(hour.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_phase_has_its_whole_time() {
        let line = Line::new();
        let changes = async {
            tokio::time::sleep(4 * SECOND).await;
            line.enter(Phase::Serving);
            tokio::time::sleep(60 * SECOND).await;
            line.follow(Phase::Writing, Phase::Headers);
            line.follow(Phase::Serving, Phase::Idle);
        };
        let (taken, ()) = tokio::join!(takes(&line), changes);
        assert_eq!(taken, (Phase::Idle, 94 * SECOND));
    }
}
