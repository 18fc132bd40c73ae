//! BIG TCP: a connection whose segments are longer than an IP length field can say, in generic mode.
#![expect(
    clippy::expect_used,
    reason = "the helpers of a test: where they panic, it fails"
)]

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::{fs, thread};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::netns::Netns;
use xdp_fw_tests::two_hosts::{CLIENT_DEVICE, EDGE_DEVICE, Hosts, config, packets, rule};
use xdp_fw_tests::veth::{End, Veth};

use super::delivered::dropped;

/// Bytes that offloads may join to one packet.
const JOINED: u32 = 150_000;

/// Bytes that are sent: some hundred packets of that size.
const SENT: usize = 32 << 20;

/// Attributes of a link in `linux/if_link.h`; the second pair is the first one's for IPv4.
const SIZES: [(u16, u16); 2] = [
    (libc::IFLA_GSO_MAX_SIZE, libc::IFLA_GRO_MAX_SIZE),
    // Since 6.3: older kernels read over it.
    (63, 64),
];

/// The first kernels with BIG TCP in IPv6, and in IPv4.
const IPV6: [u32; 2] = [5, 19];
const IPV4: [u32; 2] = [6, 3];

/// Has a device join and send packets of up to [`JOINED`] bytes.
fn join(netns: &Netns, device: &str) {
    netns.within(|| {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        );
        let socket = socket.expect("a netlink socket");
        let request = set_link(if_nametoindex(device).expect("the device is there"));
        send(socket.as_raw_fd(), &request, MsgFlags::empty()).expect("the kernel takes requests");
        let mut answer = [0; 256];
        recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).expect("it answers");
        let error = answer.get(16..20).expect("an acknowledgement has a code");
        assert_eq!(error, [0; 4], "{device} joins no packets of {JOINED} bytes");
    });
}

/// `RTM_SETLINK` with all of [`SIZES`], to be acknowledged.
fn set_link(index: u32) -> Vec<u8> {
    let kinds = SIZES.iter().flat_map(|(gso, gro)| [gso, gro]);
    let attributes = kinds.flat_map(|kind| {
        let header = [8_u16, *kind].map(u16::to_ne_bytes).concat();
        [header, JOINED.to_ne_bytes().to_vec()].concat()
    });
    let attributes: Vec<u8> = attributes.collect();
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let mut request = (32 + attributes.len() as u32).to_ne_bytes().to_vec();
    request.extend([libc::RTM_SETLINK, flags].map(u16::to_ne_bytes).concat());
    request.extend([0; 12]);
    request.extend(index.to_ne_bytes());
    request.extend([0; 8]);
    request.extend(attributes);
    request
}

/// Whether the running kernel is of this version or later.
fn is_since(version: [u32; 2]) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    let numbers = release.split(|it: char| !it.is_ascii_digit());
    let numbers: Vec<u32> = numbers.map_while(|it| it.parse().ok()).take(2).collect();
    numbers >= version.to_vec()
}

/// Sends [`SENT`] bytes from the client to an address of the edge host.
fn transfer(hosts: &Hosts, address: IpAddr) {
    let listener = hosts.edge.within(|| TcpListener::bind((address, 8080)));
    let listener = listener.expect("the edge host has the address");
    thread::scope(|scope| {
        let received = scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("the client connects");
            let mut buffer = vec![0; 1 << 20];
            let mut received = 0;
            loop {
                match stream.read(&mut buffer).expect("the connection lasts") {
                    0 => return received,
                    count => received += count,
                }
            }
        });
        let stream = hosts.client.within(|| TcpStream::connect((address, 8080)));
        let mut stream = stream.expect("the edge host answers");
        for _ in 0..SENT >> 20 {
            stream.write_all(&[0x5a; 1 << 20]).expect("it takes them");
        }
        drop(stream);
        assert_eq!(received.join().expect("the reader ends"), SENT);
    });
}

fn big_segments_pass(label: &str, address: &str, since: [u32; 2]) {
    let hosts = Hosts::new(label);
    let _cable = Veth::new(
        End::new(&hosts.client, CLIENT_DEVICE)
            .address("192.0.2.2/24")
            .address("2001:db8::2/64"),
        End::new(&hosts.edge, EDGE_DEVICE)
            .address("192.0.2.1/24")
            .address("2001:db8::1/64"),
    );
    if is_since(since) {
        join(&hosts.client, CLIENT_DEVICE);
        join(&hosts.edge, EDGE_DEVICE);
    }
    let big = rule(
        "big",
        "pass",
        "protocol = \"tcp\"\ndestination_port = 8080\nlength = 65535",
    );
    let daemon = Daemon::start(&hosts.edge, &config(&format!("mode = \"generic\"\n{big}")));
    transfer(&hosts, address.parse().expect("it is an address"));

    let stats = daemon.stats();
    for reason in ["ip_length", "extension_headers"] {
        assert_eq!(dropped(&stats, reason), 0, "{reason}");
    }
    // A length of 65535 exactly is one in so many thousands; it is also what a longer packet has.
    let enough = if is_since(since) { 20 } else { 0 };
    assert!(packets(&stats, "big") >= enough, "{stats}");
}

#[test]
fn big_segments_of_ipv4_pass_and_meet_rules_on_length() {
    big_segments_pass("big4", "192.0.2.1", IPV4);
}

#[test]
fn big_segments_of_ipv6_pass_and_meet_rules_on_length() {
    big_segments_pass("big6", "2001:db8::1", IPV6);
}
