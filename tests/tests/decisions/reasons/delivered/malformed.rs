//! Each malformed reason under `malformed = "pass"`, with the port denied.

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::{Packet, destination_options, eth, hop_by_hop, ipv4, ipv6, udp, vlan};
use xdp_fw_tests::two_hosts::{config, rule};

use super::{PORT, Row, Socket, cable, dropped, hosts, row};

fn tagged(tags: usize) -> Packet {
    let tagged = (0..tags).fold(Packet::from(eth()), |packet, _| packet / vlan(0));
    tagged / ipv4("192.0.2.2", "192.0.2.1") / udp(4000, PORT)
}

fn chain(headers: usize) -> Packet {
    let start = eth() / ipv6("2001:db8::2", "2001:db8::1");
    let chain = (0..headers).fold(start, |packet, _| packet / destination_options());
    chain / udp(4000, PORT)
}

fn rows() -> Vec<Row> {
    let v4 = || ipv4("192.0.2.2", "192.0.2.1");
    let v6 = || ipv6("2001:db8::2", "2001:db8::1");
    let upper = || udp(4000, PORT);
    let empty = || v6().payload_length(0);
    vec![
        row(
            "hop-by-hop options in no payload",
            eth() / empty() / hop_by_hop() / upper(),
            true,
        ),
        row(
            "hop-by-hop and destination options in no payload",
            eth() / empty() / hop_by_hop() / destination_options() / upper(),
            true,
        ),
        row("nine extension headers", chain(9), true),
        row("forty extension headers", chain(40), true),
        row("three tags", tagged(3), true),
        row("nine tags", tagged(9), true),
        row("a payload of no bytes", eth() / empty() / upper(), false),
        row(
            "destination options in no payload",
            eth() / empty() / destination_options() / upper(),
            false,
        ),
        row(
            "destination options beyond the packet",
            eth() / v6() / destination_options().declared(9) / upper(),
            false,
        ),
        row(
            "a payload beyond the frame",
            eth() / v6().payload_length(100) / upper(),
            false,
        ),
        row(
            "IPv4 beyond the frame",
            eth() / v4().total_length(100) / upper(),
            false,
        ),
        row(
            "IPv4 of no bytes",
            eth() / v4().total_length(0) / upper(),
            false,
        ),
        row(
            "IPv4 below its header",
            eth() / v4().total_length(19) / upper(),
            false,
        ),
        row("IHL=4", eth() / v4().ihl(4) / upper(), false),
        row("IHL=0", eth() / v4().ihl(0) / upper(), false),
        row(
            "IHL beyond the packet",
            eth() / v4().ihl(15) / upper(),
            false,
        ),
        row(
            "version 6 in IPv4",
            eth() / v4().version(6) / upper(),
            false,
        ),
        row(
            "version 4 in IPv6",
            eth() / v6().version(4) / upper(),
            false,
        ),
        row(
            "IPv6 as IPv4",
            eth().ether_type(0x0800) / v6() / upper(),
            false,
        ),
        row(
            "IPv4 as IPv6",
            eth().ether_type(0x86dd) / v4() / upper(),
            false,
        ),
    ]
}

#[test]
fn no_malformed_packet_reaches_a_denied_port_where_malformed_passes() {
    let hosts = hosts("denied");
    let _cable = cable(&hosts);
    let socket = Socket::new(&hosts);
    let rows = rows();
    socket.open_host_delivers(&rows);

    // The marker, by its source port, is what may pass.
    let marker = rule("marker", "pass", "protocol = \"udp\"\nsource_port = 7");
    let deny = rule(
        "deny",
        "drop",
        &format!("protocol = \"udp\"\ndestination_port = {PORT}"),
    );
    let text = format!("malformed = \"pass\"\n{marker}{deny}");
    let daemon = Daemon::start(&hosts.edge, &config(&text));
    assert_eq!(socket.delivered(&rows), Vec::<&str>::new());
    let stats = daemon.stats();
    assert_eq!(dropped(&stats, "vlan_depth"), 2);
    assert_eq!(dropped(&stats, "extension_headers"), 6, "{stats}");
}
