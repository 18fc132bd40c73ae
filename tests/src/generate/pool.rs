//! What rules and frames have in common.
//!
//! Owns the addresses, ports and protocols: documentation ranges (RFC 5737, RFC 3849) and what
//! the essentials need.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use proptest::prelude::*;
use proptest::sample::select;

/// Nested, overlapping and adjacent, with both ends of the range of lengths.
const PREFIXES: [&str; 22] = [
    "0.0.0.0/0",
    "192.0.2.0/24",
    "192.0.2.0/25",
    "192.0.2.128/25",
    "192.0.2.64/26",
    "192.0.2.66/31",
    "192.0.2.66/32",
    "192.0.2.67/32",
    "192.0.2.68/32",
    "198.51.100.0/24",
    "198.51.100.2/32",
    "203.0.113.0/24",
    "203.0.113.255/32",
    "::/0",
    "2001:db8::/32",
    "2001:db8::/48",
    "2001:db8:1::/48",
    "2001:db8::/64",
    "2001:db8::/127",
    "2001:db8::1/128",
    "2001:db8::2/128",
    "fe80::/10",
];

/// First, last and neighbouring addresses of the prefixes above.
const V4: [[u8; 4]; 14] = [
    [192, 0, 2, 0],
    [192, 0, 2, 63],
    [192, 0, 2, 64],
    [192, 0, 2, 65],
    [192, 0, 2, 66],
    [192, 0, 2, 67],
    [192, 0, 2, 68],
    [192, 0, 2, 127],
    [192, 0, 2, 128],
    [192, 0, 2, 255],
    [198, 51, 100, 2],
    [198, 51, 100, 3],
    [203, 0, 113, 0],
    [203, 0, 113, 255],
];

const V6: [&str; 11] = [
    "2001:db8::",
    "2001:db8::1",
    "2001:db8::2",
    "2001:db8::ffff:ffff:ffff:ffff",
    "2001:db8:0:1::",
    "2001:db8:1::2",
    "2001:db8:ffff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "::",
];

/// Addresses that cannot be on a wire, as a source or at all.
const MARTIANS_V4: [[u8; 4]; 2] = [[127, 0, 0, 1], [0, 0, 0, 0]];

const MARTIANS_V6: [&str; 3] = ["::ffff:192.0.2.66", "::192.0.2.66", "::1"];

/// Edges of the number space, of the ranges that rules use, and DHCP.
const PORTS: [u16; 17] = [
    0, 1, 22, 67, 68, 80, 442, 443, 444, 546, 547, 7999, 8000, 8099, 8100, 65534, 65535,
];

const PROTOCOLS: [u8; 18] = [
    0, 1, 4, 6, 17, 33, 41, 43, 44, 47, 50, 51, 58, 60, 132, 136, 253, 255,
];

/// ICMP and ICMPv6 types at and beside the essential ones.
pub(super) const ICMP_TYPES: [u8; 16] = [
    0, 1, 2, 3, 8, 11, 13, 128, 129, 130, 132, 133, 135, 137, 143, 144,
];

/// What frames have unless they say otherwise, one beside it, broadcast, and IPv6 multicast.
pub(super) const MACS: [[u8; 6]; 5] = [
    [0x02, 0, 0, 0, 0, 0x01],
    [0x02, 0, 0, 0, 0, 0x02],
    [0x02, 0, 0, 0, 0, 0x03],
    [0xff; 6],
    [0x33, 0x33, 0, 0, 0, 0x01],
];

/// Interfaces that frames come in by.
pub const INTERFACES: [&str; 4] = ["test0", "test1", "lan7", "wan.100"];

/// Patterns for none, one, some and all of them.
pub(super) const PATTERNS: [&str; 8] = [
    "test0", "test1", "test*", "lan?", "*", "*0", "wan.*", "eth0",
];

const TTLS: [u8; 6] = [0, 1, 63, 64, 254, 255];

const DSCPS: [u8; 6] = [0, 1, 8, 46, 48, 63];

const VLANS: [u16; 6] = [1, 5, 7, 100, 4093, 4094];

/// Sizes of bare headers, and of common payloads behind them.
const LENGTHS: [u16; 12] = [0, 20, 28, 40, 44, 48, 56, 60, 68, 80, 1500, 65535];

/// SYN, SYN and ACK, ACK, FIN and ACK, RST, PSH and ACK, none, all, Christmas tree.
const TCP_FLAGS: [u8; 9] = [0x02, 0x12, 0x10, 0x11, 0x04, 0x18, 0, 0xff, 0x29];

pub(super) fn v4_address() -> impl Strategy<Value = Ipv4Addr> {
    prop_oneof![
        40 => select(&V4[..]).prop_map(Ipv4Addr::from),
        1 => select(&MARTIANS_V4[..]).prop_map(Ipv4Addr::from),
        5 => any::<u8>().prop_map(|host| Ipv4Addr::new(192, 0, 2, host)),
        5 => any::<u8>().prop_map(|host| Ipv4Addr::new(198, 51, 100, host)),
    ]
}

pub(super) fn v6_address() -> impl Strategy<Value = Ipv6Addr> {
    let base = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).to_bits();
    prop_oneof![
        40 => select(&V6[..]).prop_map(parsed),
        1 => select(&MARTIANS_V6[..]).prop_map(parsed),
        5 => any::<u16>().prop_map(move |host| Ipv6Addr::from_bits(base | u128::from(host))),
        5 => any::<u128>().prop_map(move |host| Ipv6Addr::from_bits(base | host >> 32)),
    ]
}

/// A prefix without host bits: one of the pool, or any that contains one of its addresses.
pub(super) fn prefix() -> impl Strategy<Value = IpNetwork> {
    prop_oneof![
        6 => select(&PREFIXES[..]).prop_map(parsed),
        1 => (v4_address(), 0..=32_u8).prop_map(|(address, length)| canonical(address, length)),
        1 => (v6_address(), 0..=128_u8).prop_map(|(address, length)| canonical(address, length)),
    ]
}

/// A prefix of a single address or two: what hardly any packet matches.
pub(super) fn narrow_prefix() -> impl Strategy<Value = IpNetwork> {
    prop_oneof![
        (v4_address(), 31..=32_u8).prop_map(|(address, length)| canonical(address, length)),
        (v6_address(), 127..=128_u8).prop_map(|(address, length)| canonical(address, length)),
    ]
}

pub(super) fn port() -> impl Strategy<Value = u16> + Clone {
    prop_oneof![9 => select(&PORTS[..]), 1 => any::<u16>()]
}

pub(super) fn protocol() -> impl Strategy<Value = u8> + Clone {
    prop_oneof![9 => select(&PROTOCOLS[..]), 1 => any::<u8>()]
}

pub(super) fn ttl() -> impl Strategy<Value = u8> + Clone {
    prop_oneof![9 => select(&TTLS[..]), 1 => any::<u8>()]
}

pub(super) fn dscp() -> impl Strategy<Value = u8> + Clone {
    prop_oneof![9 => select(&DSCPS[..]), 1 => 0..64_u8]
}

/// An id of a tag, never the 0 of a tag without one.
pub(super) fn vlan() -> impl Strategy<Value = u16> + Clone {
    prop_oneof![9 => select(&VLANS[..]), 1 => 1..4095_u16]
}

pub(super) fn length() -> impl Strategy<Value = u16> + Clone {
    prop_oneof![4 => select(&LENGTHS[..]), 2 => 20..120_u16, 1 => any::<u16>()]
}

pub(super) fn tcp_flags() -> impl Strategy<Value = u8> + Clone {
    prop_oneof![4 => select(&TCP_FLAGS[..]), 1 => any::<u8>()]
}

/// An interface for a frame to come in by.
pub fn interface() -> impl Strategy<Value = &'static str> {
    select(&INTERFACES[..])
}

pub(super) fn mac() -> impl Strategy<Value = [u8; 6]> {
    select(&MACS[..])
}

fn canonical(address: impl Into<IpAddr>, length: u8) -> IpNetwork {
    let network = match address.into() {
        IpAddr::V4(address) => Ipv4Network::new(address, length)
            .and_then(|network| Ipv4Network::new(network.network(), length))
            .map(IpNetwork::V4),
        IpAddr::V6(address) => Ipv6Network::new(address, length)
            .and_then(|network| Ipv6Network::new(network.network(), length))
            .map(IpNetwork::V6),
    };
    network.expect("the strategies give lengths of the family")
}

fn parsed<T: std::str::FromStr>(text: &str) -> T {
    let Ok(value) = text.parse() else {
        panic!("{text:?} in the pool does not parse");
    };
    value
}
