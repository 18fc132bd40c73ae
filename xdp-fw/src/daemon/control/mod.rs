//! The control socket: HTTP and JSON over `<run-dir>/control.sock`, for root alone.
//!
//! Owns the socket, who may speak, and how many commands may wait. Every endpoint only parses into a
//! command, or prints the status; none of them decides anything.

mod attach;
pub mod client;
mod confirm;
mod reload;
mod rollback;
mod status;
mod unload;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{Router, get, post};
use nix::unistd::Uid;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::daemon::engine::command::{Command, Commands, Refused};
use crate::daemon::engine::reply::{Client, Reply};
use crate::daemon::error::Error;
use crate::daemon::listener::descriptors::LEFT_BY_CONTROL;
use crate::daemon::listener::{Listener, Peer, Times};
use crate::daemon::status::Status;

/// Name of the socket in the run directory.
const SOCKET: &str = "control.sock";
/// Commands that wait at a time. Fewer than connections, so that the status is answered beside them,
/// and fewer than the queue holds, so that the daemon's own commands get in.
const WAITING: usize = 8;
/// How long the end of the daemon waits for answers that are being sent.
const GRACE: Duration = Duration::from_secs(2);

/// Where a daemon with this run directory listens.
#[must_use]
pub fn socket(run_dir: &Path) -> PathBuf {
    run_dir.join(SOCKET)
}

/// The task.
pub(super) struct Control {
    listener: UnixListener,
    shared: Shared,
}

/// What every connection sees.
#[derive(Clone)]
struct Shared {
    commands: Commands,
    status: watch::Receiver<Status>,
    /// One for each command that may wait.
    turns: Arc<Semaphore>,
}

/// What every endpoint sees.
#[derive(Clone)]
struct Asked {
    shared: Shared,
    client: Client,
}

impl Control {
    /// Makes the socket. The caller holds the lock of the directory, so one that is there already
    /// is a dead daemon's.
    pub(super) fn bind(
        run_dir: &Path,
        commands: Commands,
        status: watch::Receiver<Status>,
    ) -> Result<Self, Error> {
        let path = socket(run_dir);
        let listener = listen(&path).map_err(|source| Error::Control { path, source })?;
        let shared = Shared {
            commands,
            status,
            turns: Arc::new(Semaphore::new(WAITING)),
        };
        Ok(Self { listener, shared })
    }

    /// Runs until it is told to stop.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let listener = Listener {
            name: "control socket",
            socket: self.listener,
            times: Times::COMMON,
            reserve: LEFT_BY_CONTROL,
            grace: GRACE,
        };
        let shared = self.shared;
        let router = |stream: &UnixStream, peer: Peer| {
            if !may_command(peer) {
                return Ok(None);
            }
            Client::of(stream).map(|client| Some(router(shared.clone(), client)))
        };
        listener.serve(stop, router).await;
        Ok(())
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // Until here the umask decides; `may_command` holds from the first connection on.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// The answers to one connection.
fn router(shared: Shared, client: Client) -> Router {
    Router::new()
        .route("/status", get(status::get))
        .route("/attach", post(attach::post))
        .route("/reload", post(reload::post))
        .route("/confirm", post(confirm::post))
        .route("/rollback", post(rollback::post))
        .route("/unload", post(unload::post))
        .with_state(Asked { shared, client })
}

/// Root, and whoever runs the daemon. Others are refused before anything is read.
fn may_command(peer: Peer) -> bool {
    match peer {
        Peer::User(Some(user)) => user == 0 || user == Uid::effective().as_raw(),
        Peer::User(None) | Peer::Host(_) => false,
    }
}

/// Sends a command and waits for what it came to.
async fn ask<T>(
    State(asked): State<Asked>,
    command: impl FnOnce(Reply<Result<T, Refused>>) -> Command,
) -> Response
where
    Json<T>: IntoResponse,
{
    match asked.send(command).await {
        Ok(Ok(done)) => Json(done).into_response(),
        Ok(Err(refused)) => {
            let status = if refused.configuration {
                StatusCode::UNPROCESSABLE_ENTITY
            } else {
                StatusCode::INTERNAL_SERVER_ERROR
            };
            (status, Json(refused)).into_response()
        }
        Err(response) => response,
    }
}

impl Asked {
    /// Sends a command and waits for the answer.
    async fn send<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Response> {
        let Ok(_turn) = self.shared.turns.try_acquire() else {
            let error = format!("the daemon is busy: {WAITING} commands wait already; try again");
            return Err(refuse(StatusCode::TOO_MANY_REQUESTS, error));
        };
        let (sender, answer) = oneshot::channel();
        let command = command(Reply::to(self.client.clone(), sender));
        let stopping = || {
            let error = "the daemon is stopping".to_owned();
            refuse(StatusCode::SERVICE_UNAVAILABLE, error)
        };
        let sent = self.shared.commands.send(command).await;
        sent.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }
}

fn refuse(status: StatusCode, error: String) -> Response {
    let refused = Refused {
        error,
        configuration: false,
        problems: Vec::new(),
    };
    (status, Json(refused)).into_response()
}
