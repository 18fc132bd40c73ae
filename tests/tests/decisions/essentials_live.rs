//! A host that drops by default, with the daemon running: what it cannot live without arrives, what only
//! looks like it does not, and each kind is counted.

use serde_json::Value;

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::metrics::{sample, scrape};
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, passes};

const LISTEN: &str = "127.0.0.1:9798";
/// Of a relay or a server that is not on the link.
const GLOBAL: &str = "2001:db8:547::1";
const CLIENT: &str = "fe80::2";

fn default_drop(essentials: &str) -> String {
    format!(
        "interfaces = [\"{EDGE_DEVICE}\"]\nmetrics.listen = \"{LISTEN}\"\ndefault_action = \"drop\"\n{essentials}\n"
    )
}

fn dhcp(payload: &[u8]) -> Packet {
    eth() / ipv4("192.0.2.1", "192.0.2.2") / udp(67, 68) / payload_bytes(payload)
}

fn dhcpv6(payload: &[u8]) -> Packet {
    eth() / ipv6(GLOBAL, CLIENT) / udp(40_000, 546) / payload_bytes(payload)
}

fn igmp_query(ttl: u8) -> Packet {
    let query = [0x11, 100, 0xee, 0x9b, 0, 0, 0, 0];
    eth() / ipv4("192.0.2.1", "224.0.0.1").ttl(ttl).protocol(2) / payload_bytes(&query)
}

/// Packets of a kind in `xdp-fw stats --json`, if it is there.
fn of_kind(stats: &Value, kind: &str) -> Option<u64> {
    let kinds = stats.pointer("/essentials")?.as_array()?;
    kinds.iter().find(|row| row["kind"] == kind)?["packets"].as_u64()
}

fn of_reason(stats: &Value) -> u64 {
    let reasons = stats.pointer("/reasons").and_then(Value::as_array);
    let rows = reasons.into_iter().flatten();
    let rows = rows.filter(|row| row["reason"] == "essential");
    rows.filter_map(|row| row["packets"].as_u64()).sum()
}

#[test]
fn a_scan_of_the_ports_of_dhcp_finds_a_default_drop_host_silent() {
    let hosts = Hosts::new("ess-scan");
    let _cable = hosts.cable(1_500);
    let _daemon = Daemon::start(&hosts.edge, &default_drop(""));
    let mut wire = hosts.wire().with_marker(marker);
    for scan in [&b""[..], b"\0", b"\x01 a request", b"\x03", b"nmap"] {
        assert!(!passes(&mut wire, &dhcp(scan)), "{scan:?} to port 68");
        assert!(!passes(&mut wire, &dhcpv6(scan)), "{scan:?} to port 546");
    }
    for answer in [2, 7, 10, 13] {
        assert!(passes(&mut wire, &dhcpv6(&[answer, 0, 0, 1])), "{answer}");
    }
    assert!(passes(&mut wire, &dhcp(&[2, 1, 6, 0])));
}

#[test]
fn each_kind_is_counted_and_their_sum_is_the_reason() {
    let hosts = Hosts::new("ess-count");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &default_drop(""));
    let mut wire = hosts.wire().with_marker(marker);
    assert!(passes(&mut wire, &igmp_query(1)));
    assert!(passes(&mut wire, &igmp_query(1)));
    assert!(!passes(&mut wire, &igmp_query(2)), "from beyond the link");
    assert!(passes(&mut wire, &dhcpv6(&[7, 0, 0, 1])));
    let stats = daemon.stats();
    assert_eq!(of_kind(&stats, "igmp"), Some(2), "{stats}");
    assert_eq!(of_kind(&stats, "dhcpv6"), Some(1), "{stats}");
    assert_eq!(of_kind(&stats, "dhcp"), Some(0), "{stats}");
    // Each exchange ends with a marker, which is a kind of its own.
    let markers = u64::from(wire.markers());
    let discovery = of_kind(&stats, "neighbor-discovery");
    assert_eq!(discovery, Some(markers), "{stats}");
    assert_eq!(of_reason(&stats), 3 + markers, "{stats}");
    let text = scrape(&hosts.edge);
    let metric = "xdp_fw_essential_packets_total{kind=\"igmp\"}";
    assert_eq!(sample(&text, metric), 2.0, "{text}");
}

#[test]
fn a_kind_that_is_taken_away_is_a_matter_of_the_rules() {
    let hosts = Hosts::new("ess-word");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &default_drop("essentials = [\"!igmp\"]"));
    let mut wire = hosts.wire().with_marker(marker);
    assert!(!passes(&mut wire, &igmp_query(1)));
    assert!(passes(&mut wire, &dhcpv6(&[7, 0, 0, 1])));
    assert_eq!(of_kind(&daemon.stats(), "igmp"), Some(0));
}

/// Passes for a neighbour solicitation, whatever the default.
fn marker(number: u32) -> Vec<u8> {
    let [a, b] = (number as u16).to_be_bytes();
    let target = format!("ff02::1:ff00:{:x}", u16::from_be_bytes([a, b]));
    let packet = eth() / ipv6("fe80::1", target).hop_limit(255) / icmpv6(135, 0) / payload(20);
    packet.bytes()
}
