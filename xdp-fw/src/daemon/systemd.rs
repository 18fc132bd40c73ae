//! What the service manager is told: ready, reloading, stopping, and one line of status.
//!
//! Owns the words, and the thread that says them: a service manager that is stuck must hold up
//! nothing but what it is told. Without one all of it does nothing.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::daemon::error::Error;
use crate::daemon::status::{State, Status};
use crate::names::printable;

/// How long the end of the daemon waits until the service manager has heard of it.
const GRACE: Duration = Duration::from_secs(1);

/// What waits for the service manager, in order.
static OUTBOX: LazyLock<Option<mpsc::Sender<Post>>> = LazyLock::new(open_outbox);

/// Whether systemd runs this host, and so starts its services.
pub(crate) fn runs_the_host() -> bool {
    Path::new("/run/systemd/system").exists()
}

enum Post {
    Message(String),
    /// To be answered when all before it has been said.
    Flush(oneshot::Sender<()>),
}

/// The task: tells the status between reloads, and the end.
pub(super) struct Systemd {
    pub(super) status: watch::Receiver<Status>,
}

impl Systemd {
    /// Runs until it is told to stop, and passes that on first.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        let mut told = String::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                changed = self.status.changed() => if changed.is_err() { break },
            }
            let (state, line) = {
                let status = self.status.borrow_and_update();
                (status.state, one_line(&status))
            };
            // The start and the reloads end with a line of their own.
            if state == State::Running && line != told {
                notify(&[NotifyState::Status(&line)]);
                told = line;
            }
        }
        notify(&[NotifyState::Stopping]);
        Ok(())
    }
}

/// A reload begins. The owner says so itself, for a snapshot can miss what does not last.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // systemd takes the moment for the beginning of the reload, and insists on it.
        Ok(moment) => notify(&[NotifyState::Reloading, moment]),
        Err(error) => warn!("no monotonic clock: {error}"),
    }
}

/// The start, or a reload, has ended; the status tells how.
pub(super) fn ready(status: &Status) {
    notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// A line feed in it would begin another message.
fn one_line(status: &Status) -> String {
    printable(&status.line()).to_string()
}

/// Tells the service manager, if there is one. Never waits for it.
pub(super) fn notify(states: &[NotifyState<'_>]) {
    let mut message = String::new();
    for state in states {
        let _ = writeln!(message, "{state}");
    }
    post(Post::Message(message));
}

/// Waits until the service manager has taken everything, but not for ever.
pub(super) async fn flush() {
    let (done, flushed) = oneshot::channel();
    post(Post::Flush(done));
    if timeout(GRACE, flushed).await.is_err() {
        warn!("the service manager does not listen");
    }
}

fn post(post: Post) {
    if let Some(outbox) = &*OUTBOX {
        // Its thread ends with the process.
        let _ = outbox.send(post);
    }
}

fn open_outbox() -> Option<mpsc::Sender<Post>> {
    let (outbox, posts) = mpsc::channel();
    let thread = thread::Builder::new().name("systemd".to_owned());
    match thread.spawn(move || posts.into_iter().for_each(deliver)) {
        Ok(_) => Some(outbox),
        Err(error) => {
            warn!("the service manager gets no messages: no thread: {error}");
            None
        }
    }
}

/// Waits as long as the service manager takes.
fn deliver(post: Post) {
    match post {
        Post::Message(message) => {
            if let Err(error) = sd_notify::notify(&[NotifyState::Custom(message.trim_end())]) {
                warn!("cannot notify the service manager: {error}");
            }
        }
        Post::Flush(done) => {
            // The daemon may have given up waiting.
            let _ = done.send(());
        }
    }
}
