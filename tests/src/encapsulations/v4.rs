//! What can be done to an IPv4 packet with its addresses still readable.

use super::{DENIED_V4, Encapsulation, HOST_V4, short_transports};
use crate::packet::{
    Ipv4, Packet, ah, dccp, esp, gre, icmp, ipv4, payload, protocol, sctp, tcp, udp, udplite,
};

fn ip() -> Ipv4 {
    ipv4(DENIED_V4, HOST_V4)
}

fn web() -> Packet {
    tcp(40000, 443).syn() / payload(4)
}

pub(super) fn sound() -> Vec<Encapsulation> {
    [transports(), headers(), fragments(), short()].concat()
}

fn transports() -> Vec<Encapsulation> {
    let inner = || ipv4("203.0.113.1", HOST_V4) / web();
    vec![
        Encapsulation::new("TCP", ip() / web()),
        Encapsulation::new("UDP", ip() / udp(40000, 443) / payload(4)),
        Encapsulation::new("UDP-Lite", ip() / udplite(40000, 443)),
        Encapsulation::new("SCTP", ip() / sctp(40000, 443)),
        Encapsulation::new("DCCP", ip() / dccp(40000, 443)),
        Encapsulation::new("ICMP echo", ip() / icmp(8, 0)),
        Encapsulation::new("GRE around another source", ip() / gre() / inner()),
        Encapsulation::new("IPIP around another source", ip() / inner()),
        Encapsulation::new("ESP", ip() / esp() / payload(40)),
        Encapsulation::new("AH", ip() / ah() / web()),
        Encapsulation::new("protocol 0", ip() / protocol(0) / payload(40)),
        Encapsulation::new("protocol 255", ip() / protocol(255) / payload(40)),
        Encapsulation::new("no payload", ip() / protocol(255)),
    ]
}

fn headers() -> Vec<Encapsulation> {
    let mut encapsulations = vec![
        Encapsulation::new("TTL 0", ip().ttl(0) / web()),
        Encapsulation::new("don't fragment", ip().dont_fragment() / web()),
        Encapsulation::new("reserved flag", ip().reserved_flag() / web()),
        Encapsulation::new("DSCP 63", ip().dscp(63) / web()),
        Encapsulation::new("loose source route", ip().options(&[131, 3, 4, 0]) / web()),
    ];
    encapsulations.extend(
        (6..=15).map(|words| {
            Encapsulation::new(format!("IHL={words}"), ip().header_words(words) / web())
        }),
    );
    encapsulations
}

fn fragments() -> Vec<Encapsulation> {
    let tcp_at = |offset, more| ip().fragment(offset, more).protocol(6) / payload(4);
    vec![
        Encapsulation::new("first fragment", ip().fragment(0, true) / web()),
        Encapsulation::new(
            "first fragment, IHL=15",
            ip().fragment(0, true).header_words(15) / web(),
        ),
        Encapsulation::new(
            "first fragment of ESP, 4 bytes",
            ip().fragment(0, true).protocol(50) / payload(4),
        ),
        Encapsulation::new("later fragment, 4 bytes", tcp_at(185, true)),
        Encapsulation::new("last fragment, 4 bytes", tcp_at(185, false)),
        Encapsulation::new("fragment at the last offset", tcp_at(0x1fff, true)),
        Encapsulation::new(
            "last fragment without payload",
            ip().fragment(185, false) / protocol(6),
        ),
        Encapsulation::new(
            "last fragment, IHL=15",
            ip().fragment(2, false).header_words(15).protocol(17) / payload(4),
        ),
        Encapsulation::new(
            "last fragment of protocol 255",
            ip().fragment(1, false).protocol(255) / payload(4),
        ),
    ]
}

fn short() -> Vec<Encapsulation> {
    short_transports()
        .map(|(name, upper, ..)| Encapsulation::new(name, ip() / upper))
        .collect()
}

/// Unparseable, but the fixed header is there and of version 4.
pub(super) fn flawed() -> Vec<Encapsulation> {
    let short_header = (0..5).map(|ihl| {
        Encapsulation::new(format!("IHL={ihl}"), ip().ihl(ihl) / web()).flawed("ip_header_length")
    });
    let lengths = [0, 19, 45, 0xffff].map(|length| {
        let packet = ip().total_length(length) / web();
        Encapsulation::new(format!("total length {length}"), packet).flawed("ip_length")
    });
    let tiny = short_transports().map(|(name, upper, shown, size)| {
        let packet = ip().fragment(0, true) / upper;
        Encapsulation::new(format!("first fragment with {name}"), packet).tiny(shown, size)
    });
    let overwriting = [false, true].map(|more| {
        let packet = ip().fragment(1, more).protocol(6) / payload(100);
        Encapsulation::new(format!("TCP at offset 1, more={more}"), packet).flawed("tiny_fragment")
    });
    let beyond = ip().ihl(15) / udp(1, 2);
    short_header
        .chain(lengths)
        .chain(tiny)
        .chain(overwriting)
        .chain([
            Encapsulation::new("IHL=15 beyond the frame", beyond).flawed("truncated_ip"),
            Encapsulation::new(
                "total length below IHL=15",
                ip().header_words(15).total_length(59) / web(),
            )
            .flawed("ip_length"),
        ])
        .collect()
}
