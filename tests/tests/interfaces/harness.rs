//! The harness itself, on this machine: namespaces, cables and raw frames.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use xdp_fw_tests::generate;
use xdp_fw_tests::netns::Netns;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::veth::{End, Veth};
use xdp_fw_tests::wire::{Receiver, Sender, Wire};

/// The namespace that this thread is in.
fn here() -> String {
    let link = Path::new("/proc/thread-self/ns/net").read_link();
    link.map_or_else(|error| error.to_string(), |link| link.display().to_string())
}

fn exists(name: &str) -> bool {
    Path::new("/run/netns").join(name).exists()
}

/// Numbered frames of a size that no marker has.
fn numbered(count: u32) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| {
            let packet = eth() / ipv4("192.0.2.1", "192.0.2.2") / udp(1, 2);
            (packet / payload_bytes(&number.to_be_bytes())).bytes()
        })
        .collect()
}

#[test]
fn a_namespace_lives_as_long_as_its_value() {
    let netns = Netns::new("life");
    let name = netns.name().to_owned();
    assert!(exists(&name));
    drop(netns);
    assert!(!exists(&name));
}

#[test]
fn a_namespace_is_removed_when_the_test_panics() {
    let (send, receive) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let netns = Netns::new("panic");
        send.send(netns.name().to_owned()).unwrap();
        panic!("as a failing test does");
    })
    .join();
    assert!(panicked.is_err());
    assert!(!exists(&receive.recv().unwrap()));
}

#[test]
fn two_namespaces_of_one_label_are_two() {
    let [one, other] = [Netns::new("same"), Netns::new("same")];
    assert_ne!(one.name(), other.name());
    assert_ne!(one.within(here), other.within(here));
}

#[test]
fn a_thread_returns_from_where_it_entered() {
    let home = here();
    let [outer, inner] = [Netns::new("outer"), Netns::new("inner")];
    {
        let _outer = outer.enter();
        let there = here();
        assert_ne!(there, home);
        assert_ne!(inner.within(here), there);
        assert_eq!(here(), there);
    }
    assert_eq!(here(), home);
}

#[test]
fn a_command_runs_inside_and_keeps_the_mounts() {
    let netns = Netns::new("command");
    let inside = netns.within(here);
    assert_eq!(netns.run("readlink", ["/proc/self/ns/net"]).trim(), inside);
    let mounts = std::fs::read_link("/proc/self/ns/mnt").unwrap();
    assert_eq!(
        netns.run("readlink", ["/proc/self/ns/mnt"]).trim(),
        mounts.to_str().unwrap()
    );
}

#[test]
fn a_failing_command_fails_the_test() {
    let netns = Netns::new("failing");
    let run = std::panic::AssertUnwindSafe(|| netns.run("ip", ["link", "show", "nothing0"]));
    assert!(std::panic::catch_unwind(run).is_err());
}

#[test]
fn a_pair_has_the_macs_mtu_and_addresses_asked_for() {
    let [left, right] = [Netns::new("left"), Netns::new("right")];
    let _pair = Veth::with_mtu(
        End::new(&left, "l0").mac([2, 0, 0, 0, 0, 0xaa]),
        End::new(&right, "r0")
            .address("192.0.2.2/24")
            .address("2001:db8::2/64"),
        3000,
    );
    let shown = left.run("ip", ["address", "show", "l0"]);
    assert!(
        shown.contains("02:00:00:00:00:aa") && shown.contains("mtu 3000"),
        "{shown}"
    );
    assert!(
        shown.contains("NOARP") && !shown.contains("inet"),
        "{shown}"
    );
    let shown = right.run("ip", ["address", "show", "r0"]);
    assert!(shown.contains("02:00:00:00:00:02"), "{shown}");
    assert!(
        shown.contains("192.0.2.2/24") && shown.contains("2001:db8::2/64"),
        "{shown}"
    );
    assert!(
        !shown.contains("tentative") && !shown.contains("fe80"),
        "{shown}"
    );
}

#[test]
fn real_clients_talk_over_both_families() {
    let [client, server] = [Netns::new("client"), Netns::new("server")];
    let _pair = Veth::new(
        End::new(&client, "c0")
            .address("192.0.2.1/24")
            .address("2001:db8::1/64"),
        End::new(&server, "s0")
            .address("192.0.2.2/24")
            .address("2001:db8::2/64"),
    );
    for address in ["192.0.2.2:4000", "[2001:db8::2]:4000"] {
        let listener = server.within(|| TcpListener::bind(address)).unwrap();
        let mut out = client.within(|| TcpStream::connect(address)).unwrap();
        let (mut incoming, _) = listener.accept().unwrap();
        out.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        incoming.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
    }
}

#[test]
fn every_frame_arrives_once_in_order_and_nothing_else() {
    let [left, right] = [Netns::new("left"), Netns::new("right")];
    let _pair = Veth::new(End::new(&left, "l0"), End::new(&right, "r0"));
    let mut wire = Wire::new((&left, "l0"), (&right, "r0"));
    let frames = numbered(5000);
    let arrived = wire.exchange(&frames);
    assert!(
        arrived == frames,
        "{} of {} arrived",
        arrived.len(),
        frames.len()
    );
    assert_eq!(wire.markers(), 79);
    assert!(wire.exchange(&[] as &[Vec<u8>]).is_empty());
}

#[test]
fn tags_arrive_as_they_were_sent() {
    let [left, right] = [Netns::new("left"), Netns::new("right")];
    let _pair = Veth::new(End::new(&left, "l0"), End::new(&right, "r0"));
    let mut wire = Wire::new((&left, "l0"), (&right, "r0"));
    let inside = || ipv4("192.0.2.1", "192.0.2.2") / tcp(1, 2);
    let frames: Vec<Vec<u8>> = [
        eth() / vlan(7) / inside(),
        eth() / vlan(0).priority(5, true) / inside(),
        eth() / qinq(5) / vlan(7) / inside(),
        eth() / vlan(7) / qinq(5) / vlan(0) / inside(),
        eth() / inside(),
    ]
    .iter()
    .map(Packet::bytes)
    .collect();
    assert_eq!(wire.exchange(&frames), frames);
}

#[test]
fn generated_frames_survive_the_cable() {
    let [left, right] = [Netns::new("left"), Netns::new("right")];
    let _pair = Veth::with_mtu(End::new(&left, "l0"), End::new(&right, "r0"), 9000);
    let mut wire = Wire::new((&left, "l0"), (&right, "r0"));
    let mut runner = TestRunner::deterministic();
    let strategy = generate::packet();
    let frames: Vec<Vec<u8>> =
        std::iter::repeat_with(|| strategy.new_tree(&mut runner).unwrap().current().bytes())
            .filter(|frame| (60..=9000).contains(&frame.len()))
            .take(1000)
            .collect();
    let arrived = wire.exchange(&frames);
    assert!(
        arrived == frames,
        "{} of {} arrived",
        arrived.len(),
        frames.len()
    );
}

#[test]
fn a_receiver_waits_for_a_count_or_a_deadline() {
    let [left, right] = [Netns::new("left"), Netns::new("right")];
    let _pair = Veth::new(End::new(&left, "l0"), End::new(&right, "r0"));
    let receiver = Receiver::new(&right, "r0");
    let sender = Sender::new(&left, "l0");
    let frames = numbered(3);
    for frame in &frames {
        sender.send(frame);
    }
    let soon = || Instant::now() + Duration::from_secs(10);
    assert_eq!(receiver.collect(3, soon()), frames);
    assert!(receiver.collect(1, Instant::now()).is_empty());
}

#[test]
fn a_pair_is_gone_when_dropped() {
    let [left, right] = [Netns::new("left"), Netns::new("right")];
    drop(Veth::new(End::new(&left, "l0"), End::new(&right, "r0")));
    assert!(!left.run("ip", ["link"]).contains("l0"));
    assert!(!right.run("ip", ["link"]).contains("r0"));
}

#[test]
fn an_exchange_switches_receive_offload_off() {
    let [left, right] = [Netns::new("left"), Netns::new("right")];
    let _pair = Veth::new(End::new(&left, "l0"), End::new(&right, "r0"));
    right.run("ethtool", ["-K", "r0", "gro", "on"]);
    let mut wire = Wire::new((&left, "l0"), (&right, "r0"));
    wire.exchange(&numbered(1));
    let features = right.run("ethtool", ["-k", "r0"]);
    assert!(
        features.contains("generic-receive-offload: off"),
        "{features}"
    );
}
