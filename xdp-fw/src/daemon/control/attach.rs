//! `POST /attach`: look at the interfaces now.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;

use super::super::command::Command;
use super::{Shared, refuse};

/// Answers with the status when every interface has been attached that can be.
pub(super) async fn post(State(shared): State<Shared>) -> Response {
    let (reply, done) = oneshot::channel();
    let sent = shared.commands.send(Command::Reconcile { reply }).await;
    if sent.is_err() || done.await.is_err() {
        let error = "the daemon is stopping".to_owned();
        return refuse(StatusCode::SERVICE_UNAVAILABLE, error);
    }
    Json(shared.status.borrow().clone()).into_response()
}
