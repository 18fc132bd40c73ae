//! What the lock-out guard looks at again by itself: who is left out of sets, and what it refused.
//!
//! Owns when that is due. Nothing is looked at while nobody is left out and nothing is refused.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::{debug, info};

use crate::lockout::{self, Role};

use crate::daemon::engine::command::{Cause, ReloadOptions};
use crate::daemon::engine::service::Service;
use crate::daemon::guard::mode::GuardMode;
use crate::daemon::refusal::Refusal;
use crate::daemon::status::GuardRefusal;

/// Pause between two looks at who is logged in.
const SESSIONS_PAUSE: Duration = Duration::from_secs(5);
/// How often the log says again who is left out.
const LOG_PAUSE: Duration = Duration::from_secs(3_600);

/// Pause before what was refused is asked again; it doubles with each time.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// When the guard looks again.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Again {
    refused: Option<Refused>,
    /// When to look whether a login is over.
    sessions_due: Option<Instant>,
    /// When the log said last who is left out.
    logged: Option<Instant>,
}

/// What the guard refused.
#[derive(Debug)]
struct Refused {
    /// The configuration's.
    hash: Option<[u8; 32]>,
    since: SystemTime,
    /// Who would be cut off.
    roles: Vec<Role>,
    attempts: u32,
    /// `None` if only an operator asks again.
    due: Option<Instant>,
}

impl Again {
    /// When the next look is due.
    pub(in crate::daemon) fn due(&self) -> Option<Instant> {
        let refused = self.refused.as_ref().and_then(|refused| refused.due);
        self.sessions_due.into_iter().chain(refused).min()
    }

    /// Notes how a reload or a start went: a newer one takes the place of what was refused before.
    /// `by_itself` is whether it is asked again.
    fn note(&mut self, refusal: Option<&Refusal>, hash: Option<[u8; 32]>, by_itself: bool) {
        let before = self.refused.take();
        let roles = match refusal {
            Some(Refusal::LockOut(lock_out)) => lock_out.roles(),
            Some(Refusal::CutOff { .. }) => Vec::new(),
            _ => return,
        };
        let is_asked = by_itself && !roles.is_empty();
        let before = before.filter(|before| before.hash == hash);
        let attempts = before.as_ref().map_or(0, |before| before.attempts + 1);
        self.refused = Some(Refused {
            hash,
            since: before.map_or_else(SystemTime::now, |before| before.since),
            roles,
            attempts,
            due: is_asked.then(|| Instant::now() + pause(attempts)),
        });
    }

    /// Puts off what is refused.
    fn postpone(&mut self) {
        if let Some(refused) = &mut self.refused {
            refused.attempts += 1;
            refused.due = Some(Instant::now() + pause(refused.attempts));
        }
    }

    fn refused_is_due(&self) -> bool {
        let due = self.refused.as_ref().and_then(|refused| refused.due);
        due.is_some_and(|due| due <= Instant::now())
    }

    /// As the status has it.
    fn refusal(&self) -> Option<GuardRefusal> {
        let refused = self.refused.as_ref()?;
        let left = refused.due.map(|due| due - Instant::now());
        Some(GuardRefusal {
            since: refused.since.into(),
            next_attempt: left.map(|left| (SystemTime::now() + left).into()),
        })
    }
}

impl Service {
    /// Notes how a reload or the start went, for what is refused.
    pub(in crate::daemon) fn note_refusal(&mut self, refusal: Option<&Refusal>, by_itself: bool) {
        let hash = self.owner.memory.index.cut_off;
        self.again.note(refusal, hash, by_itself);
        self.watch_sessions();
        self.report_refused();
    }

    /// Has logins looked at as long as that makes a difference.
    pub(in crate::daemon) fn watch_sessions(&mut self) {
        let is_needed = !self.owner.spared.left_out.is_empty();
        self.again.sessions_due = is_needed.then(|| Instant::now() + SESSIONS_PAUSE);
        self.again.logged = Some(Instant::now());
    }

    fn report_refused(&self) {
        let refusal = self.again.refusal();
        let is_degraded = self.is_unfiltered || refusal.is_some();
        self.owner.status.send_if_modified(|status| {
            let is_new = status.guard_refusal != refusal || status.degraded != is_degraded;
            status.guard_refusal = refusal;
            status.degraded = is_degraded;
            is_new
        });
    }

    /// Looks at what is due.
    pub(in crate::daemon) async fn look_again(&mut self) {
        if self
            .again
            .sessions_due
            .is_some_and(|due| due <= Instant::now())
        {
            self.look_at_sessions().await;
        }
        if self.again.refused_is_due() {
            self.ask_again().await;
        }
    }

    /// Whoever is logged out is in the sets again.
    async fn look_at_sessions(&mut self) {
        self.again.sessions_due = Some(Instant::now() + SESSIONS_PAUSE);
        let ended = self.owner.spared.ended().await;
        if ended.is_empty() {
            let due = self.again.logged.map(|logged| logged + LOG_PAUSE);
            if due.is_none_or(|due| due <= Instant::now()) {
                self.again.logged = Some(Instant::now());
                self.owner.report_spared();
            }
            return;
        }
        for address in ended {
            info!("{address} is not logged in any more");
        }
        let error = self.recommit("who was logged in is gone").await.err();
        if error.is_none() {
            self.watch_sessions();
        }
        let error = error.map(|error| format!("{error}; who is logged out is not banned yet"));
        self.owner.trouble("logins", error);
    }

    /// Puts into force once more what is in force; `why` is for the log.
    pub(in crate::daemon) async fn recommit(&mut self, why: &str) -> Result<(), Refusal> {
        let owner = &mut self.owner;
        let activated = owner.activate(&self.config, self.hash, GuardMode::Off, None);
        let generation = activated.await?;
        info!("in force: generation {} ({why})", generation.number);
        let source = self.owner.status.borrow().config_source;
        let owner = &self.owner;
        owner.status.send_modify(|status| {
            status.in_force(&generation, source, owner.kernel.pins());
        });
        Ok(())
    }

    /// Asks about what was refused, once nobody is there any more whom it would have cut off.
    async fn ask_again(&mut self) {
        if self.still_depends().await {
            debug!("the lock-out guard still refuses: whom it would cut off is still there");
            self.again.postpone();
            return self.report_refused();
        }
        info!("the lock-out guard is asked again: whom it would have cut off is gone");
        // It may be refused for someone else; then it is asked later.
        let _ = self.reload(Cause::Guard, ReloadOptions::default()).await;
    }

    /// Whether anyone is there still who would be cut off, or cannot be seen.
    async fn still_depends(&self) -> bool {
        let logins = lockout::logins().await;
        let surroundings = lockout::look(&logins).await;
        let is_blind = logins.is_incomplete || surroundings.unseen.len() > logins.unseen.len();
        let refused = self.again.refused.as_ref();
        let mut roles = refused.iter().flat_map(|refused| &refused.roles);
        is_blind || roles.any(|role| surroundings.has(role))
    }
}

fn pause(attempts: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempts);
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_off() -> Refusal {
        Refusal::CutOff {
            path: "/etc/xdp-fw.toml".into(),
            again: String::new(),
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds: Vec<u64> = (0..6).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_reload_takes_the_place_of_what_was_refused() {
        let mut again = Again::default();
        again.note(Some(&cut_off()), Some([1; 32]), true);
        assert!(again.refusal().is_some());
        again.note(Some(&Refusal::NothingBefore), Some([1; 32]), true);
        assert_eq!(again.refusal(), None);
        assert_eq!(again.due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_start_remembers_as_refused_is_not_asked_by_itself() {
        let mut again = Again::default();
        again.note(Some(&cut_off()), Some([1; 32]), true);
        assert_eq!(again.due(), None);
        assert_eq!(again.refusal().and_then(|it| it.next_attempt), None);
    }
}
