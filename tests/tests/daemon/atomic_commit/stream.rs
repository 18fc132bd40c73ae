//! A stream of numbered packets over one cable, each of which is accounted for.
//!
//! Frames come out of a cable in the order in which they went in. When one arrives, the fate of
//! all before it is known; and a packet that both rule sets pass is never far. So the stream runs
//! at most a window ahead of what has arrived, and nothing but the filter can lose a packet: not
//! the ring of the device, not the buffer of the socket.

use std::sync::mpsc::{Receiver as Requests, Sender as Reply};
use std::time::{Duration, Instant};

use xdp_fw_tests::netns::Netns;
use xdp_fw_tests::wire::{Receiver, Sender};

use super::rulesets::{RuleSet, frames, number_of, write_number};

/// Packets on their way at most: half of a veth's ring, which overflows silently.
const WINDOW: u64 = 128;
/// How long a packet may be on its way; it takes microseconds.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a stream has seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Packets sent; all of them are accounted for.
    pub(crate) sent: u64,
    /// Those that arrived.
    pub(crate) passed: u64,
    /// The rule set that decided last.
    pub(crate) decided: RuleSet,
    /// How often it was another one than before.
    pub(crate) changes: u32,
    /// The longest time between two arrivals.
    pub(crate) longest_gap: Duration,
}

/// One direction of a cable, under flood.
pub(crate) struct Stream {
    sender: Sender,
    receiver: Receiver,
    frames: Vec<Vec<u8>>,
    /// The number behind the last packet whose fate is known.
    settled: u64,
    arrived_at: Instant,
    seen: Seen,
}

impl Stream {
    /// `in_force` is what the first packet will meet.
    pub(crate) fn new(from: (&Netns, &str), to: (&Netns, &str), in_force: RuleSet) -> Self {
        let receiver = Receiver::new(to.0, to.1);
        receiver.without_gro();
        Self {
            sender: Sender::new(from.0, from.1),
            receiver,
            frames: frames(),
            settled: 0,
            arrived_at: Instant::now(),
            seen: Seen {
                sent: 0,
                passed: 0,
                decided: in_force,
                changes: 0,
                longest_gap: Duration::ZERO,
            },
        }
    }

    /// Sends without a pause. To each request it answers with what it has seen, once the fate of
    /// every packet that it had sent by then is known. Ends when nobody can ask any more, and
    /// gives the sum.
    pub(crate) fn run(mut self, requests: &Requests<Reply<Seen>>) -> Seen {
        use std::sync::mpsc::TryRecvError;
        yield_to_the_daemon();
        self.arrived_at = Instant::now();
        loop {
            match requests.try_recv() {
                Ok(reply) => {
                    self.settle();
                    let _ = reply.send(self.seen);
                }
                Err(TryRecvError::Empty) => {
                    self.fill_window();
                    self.receive();
                }
                Err(TryRecvError::Disconnected) => {
                    self.settle();
                    return self.seen;
                }
            }
        }
    }

    fn fill_window(&mut self) {
        while self.seen.sent < self.settled + WINDOW {
            self.send();
        }
    }

    /// Sends each of the four cases once more, the last a packet that both pass, and waits for it.
    fn settle(&mut self) {
        let first = self.seen.sent;
        loop {
            let last = self.seen.sent;
            self.send();
            let arrives = RuleSet::BySource.passes(last) && RuleSet::ByDestination.passes(last);
            if arrives && last >= first + 4 {
                break;
            }
        }
        while self.settled < self.seen.sent {
            self.receive();
        }
    }

    fn send(&mut self) {
        let number = self.seen.sent;
        let count = self.frames.len() as u64;
        let frame = self.frames.get_mut((number % count) as usize);
        let frame = frame.expect("the remainder is below the count");
        write_number(frame, number);
        self.sender.send(frame);
        self.seen.sent += 1;
    }

    /// Takes the next packet that arrives, which settles those before it.
    fn receive(&mut self) {
        let Some(frame) = self.receiver.receive(Instant::now() + DEADLINE) else {
            panic!(
                "nothing after packet {} of {}: one that both rule sets pass was lost",
                self.settled, self.seen.sent
            );
        };
        let number = number_of(&frame);
        assert!(
            (self.settled..self.seen.sent).contains(&number),
            "packet {number} arrived after {}",
            self.settled
        );
        for missing in self.settled..number {
            self.note(missing, false);
        }
        self.note(number, true);
        self.settled = number + 1;
        self.seen.passed += 1;
        let now = Instant::now();
        self.seen.longest_gap = self.seen.longest_gap.max(now - self.arrived_at);
        self.arrived_at = now;
    }

    /// Holds a packet's fate against both rule sets. Where they differ, it tells which decided.
    fn note(&mut self, number: u64, passed: bool) {
        let agrees = |set: RuleSet| set.passes(number) == passed;
        match (agrees(RuleSet::BySource), agrees(RuleSet::ByDestination)) {
            (true, true) => {}
            (false, false) => {
                let fate = if passed { "passed" } else { "was dropped" };
                panic!("packet {number} {fate}, against both rule sets");
            }
            (by_source, _) => {
                let decided = if by_source {
                    RuleSet::BySource
                } else {
                    RuleSet::ByDestination
                };
                if decided != self.seen.decided {
                    self.seen.decided = decided;
                    self.seen.changes += 1;
                }
            }
        }
    }
}

/// Two streams take all that two cores have, and a reload is what the test waits for.
fn yield_to_the_daemon() {
    // SAFETY: the call takes three numbers and touches no memory.
    let status = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) };
    assert_eq!(status, 0, "a thread may always lower its own priority");
}
