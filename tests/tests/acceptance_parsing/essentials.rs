//! Fact 4: what a host cannot live without survives every rule, and only in its proper dress.

use xdp_fw::config::{Action, Config};
use xdp_fw_tests::court::{Court, by_default};
use xdp_fw_tests::disguise::links;
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
        row("DHCP reply", v4() / udp(67, 68) / payload(240)),
        row(
            "DHCP reply to all",
            ipv4("192.0.2.1", "255.255.255.255") / udp(67, 68) / payload(240),
        ),
        row("DHCPv6 reply", link_local() / udp(547, 546) / payload(40)),
        row(
            "DHCPv6 reply from the end of fe80::/10",
            ipv6("febf:ffff::1", "fe80::2") / udp(547, 546),
        ),
    ];
    rows.extend(neighbour_discovery());
    rows.extend(listener_discovery());
    rows
}

/// Neighbour discovery that is wrong in one thing.
fn false_neighbours() -> Vec<Row> {
    let on_link = || link_local().hop_limit(255);
    let dresses = [
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
    let dressed = |(dress, ip): &(&str, Packet), kind| {
        let packet = ip.clone() / icmpv6(kind, 0) / payload(16);
        row(format!("ICMPv6 {kind} {dress}"), packet)
    };
    (133..=137)
        .flat_map(|kind| {
            let mut rows: Vec<Row> = dresses.iter().map(|one| dressed(one, kind)).collect();
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
    let dresses = [
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
    let dressed = |(dress, ip): &(&str, Packet), kind| {
        let packet = ip.clone() / icmpv6(kind, 0) / payload(16);
        row(format!("MLD {kind} {dress}"), packet)
    };
    [130, 131, 132, 143]
        .into_iter()
        .flat_map(|kind| dresses.iter().map(move |one| dressed(one, kind)))
        .collect()
}

/// DHCP and ICMP that are wrong in one thing, and what was never essential.
fn other_impostors() -> Vec<Row> {
    vec![
        row("DHCP to a server", v4() / udp(68, 67)),
        row("DHCP between servers", v4() / udp(67, 67)),
        row("DHCP from port 66", v4() / udp(66, 68)),
        row("DHCP to port 69", v4() / udp(67, 69)),
        row("DHCP ports in TCP", v4() / tcp(67, 68)),
        row("DHCP ports in UDP-Lite", v4() / udplite(67, 68)),
        row("DHCP ports in IPv6", link_local() / udp(67, 68)),
        row("DHCP, first fragment", v4().fragment(0, true) / udp(67, 68)),
        row("DHCP, 7 bytes", v4() / udp(67, 68).cut(7)),
        row("DHCPv6 off the link", global() / udp(547, 546)),
        row(
            "DHCPv6 from fec0::",
            ipv6("fec0::1", "fe80::2") / udp(547, 546),
        ),
        row(
            "DHCPv6 without address",
            ipv6("::", "fe80::2") / udp(547, 546),
        ),
        row("DHCPv6 to a server", link_local() / udp(546, 547)),
        row("DHCPv6 ports in IPv4", v4() / udp(547, 546)),
        row(
            "DHCPv6, first fragment",
            link_local() / fragment6(0, true, 1) / udp(547, 546),
        ),
        row(
            "DHCPv6, atomic fragment",
            link_local() / fragment6(0, false, 1) / udp(547, 546),
        ),
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
    [false_neighbours(), false_listeners(), other_impostors()].concat()
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
        let mut court = Court::of(config);
        for (link, layers) in links() {
            for (name, packet) in rows {
                let row = format!("{how}, {link}: {name}");
                let said = court.judge(&(layers.clone() / packet.clone()).bytes(), &row);
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
fn essentials_in_the_wrong_dress_are_judged_like_anything_else() {
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
            essentials: false,
            ..config
        };
        (name, config)
    });
    judged_by_all(&essentials(), without, |said| said.starts_with("drop by "));
}
