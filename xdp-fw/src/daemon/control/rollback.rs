//! `POST /rollback`: what was put into force last is taken back.

use axum::extract::State;
use axum::response::Response;

use super::{Asked, ask};
use crate::daemon::engine::command::Command;

/// Answers when the former configuration is in force again.
pub(super) async fn post(state: State<Asked>) -> Response {
    ask(state, |reply| Command::RollBack { reply }).await
}
