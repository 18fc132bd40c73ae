//! Criteria on the IP header.

use xdp_fw_tests::packet::*;
use xdp_fw_tests::ruleset::Criteria as _;

use super::table::Operator::*;
use super::table::{Field, specimen};

fn v4() -> Ipv4 {
    ipv4("192.0.2.1", "198.51.100.2")
}

fn v6() -> Ipv6 {
    ipv6("2001:db8::1", "2001:db8:1::2")
}

/// Of a packet with a flaw, nothing but the addresses is taken from the header.
fn flawed() -> Vec<Packet> {
    vec![
        eth() / v4().ihl(3) / tcp(1, 2),
        eth() / v4().total_length(9) / tcp(1, 2),
        eth() / v6() / destination_options().declared(200) / tcp(1, 2),
        eth() / v4().fragment(0, true) / tcp(1, 2).cut(15),
        eth() / v4() / truncate(33),
    ]
}

pub(crate) fn upper_protocol() -> Field {
    let hidden = fragment6(5, false, 1).next_header(60) / payload(16);
    let mut absent = flawed();
    absent.push(eth() / v6() / hidden);
    Field {
        name: "protocol",
        with: |rule, list| rule.protocol(list),
        specimens: vec![
            specimen("0", eth() / v4() / protocol(0) / payload(20)),
            specimen("6", eth() / v4() / tcp(1, 2)),
            specimen("6", eth() / v6() / hop_by_hop() / routing() / tcp(1, 2)),
            specimen("6", eth() / v4() / tcp(1, 2).cut(4)),
            specimen("17", eth() / v6() / ah() / udp(1, 2)),
            specimen("17", eth() / v4().fragment(9, false) / udp(1, 2)),
            specimen("47", eth() / v4() / gre() / v6() / tcp(1, 2)),
            specimen("50", eth() / v6() / esp() / tcp(1, 2)),
            specimen("255", eth() / v6() / protocol(255) / payload(20)),
        ],
        absent,
        cases: &[
            (Single, "6", &["6"]),
            (Single, "255", &["255"]),
            (List, "0, 17, 47", &["0", "17", "47"]),
            (Range, "17-50", &["17", "47", "50"]),
            (Range, "0-255", &["0", "6", "17", "47", "50", "255"]),
            (Negation, "0-50, !6-47", &["0", "50"]),
            (NegationOnly, "!6, !17", &["0", "47", "50", "255"]),
        ],
    }
}

pub(crate) fn fragment() -> Field {
    Field {
        name: "fragment",
        with: |rule, list| rule.fragment(list),
        specimens: vec![
            specimen("none", eth() / v4().dont_fragment() / tcp(1, 2)),
            specimen("none", eth() / v6() / destination_options() / tcp(1, 2)),
            specimen("atomic", eth() / v6() / fragment6(0, false, 1) / tcp(1, 2)),
            specimen("first", eth() / v4().fragment(0, true) / tcp(1, 2)),
            specimen("first", eth() / v6() / fragment6(0, true, 1) / udp(1, 2)),
            specimen("later", eth() / v4().fragment(2, true) / payload(8)),
            specimen("later", eth() / v4().fragment(8191, false) / payload(4)),
            specimen(
                "later",
                eth() / v6() / fragment6(2, false, 1).next_header(17) / payload(4),
            ),
        ],
        absent: flawed(),
        cases: &[
            (Single, "none", &["none"]),
            (Single, "atomic", &["atomic"]),
            (Single, "first", &["first"]),
            (Single, "later", &["later"]),
            (List, "atomic, later", &["atomic", "later"]),
            (Range, "any", &["atomic", "first", "later"]),
            (Negation, "any, !atomic", &["first", "later"]),
            (NegationOnly, "!later", &["none", "atomic", "first"]),
            (NegationOnly, "!any", &["none"]),
        ],
    }
}

pub(crate) fn length() -> Field {
    Field {
        name: "length",
        with: |rule, list| rule.length(list),
        specimens: vec![
            specimen("20", eth() / v4().total_length(20) / pad_to(60)),
            specimen("40", eth() / v4() / tcp(1, 2) / pad_to(200)),
            specimen("40", eth() / vlan(7) / v6().payload_length(0) / pad_to(100)),
            specimen("41", eth() / v4() / tcp(1, 2) / payload(1)),
            specimen("60", eth() / v6() / tcp(1, 2)),
            specimen("1500", eth() / v4() / udp(1, 2) / payload(1472)),
            specimen("9000", eth() / v6() / udp(1, 2) / payload(8952)),
        ],
        absent: flawed(),
        cases: &[
            (Single, "40", &["40"]),
            (Single, "20", &["20"]),
            (List, "20, 1500", &["20", "1500"]),
            (Range, "41-1500", &["41", "60", "1500"]),
            (Range, "1501-65535", &["9000"]),
            (Negation, "0-65535, !40-60", &["20", "1500", "9000"]),
            (NegationOnly, "!40, !9000", &["20", "41", "60", "1500"]),
        ],
    }
}

pub(crate) fn ttl() -> Field {
    let v4 = |value, ttl| specimen(value, eth() / v4().ttl(ttl) / tcp(1, 2));
    let v6 = |value, limit| specimen(value, eth() / v6().hop_limit(limit) / udp(1, 2));
    Field {
        name: "ttl",
        with: |rule, list| rule.ttl(list),
        specimens: vec![
            v4("0", 0),
            v6("1", 1),
            v4("63", 63),
            v6("64", 64),
            v4("255", 255),
            v6("255", 255),
        ],
        absent: flawed(),
        cases: &[
            (Single, "64", &["64"]),
            (Single, "0", &["0"]),
            (List, "1, 255", &["1", "255"]),
            (Range, "1-63", &["1", "63"]),
            (Range, "64-255", &["64", "255"]),
            (Negation, "0-64, !1-63", &["0", "64"]),
            (NegationOnly, "!255", &["0", "1", "63", "64"]),
        ],
    }
}

pub(crate) fn dscp() -> Field {
    let v6 = |class| eth() / v6().traffic_class(class) / udp(1, 2);
    Field {
        name: "dscp",
        with: |rule, list| rule.dscp(list),
        specimens: vec![
            specimen("0", eth() / v4() / tcp(1, 2)),
            // The two bits beside it are congestion's.
            specimen("0", v6(3)),
            specimen("1", v6(4)),
            specimen("46", eth() / v4().dscp(46) / tcp(1, 2)),
            specimen("46", v6(46 << 2 | 1)),
            specimen("48", v6(48 << 2)),
            specimen("63", eth() / v4().dscp(63) / tcp(1, 2)),
        ],
        absent: flawed(),
        cases: &[
            (Single, "46", &["46"]),
            (Single, "63", &["63"]),
            (List, "0, 48", &["0", "48"]),
            (Range, "1-46", &["1", "46"]),
            (Negation, "0-63, !1-48", &["0", "63"]),
            (NegationOnly, "!0, !63", &["1", "46", "48"]),
        ],
    }
}

pub(crate) fn ecn() -> Field {
    let v4 = |value, ecn| specimen(value, eth() / v4().dscp(46).ecn(ecn) / tcp(1, 2));
    let v6 = |value, class| specimen(value, eth() / v6().traffic_class(class) / udp(1, 2));
    Field {
        name: "ecn",
        with: |rule, list| rule.ecn(list),
        specimens: vec![
            v4("0", 0),
            v6("0", 63 << 2),
            v4("1", 1),
            v6("1", 46 << 2 | 1),
            v4("2", 2),
            v6("2", 2),
            v4("3", 3),
            v6("3", 255),
        ],
        absent: flawed(),
        cases: &[
            (Single, "0", &["0"]),
            (Single, "3", &["3"]),
            (List, "1, 2", &["1", "2"]),
            (Range, "1-3", &["1", "2", "3"]),
            (Negation, "0-3, !1-2", &["0", "3"]),
            (NegationOnly, "!0", &["1", "2", "3"]),
        ],
    }
}
