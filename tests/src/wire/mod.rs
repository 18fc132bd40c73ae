//! Raw frames over a cable: which of those sent on one end arrive at the other.
//!
//! Owns the sockets and the end markers that replace every sleep. Takes no view on which frames
//! ought to arrive.

mod socket;

use std::time::{Duration, Instant};

pub use self::socket::{Receiver, Sender};
use crate::netns::Netns;
use crate::packet::{eth, payload_bytes};

/// How long a marker may take; it takes microseconds.
const DEADLINE: Duration = Duration::from_secs(10);

/// Frames between two markers: fewer than a veth's ring of 256, which overflows silently.
const BURST: usize = 64;

/// EtherType of markers, the second of those for local experiments: non-IP.
const MARKER: u16 = 0x88b6;

/// Makes the marker of a number, different for each.
type MakeMarker = Box<dyn Fn(u32) -> Vec<u8>>;

/// One direction of a cable.
///
/// The kernel takes the outer VLAN tag off before anyone sees the frame; the receiver puts it
/// back. It also drops frames with a tag cut short, XDP or not, and refuses to send fewer than
/// 14 bytes: judge those with a test run of the program instead.
pub struct Wire {
    sender: Sender,
    receiver: Receiver,
    marker: MakeMarker,
    markers: u32,
}

impl Wire {
    /// Frames go out of the first device and are looked for on the second, behind any XDP
    /// program there.
    pub fn new(from: (&Netns, &str), to: (&Netns, &str)) -> Self {
        Self {
            sender: Sender::new(from.0, from.1),
            receiver: Receiver::new(to.0, to.1),
            marker: Box::new(marker),
            markers: 0,
        }
    }

    /// Sends other markers, for a filter that drops non-IP: each number needs a frame of its own
    /// that is sure to pass.
    pub fn with_marker(self, marker: impl Fn(u32) -> Vec<u8> + 'static) -> Self {
        Self {
            marker: Box::new(marker),
            ..self
        }
    }

    /// Sends the frames in order, and gives those that arrived in the order they did.
    pub fn exchange<F: AsRef<[u8]>>(&mut self, frames: &[F]) -> Vec<Vec<u8>> {
        let mut arrived = Vec::new();
        self.receiver.without_gro();
        for burst in frames.chunks(BURST) {
            for frame in burst {
                self.sender.send(frame.as_ref());
            }
            self.collect_to_marker(&mut arrived);
        }
        arrived
    }

    /// Markers sent so far: a filter counts them too, as non-IP unless they are made otherwise.
    pub fn markers(&self) -> u32 {
        self.markers
    }

    /// Sends a marker; what arrives before it has arrived, and what has not never will.
    fn collect_to_marker(&mut self, arrived: &mut Vec<Vec<u8>>) {
        let marker = (self.marker)(self.markers);
        self.markers += 1;
        self.sender.send(&marker);
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.receiver.receive(deadline) {
                Some(frame) if frame == marker => return,
                Some(frame) => arrived.push(frame),
                None => panic!(
                    "an end marker did not arrive within {DEADLINE:?}; \
                     under `non_ip = \"drop\"` a wire needs `with_marker`"
                ),
            }
        }
    }
}

fn marker(number: u32) -> Vec<u8> {
    let number = number.to_be_bytes();
    (eth().ether_type(MARKER) / payload_bytes(&number)).bytes()
}
