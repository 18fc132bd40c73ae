//! `POST /reload`: read the configuration again, and say how it went.

use axum::extract::State;
use axum::response::Response;

use super::super::command::{Cause, Command};
use super::{Shared, ask};

/// Answers when the reload has ended.
pub(super) async fn post(state: State<Shared>) -> Response {
    let cause = Cause::Control;
    ask(state, |reply| Command::Reload { cause, reply }).await
}
