//! `POST /reload`: read the configuration again, and say how it went.

use std::time::Duration;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tokio::time::timeout;

use super::{Asked, ask, refuse};
use crate::daemon::engine::command::{Cause, Command, ReloadOptions};

/// The longest body.
const LONGEST: usize = 4 << 10;
/// How long the whole of it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers when the reload has ended. The body has the options as JSON, or nothing.
pub(super) async fn post(state: State<Asked>, body: Body) -> Response {
    let options = match read(body).await {
        Ok(options) => options,
        Err((status, error)) => return refuse(status, error),
    };
    let cause = Cause::Control;
    ask(state, |reply| Command::Reload {
        cause,
        options,
        reply,
    })
    .await
}

async fn read(body: Body) -> Result<ReloadOptions, (StatusCode, String)> {
    let too_long = || {
        let error = format!("the body has more than {LONGEST} bytes");
        (StatusCode::PAYLOAD_TOO_LARGE, error)
    };
    // Said before any of it is asked for.
    if body.size_hint().lower() > LONGEST as u64 {
        return Err(too_long());
    }
    let Ok(body) = timeout(PATIENCE, to_bytes(body, LONGEST)).await else {
        let error = format!("no whole body within {PATIENCE:?}");
        return Err((StatusCode::REQUEST_TIMEOUT, error));
    };
    let body = body.map_err(|_| too_long())?;
    if body.is_empty() {
        return Ok(ReloadOptions::default());
    }
    let options = serde_json::from_slice(&body);
    options.map_err(|error| (StatusCode::BAD_REQUEST, format!("not options: {error}")))
}

#[cfg(test)]
mod tests {
    use futures_util::stream::pending;

    use super::*;

    async fn status(body: impl Into<Body>) -> Option<StatusCode> {
        read(body.into()).await.err().map(|(status, _)| status)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = Body::from_stream(pending::<Result<Vec<u8>, std::io::Error>>());
        assert_eq!(status(never).await, Some(StatusCode::REQUEST_TIMEOUT));
    }

    #[tokio::test]
    async fn a_body_has_a_longest_length() {
        let long = vec![b' '; LONGEST + 1];
        assert_eq!(status(long).await, Some(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(status("").await, None);
        assert_eq!(status("[").await, Some(StatusCode::BAD_REQUEST));
    }
}
