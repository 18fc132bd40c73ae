//! Where to say how a command went, and whether anybody still wants to know.
//!
//! Owns how a client that has left is noticed. A command waits in a queue, and its client may give up,
//! or die, meanwhile: whoever asks again must not find that the old question was answered later.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::oneshot;

/// The other end of a command's connection.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Client(Arc<OwnedFd>);

impl Client {
    /// Keeps a duplicate of the connection's descriptor.
    pub(in crate::daemon) fn of(stream: &impl AsFd) -> io::Result<Self> {
        let duplicate = stream.as_fd().try_clone_to_owned()?;
        Ok(Self(Arc::new(duplicate)))
    }

    /// Whether it has closed the connection: its process may have died a moment ago, and the task of
    /// the connection does not know yet.
    fn has_left(&self) -> bool {
        // A hang-up is reported whether it is asked for or not.
        let mut polled = [PollFd::new(self.0.as_fd(), PollFlags::empty())];
        let found = poll(&mut polled, PollTimeout::ZERO);
        let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
        let [polled] = polled;
        found.is_ok_and(|found| found > 0)
            && polled
                .revents()
                .is_some_and(|events| events.intersects(gone))
    }
}

/// Where to say how a command went.
#[derive(Debug)]
pub(in crate::daemon) struct Reply<T> {
    sender: oneshot::Sender<T>,
    /// `None` for the daemon's own commands, which count whether or not anybody waits.
    client: Option<Client>,
}

impl<T> Reply<T> {
    /// An answer for a client.
    pub(in crate::daemon) const fn to(client: Client, sender: oneshot::Sender<T>) -> Self {
        Self {
            sender,
            client: Some(client),
        }
    }

    /// Whether a client waited for it, and does no longer.
    pub(in crate::daemon) fn is_abandoned(&self) -> bool {
        let client = self.client.as_ref();
        client.is_some_and(|client| self.sender.is_closed() || client.has_left())
    }

    /// Says it. Whoever asked may have left.
    pub(in crate::daemon) fn send(self, answer: T) {
        let _ = self.sender.send(answer);
    }
}

impl<T> From<oneshot::Sender<T>> for Reply<T> {
    fn from(sender: oneshot::Sender<T>) -> Self {
        Self {
            sender,
            client: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn asked() -> (UnixStream, oneshot::Receiver<()>, Reply<()>) {
        let (client, server) = UnixStream::pair().unwrap();
        let (sender, receiver) = oneshot::channel();
        let reply = Reply::to(Client::of(&server).unwrap(), sender);
        (client, receiver, reply)
    }

    #[test]
    fn a_client_that_waits_has_not_left() {
        let (mut client, _receiver, reply) = asked();
        client.write_all(b"more than was asked for").unwrap();
        assert!(!reply.is_abandoned());
    }

    #[test]
    fn a_client_that_died_has_left_before_its_task_knows() {
        let (client, _receiver, reply) = asked();
        drop(client);
        assert!(reply.is_abandoned());
    }

    #[test]
    fn a_connection_that_is_over_has_left() {
        let (_client, receiver, reply) = asked();
        drop(receiver);
        assert!(reply.is_abandoned());
    }

    #[test]
    fn the_daemon_obeys_itself_unheard() {
        let (sender, _) = oneshot::channel();
        assert!(!Reply::<()>::from(sender).is_abandoned());
    }
}
