//! What every listener has in common: bounds on connections, times and sizes.
//!
//! Owns the accept loop and the connections. Knows nothing of what is asked: a router answers. See
//! `docs/adr/0027`.
//!
//! - `phase`: what a connection is doing, and how long it may
//! - `stream`: a socket that notes its phase
//! - `seats`: who has connections, and whose makes room for a newcomer
//! - `descriptors`: the last descriptors, which no connection may take

pub(super) mod descriptors;
mod phase;
mod seats;
mod stream;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub(super) use phase::Times;

use phase::Phase;
use seats::{Seat, Seats};
use stream::Watched;

/// Connections at a time.
const SEATS: usize = 16;
/// Of a request line with its headers, and of what is buffered of an answer.
const BUFFER: usize = 16 << 10;
/// Headers of a request.
const HEADERS: usize = 64;
/// Pause after an accept that found no descriptor or memory.
const PAUSE: Duration = Duration::from_millis(250);

/// Says that there is no room, before anything is read.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";
/// Says that the peer may not ask.
const FORBIDDEN: &[u8] =
    b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Whose connection it is: who has most of them makes room first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// A host; of an IPv6 address its /64, which one host has for itself.
    Host(IpAddr),
    /// A user of this host; `None` where the kernel does not say.
    User(Option<u32>),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(address) => address.fmt(f),
            Self::User(Some(user)) => write!(f, "user {user}"),
            Self::User(None) => f.write_str("an unknown user"),
        }
    }
}

/// A socket that gives connections.
pub(super) trait Socket {
    type Stream: AsyncRead + AsyncWrite + AsFd + AsRawFd + Send + Unpin + 'static;

    async fn next(&self) -> io::Result<(Self::Stream, Peer)>;
}

impl Socket for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, address) = self.accept().await?;
        Ok((stream, Peer::Host(network(address.ip()))))
    }
}

impl Socket for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.accept().await?;
        let user = stream.peer_cred().ok().map(|peer| peer.uid());
        Ok((stream, Peer::User(user)))
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
    }
}

/// What a listener allows.
pub(super) struct Listener<S> {
    /// What it is called in the log.
    pub(super) name: &'static str,
    pub(super) socket: S,
    pub(super) times: Times,
    /// Descriptors at the end of the limit that its connections leave alone.
    pub(super) reserve: u64,
    /// How long the end of the listener waits for answers that are being made or sent.
    pub(super) grace: Duration,
}

impl<S: Socket> Listener<S> {
    /// Serves until `stop`. `router` gives the answers to one connection, or nothing if
    /// its peer may not ask.
    pub(super) async fn serve(
        self,
        stop: CancellationToken,
        router: impl Fn(&S::Stream, Peer) -> io::Result<Option<Router>>,
    ) {
        let seats = Seats::new(SEATS);
        let mut lines = JoinSet::new();
        loop {
            let (stream, peer) = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = lines.join_next() => continue,
                next = self.next() => next,
            };
            if descriptors::is_reserved(&stream, self.reserve) {
                refuse(&stream, BUSY);
                continue;
            }
            let router = match router(&stream, peer) {
                Ok(Some(router)) => router,
                Ok(None) => {
                    warn!("{}: {peer} is refused", self.name);
                    refuse(&stream, FORBIDDEN);
                    continue;
                }
                Err(error) => {
                    debug!("{}: {error}", self.name);
                    continue;
                }
            };
            match seats.take(peer).await {
                Some(seat) => {
                    lines.spawn(line(stream, seat, router, self.times, stop.clone()));
                }
                None => refuse(&stream, BUSY),
            }
        }
        // No newcomers, and the port is free.
        drop(self.socket);
        let ended = async { while lines.join_next().await.is_some() {} };
        let _ = timeout(self.grace, ended).await;
    }

    /// The next connection. An accept that fails is tried again, and never ends the listener.
    async fn next(&self) -> (S::Stream, Peer) {
        let mut is_short = false;
        loop {
            match self.socket.next().await {
                Ok(next) => return next,
                Err(error) if is_of_one(&error) => debug!("{}: {error}", self.name),
                Err(error) => {
                    if !is_short {
                        warn!("{}: cannot accept: {error}; trying again", self.name);
                    }
                    is_short = true;
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Whether an accept failed for this one connection, and not for want of something.
fn is_of_one(error: &io::Error) -> bool {
    let short = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
    let of_one = [Errno::ECONNABORTED, Errno::EINTR, Errno::EPROTO];
    let errno = error.raw_os_error().map(Errno::from_raw);
    errno.is_some_and(|errno| !short.contains(&errno) && of_one.contains(&errno))
}

/// Says so if that does not wait, and closes.
fn refuse(stream: &impl AsRawFd, answer: &[u8]) {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let _ = send(stream.as_raw_fd(), answer, flags);
}

/// One connection, until it ends, is overdue, makes room, or the listener stops.
async fn line<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    seat: Seat,
    router: Router,
    times: Times,
    stop: CancellationToken,
) {
    let line = seat.line.clone();
    let router = TowerToHyperService::new(router);
    let service = {
        let line = line.clone();
        service_fn(move |request: Request<Incoming>| {
            line.enter(Phase::Serving);
            let (line, answer) = (line.clone(), router.call(request));
            async move {
                let answer = answer.await;
                line.enter(Phase::Writing);
                answer
            }
        })
    };
    let stream = TokioIo::new(Watched::new(stream, line.clone()));
    let connection = http1::Builder::new()
        .max_buf_size(BUFFER)
        .max_headers(HEADERS)
        .serve_connection(stream, service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                debug!("a connection: {error}");
            }
            return;
        }
        phase = line.overdue(times) => return debug!("a connection is closed: {phase:?} took too long"),
        () = seat.asked_to_leave() => return debug!("a connection makes room for another one"),
        () = stop.cancelled() => {}
    }
    // What is being answered is answered; the listener bounds how long.
    if matches!(line.phase(), Phase::Serving | Phase::Writing) {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_named_in_words() {
        let host = Peer::Host(network([192, 0, 2, 1].into()));
        let names = [host, Peer::User(Some(65_534)), Peer::User(None)].map(|it| it.to_string());
        assert_eq!(names, ["192.0.2.1", "user 65534", "an unknown user"]);
    }
}
