//! `GET /status`: what the daemon knows of itself.

use axum::Json;
use axum::extract::State;

use tokio::task::spawn_blocking;

use super::Asked;
use crate::daemon::status::{Status, Trial};
use crate::lockout;

/// Answers from the last snapshot, without disturbing the owner.
pub(super) async fn get(State(asked): State<Asked>) -> Json<Status> {
    let mut status = asked.shared.status.borrow().clone();
    // logind may start after this daemon, and end before it.
    let source = spawn_blocking(lockout::login_source).await;
    status.logins = source.unwrap_or_default();
    status.trial = status.trial.map(Trial::now);
    Json(status)
}
