//! What comes next from someone.
//!
//! Owns the IP packets and ARP messages, up to the Ethernet header around them. Where the real
//! packet cannot be known it is an ordinary one: see `docs/adr/0011`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, PacketBuilder, TcpOptionElement,
};

use super::devices::{Mac, Tag};

/// Time to live of a packet that a neighbour sends, and of one that comes from afar.
const TTL_NEAR: u8 = 64;
const TTL_FAR: u8 = 56;

/// Hop limit that neighbour discovery demands.
const HOP_LIMIT_OF_NEIGHBOURS: u8 = 255;

/// A port that a new connection might come from, or a question might have been asked from.
pub(super) const EPHEMERAL_PORT: u16 = 40_022;

/// Longest IP packet that comes from the Internet, in bytes.
const LONGEST: usize = 1500;

/// Port of name servers.
pub(super) const DNS: u16 = 53;

const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// One that comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    /// What it is to its sender, for people: `its next acknowledgement`.
    pub(super) what: &'static str,
    /// `None` for the interface's own address.
    to: Option<Mac>,
    ether_type: EtherType,
    bytes: Vec<u8>,
}

impl Packet {
    fn ip(what: &'static str, source: IpAddr, bytes: Vec<u8>) -> Self {
        let ether_type = match source {
            IpAddr::V4(_) => EtherType::IPV4,
            IpAddr::V6(_) => EtherType::IPV6,
        };
        Self {
            what,
            to: None,
            ether_type,
            bytes,
        }
    }

    /// The whole frame.
    pub(super) fn frame(&self, from: Mac, to: Mac, tags: &[Tag]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(14 + 4 * tags.len() + self.bytes.len());
        frame.extend(self.to.unwrap_or(to));
        frame.extend(from);
        for tag in tags {
            frame.extend(tag.ether_type.to_be_bytes());
            frame.extend(tag.id.to_be_bytes());
        }
        frame.extend(self.ether_type.0.to_be_bytes());
        frame.extend(&self.bytes);
        frame
    }
}

/// What is next on a connection, and a new connection from the same address: a rule that spares
/// what is established and drops the next login locks out as well, only later.
pub(super) fn session(remote: SocketAddr, local: SocketAddr, near: bool, mtu: u32) -> Vec<Packet> {
    let source = remote.ip();
    let ttl = if near { TTL_NEAR } else { TTL_FAR };
    let ip = || ip(source, local.ip(), ttl);
    let timestamps = [
        TcpOptionElement::Noop,
        TcpOptionElement::Noop,
        TcpOptionElement::Timestamp(1, 1),
    ];
    let segment = |payload: usize| {
        let segment = ip()?.tcp(remote.port(), local.port(), 1, 501).ack(1);
        let segment = if payload > 0 { segment.psh() } else { segment };
        let segment = segment.options(&timestamps).ok()?;
        let mut bytes = Vec::with_capacity(LONGEST);
        let payload = vec![0; payload];
        segment.write(&mut bytes, &payload).ok()?;
        Some(bytes)
    };
    let bare = segment(0);
    let room = LONGEST.min(mtu as usize);
    let full = bare
        .as_ref()
        .and_then(|bare| segment(room.saturating_sub(bare.len()).max(1)));
    let port = if remote.port() == EPHEMERAL_PORT {
        EPHEMERAL_PORT + 1
    } else {
        EPHEMERAL_PORT
    };
    let login = || {
        let options = [
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::Timestamp(1, 0),
            TcpOptionElement::Noop,
            TcpOptionElement::WindowScale(7),
        ];
        let segment = ip()?.tcp(port, local.port(), 0, 64_240).syn();
        let mut bytes = Vec::new();
        let segment = segment.options(&options).ok()?;
        segment.write(&mut bytes, &[]).ok()?;
        Some(bytes)
    };
    let packets = [
        ("its next acknowledgement", bare),
        ("its next full-sized segment", full),
        ("a new connection from there", login()),
    ];
    let packets = packets.into_iter();
    packets
        .filter_map(|(what, bytes)| Some(Packet::ip(what, source, bytes?)))
        .collect()
}

/// What a name server answers.
pub(super) fn answer(server: IpAddr, local: IpAddr, near: bool) -> Vec<Packet> {
    /// An answer with a few addresses.
    const LENGTH: usize = 120;
    let ttl = if near { TTL_NEAR } else { TTL_FAR };
    let bytes = ip(server, local, ttl).and_then(|ip| {
        let mut bytes = Vec::new();
        ip.udp(DNS, EPHEMERAL_PORT)
            .write(&mut bytes, &[0; LENGTH])
            .ok()?;
        Some(bytes)
    });
    let packet = bytes.map(|bytes| Packet::ip("its next answer", server, bytes));
    packet.into_iter().collect()
}

/// What keeps an address on the link known: it says who it is, and asks who we are. Nothing where
/// the families differ.
pub(super) fn neighbour(address: IpAddr, local: IpAddr, theirs: Mac, ours: Mac) -> Vec<Packet> {
    match (address, local) {
        (IpAddr::V4(address), IpAddr::V4(local)) => vec![
            arp(ArpOperation::REPLY, (theirs, address), (ours, local)),
            arp(ArpOperation::REQUEST, (theirs, address), ([0; 6], local)),
        ],
        (IpAddr::V6(address), IpAddr::V6(local)) => {
            let both = [
                advertisement(address, local, theirs),
                solicitation(address, local, theirs),
            ];
            both.into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

fn arp(operation: ArpOperation, from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr)) -> Packet {
    let reply = operation == ArpOperation::REPLY;
    let message = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation,
        &from.0,
        &from.1.octets(),
        &to.0,
        &to.1.octets(),
    );
    Packet {
        what: if reply {
            "its ARP reply"
        } else {
            "its ARP request"
        },
        to: (!reply).then_some([0xff; 6]),
        ether_type: EtherType::ARP,
        bytes: message.map_or_else(|_| Vec::new(), |message| message.to_bytes().to_vec()),
    }
}

/// It says who it is: the answer to our question.
fn advertisement(address: Ipv6Addr, local: Ipv6Addr, theirs: Mac) -> Option<Packet> {
    /// Solicited, override.
    const FLAGS: [u8; 4] = [0x60, 0, 0, 0];
    /// Target link-layer address.
    const OPTION: u8 = 2;
    let body = neighbour_message(address, OPTION, theirs);
    let what = "its neighbour advertisement";
    let bytes = icmpv6(address, local, NEIGHBOUR_ADVERTISEMENT, FLAGS, &body)?;
    Some(Packet::ip(what, address.into(), bytes))
}

/// It asks who we are, at the multicast address that ours belongs to.
fn solicitation(address: Ipv6Addr, local: Ipv6Addr, theirs: Mac) -> Option<Packet> {
    /// Source link-layer address.
    const OPTION: u8 = 1;
    let [.., a, b, c] = local.octets();
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    let body = neighbour_message(local, OPTION, theirs);
    let bytes = icmpv6(address, group, NEIGHBOUR_SOLICITATION, [0; 4], &body)?;
    Some(Packet {
        to: Some([0x33, 0x33, 0xff, a, b, c]),
        ..Packet::ip("its neighbour solicitation", address.into(), bytes)
    })
}

fn neighbour_message(target: Ipv6Addr, option: u8, mac: Mac) -> Vec<u8> {
    let mut body = target.octets().to_vec();
    body.extend([option, 1]);
    body.extend(mac);
    body
}

fn icmpv6(from: Ipv6Addr, to: Ipv6Addr, kind: u8, flags: [u8; 4], body: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv6(from.octets(), to.octets(), HOP_LIMIT_OF_NEIGHBOURS)
        .icmpv6_raw(kind, 0, flags)
        .write(&mut bytes, body)
        .ok()?;
    Some(bytes)
}

/// `None` for addresses of two families.
fn ip(
    from: IpAddr,
    to: IpAddr,
    ttl: u8,
) -> Option<etherparse::PacketBuilderStep<etherparse::IpHeaders>> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            Some(PacketBuilder::ipv4(from.octets(), to.octets(), ttl))
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            Some(PacketBuilder::ipv6(from.octets(), to.octets(), ttl))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xdp_fw_common::packet::Network;
    use xdp_fw_common::{Frame as _, Packet as Parsed};

    const THEIRS: Mac = [2, 0, 0, 0, 0, 1];
    const OURS: Mac = [2, 0, 0, 0, 0, 2];

    fn frames(packets: &[Packet], tags: &[Tag]) -> Vec<Vec<u8>> {
        packets
            .iter()
            .map(|packet| packet.frame(THEIRS, OURS, tags))
            .collect()
    }

    #[test]
    fn nothing_is_malformed_and_the_essentials_are_essential() {
        let v4: IpAddr = "192.0.2.9".parse().unwrap();
        let v6: IpAddr = "2001:db8::9".parse().unwrap();
        let [ours4, ours6] = ["192.0.2.1", "2001:db8::1"].map(|ip| ip.parse::<IpAddr>().unwrap());
        for (theirs, ours) in [(v4, ours4), (v6, ours6)] {
            let (remote, local) = (SocketAddr::new(theirs, 999), SocketAddr::new(ours, 22));
            let mut packets = session(remote, local, true, 1500);
            packets.extend(answer(theirs, ours, false));
            assert_eq!(packets.len(), 4);
            let neighbours = neighbour(theirs, ours, THEIRS, OURS);
            assert_eq!(neighbours.len(), 2);
            packets.extend(neighbours);
            for (packet, frame) in packets.iter().zip(frames(&packets, &[])) {
                let parsed = Parsed::parse(&frame[..], frame[..].length());
                assert_eq!(parsed.malformed, None, "{}", packet.what);
                if packet.ether_type == EtherType::ARP {
                    assert!(matches!(parsed.network, Network::Arp));
                }
            }
        }
    }

    #[test]
    fn a_full_sized_segment_fills_the_mtu_and_no_more_than_1500_bytes() {
        let [remote, local] =
            ["192.0.2.9:999", "192.0.2.1:22"].map(|ip| ip.parse::<SocketAddr>().unwrap());
        for (mtu, expected) in [(1400, 1400), (1500, 1500), (9000, 1500)] {
            let packets = session(remote, local, false, mtu);
            assert_eq!(packets[1].bytes.len(), expected, "MTU {mtu}");
            assert_eq!(packets[0].bytes.len(), 52);
        }
    }

    #[test]
    fn tags_stand_before_the_packet_outermost_first() {
        let [remote, local] =
            ["192.0.2.9:999", "192.0.2.1:22"].map(|ip| ip.parse::<SocketAddr>().unwrap());
        let tag = |ether_type, id| Tag { ether_type, id };
        let packets = session(remote, local, true, 1500);
        let frame = packets[0].frame(THEIRS, OURS, &[tag(0x88a8, 100), tag(0x8100, 7)]);
        let head = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        assert_eq!(frame[..12], head);
        let tags = [0x88, 0xa8, 0, 100, 0x81, 0, 0, 7, 8, 0, 0x45];
        assert_eq!(frame[12..23], tags);
    }

    #[test]
    fn a_solicitation_goes_to_the_groups_of_our_address() {
        let packets = neighbour(
            "fe80::9".parse().unwrap(),
            "fe80::1:2345:6789".parse().unwrap(),
            THEIRS,
            OURS,
        );
        let frame = packets[1].frame(THEIRS, OURS, &[]);
        assert_eq!(frame[..6], [0x33, 0x33, 0xff, 0x45, 0x67, 0x89]);
        assert_eq!(
            frame[38..54],
            [
                0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x45, 0x67, 0x89
            ]
        );
    }
}
