//! Requests that begin and never end, from a user without rights.
//!
//! Owns the connections. Whoever wants to know what became of them asks: nothing waits.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{MsgFlags, recv};

use crate::metrics::LISTEN;
use crate::netns::Netns;

/// `nobody`.
const NOBODY: libc::uid_t = 65_534;
const HALF: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: half\r\n";

/// Connections with half a request each.
#[derive(Debug)]
pub struct HalfRequests(Vec<OwnedFd>);

impl HalfRequests {
    /// So many to the metrics port.
    pub fn to_metrics(netns: &Netns, count: usize) -> Self {
        raise_limit();
        let connections = thread::scope(|scope| {
            let connect = || {
                netns.handle().enter_for_good();
                become_nobody();
                (0..count)
                    .map(|_| half_tcp().expect("it listens"))
                    .collect()
            };
            scope.spawn(connect).join()
        });
        Self(connections.expect("the thread ends well"))
    }

    /// So many to the control socket.
    pub fn to_control(run_dir: &Path, count: usize) -> Self {
        raise_limit();
        let connect = |_| {
            let mut stream = UnixStream::connect(run_dir.join("control.sock")).expect("it listens");
            // It may be closed already.
            let _ = stream.write_all(HALF);
            stream.into()
        };
        Self((0..count).map(connect).collect())
    }

    /// How many the daemon has not closed.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.iter().filter(|it| is_open(*it)).count()
    }
}

/// Half requests that are made again and again until this is dropped.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// To the metrics port; so many are kept open from this side.
    pub fn of_metrics(netns: &Netns, kept: usize) -> Self {
        let first = HalfRequests::to_metrics(netns, kept);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let handle = netns.handle();
        let thread = thread::spawn(move || {
            handle.enter_for_good();
            become_nobody();
            let mut connections = std::collections::VecDeque::from(first.0);
            while !stopped.load(Ordering::Relaxed) {
                connections.pop_front();
                // A listener that is not there for a moment is back soon.
                connections.extend(half_tcp());
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn half_tcp() -> Option<OwnedFd> {
    let mut stream = TcpStream::connect(LISTEN).ok()?;
    let _ = stream.write_all(HALF);
    Some(stream.into())
}

fn is_open(connection: &impl AsRawFd) -> bool {
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    recv(connection.as_raw_fd(), &mut [0; 1], flags) == Err(Errno::EAGAIN)
}

/// This thread alone: the C library would do it for all of them.
fn become_nobody() {
    // SAFETY: takes numbers, and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// The other ends are descriptors of the test's.
fn raise_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit that every process has");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit it may be raised");
}

/// Waits until the other end closes, and gives what it said before.
pub fn await_close(stream: &mut impl std::io::Read) -> Vec<u8> {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the other end does not close: {error}"),
    }
    said
}
