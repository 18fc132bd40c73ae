//! Scrapes on a thread of their own, one at a time, each good for a second.
//!
//! Owns that thread. However many ask, the maps are read once a second at most, and no thread that a
//! reload may need is taken.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use axum::body::Bytes;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::daemon::status::Status;

use super::accept::Format;
use super::text;

/// How long an answer is given again.
const FRESH: Duration = Duration::from_secs(1);
/// Questions that wait: as many as there are connections.
const QUEUE: usize = 16;

/// Both formats of one scrape.
#[derive(Debug)]
pub(super) struct Answer {
    open: Bytes,
    text: Bytes,
}

impl Answer {
    pub(super) fn of(&self, format: Format) -> Bytes {
        match format {
            Format::Text => self.text.clone(),
            Format::OpenMetrics => self.open.clone(),
        }
    }
}

type Outcome = Result<Arc<Answer>, fmt::Error>;
type Question = oneshot::Sender<Outcome>;

/// Where to ask.
pub(super) struct Scraper {
    registry: Arc<Registry>,
    status: watch::Receiver<Status>,
    /// The thread's; none before the first question, or after it died.
    questions: Mutex<Option<mpsc::Sender<Question>>>,
}

impl Scraper {
    pub(super) fn new(registry: Registry, status: watch::Receiver<Status>) -> Self {
        Self {
            registry: Arc::new(registry),
            status,
            questions: Mutex::default(),
        }
    }

    /// The metrics as they are, or were less than a second ago.
    pub(super) async fn ask(&self) -> Outcome {
        let questions = self.questions().map_err(|_| fmt::Error)?;
        let (question, answer) = oneshot::channel();
        questions.send(question).await.map_err(|_| fmt::Error)?;
        answer.await.map_err(|_| fmt::Error)?
    }

    fn questions(&self) -> io::Result<mpsc::Sender<Question>> {
        let mut questions = self
            .questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(questions) = questions.as_ref().filter(|it| !it.is_closed()) {
            return Ok(questions.clone());
        }
        let (sender, received) = mpsc::channel(QUEUE);
        let (registry, status) = (Arc::clone(&self.registry), self.status.clone());
        let thread = thread::Builder::new().name("metrics".to_owned());
        thread.spawn(move || answer_all(received, status, || scrape(&registry)))?;
        *questions = Some(sender.clone());
        Ok(sender)
    }
}

fn scrape(registry: &Registry) -> Outcome {
    let mut open = String::new();
    encode(&mut open, registry)?;
    let text = text::from_open_metrics(&open);
    Ok(Arc::new(Answer {
        open: open.into(),
        text: text.into(),
    }))
}

/// The thread: ends with whoever asks.
fn answer_all(
    mut questions: mpsc::Receiver<Question>,
    mut status: watch::Receiver<Status>,
    mut scrape: impl FnMut() -> Outcome,
) {
    let mut last: Option<(Instant, Outcome)> = None;
    while let Some(question) = questions.blocking_recv() {
        // Whoever has left costs nothing.
        if question.is_closed() {
            continue;
        }
        let is_news = status.has_changed().unwrap_or(false);
        let fresh = last
            .take()
            .filter(|(at, _)| !is_news && at.elapsed() < FRESH);
        let (at, outcome) = fresh.unwrap_or_else(|| {
            // Before it is read: what changes meanwhile is news the next time.
            status.mark_unchanged();
            let outcome = scrape();
            (Instant::now(), outcome)
        });
        let _ = question.send(outcome.clone());
        last = Some((at, outcome));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::daemon::testing::status;

    /// Questions to a thread that numbers its scrapes.
    struct Numbered {
        questions: mpsc::Sender<Question>,
        scrapes: Arc<AtomicU32>,
        status: watch::Sender<Status>,
    }

    fn numbered() -> Numbered {
        let (questions, received) = mpsc::channel(QUEUE);
        let (status, watched) = watch::channel(status());
        let scrapes = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&scrapes);
        thread::spawn(move || {
            answer_all(received, watched, || {
                let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                let [open, text] = ["open", "text"].map(|it| format!("{it} {number}").into());
                Ok(Arc::new(Answer { open, text }))
            });
        });
        Numbered {
            questions,
            scrapes,
            status,
        }
    }

    impl Numbered {
        fn ask(&self) -> String {
            let (question, answer) = oneshot::channel();
            self.questions.blocking_send(question).unwrap();
            let answer = answer.blocking_recv().unwrap().unwrap();
            String::from_utf8(answer.of(Format::Text).into()).unwrap()
        }
    }

    #[test]
    fn an_answer_is_given_again_until_the_status_changes() {
        let thread = numbered();
        let begun = Instant::now();
        let answers = [thread.ask(), thread.ask(), thread.ask()];
        // A machine that stalls for a second scrapes again, and is right.
        if begun.elapsed() < FRESH {
            assert_eq!(answers, ["text 1"; 3]);
        }
        let before = thread.scrapes.load(Ordering::SeqCst);
        thread.status.send_modify(|status| status.rules += 1);
        assert_eq!(thread.ask(), format!("text {}", before + 1));
    }

    #[test]
    fn who_has_left_is_not_scraped_for() {
        let thread = numbered();
        for _ in 0..100 {
            let (question, answer) = oneshot::channel();
            drop(answer);
            thread.questions.blocking_send(question).unwrap();
        }
        assert_eq!(thread.ask(), "text 1");
    }
}
