//! A running daemon and real frames: what passes is what the file says, and all of it is counted.

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, bytes, config, packets, passes, rule};

fn udp4(source: &str, port: u16) -> Packet {
    eth() / ipv4(source, "198.51.100.1") / udp(40_000, port)
}

fn udp6(source: &str, port: u16) -> Packet {
    eth() / ipv6(source, "2001:db8:ffff::1") / udp(40_000, port)
}

#[test]
fn stats_equal_what_was_sent_to_the_packet_and_byte() {
    let hosts = Hosts::new("exact");
    let _cable = hosts.cable(9_200);
    let text = config(
        &[
            rule("drop-v4", "drop", "source = \"192.0.2.0/24\""),
            rule("drop-v6", "drop", "source = \"2001:db8:1::/48\""),
            rule("pass-v4", "pass", "source = \"203.0.113.0/24\""),
            rule("pass-v6", "pass", "source = \"2001:db8:2::/48\""),
        ]
        .concat(),
    );
    let daemon = Daemon::start(&hosts.edge, &text);
    let mut wire = hosts.wire();

    let kinds = [
        ("drop-v4", udp4("192.0.2.7", 1), 311),
        ("drop-v6", udp6("2001:db8:1::7", 1), 207),
        ("pass-v4", udp4("203.0.113.7", 1), 401),
        ("pass-v6", udp6("2001:db8:2::7", 1), 103),
        ("drop-v4", udp4("192.0.2.8", 1) / payload(9_000 - 42), 11),
        (
            "drop-v6",
            udp6("2001:db8:1::8", 1) / payload(9_000 - 62),
            12,
        ),
        ("pass-v4", udp4("203.0.113.8", 1) / payload(9_000 - 42), 13),
        (
            "pass-v6",
            udp6("2001:db8:2::8", 1) / payload(9_000 - 62),
            14,
        ),
    ];
    let mut expected = std::collections::BTreeMap::<&str, (u64, u64)>::new();
    let mut default = (0, 0);
    for (name, packet, number) in &kinds {
        let frame = packet.bytes();
        let arrived = wire.exchange(&vec![frame.clone(); *number]);
        let passes = name.starts_with("pass");
        assert_eq!(arrived.len(), if passes { *number } else { 0 }, "{name}");
        let sum = expected.entry(name).or_default();
        sum.0 += *number as u64;
        sum.1 += (*number * frame.len()) as u64;
    }
    let unmatched = udp4("198.51.100.9", 1).bytes();
    wire.exchange(&vec![unmatched.clone(); 77]);
    default.0 += 77;
    default.1 += 77 * unmatched.len() as u64;

    let stats = daemon.stats();
    for (name, sum) in expected {
        assert_eq!((packets(&stats, name), bytes(&stats, name)), sum, "{name}");
    }
    assert_eq!(stats.pointer("/default/packets").unwrap(), default.0);
    assert_eq!(stats.pointer("/default/bytes").unwrap(), default.1);
    assert_eq!(stats.pointer("/default/action").unwrap(), "pass");
    assert_eq!(stats.pointer("/interfaces/0/name").unwrap(), EDGE_DEVICE);
    assert_eq!(stats.pointer("/interfaces/0/mode").unwrap(), "native");
}

#[test]
fn reasons_are_counted_by_name_and_verdict() {
    let hosts = Hosts::new("reasons");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &config("default_action = \"drop\""));
    let mut wire = hosts.wire();

    let malformed =
        (eth() / ipv4("192.0.2.1", "198.51.100.1").total_length(19) / udp(1, 2)).bytes();
    assert!(wire.exchange(&vec![malformed; 5]).is_empty());
    let request = (eth() / arp("192.0.2.1", "198.51.100.1")).bytes();
    assert_eq!(wire.exchange(&vec![request; 3]).len(), 3);
    assert!(
        wire.exchange(&vec![udp4("192.0.2.1", 9).bytes(); 7])
            .is_empty()
    );

    let stats = daemon.stats();
    let count = |reason: &str, verdict: &str| {
        let reasons = stats.pointer("/reasons").unwrap().as_array().unwrap();
        let found = reasons.iter().find(|it| {
            it.pointer("/reason").unwrap() == reason && it.pointer("/verdict").unwrap() == verdict
        });
        found.map_or(0, |it| it.pointer("/packets").unwrap().as_u64().unwrap())
    };
    assert_eq!(count("ip_length", "drop"), 5);
    assert_eq!(count("essential", "pass"), 3);
    assert_eq!(count("non_ip", "pass"), u64::from(wire.markers()));
    assert_eq!(stats.pointer("/default/packets").unwrap(), 7);
    assert_eq!(stats.pointer("/default/action").unwrap(), "drop");
}

#[test]
fn a_jumbo_frame_spread_over_buffers_meets_its_port_rule() {
    let hosts = Hosts::new("jumbo");
    let _cable = hosts.cable(9_200);
    let text = config(&rule(
        "no-53",
        "drop",
        "protocol = \"udp\"\ndestination_port = 53",
    ));
    let _daemon = Daemon::start(&hosts.edge, &text);
    let mut wire = hosts.wire();
    let far = |port| {
        eth()
            / ipv6("2001:db8::1", "2001:db8::2")
            / destination_options().size(2_048)
            / destination_options().size(2_048)
            / udp(40_000, port)
            / payload(4_000)
    };
    assert!(!passes(&mut wire, &far(53)));
    assert!(passes(&mut wire, &far(54)));
}

#[test]
fn no_denied_packet_passes_after_the_first_one_that_was_dropped_at_start() {
    let hosts = Hosts::new("gapless");
    let _cable = hosts.cable(1_500);
    let text = config(&rule("deny", "drop", "source = \"192.0.2.0/24\""));
    let mut daemon = Daemon::prepare(&hosts.edge, &text);

    // Numbered packets all through the start: a prefix of them may pass, and nothing after it.
    let receiver = xdp_fw_tests::wire::Receiver::new(&hosts.edge, EDGE_DEVICE);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let sender = xdp_fw_tests::wire::Sender::new(&hosts.client, "c0");
            let mut number = 0u32;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let packet = udp4("192.0.2.9", 7) / payload_bytes(&number.to_be_bytes());
                sender.send(&packet.bytes());
                number += 1;
                // As fast as one core builds packets, but never more than the ring takes.
                std::thread::yield_now();
            }
            number
        });
        daemon.restart();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        sender.join().unwrap()
    });
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(1);
    let mut last = None;
    while let Some(frame) = receiver.receive(deadline) {
        let Some(number) = frame.get(42..46) else {
            continue;
        };
        last = Some(u32::from_be_bytes(number.try_into().unwrap()));
    }
    let dropped = packets(&daemon.stats(), "deny");
    let last = last.expect("packets passed before the start");
    assert!(dropped > 0, "packets came after the attach");
    // What passed ends where dropping began: nothing slipped through in between.
    assert_eq!(
        u64::from(sent - last - 1),
        dropped,
        "sent {sent}, last passed {last}"
    );
}
