//! Random frames: every encapsulation, with addresses and ports that rules ask for.
//!
//! Owns packets that are well-formed or lie in one field; see [`super::mutations`] for those
//! that are broken at random. Strategies are boxed: a union holds the state of every branch, and
//! nested ones by value overflow a test thread's stack.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::mutations::{Mutation, mutated};
use super::pool;
use crate::packet::*;

/// A frame: mostly sound, sometimes lying, sometimes broken.
pub fn frame() -> BoxedStrategy<Vec<u8>> {
    let mutations = prop_oneof![
        3 => Just(Vec::new()),
        1 => vec(any::<Mutation>(), 1..4),
    ];
    (packet(), mutations)
        .prop_map(|(packet, mutations)| mutated(packet.bytes(), &mutations))
        .boxed()
}

/// A packet behind any tags, with or without padding.
pub fn packet() -> BoxedStrategy<Packet> {
    let inside = prop_oneof![
        8 => v4_packet(),
        8 => v6_packet(),
        2 => essential(),
        1 => Just(arp("192.0.2.1", "192.0.2.2").into()),
        1 => (0..60_usize).prop_map(|length| payload(length).into()),
    ];
    let tail = prop_oneof![
        4 => Just(Packet::default()),
        1 => (60..100_usize, any::<u8>())
            .prop_map(|(size, fill)| pad_to(size).filled_with(fill).into()),
        1 => (0..80_usize).prop_map(|size| truncate(size).into()),
    ];
    let link = prop_oneof![
        2 => Just(eth()),
        1 => (pool::mac(), pool::mac())
            .prop_map(|(source, destination)| eth().source(source).destination(destination)),
    ];
    (link, tags(), inside, tail)
        .prop_map(|(link, tags, inside, tail)| link / tags / inside / tail)
        .boxed()
}

/// No tag, one, two, or one too many; VID 0 among them.
fn tags() -> BoxedStrategy<Packet> {
    let id = || prop_oneof![2 => Just(0), 4 => pool::vlan(), 1 => 0..4096_u16];
    let tagged = || prop_oneof![2 => id().prop_map(vlan), 1 => id().prop_map(qinq)];
    let tag = move || {
        (tagged(), weighted(0.3, (0..8_u8, any::<bool>()))).prop_map(|(tag, priority)| {
            match priority {
                Some((code_point, drop_eligible)) => tag.priority(code_point, drop_eligible),
                None => tag,
            }
        })
    };
    prop_oneof![
        8 => vec(tag(), 0..1),
        6 => vec(tag(), 1..3),
        1 => vec(tag(), 3..4),
    ]
    .prop_map(stacked)
    .boxed()
}

fn v4_packet() -> BoxedStrategy<Packet> {
    let words = prop_oneof![4 => Just(5_usize), 1 => 6..=15_usize];
    let header = (
        (pool::v4_address(), pool::v4_address()),
        (pool::ttl(), pool::dscp(), 0..4_u8),
        words,
        any::<bool>(),
    )
        .prop_map(
            |((source, destination), (ttl, dscp, ecn), words, dont_fragment)| {
                let header = ipv4(source, destination).ttl(ttl).dscp(dscp).ecn(ecn);
                let header = header.header_words(words);
                if dont_fragment {
                    header.dont_fragment()
                } else {
                    header
                }
            },
        );
    (header, weighted(0.2, fragment()), v4_lie(), upper())
        .prop_map(|(header, fragment, lie, upper)| {
            let header = match fragment {
                Some((offset, more)) => header.fragment(offset, more),
                None => header,
            };
            lie.apply(header) / upper
        })
        .boxed()
}

/// A field of an IPv4 header that does not say the truth.
#[derive(Debug, Clone)]
enum V4Lie {
    None,
    Version(u8),
    Ihl(u8),
    TotalLength(u16),
    Protocol(u8),
}

impl V4Lie {
    fn apply(self, header: Ipv4) -> Ipv4 {
        match self {
            Self::None => header,
            Self::Version(version) => header.version(version),
            Self::Ihl(ihl) => header.ihl(ihl),
            Self::TotalLength(length) => header.total_length(length),
            Self::Protocol(protocol) => header.protocol(protocol),
        }
    }
}

fn v4_lie() -> impl Strategy<Value = V4Lie> {
    prop_oneof![
        16 => Just(V4Lie::None),
        1 => (0..16_u8).prop_map(V4Lie::Version),
        1 => (0..16_u8).prop_map(V4Lie::Ihl),
        1 => prop_oneof![0..100_u16, any::<u16>()].prop_map(V4Lie::TotalLength),
        1 => pool::protocol().prop_map(V4Lie::Protocol),
    ]
}

fn v6_packet() -> BoxedStrategy<Packet> {
    let fields = (pool::ttl(), pool::dscp(), 0..4_u8);
    let header = (pool::v6_address(), pool::v6_address(), fields).prop_map(
        |(source, destination, (hop_limit, dscp, congestion))| {
            ipv6(source, destination)
                .hop_limit(hop_limit)
                .traffic_class(dscp << 2 | congestion)
        },
    );
    (header, v6_lie(), extension_headers(), upper())
        .prop_map(|(header, lie, chain, upper)| lie.apply(header) / chain / upper)
        .boxed()
}

/// A field of an IPv6 header that does not say the truth.
#[derive(Debug, Clone)]
enum V6Lie {
    None,
    Version(u8),
    PayloadLength(u16),
    NextHeader(u8),
}

impl V6Lie {
    fn apply(self, header: Ipv6) -> Ipv6 {
        match self {
            Self::None => header,
            Self::Version(version) => header.version(version),
            Self::PayloadLength(length) => header.payload_length(length),
            Self::NextHeader(next) => header.next_header(next),
        }
    }
}

fn v6_lie() -> impl Strategy<Value = V6Lie> {
    prop_oneof![
        16 => Just(V6Lie::None),
        1 => (0..16_u8).prop_map(V6Lie::Version),
        1 => prop_oneof![0..100_u16, any::<u16>()].prop_map(V6Lie::PayloadLength),
        1 => pool::protocol().prop_map(V6Lie::NextHeader),
    ]
}

/// Mostly none or a few; around the limit of eight now and then.
fn extension_headers() -> BoxedStrategy<Packet> {
    prop_oneof![
        6 => Just(Vec::new()),
        5 => vec(extension_header(), 1..4),
        1 => vec(extension_header(), 7..11),
    ]
    .prop_map(stacked)
    .boxed()
}

fn extension_header() -> BoxedStrategy<Packet> {
    let size = || prop_oneof![4 => Just(8_usize), 1 => (1..=256_usize).prop_map(|units| units * 8)];
    let lie = || weighted(0.05, any::<u8>());
    let declared = |header: Extension, units| match units {
        Some(units) => header.declared(units),
        None => header,
    };
    prop_oneof![
        1 => size().prop_map(|size| hop_by_hop().size(size).into()),
        2 => (size(), lie())
            .prop_map(move |(size, units)| declared(destination_options().size(size), units).into()),
        1 => (size(), lie())
            .prop_map(move |(size, units)| declared(routing().size(size), units).into()),
        1 => (2..=20_usize).prop_map(|words| ah().size(words * 4).into()),
        2 => (fragment(), weighted(0.1, pool::protocol())).prop_map(|((offset, more), next)| {
            let header = fragment6(offset, more, 1);
            match next {
                Some(next) => header.next_header(next).into(),
                None => header.into(),
            }
        }),
    ].boxed()
}

/// Offset in units of 8 bytes, and whether more follow.
fn fragment() -> impl Strategy<Value = (u16, bool)> {
    let offset = prop_oneof![4 => Just(0_u16), 2 => Just(1), 1 => Just(2), 1 => 0..0x2000_u16];
    (offset, any::<bool>())
}

/// What is behind the IP headers: all of it, or its first bytes only.
fn upper() -> BoxedStrategy<Packet> {
    let ports = || (pool::port(), pool::port());
    let with_ports = prop_oneof![
        4 => (ports(), pool::tcp_flags())
            .prop_map(|((source, destination), flags)| tcp(source, destination).flags(flags).into()),
        3 => ports().prop_map(|(source, destination)| udp(source, destination).into()),
        1 => ports().prop_map(|(source, destination)| udplite(source, destination).into()),
        1 => ports().prop_map(|(source, destination)| sctp(source, destination).into()),
        1 => ports().prop_map(|(source, destination)| dccp(source, destination).into()),
    ];
    let other = prop_oneof![
        2 => message(icmp),
        2 => message(icmpv6),
        1 => (pool::protocol(), 0..30_usize)
            .prop_map(|(number, length)| protocol(number) / payload(length)),
        1 => short_transport(),
        1 => nested(),
    ];
    let upper = prop_oneof![3 => with_ports, 2 => other];
    (upper, 0..20_usize)
        .prop_map(|(upper, length)| upper / payload(length))
        .boxed()
}

fn message(kind: fn(u8, u8) -> Icmp) -> BoxedStrategy<Packet> {
    (select(&pool::ICMP_TYPES[..]), 0..6_u8)
        .prop_map(move |(number, code)| kind(number, code).into())
        .boxed()
}

/// Less than the fixed header; what the caller puts behind it may complete it by accident.
fn short_transport() -> BoxedStrategy<Packet> {
    let number = select(&[1_u8, 6, 17, 33, 58, 132, 136][..]);
    (number, 0..20_usize)
        .prop_map(|(number, length)| protocol(number) / payload(length))
        .boxed()
}

/// A packet in a packet: only the outer one counts.
fn nested() -> BoxedStrategy<Packet> {
    let v4 = || (pool::v4_address(), pool::v4_address()).prop_map(|(from, to)| ipv4(from, to));
    let v6 = || (pool::v6_address(), pool::v6_address()).prop_map(|(from, to)| ipv6(from, to));
    let inner = move || prop_oneof![v4().prop_map(Packet::from), v6().prop_map(Packet::from)];
    prop_oneof![
        inner().prop_map(|inner| inner / tcp(40000, 443).syn()),
        inner().prop_map(|inner| gre() / inner / udp(67, 68)),
        Just(esp() / tcp(40000, 443)),
        Just(ah() / tcp(40000, 443)),
    ]
    .boxed()
}

/// Essentials, and what is essential but for one thing.
fn essential() -> BoxedStrategy<Packet> {
    let hop_limit = select(&[1_u8, 254, 255][..]);
    let source = select(&["fe80::1", "::", "2001:db8::1"][..]);
    let destination = select(&["ff02::1", "fe80::2", "2001:db8:1::2"][..]);
    let chain = prop_oneof![
        4 => Just(Packet::default()),
        2 => Just(hop_by_hop().router_alert().into()),
        1 => Just(fragment6(0, false, 1).into()),
        1 => Just(fragment6(0, true, 1).into()),
    ];
    let upper =
        prop_oneof![3 => message(icmpv6), 1 => lease(&[(547, 546), (40_000, 546), (547, 547)])];
    let v6 = (source, destination, hop_limit, chain, upper).prop_map(
        |(source, destination, hop_limit, chain, upper)| {
            ipv6(source, destination).hop_limit(hop_limit) / chain / upper
        },
    );
    let destination = select(&["198.51.100.2", "224.0.0.22", "255.255.255.255"][..]);
    let membership = (0..12_usize).prop_map(|length| Packet::from(protocol(2)) / payload(length));
    let upper = prop_oneof![
        2 => lease(&[(67, 68), (68, 67), (66, 68)]),
        1 => Just(Packet::from(icmp(3, 4))),
        2 => membership,
    ];
    let header = (
        pool::v4_address(),
        destination,
        select(&[1_u8, 2, 64][..]),
        5..8_usize,
    );
    let v4 = (header, weighted(0.2, fragment()), upper).prop_map(
        |((source, destination, ttl, words), fragment, upper)| {
            let header = ipv4(source, destination).ttl(ttl).header_words(words);
            match fragment {
                Some((offset, more)) => header.fragment(offset, more) / upper,
                None => header / upper,
            }
        },
    );
    prop_oneof![2 => v6, 1 => v4].boxed()
}

/// A message over UDP that begins with any byte, most often one that a server of leases sends; or with none.
fn lease(ports: &'static [(u16, u16)]) -> BoxedStrategy<Packet> {
    let first = prop_oneof![
        6 => select(&[1_u8, 2, 3, 7, 10, 11, 12, 13][..]).prop_map(Some),
        1 => any::<u8>().prop_map(Some),
        1 => Just(None),
    ];
    (select(ports), first, 0..3_usize)
        .prop_map(|((source, destination), first, more)| {
            let first: Vec<u8> = first.into_iter().collect();
            udp(source, destination) / payload_bytes(&first) / payload(more)
        })
        .boxed()
}

fn stacked(layers: Vec<impl Into<Packet>>) -> Packet {
    layers
        .into_iter()
        .fold(Packet::default(), |packet, layer| packet / layer)
}
