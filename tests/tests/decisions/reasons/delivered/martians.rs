//! Addresses that cannot be on a wire.

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::{
    Packet, destination_options, eth, fragment6, hop_by_hop, ipv4, ipv6, udp, vlan,
};
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, config};

use super::{PORT, Row, Socket, cable, dropped, expected, hosts, row};

fn v4(source: &str, destination: &str) -> Packet {
    let mac = if destination == "255.255.255.255" {
        [0xff; 6]
    } else {
        [2, 0, 0, 0, 0, 2]
    };
    eth().destination(mac) / ipv4(source, destination) / udp(4000, PORT)
}

fn v6(source: &str, destination: &str) -> Packet {
    eth() / ipv6(source, destination) / udp(4000, PORT)
}

/// What Linux delivers with its usual settings.
fn usual() -> Vec<Row> {
    let mapped = || ipv6("::ffff:198.51.100.9", "2001:db8::1");
    let to_v6 = |source| v6(source, "2001:db8::1");
    let options = hop_by_hop();
    vec![
        row("mapped source", to_v6("::ffff:198.51.100.9"), true),
        row("mapped own source", to_v6("::ffff:192.0.2.1"), true),
        row("mapped loopback source", to_v6("::ffff:127.0.0.1"), true),
        row("compatible source", to_v6("::198.51.100.9"), true),
        row(
            "mapped, priority tag",
            eth() / vlan(0) / mapped() / udp(4000, PORT),
            true,
        ),
        row(
            "mapped, extension headers",
            eth() / mapped() / options / destination_options() / udp(4000, PORT),
            true,
        ),
        row(
            "mapped, atomic fragment",
            eth() / mapped() / fragment6(0, false, 1) / udp(4000, PORT),
            true,
        ),
        row(
            "mapped destination",
            v6("2001:db8::2", "::ffff:192.0.2.1"),
            true,
        ),
        row(
            "compatible destination",
            v6("2001:db8::2", "::192.0.2.1"),
            true,
        ),
        row("loopback source", v4("127.0.0.1", "192.0.2.1"), false),
        row(
            "loopback source of a broadcast",
            v4("127.1.2.3", "255.255.255.255"),
            true,
        ),
        row("zeros to zeros", v4("0.0.0.0", "0.0.0.0"), true),
        row("v6 loopback source", to_v6("::1"), false),
    ]
}

/// What it delivers besides with `route_localnet` and `accept_local`.
fn lenient() -> Vec<Row> {
    vec![
        row("loopback source", v4("127.1.2.3", "192.0.2.1"), true),
        row("loopback destination", v4("192.0.2.2", "127.0.0.1"), true),
    ]
}

/// What must pass: these can be on a wire.
fn sound() -> Vec<Row> {
    vec![
        row("DHCP's source", v4("0.0.0.0", "255.255.255.255"), true),
        row("class E source", v4("240.0.0.1", "192.0.2.1"), true),
        row("source of the network 0", v4("0.1.2.3", "192.0.2.1"), true),
        row("unspecified source", v6("::", "2001:db8::1"), true),
        row(
            "translated source",
            v6("64:ff9b::198.51.100.9", "2001:db8::1"),
            true,
        ),
        row(
            "source of a stateless translator",
            v6("::ffff:0:198.51.100.9", "2001:db8::1"),
            true,
        ),
    ]
}

/// IPv4 addresses in IPv6 can be given to a host.
fn with_odd_addresses(hosts: &Hosts) {
    for address in ["::ffff:192.0.2.1/128", "::192.0.2.1/128"] {
        let arguments = ["address", "add", address, "dev", EDGE_DEVICE, "nodad"];
        hosts.edge.run("ip", arguments);
    }
}

#[test]
fn martians_that_linux_delivers_drop_under_any_policy() {
    let hosts = hosts("martians");
    let _cable = cable(&hosts);
    with_odd_addresses(&hosts);
    let socket = Socket::new(&hosts);
    let rows = usual();
    socket.open_host_delivers(&rows);

    let lax = "malformed = \"pass\"\ndefault_action = \"pass\"\n";
    let daemon = Daemon::start(&hosts.edge, &config(lax));
    assert_eq!(socket.delivered(&rows), Vec::<&str>::new());
    assert_eq!(dropped(&daemon.stats(), "martian"), rows.len() as u64);
}

#[test]
fn loopback_addresses_drop_where_the_host_would_take_them() {
    let hosts = hosts("localnet");
    for key in ["route_localnet", "accept_local"] {
        let key = format!("net.ipv4.conf.all.{key}");
        hosts.edge.sysctl(&key, "1");
    }
    let _cable = cable(&hosts);
    let socket = Socket::new(&hosts);
    let rows = lenient();
    socket.open_host_delivers(&rows);

    let daemon = Daemon::start(&hosts.edge, &config(""));
    assert_eq!(socket.delivered(&rows), Vec::<&str>::new());
    assert_eq!(dropped(&daemon.stats(), "martian"), rows.len() as u64);
}

#[test]
fn addresses_that_can_be_on_a_wire_pass() {
    let hosts = hosts("no-martians");
    let _cable = cable(&hosts);
    let socket = Socket::new(&hosts);
    let rows = sound();
    socket.open_host_delivers(&rows);
    let _daemon = Daemon::start(&hosts.edge, &config(""));
    assert_eq!(socket.delivered(&rows), expected(&rows));
}
