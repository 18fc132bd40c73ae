//! The service manager's end of `sd_notify`.
//!
//! Owns the socket. By path and not abstract: abstract names belong to a network namespace.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The assignments of one datagram: `READY=1`, `STATUS=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(BTreeMap<String, String>);

impl Message {
    /// What was assigned to `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Whether its `STATUS` contains this.
    #[must_use]
    pub fn has_status(&self, part: &str) -> bool {
        self.get("STATUS")
            .is_some_and(|status| status.contains(part))
    }

    /// Whether `value` was assigned to `key`.
    pub fn has(&self, key: &str, value: &str) -> bool {
        self.get(key) == Some(value)
    }

    /// When it was sent, of those that tell: since boot.
    pub(super) fn moment(&self) -> Option<Duration> {
        let microseconds = self.get("MONOTONIC_USEC")?.parse().ok()?;
        Some(Duration::from_micros(microseconds))
    }

    fn parse(datagram: &[u8]) -> Self {
        let text = String::from_utf8_lossy(datagram);
        let assignments = text.lines().filter_map(|line| line.split_once('='));
        Self(
            assignments
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    socket: UnixDatagram,
}

impl Socket {
    pub(super) fn bind(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("a socket in a directory of one's own");
        socket
            .set_nonblocking(true)
            .expect("a socket can be non-blocking");
        Self {
            path: path.to_owned(),
            socket,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fills itself up: whoever says more has to wait.
    pub(super) fn stuff(&self) {
        let stuffer = UnixDatagram::unbound().expect("a socket");
        stuffer
            .set_nonblocking(true)
            .expect("a socket can be non-blocking");
        while stuffer.send_to(b"STUFFED=1", &self.path).is_ok() {}
    }

    /// Forgets what has been said so far.
    pub(super) fn drain(&self) {
        while self.receive().is_some() {}
    }

    /// The first message that is `wanted` among those that are there.
    pub(super) fn next_matching(&self, wanted: impl Fn(&Message) -> bool) -> Option<Message> {
        std::iter::from_fn(|| self.receive()).find(wanted)
    }

    fn receive(&self) -> Option<Message> {
        let mut datagram = [0; 8192];
        match self.socket.recv(&mut datagram) {
            Ok(length) => datagram.get(..length).map(Message::parse),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("cannot hear the daemon: {error}"),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_a_line_for_each_assignment() {
        let message = Message::parse(b"READY=1\nSTATUS=3 rules, x=y\n");
        assert!(message.has("READY", "1"));
        assert_eq!(message.get("STATUS"), Some("3 rules, x=y"));
        assert_eq!(message.get("RELOADING"), None);
    }

    #[test]
    fn messages_are_passed_over_until_the_one_wanted() {
        let directory = tempfile::tempdir().unwrap();
        let socket = Socket::bind(&directory.path().join("notify"));
        let daemon = UnixDatagram::unbound().unwrap();
        for text in ["STATUS=loading", "RELOADING=1", "READY=1"] {
            daemon.send_to(text.as_bytes(), socket.path()).unwrap();
        }
        let ready = socket.next_matching(|message| message.has("READY", "1"));
        assert!(ready.is_some());
        assert!(socket.next_matching(|_| true).is_none());
    }
}
