//! Frames that are neither IPv4 nor IPv6: their own policy decides, and no rule.

use xdp_fw::config::{Action, Config, Essentials};
use xdp_fw_tests::encapsulations::links;
use xdp_fw_tests::kernel_vs_oracle::{KernelVsOracle, by_default};
use xdp_fw_tests::packet::{
    Packet, arp, eth, icmp, icmpv6, ipv4, ipv6, payload, payload_bytes, tcp, vlan,
};
use xdp_fw_tests::ruleset::{config, drop, pass};

/// EtherTypes and 802.3 lengths of what is not IP.
const TYPES: [(&str, u16); 19] = [
    ("802.3, length 0", 0),
    ("802.3, spanning tree", 0x0026),
    ("802.3, the length that IPv4's type is not", 0x0500),
    ("802.3, longest", 0x05dc),
    ("the first EtherType", 0x0600),
    ("just below IPv4", 0x07ff),
    ("just above IPv4", 0x0801),
    ("IPv4 with swapped bytes", 0x0008),
    ("RARP", 0x8035),
    ("just above IPv6", 0x86de),
    ("IPv6 with swapped bytes", 0xdd86),
    ("MPLS", 0x8847),
    ("PPPoE session", 0x8864),
    ("EAPOL", 0x888e),
    ("LLDP", 0x88cc),
    ("MACsec", 0x88e5),
    ("802.1ah", 0x88e7),
    ("an old QinQ tag", 0x9100),
    ("another old QinQ tag", 0x9200),
];

/// Each type in front of a whole IPv4 packet, behind every link layer: nothing looks inside.
fn frames() -> Vec<(String, Vec<u8>)> {
    let ip = (ipv4("192.0.2.66", "198.51.100.1") / tcp(40000, 443)).bytes();
    let mut rows = Vec::new();
    for (name, ether_type) in TYPES {
        for (link_name, link) in links() {
            let mut header = link.bytes();
            // The last two bytes of a link layer are the type of what follows.
            header.truncate(header.len().saturating_sub(2));
            header.extend(ether_type.to_be_bytes());
            header.extend(&ip);
            rows.push((format!("{link_name}: {name}"), header));
        }
    }
    rows
}

fn each_is_judged(config: Config, expected: &str) {
    let mut evaluator = KernelVsOracle::of(config);
    for (row, frame) in frames() {
        assert_eq!(evaluator.judge(&frame, &row), expected, "{row}");
    }
}

#[test]
fn non_ip_passes_by_its_policy_whatever_rules_and_default_say() {
    let strict = by_default(Action::Drop, config([drop("everything")]));
    each_is_judged(strict, "pass by non_ip");
}

#[test]
fn non_ip_drops_by_its_policy_whatever_rules_and_default_say() {
    let lax = Config {
        non_ip: Action::Drop,
        ..config([pass("everything")])
    };
    each_is_judged(lax, "drop by non_ip");
}

#[test]
fn an_ethernet_header_alone_is_non_ip() {
    let mut evaluator = KernelVsOracle::of(config([]));
    for (row, packet) in [
        ("LLDP", Packet::from(eth().ether_type(0x88cc))),
        ("802.3", eth().ether_type(4).into()),
        ("tagged LLDP", eth() / vlan(7).ether_type(0x88cc)),
    ] {
        assert_eq!(
            evaluator.judge(&packet.bytes(), row),
            "pass by non_ip",
            "{row}"
        );
    }
}

#[test]
fn arp_is_non_ip_where_nothing_is_essential() {
    for (non_ip, verdict) in [(Action::Pass, "pass"), (Action::Drop, "drop")] {
        let mut evaluator = KernelVsOracle::of(Config {
            non_ip,
            essentials: Essentials::NONE,
            ..config([])
        });
        for (row, link) in links() {
            let frame = (link / arp("192.0.2.1", "192.0.2.2")).bytes();
            let expected = format!("{verdict} by non_ip");
            assert_eq!(evaluator.judge(&frame, row), expected, "{row}");
        }
    }
}

#[test]
fn essentials_need_the_type_of_their_own_family() {
    let mut evaluator = KernelVsOracle::of(Config {
        non_ip: Action::Drop,
        ..by_default(Action::Drop, config([]))
    });
    for (row, packet, expected) in [
        (
            "neighbour discovery as IPv4",
            eth().ether_type(0x0800) / ipv6("fe80::1", "ff02::1").hop_limit(255) / icmpv6(135, 0),
            "drop by ip_version",
        ),
        (
            "path MTU as IPv6",
            eth().ether_type(0x86dd) / ipv4("192.0.2.1", "198.51.100.1") / icmp(3, 4) / payload(28),
            "drop by ip_version",
        ),
        (
            "ARP as LLDP",
            eth().ether_type(0x88cc) / arp("192.0.2.1", "192.0.2.2"),
            "drop by non_ip",
        ),
        (
            "IPv4 as ARP",
            eth().ether_type(0x0806) / payload_bytes(&[0; 46]),
            "pass by essential",
        ),
    ] {
        assert_eq!(evaluator.judge(&packet.bytes(), row), expected, "{row}");
    }
}
