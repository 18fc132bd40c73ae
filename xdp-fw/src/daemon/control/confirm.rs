//! `POST /confirm`: what is on trial stays.

use axum::extract::State;
use axum::response::Response;

use super::{Asked, ask};
use crate::daemon::engine::command::Command;

/// Answers when that has reached the disk.
pub(super) async fn post(state: State<Asked>) -> Response {
    ask(state, |reply| Command::Confirm { reply }).await
}
