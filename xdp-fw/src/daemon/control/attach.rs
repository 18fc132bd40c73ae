//! `POST /attach`: look at the interfaces now.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::Asked;
use crate::daemon::engine::command::Command;

/// Answers with the status when every interface has been attached that can be.
pub(super) async fn post(State(asked): State<Asked>) -> Response {
    match asked.send(|reply| Command::Reconcile { reply }).await {
        Ok(()) => Json(asked.shared.status.borrow().clone()).into_response(),
        Err(response) => response,
    }
}
