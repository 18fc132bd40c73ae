//! Fragments cut so that a filter does not see the transport header (RFC 1858), or so that a
//! later one overwrites it (RFC 3128).

use xdp_fw_tests::encapsulations::links;
use xdp_fw_tests::kernel_vs_oracle::KernelVsOracle;
use xdp_fw_tests::packet::{
    Packet, destination_options, eth, fragment6, hop_by_hop, ipv4, ipv6, pad_to, payload_bytes,
    protocol, tcp,
};
use xdp_fw_tests::ruleset::{Criteria, config, drop, pass};

/// Protocols whose fixed header is read, and its size.
const TRANSPORTS: [(u8, usize); 7] = [
    (1, 8),
    (6, 20),
    (17, 8),
    (33, 12),
    (58, 8),
    (132, 12),
    (136, 8),
];

/// IP headers of a fragment in every shape, each behind every link layer.
fn fragments(offset: u16, more: bool) -> Vec<(String, Packet)> {
    let v4 = || ipv4("192.0.2.1", "198.51.100.1").fragment(offset, more);
    let v6 = || Packet::from(ipv6("2001:db8::1", "2001:db8:1::1"));
    let header = || fragment6(offset, more, 1);
    let mut shapes = vec![
        ("IPv4", v4().into()),
        ("IHL=15", v4().header_words(15).into()),
        ("IPv6", v6() / header()),
        ("IPv6, chain before", v6() / hop_by_hop() / header()),
    ];
    // Behind a later fragment's header there is payload, whatever it promises.
    if offset == 0 {
        let chain = v6() / header() / destination_options();
        shapes.push(("IPv6, chain behind", chain));
    }
    let behind = |(name, link): (&str, Packet)| {
        let named =
            |(shape, ip): &(&str, Packet)| (format!("{name}: {shape}"), link.clone() / ip.clone());
        shapes.iter().map(named).collect::<Vec<_>>()
    };
    links().into_iter().flat_map(behind).collect()
}

/// A rule that would match a port, so that a fragment without one shows.
fn evaluator() -> KernelVsOracle {
    KernelVsOracle::of(config([drop("web").destination_port("443")]))
}

/// Asks for fragments of a protocol with this many bytes of its header.
fn each_is(
    evaluator: &mut KernelVsOracle,
    fragment: (u16, bool),
    upper: (u8, usize),
    expected: &str,
) {
    let (offset, more) = fragment;
    let (number, length) = upper;
    for (name, ip) in fragments(offset, more) {
        let row = format!("{name}, {length} bytes of protocol {number} at {offset}, more={more}");
        let packet = ip / protocol(number) / payload_bytes(&vec![0; length]);
        // Padding up to Ethernet's least is not part of the packet.
        for packet in [packet.clone(), packet / pad_to(100)] {
            assert_eq!(evaluator.judge(&packet.bytes(), &row), expected, "{row}");
        }
    }
}

#[test]
fn a_first_fragment_without_its_whole_fixed_header_is_tiny() {
    let mut evaluator = evaluator();
    for (number, size) in TRANSPORTS {
        for length in 0..size {
            each_is(
                &mut evaluator,
                (0, true),
                (number, length),
                "drop by tiny_fragment",
            );
        }
        each_is(&mut evaluator, (0, true), (number, size), "pass by default");
    }
}

#[test]
fn a_short_header_in_an_unfragmented_packet_is_not_tiny() {
    let mut evaluator = evaluator();
    for (number, size) in TRANSPORTS {
        for length in 0..size {
            each_is(
                &mut evaluator,
                (0, false),
                (number, length),
                "pass by default",
            );
        }
    }
}

#[test]
fn a_tcp_fragment_at_eight_bytes_is_tiny_and_no_other_is() {
    let mut evaluator = evaluator();
    for more in [false, true] {
        for length in [0, 4, 8, 100] {
            let expected = "drop by tiny_fragment";
            each_is(&mut evaluator, (1, more), (6, length), expected);
            for number in (0..=255).filter(|&number| number != 6) {
                each_is(
                    &mut evaluator,
                    (1, more),
                    (number, length),
                    "pass by default",
                );
            }
        }
        for offset in [2, 3, 256, 0x1fff] {
            each_is(&mut evaluator, (offset, more), (6, 4), "pass by default");
        }
    }
}

#[test]
fn a_first_fragment_of_a_protocol_without_known_header_is_never_tiny() {
    let mut evaluator = evaluator();
    let unknown = |number: &u8| TRANSPORTS.iter().all(|(known, _)| known != number);
    // In IPv6 these are further headers, not protocols.
    let upper = |number: &u8| ![0, 43, 44, 51, 60].contains(number);
    for number in (0..=255).filter(unknown).filter(upper) {
        for length in [0, 1, 8] {
            each_is(
                &mut evaluator,
                (0, true),
                (number, length),
                "pass by default",
            );
        }
    }
}

#[test]
fn a_tiny_fragment_that_overwrites_ports_never_meets_a_pass_rule() {
    // The attack of RFC 3128: a sound first fragment to an open port, then one that rewrites it.
    let mut evaluator = KernelVsOracle::of(config([pass("web").protocol("6"), drop("rest")]));
    let first = eth() / ipv4("192.0.2.1", "198.51.100.1").fragment(0, true);
    let first = first / tcp(40000, 443).syn();
    assert_eq!(evaluator.judge(&first.bytes(), "first"), "pass by rule web");
    each_is(&mut evaluator, (1, false), (6, 16), "drop by tiny_fragment");
}
