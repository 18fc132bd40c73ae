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

/// Edges of the number space, of the ranges that rules use, and DHCP.
const PORTS: [u16; 17] = [
    0, 1, 22, 67, 68, 80, 442, 443, 444, 546, 547, 7999, 8000, 8099, 8100, 65534, 65535,
];

const PROTOCOLS: [u8; 18] = [
    0, 1, 4, 6, 17, 33, 41, 43, 44, 47, 50, 51, 58, 60, 132, 136, 253, 255,
];

pub(super) fn v4_address() -> impl Strategy<Value = Ipv4Addr> {
    prop_oneof![
        8 => select(&V4[..]).prop_map(Ipv4Addr::from),
        1 => any::<u8>().prop_map(|host| Ipv4Addr::new(192, 0, 2, host)),
        1 => any::<u8>().prop_map(|host| Ipv4Addr::new(198, 51, 100, host)),
    ]
}

pub(super) fn v6_address() -> impl Strategy<Value = Ipv6Addr> {
    let base = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).to_bits();
    prop_oneof![
        8 => select(&V6[..]).prop_map(parsed),
        1 => any::<u16>().prop_map(move |host| Ipv6Addr::from_bits(base | u128::from(host))),
        1 => any::<u128>().prop_map(move |host| Ipv6Addr::from_bits(base | host >> 32)),
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
