//! Fact 4: what a host cannot live without survives every rule, and only in its proper form.

use xdp_fw::config::{Action, Config, Essential, Essentials};
use xdp_fw_tests::encapsulations::links;
use xdp_fw_tests::kernel_vs_oracle::{KernelVsOracle, by_default};
use xdp_fw_tests::packet::{
    Ipv4, Ipv6, Layer as _, Packet, arp, destination_options, fragment6, hop_by_hop, icmp, icmpv6,
    ipv4, ipv6, payload, payload_bytes, protocol, routing, tcp, udp, udplite,
};
use xdp_fw_tests::ruleset::{Criteria, config, drop};

/// A packet from its network header on.
type Row = (String, Packet);

fn row(name: impl Into<String>, packet: impl Into<Packet>) -> Row {
    (name.into(), packet.into())
}

fn link_local() -> Ipv6 {
    ipv6("fe80::1", "ff02::1")
}

fn global() -> Ipv6 {
    ipv6("2001:db8::1", "2001:db8:1::1")
}

fn v4() -> Ipv4 {
    ipv4("192.0.2.1", "198.51.100.1")
}

fn neighbour_discovery() -> Vec<Row> {
    (133..=137)
        .flat_map(|kind| {
            let message = || icmpv6(kind, 0) / payload(16);
            [
                row(
                    format!("ICMPv6 {kind}, link-local"),
                    link_local().hop_limit(255) / message(),
                ),
                row(
                    format!("ICMPv6 {kind}, global"),
                    global().hop_limit(255) / message(),
                ),
                row(
                    format!("ICMPv6 {kind}, without address"),
                    ipv6("::", "ff02::1").hop_limit(255) / message(),
                ),
            ]
        })
        .collect()
}

fn listener_discovery() -> Vec<Row> {
    let alert = || hop_by_hop().router_alert();
    [130, 131, 132, 143]
        .into_iter()
        .flat_map(|kind| {
            let message = || icmpv6(kind, 0) / payload(16);
            [
                row(
                    format!("MLD {kind}"),
                    link_local().hop_limit(1) / alert() / message(),
                ),
                row(
                    format!("MLD {kind}, without address"),
                    ipv6("::", "ff02::16").hop_limit(1) / alert() / message(),
                ),
                row(
                    format!("MLD {kind} from the end of fe80::/10"),
                    ipv6("febf:ffff::1", "ff02::16").hop_limit(1) / alert() / message(),
                ),
            ]
        })
        .collect()
}

/// A UDP datagram that begins with this byte.
fn message(source: u16, destination: u16, first: u8) -> Packet {
    udp(source, destination) / payload_bytes(&[first]) / payload(240)
}

/// A BOOTP message of this operation.
fn bootp(operation: u8) -> Packet {
    message(67, 68, operation)
}

fn to_client(source: &str) -> Ipv6 {
    ipv6(source, "fe80::2")
}

fn igmp() -> Packet {
    Packet::from(protocol(2)) / payload_bytes(&[0x22, 0, 0, 0, 0, 0, 0, 0])
}

fn to_group(group: &str) -> Ipv4 {
    ipv4("192.0.2.1", group).ttl(1)
}

fn membership() -> Vec<Row> {
    vec![
        row("IGMP query", to_group("224.0.0.1") / igmp()),
        row(
            "IGMP report with router alert",
            to_group("224.0.0.22").header_words(6) / igmp() / payload(16),
        ),
        row(
            "IGMP report to the last group",
            to_group("239.255.255.255") / igmp(),
        ),
        row(
            "IGMP without address",
            ipv4("0.0.0.0", "224.0.0.22").ttl(1) / igmp(),
        ),
    ]
}

fn leases_of_ipv6() -> Vec<Row> {
    let kinds = [
        (2, "advertise"),
        (7, "reply"),
        (10, "reconfigure"),
        (13, "relay-reply"),
    ];
    let from = |(kind, name): (u8, &str), source: &str, port: u16| {
        let packet = to_client(source) / message(port, 546, kind);
        row(format!("DHCPv6 {name} from {source} port {port}"), packet)
    };
    let mut rows: Vec<Row> = kinds
        .into_iter()
        .flat_map(|kind| {
            [
                from(kind, "fe80::1", 547),
                from(kind, "2001:db8::1", 547),
                from(kind, "2001:db8::1", 40_000),
            ]
        })
        .collect();
    rows.push(row(
        "DHCPv6 reply to the end of fe80::/10",
        ipv6("2001:db8::1", "febf:ffff::1") / message(547, 546, 7),
    ));
    rows.push(row(
        "DHCPv6 reply behind options",
        to_client("fe80::1") / destination_options() / message(547, 546, 7),
    ));
    rows
}

/// Every essential, behind the link layer.
fn essentials() -> Vec<Row> {
    let mut rows = vec![
        row("ARP request", arp("192.0.2.1", "192.0.2.2")),
        row("ARP reply", arp("192.0.2.1", "192.0.2.2").reply()),
        row("IPv4 path MTU", v4() / icmp(3, 4) / payload(28)),
        row("IPv4 path MTU, IHL=15", v4().header_words(15) / icmp(3, 4)),
        row("IPv6 path MTU", global() / icmpv6(2, 0) / payload(48)),
        row(
            "IPv6 path MTU behind options",
            global() / destination_options() / icmpv6(2, 0),
        ),
        row("DHCP reply", v4() / bootp(2)),
        row(
            "DHCP reply to all",
            ipv4("192.0.2.1", "255.255.255.255") / bootp(2),
        ),
        row(
            "DHCP reply behind options",
            v4().header_words(15) / bootp(2),
        ),
    ];
    rows.extend(membership());
    rows.extend(leases_of_ipv6());
    rows.extend(neighbour_discovery());
    rows.extend(listener_discovery());
    rows
}

/// Neighbour discovery that is wrong in one thing.
fn false_neighbours() -> Vec<Row> {
    let on_link = || link_local().hop_limit(255);
    let forms = [
        ("hop limit 254", link_local().hop_limit(254).into()),
        ("hop limit 1", link_local().hop_limit(1).into()),
        ("hop limit 0", link_local().hop_limit(0).into()),
        ("behind hop-by-hop", on_link() / hop_by_hop()),
        ("behind routing", on_link() / routing()),
        ("behind options", on_link() / destination_options()),
        ("as an atomic fragment", on_link() / fragment6(0, false, 1)),
        ("as a first fragment", on_link() / fragment6(0, true, 1)),
        ("in IPv4", v4().ttl(255).into()),
    ];
    let in_form = |(form, ip): &(&str, Packet), kind| {
        let packet = ip.clone() / icmpv6(kind, 0) / payload(16);
        row(format!("ICMPv6 {kind} {form}"), packet)
    };
    (133..=137)
        .flat_map(|kind| {
            let mut rows: Vec<Row> = forms.iter().map(|one| in_form(one, kind)).collect();
            let cut = payload_bytes(&[kind, 0, 0, 0, 0, 0, 0]);
            let cut = on_link() / protocol(58) / cut;
            rows.push(row(
                format!("ICMP {kind}, not v6"),
                on_link() / icmp(kind, 0),
            ));
            rows.push(row(format!("ICMPv6 {kind}, 7 bytes"), cut));
            rows
        })
        .collect()
}

/// MLD that is wrong in one thing.
fn false_listeners() -> Vec<Row> {
    let alert = || hop_by_hop().router_alert();
    let forms = [
        ("off the link", global().hop_limit(1) / alert()),
        (
            "from fec0::",
            ipv6("fec0::1", "ff02::1").hop_limit(1) / alert(),
        ),
        (
            "from ::1:0:0:1",
            ipv6("::1:0:0:1", "ff02::1").hop_limit(1) / alert(),
        ),
        ("hop limit 2", link_local().hop_limit(2) / alert()),
        ("hop limit 255", link_local().hop_limit(255) / alert()),
        ("hop limit 0", link_local().hop_limit(0) / alert()),
        (
            "as an atomic fragment",
            link_local().hop_limit(1) / alert() / fragment6(0, false, 1),
        ),
        (
            "as a first fragment",
            link_local().hop_limit(1) / alert() / fragment6(0, true, 1),
        ),
    ];
    let in_form = |(form, ip): &(&str, Packet), kind| {
        let packet = ip.clone() / icmpv6(kind, 0) / payload(16);
        row(format!("MLD {kind} {form}"), packet)
    };
    [130, 131, 132, 143]
        .into_iter()
        .flat_map(|kind| forms.iter().map(move |one| in_form(one, kind)))
        .collect()
}

/// IGMP that is wrong in one thing.
fn false_members() -> Vec<Row> {
    vec![
        row("IGMP with TTL 2", to_group("224.0.0.22").ttl(2) / igmp()),
        row("IGMP with TTL 0", to_group("224.0.0.22").ttl(0) / igmp()),
        row("IGMP to one host", to_group("198.51.100.1") / igmp()),
        row("IGMP to all", to_group("255.255.255.255") / igmp()),
        row("IGMP to 223/8", to_group("223.255.255.255") / igmp()),
        row(
            "IGMP, first fragment",
            to_group("224.0.0.22").fragment(0, true) / igmp(),
        ),
        row(
            "IGMP, later fragment",
            to_group("224.0.0.22").fragment(2, false) / igmp(),
        ),
        row(
            "IGMP, 7 bytes",
            to_group("224.0.0.22") / protocol(2) / payload(7),
        ),
        row("IGMP in IPv6", link_local().hop_limit(1) / igmp()),
    ]
}

/// DHCP that is wrong in one thing.
fn false_leases() -> Vec<Row> {
    vec![
        row("DHCP request", v4() / bootp(1)),
        row("DHCP of no operation", v4() / bootp(0)),
        row("DHCP without a payload", v4() / udp(67, 68)),
        row("DHCP to a server", v4() / message(68, 67, 2)),
        row("DHCP between servers", v4() / message(67, 67, 2)),
        row("DHCP from port 66", v4() / message(66, 68, 2)),
        row("DHCP to port 69", v4() / message(67, 69, 2)),
        row("DHCP ports in TCP", v4() / tcp(67, 68)),
        row(
            "DHCP ports in UDP-Lite",
            v4() / udplite(67, 68) / payload_bytes(&[2]),
        ),
        row("DHCP ports in IPv6", to_client("fe80::1") / bootp(2)),
        row("DHCP, first fragment", v4().fragment(0, true) / bootp(2)),
        row("DHCP, later fragment", v4().fragment(9, false) / bootp(2)),
        row("DHCP, 7 bytes", v4() / udp(67, 68).cut(7)),
    ]
}

/// DHCPv6 that is wrong in one thing.
fn false_leases_of_ipv6() -> Vec<Row> {
    let reply = || message(547, 546, 7);
    let client = || to_client("fe80::1");
    let mut rows: Vec<Row> = [0, 1, 3, 4, 5, 6, 8, 9, 11, 12, 14, 15, 34, 39, 42, 255]
        .into_iter()
        .map(|kind| row(format!("DHCPv6 {kind}"), client() / message(547, 546, kind)))
        .collect();
    rows.extend([
        row("DHCPv6 without a payload", client() / udp(547, 546)),
        row("DHCPv6 to a global address", global() / reply()),
        row("DHCPv6 to a group", ipv6("fe80::1", "ff02::1:2") / reply()),
        row("DHCPv6 to fec0::", ipv6("fe80::1", "fec0::2") / reply()),
        row("DHCPv6 to a server", client() / message(546, 547, 7)),
        row("DHCPv6 ports in IPv4", v4() / reply()),
        row(
            "DHCPv6, first fragment",
            client() / fragment6(0, true, 1) / reply(),
        ),
        row(
            "DHCPv6, atomic fragment",
            client() / fragment6(0, false, 1) / reply(),
        ),
    ]);
    rows
}

/// ICMP that is wrong in one thing, and what was never essential.
fn other_impostors() -> Vec<Row> {
    vec![
        row("unreachable, other code", v4() / icmp(3, 3)),
        row("unreachable, code 5", v4() / icmp(3, 5)),
        row("source quench 4", v4() / icmp(4, 3)),
        row("ICMP 3/4 in IPv6", global() / icmp(3, 4)),
        row("ICMPv6 2 in IPv4", v4() / icmpv6(2, 0)),
        row("path MTU, 7 bytes", v4() / icmp(3, 4).cut(7)),
        row("ICMP echo", v4() / icmp(8, 0)),
        row(
            "ICMPv6 echo, hop limit 255",
            global().hop_limit(255) / icmpv6(128, 0),
        ),
        row("ICMPv6 1", global() / icmpv6(1, 0)),
        row("ICMPv6 3", global() / icmpv6(3, 0)),
        row("ICMPv6 138", link_local().hop_limit(255) / icmpv6(138, 0)),
        row("MLD 144", link_local().hop_limit(1) / icmpv6(144, 0)),
    ]
}

fn impostors() -> Vec<Row> {
    [
        false_neighbours(),
        false_listeners(),
        false_members(),
        false_leases(),
        false_leases_of_ipv6(),
        other_impostors(),
    ]
    .concat()
}

/// Configurations that drop everything they can, by different means.
fn that_drop_everything() -> Vec<(&'static str, Config)> {
    let everyone = "0.0.0.0/0, ::/0";
    let strict = |name, config| {
        let config = Config {
            non_ip: Action::Drop,
            ..by_default(Action::Drop, config)
        };
        (name, config)
    };
    vec![
        strict("default", config([])),
        strict("a rule without criteria", config([drop("all")])),
        strict("by source", config([drop("all").source(everyone)])),
        strict(
            "by destination",
            config([drop("all").destination(everyone)]),
        ),
        strict("by protocol", config([drop("all").protocol("0-255")])),
        strict(
            "by port",
            config([drop("all").destination_port("0-65535"), drop("rest")]),
        ),
    ]
}

/// Judges every row behind every link layer by every configuration.
fn judged_by_all(
    rows: &[Row],
    configs: impl IntoIterator<Item = (&'static str, Config)>,
    is_expected: impl Fn(&str) -> bool,
) {
    for (how, config) in configs {
        let mut evaluator = KernelVsOracle::of(config);
        for (link, layers) in links() {
            for (name, packet) in rows {
                let row = format!("{how}, {link}: {name}");
                let said = evaluator.judge(&(layers.clone() / packet.clone()).bytes(), &row);
                assert!(is_expected(&said), "{row}: {said}");
            }
        }
    }
}

#[test]
fn essentials_survive_a_default_drop_and_explicit_drop_rules() {
    judged_by_all(&essentials(), that_drop_everything(), |said| {
        said == "pass by essential"
    });
}

#[test]
fn essentials_in_the_wrong_form_are_judged_like_anything_else() {
    judged_by_all(&impostors(), that_drop_everything(), |said| {
        said == "drop by default" || said == "drop by rule all" || said == "drop by rule rest"
    });
}

#[test]
fn impostors_pass_where_everything_does_and_not_as_essentials() {
    judged_by_all(&impostors(), [("pass", config([]))], |said| {
        said == "pass by default"
    });
}

#[test]
fn without_essentials_nothing_survives_a_default_drop() {
    let without = that_drop_everything().into_iter().map(|(name, config)| {
        let config = Config {
            essentials: Essentials::NONE,
            ..config
        };
        (name, config)
    });
    judged_by_all(&essentials(), without, |said| said.starts_with("drop by "));
}

/// The word of a row, by its name.
fn word_of(name: &str) -> Essential {
    let first = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if first(&["ARP"]) {
        Essential::Arp
    } else if first(&["ICMPv6 133", "ICMPv6 134"]) {
        Essential::RouterDiscovery
    } else if first(&["ICMPv6 135", "ICMPv6 136"]) {
        Essential::NeighborDiscovery
    } else if first(&["ICMPv6 137"]) {
        Essential::Redirect
    } else if first(&["MLD"]) {
        Essential::Mld
    } else if first(&["IGMP"]) {
        Essential::Igmp
    } else if first(&["DHCPv6"]) {
        Essential::Dhcpv6
    } else if first(&["DHCP"]) {
        Essential::Dhcp
    } else {
        Essential::PathMtu
    }
}

/// A configuration that drops everything but these essentials, in the filter for simple policies and
/// in the one for all others.
fn with_words(essentials: Essentials) -> [(&'static str, Config); 2] {
    let strict = |rules| Config {
        essentials,
        non_ip: Action::Drop,
        ..by_default(Action::Drop, config(rules))
    };
    let simple = strict(vec![drop("all").source("0.0.0.0/0, ::/0")]);
    let any = strict(vec![drop("all").ttl("0-255")]);
    [("simple", simple), ("any", any)]
}

#[test]
fn each_word_passes_its_packets_and_no_others() {
    let rows = essentials();
    for word in Essential::ALL {
        for (words, passes) in [
            (Essentials::NONE.with(word), true),
            (Essentials::ALL.without(word), false),
        ] {
            for (how, config) in with_words(words) {
                let mut evaluator = KernelVsOracle::of(config);
                for (link, layers) in links() {
                    for (name, packet) in &rows {
                        let row = format!("{}, {how}, {link}: {name}", word.name());
                        let frame = (layers.clone() / packet.clone()).bytes();
                        let said = evaluator.judge(&frame, &row);
                        let expected = (word_of(name) == word) == passes;
                        assert_eq!(said == "pass by essential", expected, "{row}: {said}");
                    }
                }
            }
        }
    }
}
