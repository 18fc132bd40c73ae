//! `GET /metrics`: what Prometheus reads.
//!
//! Owns the listener, which comes and goes with the configuration. Without it everything else
//! goes on.
//!
//! - `collector`, `names`: what is read, and what it is called
//! - `scraper`: when it is read
//! - `accept`, `text`: the format of the answer

mod accept;
mod collector;
mod names;
mod scraper;
mod text;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{Router, get};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::daemon::error::Error;
use crate::daemon::listener::descriptors::LEFT_BY_METRICS;
use crate::daemon::listener::{Listener, Times};
use crate::daemon::status::Status;
use accept::Format;
use collector::Scrape;
use scraper::Scraper;

/// A scrape that takes longer is given up, and Prometheus has given it up before.
const TIMES: Times = Times {
    serving: Some(Duration::from_secs(30)),
    ..Times::COMMON
};

/// Where to listen from now on, and where to say whether that works.
type Listen = (Option<SocketAddr>, oneshot::Sender<io::Result<()>>);

/// The task.
pub(super) struct Metrics {
    requests: mpsc::Receiver<Listen>,
    pins: PathBuf,
    status: watch::Receiver<Status>,
    server: Option<Server>,
}

/// What the owner holds of it.
pub(super) struct Exporter {
    requests: mpsc::Sender<Listen>,
}

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// The exporter, not listening yet.
pub(super) fn exporter(pins: PathBuf, status: watch::Receiver<Status>) -> (Exporter, Metrics) {
    let (sender, requests) = mpsc::channel(1);
    let metrics = Metrics {
        requests,
        pins,
        status,
        server: None,
    };
    (Exporter { requests: sender }, metrics)
}

impl Exporter {
    /// Listens there from now on, and nowhere else.
    pub(super) async fn listen(&self, address: Option<SocketAddr>) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        // The exporter ends with the daemon, and before a reload that is under way: no failure.
        if self.requests.send((address, reply)).await.is_err() {
            return Ok(());
        }
        let Ok(result) = answer.await else {
            return Ok(());
        };
        result.map_err(|error| match (error.kind(), address) {
            (io::ErrorKind::AddrInUse, Some(address)) => {
                format!("{address} is taken; see `ss -ltnp`, or set another `listen` in [metrics]")
            }
            (_, Some(address)) => format!("{address}: {error}"),
            (_, None) => error.to_string(),
        })
    }
}

impl Metrics {
    /// Runs until it is told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some((address, reply)) = self.requests.recv() => {
                    let result = self.listen(address).await;
                    let _ = reply.send(result);
                }
            }
        }
        self.close().await;
        Ok(())
    }

    async fn listen(&mut self, address: Option<SocketAddr>) -> io::Result<()> {
        let current = self.server.as_ref().map(|server| server.address);
        if current == address {
            return Ok(());
        }
        // First close: the new address may be the old port on all addresses.
        self.close().await;
        if let Some(address) = address {
            let listener = TcpListener::bind(address).await?;
            info!("metrics on http://{address}/metrics");
            self.server = Some(self.serve(address, listener));
        }
        Ok(())
    }

    fn serve(&self, address: SocketAddr, socket: TcpListener) -> Server {
        let scrape = Scrape::new(self.pins.clone(), self.status.clone());
        let mut registry = Registry::with_prefix(names::PREFIX);
        registry.register_collector(Box::new(scrape));
        let scraper = Arc::new(Scraper::new(registry, self.status.clone()));
        let router = Router::new()
            .route("/metrics", get(metrics))
            .with_state(scraper);
        let listener = Listener {
            name: "metrics",
            socket,
            times: TIMES,
            reserve: LEFT_BY_METRICS,
            grace: Duration::ZERO,
        };
        let stop = CancellationToken::new();
        let serving = listener.serve(stop.clone(), move |_, _| Ok(Some(router.clone())));
        let task = tokio::spawn(serving);
        Server {
            address,
            stop,
            task,
        }
    }

    /// Gives the port back; a scrape under way is cut off.
    async fn close(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop.cancel();
            server.task.abort();
            let _ = server.task.await;
        }
    }
}

async fn metrics(State(scraper): State<Arc<Scraper>>, headers: HeaderMap) -> Response {
    let format = Format::asked_for(&headers);
    let Ok(answer) = scraper.ask().await else {
        let text = "the counters cannot be read; the daemon's log says why\n";
        return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::VARY, header::HeaderValue::from_static("accept")),
    ];
    (headers, answer.of(format)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::testing::status;

    #[tokio::test]
    async fn stopped_exporter_is_no_failure() {
        let (_sender, status) = watch::channel(status());
        let (exporter, metrics) = exporter(PathBuf::new(), status);
        drop(metrics);
        let address = SocketAddr::from(([127, 0, 0, 1], 9_798));
        assert_eq!(exporter.listen(Some(address)).await, Ok(()));
    }
}
