//! `GET /status`: what the daemon knows of itself.

use axum::Json;
use axum::extract::State;

use super::super::status::{Status, Trial};
use super::Asked;

/// Answers from the last snapshot, without disturbing the owner.
pub(super) async fn get(State(asked): State<Asked>) -> Json<Status> {
    let mut status = asked.shared.status.borrow().clone();
    status.trial = status.trial.map(Trial::now);
    Json(status)
}
