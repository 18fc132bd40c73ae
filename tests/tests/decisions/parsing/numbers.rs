//! Fact 5: both ends of a range belong to it, 0 and 65535 are ports, and `!` takes away.

use xdp_fw_tests::encapsulations::links;
use xdp_fw_tests::kernel_vs_oracle::KernelVsOracle;
use xdp_fw_tests::packet::{
    Packet, dccp, eth, hop_by_hop, ipv4, ipv6, payload, payload_bytes, protocol, sctp, tcp, udp,
    udplite,
};
use xdp_fw_tests::ruleset::{Criteria, config, drop};

/// A list of ports, some that are in it, some that are not.
const PORTS: [(&str, &[u16], &[u16]); 16] = [
    ("443", &[443], &[442, 444, 0, 65535, 0xbb01]),
    ("0", &[0], &[1, 256, 65535]),
    ("65535", &[65535], &[65534, 0, 255]),
    ("0-1", &[0, 1], &[2, 65535]),
    ("65534-65535", &[65534, 65535], &[65533, 0]),
    ("0-65535", &[0, 1, 443, 32768, 65535], &[]),
    ("1-65534", &[1, 65534], &[0, 65535]),
    ("8000-8099", &[8000, 8050, 8099], &[7999, 8100]),
    ("22, 8000-8099", &[22, 8000, 8099], &[21, 23, 7999, 8100]),
    ("10-20, 15-30, 31", &[10, 20, 30, 31], &[9, 32]),
    ("!8080", &[8079, 8081, 0, 65535], &[8080]),
    ("!0", &[1, 65535], &[0]),
    ("!65535", &[0, 65534], &[65535]),
    ("!0-1023", &[1024, 65535], &[0, 1023]),
    (
        "8000-8099, !8080",
        &[8000, 8079, 8081, 8099],
        &[8080, 7999, 8100],
    ),
    ("!8080, 8000-8099, !8000-8001", &[8002], &[8000, 8001, 8080]),
];

/// A list of protocols, some that are in it, some that are not.
const PROTOCOLS: [(&str, &[u8], &[u8]); 8] = [
    ("6", &[6], &[5, 7, 0, 255]),
    ("0-5", &[0, 1, 5], &[6, 255]),
    ("250-255", &[250, 255], &[249, 0]),
    ("0-255", &[0, 6, 127, 128, 255], &[]),
    ("!6", &[5, 7, 0, 255], &[6]),
    ("!0-254", &[255], &[0, 254]),
    ("1, 6, 17, !6", &[1, 17], &[6, 0, 16, 18]),
    ("!255", &[0, 254], &[255]),
];

/// Packets of every protocol with ports, in both families.
fn with_ports(source: u16, destination: u16) -> Vec<(String, Packet)> {
    let uppers = [
        ("TCP", Packet::from(tcp(source, destination))),
        ("UDP", udp(source, destination).into()),
        ("UDP-Lite", udplite(source, destination).into()),
        ("SCTP", sctp(source, destination).into()),
        ("DCCP", dccp(source, destination).into()),
    ];
    let v4 = || ipv4("192.0.2.1", "198.51.100.1");
    let v6 = || ipv6("2001:db8::1", "2001:db8:1::1");
    uppers
        .into_iter()
        .flat_map(|(name, upper)| {
            [
                (format!("IPv4 {name}"), v4() / upper.clone()),
                (
                    format!("IHL=15 {name}"),
                    v4().header_words(15) / upper.clone(),
                ),
                (format!("IPv6 {name}"), v6() / upper.clone()),
                (format!("IPv6 chain {name}"), v6() / hop_by_hop() / upper),
            ]
        })
        .collect()
}

/// Packets with each port of a table's row in one place and 9 in the other.
fn ports_are_judged(list: &str, ports: &[u16], expected: &str) {
    let to = config([drop("listed").destination_port(list)]);
    let from = config([drop("listed").source_port(list)]);
    let mut to = KernelVsOracle::of(to);
    let mut from = KernelVsOracle::of(from);
    for &port in ports {
        for (link, layers) in links() {
            for (evaluator, packets) in [
                (&mut to, with_ports(9, port)),
                (&mut from, with_ports(port, 9)),
            ] {
                for (name, packet) in packets {
                    let row = format!("{list:?} of port {port}, {link}: {name}");
                    let frame = (layers.clone() / packet).bytes();
                    assert_eq!(evaluator.judge(&frame, &row), expected, "{row}");
                }
            }
        }
    }
}

#[test]
fn both_ends_of_a_port_range_are_in_it_and_0_and_65535_are_ports() {
    for (list, inside, _) in PORTS {
        ports_are_judged(list, inside, "drop by rule listed");
    }
}

#[test]
fn the_neighbours_of_a_port_range_and_negated_ports_are_not_in_it() {
    for (list, _, outside) in PORTS {
        ports_are_judged(list, outside, "pass by default");
    }
}

#[test]
fn source_and_destination_port_are_not_mixed_up() {
    let mut evaluator = KernelVsOracle::of(config([
        drop("both").source_port("1000").destination_port("2000"),
        drop("to").destination_port("1000"),
    ]));
    for (source, destination, expected) in [
        (1000, 2000, "drop by rule both"),
        (2000, 1000, "drop by rule to"),
        (1000, 1000, "drop by rule to"),
        (2000, 2000, "pass by default"),
    ] {
        for (name, packet) in with_ports(source, destination) {
            for (link, layers) in links() {
                let row = format!("{link}: {name} {source} > {destination}");
                let frame = (layers / packet.clone()).bytes();
                assert_eq!(evaluator.judge(&frame, &row), expected, "{row}");
            }
        }
    }
}

#[test]
fn both_ends_of_a_protocol_range_are_in_it_and_0_and_255_are_protocols() {
    let v4 = || ipv4("192.0.2.1", "198.51.100.1");
    for (list, inside, outside) in PROTOCOLS {
        let mut evaluator = KernelVsOracle::of(config([drop("listed").protocol(list)]));
        for (numbers, expected) in [
            (inside, "drop by rule listed"),
            (outside, "pass by default"),
        ] {
            for &number in numbers {
                for (link, layers) in links() {
                    let row = format!("{list:?} of protocol {number}, {link}");
                    let packet = layers / v4() / protocol(number) / payload(40);
                    assert_eq!(evaluator.judge(&packet.bytes(), &row), expected, "{row}");
                }
            }
        }
    }
}

#[test]
fn a_port_criterion_never_matches_a_protocol_without_ports() {
    let mut evaluator = KernelVsOracle::of(config([
        drop("any-port").destination_port("0-65535"),
        drop("not-22").source_port("!22"),
    ]));
    for number in (0..=255).filter(|number| ![6, 17, 33, 132, 136].contains(number)) {
        for (family, packet) in [
            ("IPv4", Packet::from(ipv4("192.0.2.1", "198.51.100.1"))),
            ("IPv6", ipv6("2001:db8::1", "2001:db8:1::1").into()),
        ] {
            // Zeros behind an extension header number are a chain that ends with protocol 0.
            let frame = eth() / packet / protocol(number) / payload_bytes(&[0; 40]);
            let row = format!("{family}, protocol {number}");
            assert_eq!(
                evaluator.judge(&frame.bytes(), &row),
                "pass by default",
                "{row}"
            );
        }
    }
}
