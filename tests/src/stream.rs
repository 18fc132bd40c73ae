//! Numbered packets that go over a cable all the while something else happens.
//!
//! Owns the judgement that none was lost that must pass, and none arrived that must not.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::packet::{Packet, payload_bytes};
use crate::two_hosts::Hosts;

/// Copies of each packet in a burst.
const COPIES: usize = 8;

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bursts.
    pub bursts: u64,
    /// Packets that had to pass, the ends of the bursts among them.
    pub passing: u64,
    /// Packets that had to be dropped.
    pub dropped: u64,
    /// Packets that might meet either fate.
    pub either: u64,
}

impl AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.bursts += other.bursts;
        self.passing += other.passing;
        self.dropped += other.dropped;
        self.either += other.either;
    }
}

impl Sent {
    /// All of it.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.passing + self.dropped + self.either
    }
}

/// What the packets of a stream look like. A number follows each; what they end with must be
/// able to have more after it.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'a> {
    /// These pass, each of them.
    pub passing: &'a [Packet],
    /// None of these does.
    pub dropped: &'a [Packet],
    /// These may or may not.
    pub either: &'a [Packet],
}

impl Stream<'_> {
    /// Sends while `work` is done, and one burst before and after it.
    ///
    /// # Panics
    /// When a packet met the wrong fate: says which.
    pub fn during<T>(&self, hosts: &Hosts, work: impl FnOnce() -> T) -> (T, Sent) {
        let stop = AtomicBool::new(false);
        let (begun, has_begun) = mpsc::channel();
        thread::scope(|scope| {
            let sender = scope.spawn(|| self.send(hosts, &stop, &begun));
            // An error is a sender that has panicked, which is told below.
            let _ = has_begun.recv();
            // Dropped also if `work` panics: the sender must not go on for ever.
            let stopper = Stopper(&stop);
            let done = work();
            drop(stopper);
            match sender.join() {
                Ok(sent) => (done, sent),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn send(&self, hosts: &Hosts, stop: &AtomicBool, begun: &mpsc::Sender<()>) -> Sent {
        let mut wire = hosts.wire();
        let mut sent = Sent::default();
        let mut last = false;
        while !last {
            // One more burst after the work is done.
            last = stop.load(Ordering::Acquire);
            let [passing, dropped, either] =
                [self.passing, self.dropped, self.either].map(|it| numbered(it, sent.bursts));
            let frames = [&passing[..], &dropped[..], &either[..]].concat();
            let markers = wire.markers();
            let arrived = wire.exchange(&frames);
            let lost = passing.iter().position(|frame| !arrived.contains(frame));
            assert_eq!(lost, None, "burst {}: lost a packet", sent.bursts);
            let leaked = dropped.iter().position(|frame| arrived.contains(frame));
            assert_eq!(leaked, None, "burst {}: a packet got through", sent.bursts);
            sent.passing += passing.len() as u64 + u64::from(wire.markers() - markers);
            sent.dropped += dropped.len() as u64;
            sent.either += either.len() as u64;
            sent.bursts += 1;
            // Nobody listens after the first.
            let _ = begun.send(());
        }
        sent
    }
}

struct Stopper<'a>(&'a AtomicBool);

impl Drop for Stopper<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn numbered(packets: &[Packet], burst: u64) -> Vec<Vec<u8>> {
    let copies = packets
        .iter()
        .flat_map(|it| std::iter::repeat_n(it, COPIES));
    let numbers = burst * (packets.len() * COPIES) as u64..;
    numbers
        .zip(copies)
        .map(|(number, packet)| (packet.clone() / payload_bytes(&number.to_be_bytes())).bytes())
        .collect()
}
