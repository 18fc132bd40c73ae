//! Fact 2: a later fragment has payload where a header would be, and nobody reads a port there.

use xdp_fw::config::Action;
use xdp_fw_tests::encapsulations::links;
use xdp_fw_tests::kernel_vs_oracle::{KernelVsOracle, by_default};
use xdp_fw_tests::packet::{
    Packet, destination_options, fragment6, hop_by_hop, ipv4, ipv6, payload_bytes, routing,
};
use xdp_fw_tests::ruleset::{Criteria, config, drop, pass};

/// Protocols with ports.
const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

/// Offsets in units of 8 bytes. At offset 1 a TCP fragment is an attack (RFC 3128): not here.
const OFFSETS: [u16; 4] = [2, 64, 185, 0x1fff];

/// A transport header from port 443 to port 443 that is none, cut off at `length`.
fn lookalike(length: usize) -> Packet {
    let mut bytes = [0x01, 0xbb].repeat(2);
    bytes.resize(length, 0);
    payload_bytes(&bytes).into()
}

/// Later fragments of every protocol with ports, in both families, behind every link layer; their
/// payload of `length` bytes looks like a header.
fn later_fragments(length: usize) -> Vec<(String, Vec<u8>)> {
    let mut rows = Vec::new();
    for protocol in WITH_PORTS {
        for (offset, more) in OFFSETS.into_iter().zip([true, false, true, false]) {
            let v4 = ipv4("192.0.2.1", "198.51.100.1").fragment(offset, more);
            let v6 = || Packet::from(ipv6("2001:db8::1", "2001:db8:1::1"));
            let header = || fragment6(offset, more, 1).next_header(protocol);
            for (shape, ip) in [
                ("IPv4", v4.clone().protocol(protocol).into()),
                ("IHL=15", v4.header_words(15).protocol(protocol).into()),
                ("IPv6", v6() / header()),
                ("IPv6, chain", v6() / hop_by_hop() / routing() / header()),
            ] {
                for (link_name, link) in links() {
                    let name = format!(
                        "{link_name}: {shape}, protocol {protocol}, offset {offset}, {length} bytes"
                    );
                    rows.push((name, (link / ip.clone() / lookalike(length)).bytes()));
                }
            }
        }
    }
    rows
}

fn every_later_fragment_is(expected: &str, mut evaluator: KernelVsOracle) {
    for (name, frame) in later_fragments(40) {
        assert_eq!(evaluator.judge(&frame, &name), expected, "{name}");
    }
}

#[test]
fn a_drop_rule_on_a_port_never_reads_it_in_a_later_fragment() {
    every_later_fragment_is(
        "pass by default",
        KernelVsOracle::of(config([
            drop("to").destination_port("443"),
            drop("from").source_port("443"),
            drop("range").destination_port("0-65535"),
        ])),
    );
}

#[test]
fn a_pass_rule_on_a_port_never_reads_it_in_a_later_fragment() {
    every_later_fragment_is(
        "drop by default",
        KernelVsOracle::of(by_default(
            Action::Drop,
            config([
                pass("to").destination_port("443"),
                pass("from").source_port("443"),
                pass("both").source_port("443").destination_port("443"),
            ]),
        )),
    );
}

#[test]
fn a_negated_port_is_no_port_either() {
    every_later_fragment_is(
        "pass by default",
        KernelVsOracle::of(config([
            drop("not-ssh").destination_port("!22"),
            drop("not-ssh-back").source_port("!22"),
        ])),
    );
}

#[test]
fn an_address_and_protocol_rule_still_holds_for_a_later_fragment() {
    for protocol in WITH_PORTS {
        let deny = drop("denied")
            .source("192.0.2.0/24, 2001:db8::/32")
            .protocol(&protocol.to_string());
        let mut evaluator = KernelVsOracle::of(config([deny]));
        for (name, frame) in later_fragments(4) {
            let expected = if name.contains(&format!("protocol {protocol},")) {
                "drop by rule denied"
            } else {
                "pass by default"
            };
            assert_eq!(evaluator.judge(&frame, &name), expected, "{name}");
        }
    }
}

#[test]
fn a_short_last_fragment_is_not_malformed() {
    let mut evaluator = KernelVsOracle::of(config([drop("port").destination_port("443")]));
    for length in 0..=8 {
        for (name, frame) in later_fragments(length) {
            assert_eq!(evaluator.judge(&frame, &name), "pass by default", "{name}");
        }
    }
}

#[test]
fn payload_that_looks_like_an_essential_is_none() {
    let drops = by_default(Action::Drop, config([]));
    let mut evaluator = KernelVsOracle::of(drops);
    let dhcp = payload_bytes(&[0, 67, 0, 68, 0, 8, 0, 0]);
    let dhcp6 = payload_bytes(&[2, 35, 2, 34, 0, 8, 0, 0]);
    let neighbour = payload_bytes(&[135, 0, 0, 0, 0, 0, 0, 0]);
    let too_big = payload_bytes(&[2, 0, 0, 0, 0, 0, 5, 0]);
    let unreachable = payload_bytes(&[3, 4, 0, 0, 0, 0, 5, 0]);
    let v4 = |protocol| {
        let header = ipv4("192.0.2.1", "198.51.100.1");
        header.fragment(2, false).protocol(protocol)
    };
    let v6 = |protocol| {
        let header = ipv6("fe80::1", "ff02::1").hop_limit(255);
        header / fragment6(2, false, 1).next_header(protocol)
    };
    for (link, layers) in links() {
        for (name, packet) in [
            ("DHCP", v4(17) / dhcp.clone()),
            ("IPv4 path MTU", v4(1) / unreachable.clone()),
            ("DHCPv6", v6(17) / dhcp6.clone()),
            ("neighbour solicitation", v6(58) / neighbour.clone()),
            ("IPv6 path MTU", v6(58) / too_big.clone()),
        ] {
            let row = format!("{link}: {name}");
            let said = evaluator.judge(&(layers.clone() / packet).bytes(), &row);
            assert_eq!(said, "drop by default", "{row}");
        }
    }
}

#[test]
fn a_later_fragment_that_promises_another_header_has_no_protocol() {
    let mut evaluator = KernelVsOracle::of(config([
        drop("named").protocol("43,44,51,60"),
        drop("any-but-tcp").protocol("!6"),
        drop("port").destination_port("443"),
    ]));
    for next in [43, 44, 51, 60] {
        let header = fragment6(2, false, 1).next_header(next);
        let packet = ipv6("2001:db8::1", "2001:db8:1::1") / header / destination_options();
        for (link, layers) in links() {
            let row = format!("{link}: next header {next}");
            let said = evaluator.judge(&(layers / packet.clone()).bytes(), &row);
            assert_eq!(said, "pass by default", "{row}");
        }
    }
}
