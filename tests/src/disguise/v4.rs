//! What can be done to an IPv4 packet with its addresses still readable.

use super::{DENIED_V4, Disguise, HOST_V4, short_transports};
use crate::packet::{
    Ipv4, Packet, ah, dccp, esp, gre, icmp, ipv4, payload, protocol, sctp, tcp, udp, udplite,
};

fn ip() -> Ipv4 {
    ipv4(DENIED_V4, HOST_V4)
}

fn web() -> Packet {
    tcp(40000, 443).syn() / payload(4)
}

pub(super) fn sound() -> Vec<Disguise> {
    [transports(), headers(), fragments(), short()].concat()
}

fn transports() -> Vec<Disguise> {
    let inner = || ipv4("203.0.113.1", HOST_V4) / web();
    vec![
        Disguise::new("TCP", ip() / web()),
        Disguise::new("UDP", ip() / udp(40000, 443) / payload(4)),
        Disguise::new("UDP-Lite", ip() / udplite(40000, 443)),
        Disguise::new("SCTP", ip() / sctp(40000, 443)),
        Disguise::new("DCCP", ip() / dccp(40000, 443)),
        Disguise::new("ICMP echo", ip() / icmp(8, 0)),
        Disguise::new("GRE around another source", ip() / gre() / inner()),
        Disguise::new("IPIP around another source", ip() / inner()),
        Disguise::new("ESP", ip() / esp() / payload(40)),
        Disguise::new("AH", ip() / ah() / web()),
        Disguise::new("protocol 0", ip() / protocol(0) / payload(40)),
        Disguise::new("protocol 255", ip() / protocol(255) / payload(40)),
        Disguise::new("no payload", ip() / protocol(255)),
    ]
}

fn headers() -> Vec<Disguise> {
    let mut disguises = vec![
        Disguise::new("TTL 0", ip().ttl(0) / web()),
        Disguise::new("don't fragment", ip().dont_fragment() / web()),
        Disguise::new("reserved flag", ip().reserved_flag() / web()),
        Disguise::new("DSCP 63", ip().dscp(63) / web()),
        Disguise::new("loose source route", ip().options(&[131, 3, 4, 0]) / web()),
    ];
    disguises.extend(
        (6..=15)
            .map(|words| Disguise::new(format!("IHL={words}"), ip().header_words(words) / web())),
    );
    disguises
}

fn fragments() -> Vec<Disguise> {
    let tcp_at = |offset, more| ip().fragment(offset, more).protocol(6) / payload(4);
    vec![
        Disguise::new("first fragment", ip().fragment(0, true) / web()),
        Disguise::new(
            "first fragment, IHL=15",
            ip().fragment(0, true).header_words(15) / web(),
        ),
        Disguise::new(
            "first fragment of ESP, 4 bytes",
            ip().fragment(0, true).protocol(50) / payload(4),
        ),
        Disguise::new("later fragment, 4 bytes", tcp_at(185, true)),
        Disguise::new("last fragment, 4 bytes", tcp_at(185, false)),
        Disguise::new("fragment at the last offset", tcp_at(0x1fff, true)),
        Disguise::new(
            "last fragment without payload",
            ip().fragment(185, false) / protocol(6),
        ),
        Disguise::new(
            "last fragment, IHL=15",
            ip().fragment(2, false).header_words(15).protocol(17) / payload(4),
        ),
        Disguise::new(
            "last fragment of protocol 255",
            ip().fragment(1, false).protocol(255) / payload(4),
        ),
    ]
}

fn short() -> Vec<Disguise> {
    short_transports()
        .map(|(name, upper, ..)| Disguise::new(name, ip() / upper))
        .collect()
}

/// Unparseable, but the fixed header is there and of version 4.
pub(super) fn flawed() -> Vec<Disguise> {
    let short_header = (0..5).map(|ihl| {
        Disguise::new(format!("IHL={ihl}"), ip().ihl(ihl) / web()).flawed("ip_header_length")
    });
    let lengths = [0, 19, 45, 0xffff].map(|length| {
        let packet = ip().total_length(length) / web();
        Disguise::new(format!("total length {length}"), packet).flawed("ip_length")
    });
    let tiny = short_transports().map(|(name, upper, shown, size)| {
        let packet = ip().fragment(0, true) / upper;
        Disguise::new(format!("first fragment with {name}"), packet).tiny(shown, size)
    });
    let overwriting = [false, true].map(|more| {
        let packet = ip().fragment(1, more).protocol(6) / payload(100);
        Disguise::new(format!("TCP at offset 1, more={more}"), packet).flawed("tiny_fragment")
    });
    let beyond = ip().ihl(15) / udp(1, 2);
    short_header
        .chain(lengths)
        .chain(tiny)
        .chain(overwriting)
        .chain([
            Disguise::new("IHL=15 beyond the frame", beyond).flawed("truncated_ip"),
            Disguise::new(
                "total length below IHL=15",
                ip().header_words(15).total_length(59) / web(),
            )
            .flawed("ip_length"),
        ])
        .collect()
}
