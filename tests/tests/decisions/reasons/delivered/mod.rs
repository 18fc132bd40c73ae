//! What Linux delivers of packets that rules cannot see, to real sockets.
//!
//! Each row goes to an open host first, which shows that the test could fail, and then through the
//! filter, behind which nothing may arrive.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of a test: where they panic, it fails"
)]

mod fragments;
mod malformed;
mod martians;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use xdp_fw_tests::packet::{Packet, eth, ipv4, payload_bytes, udp};
use xdp_fw_tests::two_hosts::{CLIENT_DEVICE, EDGE_DEVICE, Hosts};
use xdp_fw_tests::veth::{End, Veth};
use xdp_fw_tests::wire::Sender;

/// The port of the UDP socket, and the one that rules deny.
const PORT: u16 = 9999;

/// How long a packet may take; it takes microseconds.
const DEADLINE: Duration = Duration::from_secs(10);

/// Ends each round; a payload of one byte is a row's.
const MARKER: &[u8] = b"end";

/// A packet up to its UDP header, and whether an open host delivers it.
struct Row {
    name: &'static str,
    packet: Packet,
    is_delivered: bool,
}

fn row(name: &'static str, packet: impl Into<Packet>, is_delivered: bool) -> Row {
    let packet = packet.into();
    Row {
        name,
        packet,
        is_delivered,
    }
}

/// Two hosts, the filtered one with addresses and without a check of sources.
fn hosts(label: &str) -> Hosts {
    let hosts = Hosts::new(label);
    for interface in ["all", "default"] {
        let key = format!("net.ipv4.conf.{interface}.rp_filter");
        hosts.edge.sysctl(&key, "0");
    }
    hosts
}

/// The cable between them.
fn cable(hosts: &Hosts) -> Veth<'_> {
    let edge = End::new(&hosts.edge, EDGE_DEVICE);
    let veth = Veth::new(
        End::new(&hosts.client, CLIENT_DEVICE),
        edge.address("192.0.2.1/24").address("2001:db8::1/64"),
    );
    for address in ["192.0.2.2", "2001:db8::2"] {
        let lladdr = ["lladdr", "02:00:00:00:00:01", "dev", EDGE_DEVICE];
        let arguments = ["neigh", "add", address].into_iter().chain(lladdr);
        hosts.edge.run("ip", arguments);
    }
    veth
}

/// A socket for both families on the filtered host, and who sends to it.
struct Socket {
    sender: Sender,
    socket: UdpSocket,
    marker: Vec<u8>,
}

impl Socket {
    fn new(hosts: &Hosts) -> Self {
        let socket = hosts.edge.within(|| UdpSocket::bind(("::", PORT)));
        let socket = socket.expect("the port is free in a new namespace");
        socket
            .set_read_timeout(Some(DEADLINE))
            .expect("it is not zero");
        // From a port that no rule denies.
        let marker = eth() / ipv4("192.0.2.2", "192.0.2.1") / udp(7, PORT) / payload_bytes(MARKER);
        Self {
            sender: Sender::new(&hosts.client, CLIENT_DEVICE),
            socket,
            marker: marker.bytes(),
        }
    }

    /// Checks what an open host delivers. It may take the kernel a moment to route a new address.
    fn open_host_delivers(&self, rows: &[Row]) {
        let deadline = Instant::now() + DEADLINE;
        while self.delivered(rows) != expected(rows) && Instant::now() < deadline {}
        assert_eq!(self.delivered(rows), expected(rows), "an open host");
    }

    /// The names of the rows that the socket receives.
    fn delivered(&self, rows: &[Row]) -> Vec<&'static str> {
        for (number, row) in (0..).zip(rows) {
            let payload = payload_bytes(&[number]);
            self.sender.send(&(row.packet.clone() / payload).bytes());
        }
        self.sender.send(&self.marker);
        let mut names = Vec::new();
        let mut buffer = [0; 64];
        loop {
            let received = self.socket.recv(&mut buffer);
            let length = received.expect("the marker arrives");
            match buffer.get(..length) {
                Some(MARKER) => return names,
                Some([number]) => names.extend(rows.get(usize::from(*number)).map(|row| row.name)),
                other => panic!("nobody sent {other:?}"),
            }
        }
    }
}

/// The names of the rows that an open host delivers.
fn expected(rows: &[Row]) -> Vec<&'static str> {
    let delivered = rows.iter().filter(|row| row.is_delivered);
    delivered.map(|row| row.name).collect()
}

/// Packets that were dropped for a reason, by `xdp-fw stats --json`.
pub(crate) fn dropped(stats: &serde_json::Value, reason: &str) -> u64 {
    let rows = stats.pointer("/reasons").and_then(|it| it.as_array());
    let mut rows = rows.into_iter().flatten();
    let row = rows.find(|row| {
        row.pointer("/reason").is_some_and(|it| it == reason)
            && row.pointer("/verdict").is_some_and(|it| it == "drop")
    });
    row.and_then(|row| row.pointer("/packets")?.as_u64())
        .unwrap_or(0)
}
