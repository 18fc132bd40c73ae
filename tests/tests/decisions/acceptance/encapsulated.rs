//! The same packet in every encapsulation: tags, options, extension headers, fragments, short headers.
//!
//! Owns what is true of each packet, by how it was made and not by reading it.

use xdp_fw_tests::packet::*;

/// A frame, and what rules may know of it.
#[derive(Debug)]
pub(crate) struct Encapsulated {
    pub(crate) name: String,
    pub(crate) frame: Vec<u8>,
    pub(crate) facts: Facts,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) family: u8,
    pub(crate) vlan: Option<u16>,
    pub(crate) protocol: u8,
    /// Whether the whole transport header is there, of a protocol that has one.
    pub(crate) has_header: bool,
    pub(crate) is_fragment: bool,
    /// Whether it hides its header so that it is dropped for that alone.
    pub(crate) is_tiny: bool,
}

impl Facts {
    pub(crate) fn has_ports(&self) -> bool {
        self.has_header && matches!(self.protocol, 6 | 17 | 33 | 132 | 136)
    }

    pub(crate) fn is_icmp(&self) -> bool {
        self.has_header && matches!(self.protocol, 1 | 58)
    }
}

type Link = (&'static str, Option<u16>, fn() -> Packet);

/// Tags in front of the IP header, and the VLAN id that they amount to.
pub(crate) const LINKS: [Link; 7] = [
    ("untagged", None, || eth().into()),
    ("802.1Q", Some(7), || eth() / vlan(7)),
    ("priority tag", None, || eth() / vlan(0).priority(5, false)),
    ("802.1ad", Some(5), || eth() / qinq(5)),
    ("QinQ", Some(5), || eth() / qinq(5) / vlan(7)),
    ("two 802.1Q", Some(7), || eth() / vlan(7) / vlan(8)),
    ("priority and 802.1Q", Some(7), || eth() / vlan(0) / vlan(7)),
];

const V4_HEADERS: [(&str, usize); 3] = [("IPv4", 5), ("IHL 6", 6), ("IHL 15", 15)];

type Chain = (&'static str, fn() -> Packet);

const V6_CHAINS: [Chain; 8] = [
    ("IPv6", Packet::default),
    ("hop-by-hop", || hop_by_hop().into()),
    ("routing", || routing().into()),
    ("destination options", || destination_options().into()),
    ("AH", || ah().into()),
    ("all four", || {
        hop_by_hop() / destination_options() / routing() / ah()
    }),
    ("2048 bytes twice", || {
        destination_options().size(2048) / routing().size(2048)
    }),
    ("seven headers", || {
        (0..7).fold(Packet::default(), |chain, _| chain / destination_options())
    }),
];

/// Which piece of the datagram is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// To the 60 bytes of Ethernet, with bytes that look like ports.
    Padded,
    /// With an IPv6 fragment header that means nothing, or "don't fragment".
    Atomic,
    First,
    /// The first, with less than a transport header.
    FirstShort,
    /// With a payload that looks like a transport header.
    Later,
    /// The last one, of four bytes.
    LaterShort,
    /// A transport header that is cut off after four bytes.
    Short,
    /// Nothing behind the IP headers.
    Empty,
}

const PARTS: [Part; 9] = [
    Part::Whole,
    Part::Padded,
    Part::Atomic,
    Part::First,
    Part::FirstShort,
    Part::Later,
    Part::LaterShort,
    Part::Short,
    Part::Empty,
];

impl Part {
    /// Offset and flag, of a fragment.
    fn fragment(self) -> Option<(u16, bool)> {
        match self {
            Self::First | Self::FirstShort => Some((0, true)),
            Self::Later => Some((2, true)),
            Self::LaterShort => Some((185, false)),
            _ => None,
        }
    }

    fn shows_header(self) -> bool {
        matches!(
            self,
            Self::Whole | Self::Padded | Self::Atomic | Self::First
        )
    }

    /// What is behind the IP headers of a datagram with this content.
    fn of(self, upper: &Upper) -> Packet {
        let content = (upper.packet)().bytes();
        let kept = match self {
            Self::LaterShort | Self::Short | Self::FirstShort => 4,
            Self::Empty => 0,
            _ => content.len(),
        };
        let kept = content.get(..kept).unwrap_or_default();
        protocol(upper.protocol) / payload_bytes(kept)
    }
}

/// What is behind the IP headers.
struct Upper {
    name: &'static str,
    protocol: u8,
    /// Whether rules can look into it.
    has_header: bool,
    packet: fn() -> Packet,
}

const fn upper(name: &'static str, protocol: u8, packet: fn() -> Packet) -> Upper {
    Upper {
        name,
        protocol,
        has_header: matches!(protocol, 1 | 6 | 17 | 33 | 58 | 132 | 136),
        packet,
    }
}

/// From port 40000 to port 443, of protocols that have ports.
const UPPERS: [Upper; 9] = [
    upper("TCP", 6, || tcp(40000, 443).syn() / payload(20)),
    upper("UDP", 17, || udp(40000, 443) / payload(20)),
    upper("UDP-Lite", 136, || udplite(40000, 443) / payload(20)),
    upper("SCTP", 132, || sctp(40000, 443) / payload(20)),
    upper("DCCP", 33, || dccp(40000, 443) / payload(20)),
    upper("GRE", 47, || {
        gre() / ipv4("203.0.113.1", "203.0.113.2") / tcp(40000, 443)
    }),
    upper("ESP", 50, || esp() / tcp(40000, 443)),
    upper("255", 255, || tcp(40000, 443).syn().into()),
    upper("59", 59, || tcp(40000, 443).syn().into()),
];

/// An echo request, which is another protocol in each family.
const ECHO_V4: Upper = upper("ICMP", 1, || icmp(8, 0) / payload(20));
const ECHO_V6: Upper = upper("ICMPv6", 58, || icmpv6(128, 0) / payload(20));

/// Every dress of a packet from `from` (one address of each family).
pub(crate) fn all([from_v4, from_v6]: [&'static str; 2]) -> Vec<Encapsulated> {
    let mut encapsulated = Vec::new();
    for link in &LINKS {
        for part in PARTS {
            for upper in UPPERS.iter().chain([&ECHO_V4]) {
                encapsulated.extend(v4(from_v4, link, part, upper));
            }
            for upper in UPPERS.iter().chain([&ECHO_V6]) {
                encapsulated.extend(v6(from_v6, link, part, upper));
            }
        }
    }
    encapsulated
}

fn v4<'a>(
    from: &'a str,
    link: &'a Link,
    part: Part,
    upper: &'a Upper,
) -> impl Iterator<Item = Encapsulated> + use<'a> {
    V4_HEADERS.iter().map(move |(name, words)| {
        let header = ipv4(from, "198.51.100.2").header_words(*words);
        let header = match part.fragment() {
            Some((offset, more)) => header.fragment(offset, more),
            None if part == Part::Atomic => header.dont_fragment(),
            None => header,
        };
        let is_fragment = part.fragment().is_some();
        encapsulate(
            4,
            is_fragment,
            name,
            link,
            part,
            upper,
            header / part.of(upper),
        )
    })
}

fn v6<'a>(
    from: &'a str,
    link: &'a Link,
    part: Part,
    upper: &'a Upper,
) -> impl Iterator<Item = Encapsulated> + use<'a> {
    V6_CHAINS.iter().map(move |(name, chain)| {
        let chain = ipv6(from, "2001:db8:1::2") / chain();
        let fragment = match part {
            Part::Atomic => Some((0, false)),
            _ => part.fragment(),
        };
        let is_fragment = fragment.is_some();
        let chain = match fragment {
            Some((offset, more)) => chain / fragment6(offset, more, 1),
            None => chain,
        };
        encapsulate(
            6,
            is_fragment,
            name,
            link,
            part,
            upper,
            chain / part.of(upper),
        )
    })
}

fn encapsulate(
    family: u8,
    is_fragment: bool,
    headers: &str,
    (link, vlan, tags): &Link,
    part: Part,
    upper: &Upper,
    packet: Packet,
) -> Encapsulated {
    let packet = tags() / packet;
    let packet = match part {
        Part::Padded | Part::LaterShort | Part::Empty => packet / pad(&[0x01, 0xbb].repeat(20)),
        _ => packet,
    };
    Encapsulated {
        name: format!("{link}, {headers}, {part:?}, {}", upper.name),
        frame: packet.bytes(),
        facts: Facts {
            family,
            vlan: *vlan,
            protocol: upper.protocol,
            has_header: upper.has_header && part.shows_header(),
            is_fragment,
            is_tiny: upper.has_header && part == Part::FirstShort,
        },
    }
}
