//! The control socket: HTTP and JSON over `<run-dir>/control.sock`, for root alone.
//!
//! Owns the socket and who may speak. Every endpoint only parses into a command, or prints the
//! status; none of them decides anything.

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
use std::time::Duration;

use axum::Json;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{Router, get, post};
use axum::serve::IncomingStream;
use nix::unistd::Uid;
use tokio::net::UnixListener;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::command::{Command, Commands, Refused};
use super::error::Error;
use super::status::Status;

/// Name of the socket in the run directory.
const SOCKET: &str = "control.sock";
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

/// What every endpoint sees.
#[derive(Clone)]
struct Shared {
    commands: Commands,
    status: watch::Receiver<Status>,
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
        let shared = Shared { commands, status };
        Ok(Self { listener, shared })
    }

    /// Runs until it is told to stop.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let service = router(self.shared).into_make_service_with_connect_info::<Peer>();
        let server = axum::serve(self.listener, service)
            .with_graceful_shutdown(stop.clone().cancelled_owned())
            .into_future();
        let overdue = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            result = server => result.map_err(|source| Error::Events { what: "commands", source }),
            () = overdue => Ok(()),
        }
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // Until here the umask decides; `only_root` holds from the first connection on.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/status", get(status::get))
        .route("/attach", post(attach::post))
        .route("/reload", post(reload::post))
        .route("/confirm", post(confirm::post))
        .route("/rollback", post(rollback::post))
        .route("/unload", post(unload::post))
        .layer(from_fn(only_root))
        .with_state(shared)
}

/// Who is at the other end; `None` where the kernel does not say.
#[derive(Debug, Clone, Copy)]
struct Peer(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|peer| peer.uid()))
    }
}

/// Root, and whoever runs the daemon.
async fn only_root(ConnectInfo(peer): ConnectInfo<Peer>, request: Request, next: Next) -> Response {
    match peer.0 {
        Some(user) if user == 0 || user == Uid::effective().as_raw() => next.run(request).await,
        user => {
            let error = "only root may command the daemon".to_owned();
            match user {
                Some(user) => warn!("control socket: user {user} refused: {error}"),
                None => warn!("control socket: an unknown user refused: {error}"),
            }
            refuse(StatusCode::FORBIDDEN, error)
        }
    }
}

/// Sends a command and waits for what it came to.
async fn ask<T>(
    State(shared): State<Shared>,
    command: impl FnOnce(oneshot::Sender<Result<T, Refused>>) -> Command,
) -> Response
where
    Json<T>: IntoResponse,
{
    let (reply, answer) = oneshot::channel();
    let sent = shared.commands.send(command(reply)).await;
    match (sent, answer.await) {
        (Ok(()), Ok(Ok(done))) => Json(done).into_response(),
        (Ok(()), Ok(Err(refused))) => {
            let status = if refused.configuration {
                StatusCode::UNPROCESSABLE_ENTITY
            } else {
                StatusCode::INTERNAL_SERVER_ERROR
            };
            (status, Json(refused)).into_response()
        }
        _ => refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "the daemon is stopping".to_owned(),
        ),
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
