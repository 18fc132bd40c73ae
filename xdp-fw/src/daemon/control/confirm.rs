//! `POST /confirm`: what is on trial stays.

use axum::extract::State;
use axum::response::Response;

use super::super::command::Command;
use super::{Shared, ask};

/// Answers when that has reached the disk.
pub(super) async fn post(state: State<Shared>) -> Response {
    ask(state, |reply| Command::Confirm { reply }).await
}
