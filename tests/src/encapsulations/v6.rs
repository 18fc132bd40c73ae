//! What can be done to an IPv6 packet with its addresses still readable.

use super::{DENIED_V6, Encapsulation, HOST_V6, short_transports};
use crate::packet::{
    Ipv6, Packet, ah, dccp, destination_options, esp, fragment6, gre, hop_by_hop, icmpv6, ipv6,
    payload, protocol, routing, sctp, tcp, udp, udplite,
};

/// Extension headers that are walked; a ninth is a flaw.
const CHAIN_MAX: usize = 8;

fn ip() -> Ipv6 {
    ipv6(DENIED_V6, HOST_V6)
}

fn web() -> Packet {
    tcp(40000, 443).syn() / payload(4)
}

pub(super) fn sound() -> Vec<Encapsulation> {
    [transports(), chains(), fragments(), short()].concat()
}

fn transports() -> Vec<Encapsulation> {
    let inner = || ipv6("2001:db8:2::1", HOST_V6) / web();
    vec![
        Encapsulation::new("TCP", ip() / web()),
        Encapsulation::new("UDP", ip() / udp(40000, 443) / payload(4)),
        Encapsulation::new("UDP-Lite", ip() / udplite(40000, 443)),
        Encapsulation::new("SCTP", ip() / sctp(40000, 443)),
        Encapsulation::new("DCCP", ip() / dccp(40000, 443)),
        Encapsulation::new("ICMPv6 echo", ip() / icmpv6(128, 0)),
        Encapsulation::new("GRE around another source", ip() / gre() / inner()),
        Encapsulation::new("IPv6 around another source", ip() / inner()),
        Encapsulation::new("ESP", ip() / esp() / payload(40)),
        Encapsulation::new("no next header", ip() / protocol(59) / payload(40)),
        Encapsulation::new("protocol 255", ip() / protocol(255) / payload(40)),
        Encapsulation::new("no payload", ip() / protocol(255)),
        Encapsulation::new("hop limit 0", ip().hop_limit(0) / web()),
        Encapsulation::new("every traffic class bit", ip().traffic_class(255) / web()),
    ]
}

/// The headers that may stand anywhere, by the letter that names them in a chain.
fn anywhere() -> [(char, Packet); 3] {
    [
        ('R', routing().into()),
        ('D', destination_options().into()),
        ('A', ah().into()),
    ]
}

/// Names and headers of chains of one to eight: every pair, and of each pair one continuation;
/// all with and without hop-by-hop options in front.
fn every_chain() -> Vec<(String, Packet)> {
    let mut level = vec![
        (String::new(), Packet::default()),
        ("H".to_owned(), Packet::from(hop_by_hop())),
    ];
    let mut chains = Vec::new();
    for length in 0..CHAIN_MAX {
        let longer = level.iter().enumerate().flat_map(|(index, (name, chain))| {
            // All continuations of all would be three to the eighth.
            let all = length < 2;
            let next = anywhere().into_iter().enumerate();
            next.filter(move |(kind, _)| all || *kind == (index + length) % 3)
                .map(move |(_, (letter, header))| {
                    (format!("{name}{letter}"), chain.clone() / header)
                })
        });
        let longer: Vec<_> = longer.collect();
        chains.append(&mut level);
        level = longer;
    }
    chains.append(&mut level);
    chains.retain(|(name, _)| (1..=CHAIN_MAX).contains(&name.len()));
    chains
}

fn chains() -> Vec<Encapsulation> {
    let mut encapsulations: Vec<Encapsulation> = every_chain()
        .into_iter()
        .map(|(name, chain)| Encapsulation::new(format!("chain {name}"), ip() / chain / web()))
        .collect();
    for (name, header) in [
        ("hop-by-hop", Packet::from(hop_by_hop().size(2048))),
        ("routing", routing().size(2048).into()),
        (
            "destination options",
            destination_options().size(2048).into(),
        ),
        ("AH", ah().size(1028).into()),
        ("AH of 12 bytes", ah().size(12).into()),
    ] {
        let packet = ip() / header / web();
        encapsulations.push(Encapsulation::new(format!("{name}, other size"), packet));
    }
    let second_hop_by_hop = ip() / hop_by_hop() / hop_by_hop() / web();
    encapsulations.push(Encapsulation::new("hop-by-hop twice", second_hop_by_hop));
    encapsulations
}

fn fragments() -> Vec<Encapsulation> {
    let later = |offset, more| ip() / fragment6(offset, more, 1).next_header(6) / payload(4);
    let empty = ip() / fragment6(185, false, 1).next_header(6);
    let options = fragment6(2, false, 1).next_header(60);
    vec![
        Encapsulation::new("atomic fragment", ip() / fragment6(0, false, 1) / web()),
        Encapsulation::new("first fragment", ip() / fragment6(0, true, 1) / web()),
        Encapsulation::new(
            "first fragment, reserved bits",
            ip() / fragment6(0, true, 1).reserved(255) / web(),
        ),
        Encapsulation::new(
            "first fragment of a chain",
            ip() / routing() / fragment6(0, true, 1) / destination_options() / web(),
        ),
        Encapsulation::new("later fragment, 4 bytes", later(185, true)),
        Encapsulation::new("last fragment, 4 bytes", later(185, false)),
        Encapsulation::new("fragment at the last offset", later(0x1fff, true)),
        Encapsulation::new("last fragment without payload", empty),
        Encapsulation::new(
            "last fragment behind a chain",
            ip() / hop_by_hop() / routing() / later_udp() / payload(4),
        ),
        Encapsulation::new(
            "last fragment that promises options",
            ip() / options / payload(4),
        ),
        Encapsulation::new(
            "a fragment in a first fragment",
            ip() / fragment6(0, true, 1) / later_udp() / payload(4),
        ),
    ]
}

fn later_udp() -> crate::packet::Fragment {
    fragment6(2, false, 1).next_header(17)
}

fn short() -> Vec<Encapsulation> {
    short_transports()
        .map(|(name, upper, ..)| Encapsulation::new(name, ip() / upper))
        .collect()
}

/// Unparseable, but the fixed header is there and of version 6.
pub(super) fn flawed() -> Vec<Encapsulation> {
    let chain =
        |name: &str, packet: Packet| Encapsulation::new(name, packet).flawed("extension_headers");
    let nine = (0..=CHAIN_MAX).fold(Packet::from(ip()), |packet, _| {
        packet / destination_options()
    });
    let long = |declared| ip() / destination_options().declared(declared) / web();
    let tiny = short_transports().map(|(name, upper, shown, size)| {
        let packet = ip() / fragment6(0, true, 1) / upper;
        Encapsulation::new(format!("first fragment with {name}"), packet).tiny(shown, size)
    });
    let overwriting = ip() / fragment6(1, false, 1).next_header(6) / payload(100);
    let mut encapsulations = vec![
        Encapsulation::new("payload length 65535", ip().payload_length(0xffff) / web())
            .flawed("ip_length"),
        Encapsulation::new(
            "payload length one too long",
            ip().payload_length(25) / web(),
        )
        .flawed("ip_length"),
        chain("nine extension headers", nine / web()),
        chain("options beyond the packet", long(255)),
        chain("options just beyond the packet", long(4)),
        chain("a next header that is not there", ip() / protocol(60)),
        chain("half a fragment header", ip() / protocol(44) / payload(4)),
        chain("half a routing header", ip() / protocol(43) / payload(7)),
        chain("AH beyond the packet", ip() / ah().declared(255) / web()),
        Encapsulation::new("TCP at offset 1", overwriting).flawed("tiny_fragment"),
    ];
    encapsulations.extend(tiny);
    encapsulations
}
