//! Malformed frames: each reason by its smallest frame, dropped, or judged by what can be read.

use xdp_fw::config::{Action, Config};
use xdp_fw_tests::compiled::INGRESS;
use xdp_fw_tests::kernel_vs_oracle::{KernelVsOracle, by_default};
use xdp_fw_tests::packet::{
    Ipv4, Ipv6, Packet, arp, destination_options, eth, fragment6, ipv4, ipv6, payload, protocol,
    qinq, tcp, truncate, udp, vlan,
};
use xdp_fw_tests::ruleset::{Criteria, config, drop, pass};
use xdp_fw_tests::shapes::EveryShape;

fn v4() -> Ipv4 {
    ipv4("192.0.2.66", "198.51.100.1")
}

fn v6() -> Ipv6 {
    ipv6("2001:db8:bad::66", "2001:db8:1::1")
}

/// A malformed frame.
pub(crate) struct Malformed {
    pub(crate) reason: &'static str,
    name: &'static str,
    pub(crate) packet: Packet,
    /// Whether its addresses can still be read.
    addressed: bool,
}

/// The smallest frames of each reason that the kernel takes in a test run.
pub(crate) fn malformed() -> Vec<Malformed> {
    let row = |addressed: bool, reason: &'static str| {
        move |(name, packet)| Malformed {
            reason,
            name,
            packet,
            addressed,
        }
    };
    let without = without_addresses().into_iter();
    let without = without.flat_map(|(reason, rows)| rows.into_iter().map(row(false, reason)));
    let with = with_addresses().into_iter();
    let with = with.flat_map(|(reason, rows)| rows.into_iter().map(row(true, reason)));
    without.chain(with).collect()
}

/// A reason, and frames by name.
type Group = (&'static str, Vec<(&'static str, Packet)>);

fn without_addresses() -> Vec<Group> {
    let web = || tcp(40000, 443).syn();
    let three = || eth() / vlan(1) / vlan(2) / vlan(3);
    let truncated_vlan = vec![
        ("no tag", eth() / vlan(7) / truncate(14)),
        ("half a tag", eth() / vlan(7) / truncate(17)),
        ("half a second", eth() / qinq(5) / vlan(7) / truncate(21)),
    ];
    let vlan_depth = vec![
        ("three tags", three() / v4() / web()),
        ("a third tag's type alone", three() / truncate(22)),
    ];
    let truncated_ip = vec![
        ("IPv4, nothing", eth() / v4() / truncate(14)),
        ("IPv4, 19 bytes", eth() / v4() / truncate(33)),
        ("IPv6, nothing", eth() / v6() / truncate(14)),
        ("IPv6, 39 bytes", eth() / v6() / truncate(53)),
    ];
    let ip_version = vec![
        ("IPv4, version 6", eth() / v4().version(6) / web()),
        ("IPv4, version 0", eth() / v4().version(0) / web()),
        ("IPv6, version 4", eth() / v6().version(4) / web()),
        ("IPv6, version 15", eth() / v6().version(15) / web()),
    ];
    vec![
        ("truncated_vlan", truncated_vlan),
        ("vlan_depth", vlan_depth),
        ("truncated_ip", truncated_ip),
        ("ip_version", ip_version),
    ]
}

fn with_addresses() -> Vec<Group> {
    let six_words = || v4().header_words(6);
    let options = || eth() / v6() / destination_options().declared(1);
    let v4_fragment = |offset, more| eth() / v4().fragment(offset, more).protocol(6);
    let v6_fragment = |offset, more| eth() / v6() / fragment6(offset, more, 1).next_header(6);
    let ip_header_length = vec![
        ("IHL=4", eth() / v4().ihl(4)),
        ("IHL=0", eth() / v4().ihl(0)),
    ];
    let ip_length = vec![
        ("IPv4, 19 in all", eth() / v4().total_length(19)),
        ("IPv4, one byte short", eth() / v4().total_length(21)),
        ("IPv4, below IHL=6", eth() / six_words().total_length(23)),
        ("IPv6, one byte short", eth() / v6().payload_length(1)),
    ];
    let extension_headers = vec![
        ("nothing there", eth() / v6() / protocol(60)),
        ("7 bytes there", eth() / v6() / protocol(0) / payload(7)),
        ("too long by 8", options()),
        ("nine of them", eth() / nine_headers() / tcp(1, 2)),
    ];
    let tiny_fragment = vec![
        ("IPv4, first", v4_fragment(0, true)),
        ("IPv4, offset 1", v4_fragment(1, false)),
        ("IPv6, first", v6_fragment(0, true)),
        ("IPv6, offset 1", v6_fragment(1, false)),
    ];
    let martian = vec![
        ("loopback", eth() / ipv4("127.0.0.1", "198.51.100.1")),
        ("mapped", eth() / ipv6("::ffff:192.0.2.66", "2001:db8:1::1")),
    ];
    let options_cut_off = eth() / six_words() / truncate(37);
    vec![
        ("truncated_ip", vec![("options cut off", options_cut_off)]),
        ("ip_header_length", ip_header_length),
        ("ip_length", ip_length),
        ("extension_headers", extension_headers),
        ("tiny_fragment", tiny_fragment),
        ("martian", martian),
    ]
}

fn nine_headers() -> Packet {
    (0..9).fold(v6().into(), |packet, _| packet / destination_options())
}

/// Judges every malformed frame; `expected` is told the row.
fn each_is_judged(config: Config, expected: impl Fn(&Malformed) -> String) {
    let mut evaluator = KernelVsOracle::of(config);
    for row in malformed() {
        let name = format!("{}, {}", row.reason, row.name);
        let said = evaluator.judge(&row.packet.bytes(), &name);
        assert_eq!(said, expected(&row), "{name}");
    }
}

/// Reasons of which the rows here never pass: Linux delivers such packets.
const ALWAYS_DROPPED: [&str; 4] = [
    "vlan_depth",
    "extension_headers",
    "tiny_fragment",
    "martian",
];

/// The verdict under the reason's name.
fn by_reason(verdict: &str, row: &Malformed) -> String {
    match row.reason {
        reason if ALWAYS_DROPPED.contains(&reason) => format!("drop by {reason}"),
        reason => format!("{verdict} by {reason}"),
    }
}

fn malformed_pass(config: Config) -> Config {
    Config {
        malformed: Action::Pass,
        ..config
    }
}

#[test]
fn each_malformed_reason_drops_under_its_name_whatever_rules_and_default_say() {
    for config in [config([]), config([pass("everything")])] {
        each_is_judged(config, |row| format!("drop by {}", row.reason));
    }
}

#[test]
fn each_malformed_reason_meets_the_default_under_its_name_if_malformed_passes() {
    for (action, verdict) in [(Action::Pass, "pass"), (Action::Drop, "drop")] {
        each_is_judged(malformed_pass(by_default(action, config([]))), |row| {
            by_reason(verdict, row)
        });
    }
}

#[test]
fn a_malformed_packet_that_passes_is_first_judged_by_its_addresses() {
    let denied = drop("denied").source("192.0.2.66, 2001:db8:bad::66");
    each_is_judged(malformed_pass(config([denied])), |row| {
        if row.addressed && !ALWAYS_DROPPED.contains(&row.reason) {
            "drop by rule denied".to_owned()
        } else {
            by_reason("pass", row)
        }
    });
}

#[test]
fn a_malformed_packet_has_no_protocol_and_no_port() {
    let rules = [
        drop("protocol").protocol("0-255"),
        drop("not-udp").protocol("!17"),
        drop("port").destination_port("0-65535"),
        drop("not-22").source_port("!22"),
    ];
    each_is_judged(malformed_pass(config(rules)), |row| by_reason("pass", row));
}

#[test]
fn a_malformed_packet_is_no_essential() {
    let rejects = by_default(Action::Drop, config([]));
    let mut evaluator = KernelVsOracle::of(malformed_pass(rejects));
    for (name, packet, reason) in [
        (
            "ARP behind three tags",
            eth() / vlan(1) / vlan(2) / vlan(3) / arp("192.0.2.1", "192.0.2.2"),
            "vlan_depth",
        ),
        (
            "a short DHCP reply",
            eth() / v4().total_length(99) / udp(67, 68),
            "ip_length",
        ),
        (
            "DHCP with IHL=4",
            eth() / v4().ihl(4) / udp(67, 68),
            "ip_header_length",
        ),
    ] {
        let said = evaluator.judge(&packet.bytes(), name);
        assert_eq!(said, format!("drop by {reason}"), "{name}");
    }
}

/// Frames too short for a test run: the same core, compiled for the host.
#[test]
fn a_frame_shorter_than_an_ethernet_header_is_truncated_ethernet() {
    let frame = (eth() / v4()).bytes();
    for (config, verdict) in [
        (config([]), "drop"),
        (malformed_pass(config([])), "pass"),
        (malformed_pass(by_default(Action::Drop, config([]))), "drop"),
    ] {
        let kernel = EveryShape::load(&config);
        for length in 0..14 {
            let said = kernel
                .judge_on_host(INGRESS, frame.split_at(length).0)
                .to_string();
            assert_eq!(
                said,
                format!("{verdict} by truncated_ethernet"),
                "{length} bytes"
            );
        }
    }
}

#[test]
fn a_third_tag_is_one_too_many_whatever_its_type_and_id() {
    let tags = [
        ("802.1Q", vlan(7)),
        ("802.1ad", qinq(5)),
        ("VID 0", vlan(0)),
    ];
    let mut evaluator = KernelVsOracle::of(config([]));
    for (first, outer) in &tags {
        for (second, middle) in &tags {
            for (third, inner) in &tags {
                let two = eth() / outer.clone() / middle.clone();
                let three = two.clone() / inner.clone();
                let row = format!("{first}, {second}, {third}");
                let upper = || v4() / tcp(1, 2);
                let said = evaluator.judge(&(two / upper()).bytes(), &row);
                assert_eq!(said, "pass by default", "{row}: only two");
                let said = evaluator.judge(&(three / upper()).bytes(), &row);
                assert_eq!(said, "drop by vlan_depth", "{row}");
            }
        }
    }
}
