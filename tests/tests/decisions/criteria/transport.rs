//! Criteria on the transport header.

use xdp_fw_tests::packet::*;
use xdp_fw_tests::ruleset::Criteria as _;

use super::table::Operator::*;
use super::table::{Case, Field, Specimen, specimen};

fn v4() -> Ipv4 {
    ipv4("192.0.2.1", "198.51.100.2")
}

fn v6() -> Ipv6 {
    ipv6("2001:db8::1", "2001:db8:1::2")
}

/// No transport header, each for another reason; the bytes where it would be look like one.
fn headless(header: &(impl Layer + Clone + 'static), size: usize) -> Vec<Packet> {
    let number = header.protocol();
    let lookalike = || Packet::from(header.clone()) / payload(20);
    vec![
        eth() / v4().fragment(2, false) / lookalike(),
        eth() / v6() / fragment6(2, true, 1) / lookalike(),
        eth() / v4() / header.clone().cut(size - 1),
        eth() / v6() / header.clone().cut(size - 1) / pad_to(100).filled_with(1),
        eth() / v4().fragment(0, true) / header.clone().cut((size & !7) - 1),
        eth() / v4().protocol(253) / lookalike(),
        eth() / v4() / gre() / v4() / lookalike(),
        eth() / v4() / ah() / lookalike(),
        eth() / v6() / esp() / lookalike(),
        eth() / v6().next_header(59) / lookalike(),
        eth() / v4().ihl(4).protocol(number) / lookalike(),
    ]
}

const PORTS: &[Case] = &[
    (Single, "443", &["443"]),
    (Single, "0", &["0"]),
    (Single, "65535", &["65535"]),
    (List, "0, 8000, 65535", &["0", "8000", "65535"]),
    (Range, "8000-8099", &["8000", "8099"]),
    (
        Range,
        "0-65535",
        &["0", "443", "7999", "8000", "8099", "8100", "65535"],
    ),
    (Negation, "443-8100, !8000-8099", &["443", "7999", "8100"]),
    (
        NegationOnly,
        "!0, !65535",
        &["443", "7999", "8000", "8099", "8100"],
    ),
];

const NUMBERS: [(&str, u16); 7] = [
    ("0", 0),
    ("443", 443),
    ("7999", 7999),
    ("8000", 8000),
    ("8099", 8099),
    ("8100", 8100),
    ("65535", 65535),
];

/// Every port in each of the five protocols that have ports, in different encapsulations.
fn ports(order: fn(u16) -> (u16, u16)) -> Vec<Specimen> {
    let every = NUMBERS.into_iter().flat_map(|(value, port)| {
        let (source, destination) = order(port);
        [
            eth() / v4() / tcp(source, destination),
            eth() / vlan(7) / v4().header_words(15) / udp(source, destination),
            eth() / v6() / hop_by_hop() / udplite(source, destination),
            eth() / v6() / fragment6(0, true, 1) / sctp(source, destination),
            eth() / v4().fragment(0, true) / dccp(source, destination),
        ]
        .map(|packet| specimen(value, packet))
    });
    every.collect()
}

fn portless() -> Vec<Packet> {
    let mut packets = headless(&tcp(443, 443), 20);
    packets.extend(headless(&udp(443, 443), 8));
    packets.extend(headless(&sctp(443, 443), 12));
    packets.push(eth() / v4() / icmp(1, 0xbb));
    packets
}

pub(crate) fn source_port() -> Field {
    Field {
        name: "source_port",
        with: |rule, list| rule.source_port(list),
        specimens: ports(|port| (port, 1)),
        absent: portless(),
        cases: PORTS,
    }
}

pub(crate) fn destination_port() -> Field {
    Field {
        name: "destination_port",
        with: |rule, list| rule.destination_port(list),
        specimens: ports(|port| (1, port)),
        absent: portless(),
        cases: PORTS,
    }
}

/// ICMP is none in the other family, and less than a header is none in its own.
fn no_icmp() -> Vec<Packet> {
    let mut packets = headless(&icmp(8, 0), 8);
    packets.extend([
        eth() / v4() / icmpv6(8, 0),
        eth() / v6() / icmp(8, 0),
        eth() / v6() / fragment6(1, false, 1) / icmpv6(8, 0),
        eth() / v6() / icmpv6(8, 0).cut(7),
        eth() / v4() / udp(0x0800, 0),
    ]);
    packets
}

pub(crate) fn icmp_type() -> Field {
    Field {
        name: "icmp_type",
        with: |rule, list| rule.icmp_type(list),
        specimens: vec![
            specimen("v4 0", eth() / v4() / icmp(0, 0)),
            specimen("v4 3", eth() / v4() / icmp(3, 1)),
            specimen("v4 8", eth() / v4().fragment(0, true) / icmp(8, 0)),
            specimen("v4 128", eth() / v4() / icmp(128, 0)),
            specimen("v6 1", eth() / v6() / icmpv6(1, 4)),
            specimen("v6 3", eth() / v6() / ah() / icmpv6(3, 0)),
            specimen("v6 128", eth() / vlan(7) / v6() / icmpv6(128, 0)),
            specimen("v6 255", eth() / v6() / icmpv6(255, 0)),
        ],
        absent: no_icmp(),
        cases: &[
            (Single, "128", &["v4 128", "v6 128"]),
            (Single, "0", &["v4 0"]),
            (List, "0, 1, 255", &["v4 0", "v6 1", "v6 255"]),
            (Range, "1-8", &["v4 3", "v4 8", "v6 1", "v6 3"]),
            (Name, "echo-request", &["v4 8", "v6 128"]),
            (Name, "destination-unreachable", &["v4 3", "v6 1"]),
            (Name, "timestamp-request", &[]),
            (
                Negation,
                "0-255, !echo-request",
                &["v4 0", "v4 3", "v4 128", "v6 1", "v6 3", "v6 255"],
            ),
            (
                NegationOnly,
                "!3, !128",
                &["v4 0", "v4 8", "v6 1", "v6 255"],
            ),
            (
                NegationOnly,
                "!time-exceeded",
                &["v4 0", "v4 3", "v4 8", "v4 128", "v6 1", "v6 128", "v6 255"],
            ),
        ],
    }
}

pub(crate) fn icmp_code() -> Field {
    Field {
        name: "icmp_code",
        with: |rule, list| rule.icmp_code(list),
        specimens: vec![
            specimen("0", eth() / v4() / icmp(8, 0)),
            specimen("0", eth() / v6() / icmpv6(128, 0)),
            specimen("1", eth() / v4() / icmp(3, 1)),
            specimen("4", eth() / v6() / fragment6(0, true, 1) / icmpv6(1, 4)),
            specimen("4", eth() / v4() / icmp(3, 4)),
            specimen("255", eth() / v4() / icmp(0, 255)),
        ],
        absent: no_icmp(),
        cases: &[
            (Single, "4", &["4"]),
            (List, "0, 255", &["0", "255"]),
            (Range, "1-4", &["1", "4"]),
            (Negation, "0-4, !1", &["0", "4"]),
            (NegationOnly, "!0", &["1", "4", "255"]),
        ],
    }
}

pub(crate) fn tcp_flags() -> Field {
    let tcp = || tcp(1, 443);
    Field {
        name: "tcp_flags",
        with: |rule, list| rule.tcp_flags(list),
        specimens: vec![
            specimen("none", eth() / v4() / tcp()),
            specimen("syn", eth() / v4() / tcp().syn()),
            specimen("syn", eth() / vlan(7) / v6() / hop_by_hop() / tcp().syn()),
            specimen("syn ack", eth() / v4().header_words(15) / tcp().syn().ack()),
            specimen("ack", eth() / v6() / fragment6(0, true, 1) / tcp().ack()),
            specimen("fin urg psh", eth() / v4() / tcp().fin().urg().psh()),
            specimen("all", eth() / v6() / tcp().flags(0xff)),
            specimen("cwr", eth() / v4().fragment(0, true) / tcp().flags(0x80)),
        ],
        absent: {
            let mut packets = headless(&tcp().flags(0xff), 20);
            packets.push(eth() / v4() / udp(1, 2) / payload_bytes(&[0xff; 20]));
            packets
        },
        cases: &[
            (Single, "syn", &["syn", "syn ack", "all"]),
            (Single, "cwr", &["cwr", "all"]),
            (Combination, "syn !ack", &["syn"]),
            (Combination, "fin psh urg", &["fin urg psh", "all"]),
            (Combination, "ack !fin !rst", &["syn ack", "ack"]),
            (
                Alternatives,
                "syn !ack, fin urg, cwr !syn",
                &["syn", "fin urg psh", "all", "cwr"],
            ),
            (NegationOnly, "!syn", &["none", "ack", "fin urg psh", "cwr"]),
            (
                NegationOnly,
                "!fin !syn !rst !psh !ack !urg !ece !cwr",
                &["none"],
            ),
        ],
    }
}
