//! `POST /unload`: stop filtering, and end.

use axum::extract::State;
use axum::response::Response;

use super::{Asked, ask};
use crate::daemon::engine::command::Command;

/// Answers when nothing is filtered any more.
pub(super) async fn post(state: State<Asked>) -> Response {
    ask(state, |reply| Command::Unload { reply }).await
}
