//! Criteria on where a frame comes from, and on the addresses.

use xdp_fw_tests::packet::*;
use xdp_fw_tests::ruleset::Criteria as _;

use super::table::Operator::*;
use super::table::{Case, Field, Specimen, specimen};

/// A frame whose IP header is not all there, and one whose version lies.
fn unaddressed() -> Vec<Packet> {
    vec![
        eth() / v4() / truncate(33),
        eth() / v6().version(4) / tcp(1, 2),
    ]
}

fn v4() -> Ipv4 {
    ipv4("192.0.2.1", "198.51.100.2")
}

fn v6() -> Ipv6 {
    ipv6("2001:db8::1", "2001:db8:1::2")
}

const ADDRESSES: &[Case] = &[
    (Single, "192.0.2.1/32", &["192.0.2.1"]),
    (Single, "2001:db8::1/128", &["2001:db8::1"]),
    (
        List,
        "192.0.2.1/32, 203.0.113.1/32, 2001:db8::2/128",
        &["192.0.2.1", "203.0.113.1", "2001:db8::2"],
    ),
    (Range, "192.0.2.0/25", &["192.0.2.1", "192.0.2.127"]),
    (
        Range,
        "0.0.0.0/0",
        &["192.0.2.1", "192.0.2.127", "192.0.2.128", "203.0.113.1"],
    ),
    (Range, "2001:db8::/127", &["2001:db8::1"]),
    (Range, "2001:db8::/32", &["2001:db8::1", "2001:db8::2"]),
    (
        Set,
        "@lan",
        &["192.0.2.1", "192.0.2.127", "2001:db8::1", "2001:db8::2"],
    ),
    (Set, "@lan, !@one", &["192.0.2.127", "2001:db8::2"]),
    (
        Negation,
        "192.0.2.0/24, !192.0.2.1/32",
        &["192.0.2.127", "192.0.2.128"],
    ),
    (
        Negation,
        "!192.0.2.0/25, 0.0.0.0/0",
        &["192.0.2.128", "203.0.113.1"],
    ),
    (
        NegationOnly,
        "!192.0.2.0/24",
        &["203.0.113.1", "2001:db8::1", "2001:db8::2"],
    ),
    (NegationOnly, "!@one, !0.0.0.0/0", &["2001:db8::2"]),
];

const V4: [&str; 4] = ["192.0.2.1", "192.0.2.127", "192.0.2.128", "203.0.113.1"];
const V6: [&str; 2] = ["2001:db8::1", "2001:db8::2"];

pub(crate) fn source() -> Field {
    let v4 = V4.map(|from| specimen(from, eth() / ipv4(from, "192.0.2.1") / tcp(1, 2)));
    let v6 = V6.map(|from| specimen(from, eth() / ipv6(from, "2001:db8::1") / tcp(1, 2)));
    Field {
        name: "source",
        with: |rule, list| rule.source(list),
        specimens: v4.into_iter().chain(v6).collect(),
        absent: unaddressed(),
        cases: ADDRESSES,
    }
}

pub(crate) fn destination() -> Field {
    let v4 = V4.map(|to| specimen(to, eth() / ipv4("192.0.2.1", to) / tcp(1, 2)));
    let v6 = V6.map(|to| specimen(to, eth() / ipv6("2001:db8::1", to) / tcp(1, 2)));
    Field {
        name: "destination",
        with: |rule, list| rule.destination(list),
        specimens: v4.into_iter().chain(v6).collect(),
        absent: unaddressed(),
        cases: ADDRESSES,
    }
}

pub(crate) fn family() -> Field {
    Field {
        name: "family",
        with: |rule, list| rule.family(list),
        specimens: vec![
            specimen("4", eth() / v4() / tcp(1, 2)),
            specimen("6", eth() / v6() / tcp(1, 2)),
            // Known wherever the addresses are.
            specimen("4", eth() / v4().ihl(3)),
            specimen("6", eth() / v6().payload_length(9)),
        ],
        absent: unaddressed(),
        cases: &[
            (Single, "4", &["4"]),
            (Single, "6", &["6"]),
            (List, "4, 6", &["4", "6"]),
            (Negation, "4, 6, !4", &["6"]),
            (NegationOnly, "!6", &["4"]),
        ],
    }
}

pub(crate) fn interface() -> Field {
    let on = |interface| Specimen {
        interface,
        ..specimen(interface, eth() / v4() / tcp(1, 2))
    };
    let mut specimens = ["test0", "test1", "lan7", "wan.100"]
        .map(on)
        .into_iter()
        .collect::<Vec<_>>();
    // Known whatever else is wrong.
    specimens.extend(
        unaddressed()
            .into_iter()
            .map(|packet| specimen("test0", packet)),
    );
    Field {
        name: "interface",
        with: |rule, list| rule.interface(list),
        specimens,
        absent: Vec::new(),
        cases: &[
            (Single, "test0", &["test0"]),
            (List, "test1, wan.100", &["test1", "wan.100"]),
            (Range, "test*", &["test0", "test1"]),
            (Range, "lan?, *100", &["lan7", "wan.100"]),
            (Range, "test", &[]),
            (Negation, "test*, !test0", &["test1"]),
            (NegationOnly, "!test?, !lan7", &["wan.100"]),
        ],
    }
}

pub(crate) fn vlan_id() -> Field {
    Field {
        name: "vlan",
        with: |rule, list| rule.vlan(list),
        specimens: vec![
            specimen("none", eth() / v4() / tcp(1, 2)),
            specimen("none", eth() / vlan(0).priority(7, true) / v6() / tcp(1, 2)),
            specimen("1", eth() / vlan(1) / v4() / tcp(1, 2)),
            specimen("7", eth() / vlan(7).priority(3, false) / v6() / tcp(1, 2)),
            specimen("7", eth() / vlan(0) / vlan(7) / v4() / tcp(1, 2)),
            specimen("100", eth() / qinq(100) / vlan(7) / v4() / tcp(1, 2)),
            specimen("4094", eth() / qinq(4094) / v4() / tcp(1, 2)),
            // Known behind sound tags.
            specimen("7", eth() / vlan(7) / v4() / truncate(37)),
            specimen("none", eth() / v6().version(4) / tcp(1, 2)),
        ],
        absent: vec![
            eth() / vlan(7) / truncate(16),
            eth() / vlan(7) / vlan(7) / vlan(7) / v4() / tcp(1, 2),
        ],
        cases: &[
            (Single, "7", &["7"]),
            (List, "1, 4094", &["1", "4094"]),
            (Range, "7-100", &["7", "100"]),
            (Range, "1-4094", &["1", "7", "100", "4094"]),
            (Name, "none", &["none"]),
            (Name, "none, 100", &["none", "100"]),
            (Negation, "1-4094, !7-100", &["1", "4094"]),
            (NegationOnly, "!7", &["none", "1", "100", "4094"]),
            (NegationOnly, "!none", &["1", "7", "100", "4094"]),
        ],
    }
}

const MACS: &[Case] = &[
    (Single, "02:00:00:00:00:01", &["01"]),
    (Single, "06:00:00:00:00:01", &["other"]),
    (List, "02:00:00:00:00:02, fe:ff:ff:ff:ff:ff", &["02", "all"]),
    (
        Negation,
        "02:00:00:00:00:01, 02:00:00:00:00:02, !02:00:00:00:00:01",
        &["02"],
    ),
    (
        NegationOnly,
        "!02:00:00:00:00:01, !fe:ff:ff:ff:ff:ff",
        &["02", "other"],
    ),
];

/// They differ in the last bit, in the first, and in all.
fn macs(with: fn(Eth, [u8; 6]) -> Eth) -> Vec<Specimen> {
    let from = |value, address| specimen(value, with(eth(), address) / v4() / tcp(1, 2));
    vec![
        from("01", [2, 0, 0, 0, 0, 1]),
        from("02", [2, 0, 0, 0, 0, 2]),
        from("other", [6, 0, 0, 0, 0, 1]),
        from("all", [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff]),
        // Known whatever else is wrong.
        specimen(
            "02",
            with(eth(), [2, 0, 0, 0, 0, 2]) / vlan(7) / truncate(16),
        ),
    ]
}

pub(crate) fn source_mac() -> Field {
    Field {
        name: "source_mac",
        with: |rule, list| rule.source_mac(list),
        specimens: macs(Eth::source),
        absent: Vec::new(),
        cases: MACS,
    }
}

pub(crate) fn destination_mac() -> Field {
    Field {
        name: "destination_mac",
        with: |rule, list| rule.destination_mac(list),
        specimens: macs(Eth::destination),
        absent: Vec::new(),
        cases: MACS,
    }
}
