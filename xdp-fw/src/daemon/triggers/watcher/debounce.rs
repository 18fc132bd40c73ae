//! A burst of events is one change: saves, copies and package upgrades touch several files.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Silence that ends a burst.
const QUIET: Duration = Duration::from_millis(50);
/// Longest time that a burst can hold a reload up.
const LONGEST: Duration = Duration::from_millis(500);

/// Waits for an event, and then for the end of its burst. Safe to be abandoned: an event that was
/// seen is noted again.
pub(super) async fn settled(changed: &Notify) {
    changed.notified().await;
    let unfinished = Unfinished(Some(changed));
    let last_call = Instant::now() + LONGEST;
    loop {
        let quiet = (Instant::now() + QUIET).min(last_call);
        tokio::select! {
            biased;
            () = sleep_until(quiet) => break,
            () = changed.notified() => {}
        }
    }
    unfinished.done();
}

/// Gives the event back when dropped.
struct Unfinished<'a>(Option<&'a Notify>);

impl Unfinished<'_> {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(changed) = self.0 {
            changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{advance, sleep, timeout};

    use super::*;

    /// When `settled` returns, with events at these milliseconds.
    async fn settles(events: Vec<u64>) -> Duration {
        let (start, changed) = (Instant::now(), Arc::new(Notify::new()));
        let sender = Arc::clone(&changed);
        tokio::spawn(async move {
            for at in events {
                sleep_until(start + Duration::from_millis(at)).await;
                sender.notify_one();
            }
        });
        settled(&changed).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn one_event_is_over_after_the_quiet_time() {
        assert_eq!(settles(vec![7]).await, Duration::from_millis(57));
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_change() {
        assert_eq!(
            settles(vec![0, 30, 60, 90]).await,
            Duration::from_millis(140)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_burst_does_not_hold_it_up_for_ever() {
        let events = (0..100).map(|n| n * 20).collect();
        assert_eq!(settles(events).await, LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_wait_loses_nothing() {
        let changed = Notify::new();
        changed.notify_one();
        assert!(
            timeout(Duration::from_millis(10), settled(&changed))
                .await
                .is_err()
        );
        advance(Duration::from_secs(1)).await;
        settled(&changed).await;
        assert!(
            timeout(Duration::from_secs(1), settled(&changed))
                .await
                .is_err()
        );
        sleep(Duration::ZERO).await;
    }
}
