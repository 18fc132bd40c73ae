//! The other end of the control socket, for the commands.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

use crate::daemon::engine::command::{
    Confirmed, Refused, ReloadOptions, Reloaded, RolledBack, Unloaded,
};
use crate::daemon::status::Status;

/// How a daemon that says nothing is told from one that is busy.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Between two looks.
    pause: Duration,
    /// For its status, which takes it microseconds.
    answer: Duration,
    /// Until a daemon that is busy takes one more command.
    turn: Duration,
}

const PATIENCE: Patience = Patience {
    pause: Duration::from_secs(5),
    answer: Duration::from_secs(10),
    turn: Duration::from_secs(30),
};

/// Between two attempts to get in.
const RETRY: Duration = Duration::from_millis(200);

/// Why the daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens.
    #[error("the daemon is not running: nothing listens on {}; start it with `systemctl start xdp-fw` or `xdp-fw run`", .0.display())]
    NotRunning(PathBuf),
    /// This process cannot ask.
    #[error("{}: cannot connect: {source}", .socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It died, or is about to.
    #[error("the daemon ended before it answered; try again, and see `journalctl -u xdp-fw`")]
    Ended,
    /// Not root.
    #[error("{}: not permitted; run this as root", .0.display())]
    NotPermitted(PathBuf),
    /// It says no.
    #[error("{}", .0.error)]
    Refused(Refused),
    /// It has enough to do.
    #[error("{}: the daemon is busy, and takes no other command: it is still at those before; `xdp-fw status` says what it does, try again when that is over", .0.display())]
    Busy(PathBuf),
    /// It says nothing at all.
    #[error("{}: the daemon does not answer, not even with its status; see its log, and restart it (`systemctl restart xdp-fw`): the filter stays in force meanwhile", .0.display())]
    Silent(PathBuf),
    /// It says something else, or nothing.
    #[error(
        "the daemon does not answer as it should: {0}; restart it if it is of another version (`systemctl restart xdp-fw`)"
    )]
    Garbled(String),
}

/// The daemon's status.
///
/// # Errors
/// [`Error`] says who or what did not answer.
pub async fn status(run_dir: &Path) -> Result<Status, Error> {
    ask(run_dir, Method::GET, "/status").await
}

/// Has the daemon reload.
///
/// # Errors
/// [`Error::Refused`] with every problem of the configuration, among others.
pub async fn reload(run_dir: &Path, options: ReloadOptions) -> Result<Reloaded, Error> {
    tell(run_dir, "/reload", &options).await
}

/// Has the daemon look at the interfaces now; gives the status afterwards.
///
/// # Errors
/// [`Error`] says who or what did not answer.
pub async fn attach(run_dir: &Path) -> Result<Status, Error> {
    ask(run_dir, Method::POST, "/attach").await
}

/// Has what is on trial stay.
///
/// # Errors
/// [`Error::Refused`] if nothing is, among others.
pub async fn confirm(run_dir: &Path) -> Result<Confirmed, Error> {
    ask(run_dir, Method::POST, "/confirm").await
}

/// Has what was put into force last taken back.
///
/// # Errors
/// [`Error::Refused`] if there is nothing to go back to, among others.
pub async fn rollback(run_dir: &Path) -> Result<RolledBack, Error> {
    ask(run_dir, Method::POST, "/rollback").await
}

/// Has the daemon stop filtering and end.
///
/// # Errors
/// [`Error::NotRunning`] leaves it to the caller, among others.
pub async fn unload(run_dir: &Path) -> Result<Unloaded, Error> {
    ask(run_dir, Method::POST, "/unload").await
}

async fn ask<T: DeserializeOwned>(run_dir: &Path, method: Method, path: &str) -> Result<T, Error> {
    request(run_dir, method, path, Bytes::new()).await
}

async fn tell<T: DeserializeOwned>(
    run_dir: &Path,
    path: &str,
    options: &impl Serialize,
) -> Result<T, Error> {
    let body = serde_json::to_vec(options).map_err(garbled)?;
    request(run_dir, Method::POST, path, body.into()).await
}

async fn request<T: DeserializeOwned>(
    run_dir: &Path,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<T, Error> {
    let socket = super::socket(run_dir);
    let begun = Instant::now();
    loop {
        match attempt(&socket, method.clone(), path, body.clone()).await {
            Err(Error::Busy(_)) if begun.elapsed() < PATIENCE.turn => sleep(RETRY).await,
            other => return other,
        }
    }
}

async fn attempt<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<T, Error> {
    let socket = socket.to_owned();
    let answer = async {
        let stream = connect(&socket).await;
        let stream = stream.map_err(|error| unreachable(socket.clone(), error))?;
        exchange(stream, method, path, body)
            .await
            .map_err(broken_off)
    };
    let (status, body) = tokio::select! {
        answer = answer => answer?,
        () = silence(&socket, PATIENCE) => return Err(Error::Silent(socket)),
    };
    match status {
        StatusCode::OK => serde_json::from_slice(&body).map_err(garbled),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::Busy(socket)),
        // The listener says it, and not an endpoint.
        StatusCode::SERVICE_UNAVAILABLE if body.is_empty() => Err(Error::Busy(socket)),
        StatusCode::FORBIDDEN => Err(Error::NotPermitted(socket)),
        _ => Err(serde_json::from_slice(&body).map_or_else(garbled, Error::Refused)),
    }
}

/// Where too many wait to be accepted, the kernel says so at once.
async fn connect(socket: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(socket).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(RETRY).await,
            other => return other,
        }
    }
}

/// Returns when the daemon does not even tell its status, which a live one does at any time. What
/// else it was asked may take minutes, and is no reason to give up.
async fn silence(socket: &Path, patience: Patience) {
    loop {
        sleep(patience.pause).await;
        let told = timeout(patience.answer, async {
            let stream = connect(socket).await?;
            exchange(stream, Method::GET, "/status", Bytes::new()).await
        });
        // If it has ended, the first question is answered by that.
        if told.await.is_err() {
            return;
        }
    }
}

fn unreachable(socket: PathBuf, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Error::NotRunning(socket),
        io::ErrorKind::PermissionDenied => Error::NotPermitted(socket),
        _ => Error::Unreachable {
            socket,
            source: error,
        },
    }
}

async fn exchange(
    stream: UnixStream,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error>> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "xdp-fw")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok((status, body))
}

/// A daemon that lives answers, whatever it says.
fn broken_off(error: Box<dyn std::error::Error>) -> Error {
    let hyper = error.downcast_ref::<hyper::Error>();
    let source = hyper.and_then(std::error::Error::source);
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    let reset = io.is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        )
    });
    if reset || hyper.is_some_and(|error| error.is_incomplete_message() || error.is_canceled()) {
        Error::Ended
    } else {
        garbled(error)
    }
}

fn garbled(error: impl Into<Box<dyn std::error::Error>>) -> Error {
    Error::Garbled(error.into().to_string())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::net::UnixListener;

    use super::*;

    fn listener() -> (tempfile::TempDir, PathBuf, UnixListener) {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("control.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        (directory, socket, listener)
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_hangs_is_given_up() {
        let (_directory, socket, _listener) = listener();
        // The kernel takes connections for it; nobody answers.
        let patience = Patience {
            pause: Duration::from_millis(1),
            answer: Duration::from_millis(50),
            ..PATIENCE
        };
        let given_up = timeout(Duration::from_secs(60), silence(&socket, patience)).await;
        given_up.expect("a daemon that says nothing is given up");
    }

    #[tokio::test]
    async fn a_daemon_that_is_busy_is_waited_for() {
        let (_directory, socket, listener) = listener();
        let looks = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let seen = looks.clone();
        let router =
            Router::new().route("/status", get(move || async move { seen.add_permits(1) }));
        tokio::spawn(axum::serve(listener, router).into_future());
        let patience = Patience {
            pause: Duration::from_millis(1),
            answer: Duration::from_secs(30),
            ..PATIENCE
        };
        tokio::select! {
            () = silence(&socket, patience) => panic!("it answers"),
            looked = looks.acquire_many(20) => drop(looked.unwrap()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_accepts_nobody_is_given_up() {
        let (_directory, socket, listener) = listener();
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = UnixStream::connect(&socket).await {
            waiting.push(stream);
        }
        let answer = request::<Status>(
            socket.parent().unwrap(),
            Method::GET,
            "/status",
            Bytes::new(),
        );
        let answer = timeout(Duration::from_secs(60), answer).await.unwrap();
        assert!(matches!(answer, Err(Error::Silent(_))), "{answer:?}");
    }

    async fn answers_first(status: StatusCode, count: usize) -> Result<Status, Error> {
        let (_directory, socket, listener) = listener();
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let answer = move || async move {
            match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                number if number < count => Err(status),
                _ => Ok(axum::Json(crate::daemon::testing::status())),
            }
        };
        let router = Router::new().route("/status", get(answer));
        tokio::spawn(axum::serve(listener, router).into_future());
        request(
            socket.parent().unwrap(),
            Method::GET,
            "/status",
            Bytes::new(),
        )
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_daemon_is_asked_again_but_not_for_ever() {
        for status in [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ] {
            answers_first(status, 3).await.unwrap();
            let given_up = answers_first(status, usize::MAX).await;
            assert!(matches!(given_up, Err(Error::Busy(_))), "{given_up:?}");
        }
    }
}
