//! A SYN in fragments that are too short for its header, to a port that is denied.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::{Packet, eth, fragment6, ipv4, ipv6, payload_bytes, tcp};
use xdp_fw_tests::two_hosts::{CLIENT_DEVICE, Hosts, config, packets, rule};
use xdp_fw_tests::wire::{Receiver, Sender};

use super::{cable, dropped, hosts};

const DENIED: u16 = 8080;
const OPEN: u16 = 8081;
/// Nobody listens: its reset ends each round.
const CLOSED: u16 = 1;

/// The bytes at which a SYN is cut.
type Cuts = &'static [usize];

const CUTS: [Cuts; 3] = [&[8], &[16], &[8, 16]];

/// A host that listens, and who sends to it.
struct Listening {
    sender: Sender,
    receiver: Receiver,
    _listeners: [TcpListener; 2],
}

impl Listening {
    fn new(hosts: &Hosts) -> Self {
        let listen = |port| {
            let listener = hosts.edge.within(|| TcpListener::bind(("::", port)));
            listener.expect("the port is free in a new namespace")
        };
        Self {
            sender: Sender::new(&hosts.client, CLIENT_DEVICE),
            receiver: Receiver::new(&hosts.client, CLIENT_DEVICE),
            _listeners: [listen(DENIED), listen(OPEN)],
        }
    }

    /// Whether a SYN from this port is answered by a SYN, in IPv4.
    fn answers(&self, from: u16, frames: &[Vec<u8>]) -> bool {
        for frame in frames {
            self.sender.send(frame);
        }
        let end = eth() / ipv4("192.0.2.2", "192.0.2.1") / tcp(from, CLOSED).syn();
        self.sender.send(&end.bytes());
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut is_answered = false;
        loop {
            let frame = self.receiver.receive(deadline);
            let frame = frame.expect("a closed port resets");
            let Some((to, flags)) = answer(&frame) else {
                continue;
            };
            if to == from && flags & 0x04 != 0 {
                return is_answered;
            }
            is_answered |= to == from && flags & 0x12 == 0x12;
        }
    }
}

/// Destination port and flags of a TCP packet without options in its IP header.
fn answer(frame: &[u8]) -> Option<(u16, u8)> {
    let at = match frame.get(12..14)? {
        [0x08, 0x00] if *frame.get(23)? == 6 => 34,
        [0x86, 0xdd] if *frame.get(20)? == 6 => 54,
        _ => return None,
    };
    let port: [u8; 2] = frame.get(at + 2..at + 4)?.try_into().ok()?;
    Some((u16::from_be_bytes(port), *frame.get(at + 13)?))
}

/// A SYN in IPv4, cut at these bytes of it.
fn v4(from: u16, to: u16, cuts: Cuts) -> Vec<Vec<u8>> {
    let ip = || ipv4("192.0.2.2", "192.0.2.1").id(from);
    let whole = (eth() / ip() / tcp(from, to).syn()).bytes();
    pieces(&whole, 34, cuts, |offset, more| {
        eth() / ip().fragment(offset, more).protocol(6)
    })
}

/// The same in IPv6.
fn v6(from: u16, to: u16, cuts: Cuts) -> Vec<Vec<u8>> {
    let ip = || ipv6("2001:db8::2", "2001:db8::1");
    let whole = (eth() / ip() / tcp(from, to).syn()).bytes();
    pieces(&whole, 54, cuts, |offset, more| {
        eth() / ip() / fragment6(offset, more, u32::from(from)).next_header(6)
    })
}

fn pieces(
    whole: &[u8],
    at: usize,
    cuts: Cuts,
    header: impl Fn(u16, bool) -> Packet,
) -> Vec<Vec<u8>> {
    let segment = whole.get(at..).expect("a SYN is behind its IP header");
    let starts = [0].iter().chain(cuts);
    let ends = cuts.iter().copied().chain([segment.len()]);
    let pieces = starts.zip(ends).map(|(start, end)| {
        let piece = segment.get(*start..end).expect("the cuts are in order");
        let header = header((start / 8) as u16, end < segment.len());
        (header / payload_bytes(piece)).bytes()
    });
    pieces.collect()
}

#[test]
fn a_denied_port_stays_closed_to_tiny_fragments_where_malformed_passes() {
    let hosts = hosts("tiny");
    let _cable = cable(&hosts);
    let host = Listening::new(&hosts);
    for (from, cuts) in (20_000..).zip(CUTS) {
        let frames = v4(from, DENIED, cuts);
        assert!(host.answers(from, &frames), "an open host, cut at {cuts:?}");
    }

    let deny = format!("protocol = \"tcp\"\ndestination_port = {DENIED}");
    let text = format!("malformed = \"pass\"\n{}", rule("deny", "drop", &deny));
    let daemon = Daemon::start(&hosts.edge, &config(&text));
    for (from, cuts) in (21_000..).zip(CUTS) {
        let frames = v4(from, DENIED, cuts);
        assert!(!host.answers(from, &frames), "cut at {cuts:?}");
        let from = from + 1_000;
        let mut frames = v4(from, DENIED, cuts);
        frames.reverse();
        assert!(!host.answers(from, &frames), "backwards, cut at {cuts:?}");
        let from = from + 1_000;
        let frames = v6(from, DENIED, cuts);
        assert!(!host.answers(from, &frames), "IPv6, cut at {cuts:?}");
    }
    let stats = daemon.stats();
    assert_eq!(
        packets(&stats, "deny"),
        3,
        "the fragments of 16 bytes show the port"
    );
    assert!(dropped(&stats, "tiny_fragment") > 0);
}

#[test]
fn a_tiny_fragment_that_shows_its_port_passes_by_the_rules() {
    let hosts = hosts("shown");
    let _cable = cable(&hosts);
    let host = Listening::new(&hosts);
    let deny = format!("protocol = \"tcp\"\ndestination_port = {DENIED}\ntcp_flags = \"syn\"");
    let text = format!("malformed = \"pass\"\n{}", rule("deny", "drop", &deny));
    let _daemon = Daemon::start(&hosts.edge, &config(&text));
    assert!(host.answers(23_000, &v4(23_000, OPEN, &[16])));
    assert!(
        !host.answers(23_001, &v4(23_001, OPEN, &[8])),
        "it hides its flags"
    );
    assert!(!host.answers(23_002, &v4(23_002, DENIED, &[16])));
}
