//! Who has connections, and whose makes room for a newcomer.
//!
//! Where all seats are taken, a newcomer gets the seat of the one that has kept the listener waiting
//! longest, among the connections of the peer that has most of them. So neither half requests nor
//! connections that idle shut anyone out. Who is being served keeps the seat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::Peer;
use super::phase::{Line, Phase};

/// The seats of a listener.
pub(super) struct Seats {
    limit: usize,
    taken: Arc<Mutex<Vec<Taken>>>,
}

/// A connection as the others see it.
#[derive(Clone)]
struct Taken {
    peer: Peer,
    line: Line,
    leave: CancellationToken,
    /// Cancelled when it has left.
    left: CancellationToken,
}

/// A seat, free again when this is dropped.
pub(super) struct Seat {
    pub(super) line: Line,
    leave: CancellationToken,
    taken: Arc<Mutex<Vec<Taken>>>,
    left: CancellationToken,
    _left: DropGuard,
}

impl Seats {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            taken: Arc::default(),
        }
    }

    /// A seat for a newcomer; `None` where everyone is being served.
    pub(super) async fn take(&self, peer: Peer) -> Option<Seat> {
        loop {
            let leaving = {
                let mut taken = lock(&self.taken);
                if taken.len() < self.limit {
                    return Some(self.sit(&mut taken, peer));
                }
                makes_room(&taken)?.clone()
            };
            leaving.leave.cancel();
            // Its descriptor is closed before the newcomer's is kept.
            leaving.left.cancelled().await;
        }
    }

    fn sit(&self, taken: &mut Vec<Taken>, peer: Peer) -> Seat {
        let (line, leave, left) = (
            Line::new(),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        taken.push(Taken {
            peer,
            line: line.clone(),
            leave: leave.clone(),
            left: left.clone(),
        });
        Seat {
            line,
            leave,
            taken: Arc::clone(&self.taken),
            _left: left.clone().drop_guard(),
            left,
        }
    }
}

/// The connection that makes room.
fn makes_room(taken: &[Taken]) -> Option<&Taken> {
    let waiting = taken.iter().filter(|it| it.line.phase() != Phase::Serving);
    let company = |it: &Taken| taken.iter().filter(|other| other.peer == it.peer).count();
    waiting.min_by_key(|it| (std::cmp::Reverse(company(it)), it.line.since()))
}

impl Seat {
    pub(super) async fn asked_to_leave(&self) {
        self.leave.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.taken).retain(|it| it.left != self.left);
    }
}

fn lock(taken: &Mutex<Vec<Taken>>) -> MutexGuard<'_, Vec<Taken>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn host(last: u8) -> Peer {
        Peer::Host([192, 0, 2, last].into())
    }

    async fn fill(seats: &Seats, peers: &[u8]) -> Vec<Seat> {
        let mut all = Vec::new();
        for &peer in peers {
            all.push(seats.take(host(peer)).await.unwrap());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        all
    }

    fn leaving(seats: &Seats) -> Option<(Peer, tokio::time::Instant)> {
        makes_room(&lock(&seats.taken)).map(|it| (it.peer, it.line.since()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_peer_with_most_connections_makes_room() {
        let seats = Seats::new(4);
        let all = fill(&seats, &[1, 2, 2, 3]).await;
        assert_eq!(leaving(&seats), Some((host(2), all[1].line.since())));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_waited_longest_makes_room() {
        let seats = Seats::new(3);
        let all = fill(&seats, &[1, 1, 1]).await;
        all[0].line.enter(Phase::Idle);
        assert_eq!(leaving(&seats), Some((host(1), all[1].line.since())));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_served_keeps_the_seat() {
        let seats = Seats::new(2);
        let all = fill(&seats, &[1, 1]).await;
        all[0].line.enter(Phase::Serving);
        assert_eq!(leaving(&seats), Some((host(1), all[1].line.since())));
        all[1].line.enter(Phase::Serving);
        assert_eq!(leaving(&seats), None);
        assert!(seats.take(host(2)).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_waits_until_the_seat_is_free() {
        let seats = Seats::new(1);
        let first = fill(&seats, &[1]).await.remove(0);
        let leaves = tokio::spawn(async move { first.asked_to_leave().await });
        assert!(seats.take(host(2)).await.is_some());
        leaves.await.unwrap();
    }
}
