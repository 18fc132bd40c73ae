//! `POST /reload`: read the configuration again, and say how it went.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::command::{Cause, Command, ReloadOptions};
use super::{Shared, ask, refuse};

/// Answers when the reload has ended. The body has the options as JSON, or nothing.
pub(super) async fn post(state: State<Shared>, body: Bytes) -> Response {
    let options = match parse(&body) {
        Ok(options) => options,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format!("not options: {error}")),
    };
    let cause = Cause::Control;
    ask(state, |reply| Command::Reload {
        cause,
        options,
        reply,
    })
    .await
}

fn parse(body: &[u8]) -> serde_json::Result<ReloadOptions> {
    if body.is_empty() {
        return Ok(ReloadOptions::default());
    }
    serde_json::from_slice(body)
}
