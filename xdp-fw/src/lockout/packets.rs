//! What comes next from someone.
//!
//! Owns the IP packets and ARP messages, up to the Ethernet header around them. Where the real
//! packet cannot be known it is an ordinary one: see `docs/adr/0011`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, IpHeaders, PacketBuilder, PacketBuilderStep,
    TcpOptionElement,
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

/// A connection that somebody uses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    pub(super) remote: SocketAddr,
    pub(super) local: SocketAddr,
    /// Whether the other end is on the link.
    pub(super) near: bool,
    /// Largest IP packet on the way in, in bytes.
    pub(super) mtu: u32,
}

impl Connection {
    /// What is next on it, and a new connection from the same address: a rule that spares what is
    /// established and drops the next login locks out as well, only later.
    pub(super) fn packets(&self) -> Vec<Packet> {
        let bare = self.segment(0);
        let room = LONGEST.min(self.mtu as usize);
        let headers = bare.as_ref().map_or(0, Vec::len);
        let full = self.segment(room.saturating_sub(headers).max(1));
        let packets = [
            ("its next acknowledgement", bare),
            ("its next full-sized segment", full),
            ("a new connection from there", self.login()),
        ];
        let source = self.remote.ip();
        let packets = packets.into_iter();
        packets
            .filter_map(|(what, bytes)| Some(Packet::ip(what, source, bytes?)))
            .collect()
    }

    fn ip(&self) -> Option<PacketBuilderStep<IpHeaders>> {
        ip(self.remote.ip(), self.local.ip(), self.near)
    }

    fn segment(&self, payload: usize) -> Option<Vec<u8>> {
        let options = [
            TcpOptionElement::Noop,
            TcpOptionElement::Noop,
            TcpOptionElement::Timestamp(1, 1),
        ];
        let (from, to) = (self.remote.port(), self.local.port());
        let segment = self.ip()?.tcp(from, to, 1, 501).ack(1);
        let segment = if payload > 0 { segment.psh() } else { segment };
        let mut bytes = Vec::with_capacity(LONGEST);
        let segment = segment.options(&options).ok()?;
        segment.write(&mut bytes, &vec![0; payload]).ok()?;
        Some(bytes)
    }

    fn login(&self) -> Option<Vec<u8>> {
        let options = [
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::Timestamp(1, 0),
            TcpOptionElement::Noop,
            TcpOptionElement::WindowScale(7),
        ];
        let is_taken = self.remote.port() == EPHEMERAL_PORT;
        let port = EPHEMERAL_PORT + u16::from(is_taken);
        let segment = self.ip()?.tcp(port, self.local.port(), 0, 64_240).syn();
        let mut bytes = Vec::new();
        let segment = segment.options(&options).ok()?;
        segment.write(&mut bytes, &[]).ok()?;
        Some(bytes)
    }
}

/// What a name server answers.
pub(super) fn answer(server: IpAddr, local: IpAddr, near: bool) -> Vec<Packet> {
    /// An answer with a few addresses.
    const LENGTH: usize = 120;
    let bytes = ip(server, local, near).and_then(|ip| {
        let mut bytes = Vec::new();
        ip.udp(DNS, EPHEMERAL_PORT)
            .write(&mut bytes, &[0; LENGTH])
            .ok()?;
        Some(bytes)
    });
    let packet = bytes.map(|bytes| Packet::ip("its next answer", server, bytes));
    packet.into_iter().collect()
}

/// A neighbour on the link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbour {
    pub(super) address: IpAddr,
    /// The address of this host that they know.
    pub(super) local: IpAddr,
    pub(super) theirs: Mac,
    pub(super) ours: Mac,
    /// Whether it is only the way to whom the packets stand for.
    pub(super) on_the_way: bool,
}

impl Neighbour {
    /// What keeps it known: it says who it is, and asks who we are. Nothing where the families
    /// differ.
    pub(super) fn packets(&self) -> Vec<Packet> {
        let (theirs, ours) = (self.theirs, self.ours);
        let [says, asks] = self.words();
        let packets = match (self.address, self.local) {
            (IpAddr::V4(address), IpAddr::V4(local)) => {
                let theirs = (theirs, address);
                [
                    arp(says, ArpOperation::REPLY, theirs, (ours, local)),
                    arp(asks, ArpOperation::REQUEST, theirs, ([0; 6], local)),
                ]
            }
            (IpAddr::V6(address), IpAddr::V6(local)) => [
                advertisement(says, address, local, theirs),
                solicitation(asks, address, local, theirs),
            ],
            _ => [None, None],
        };
        packets.into_iter().flatten().collect()
    }

    /// What its packets are, the one that says who it is and the one that asks.
    fn words(&self) -> [&'static str; 2] {
        match (self.address, self.on_the_way) {
            (IpAddr::V4(_), false) => ["its ARP reply", "its ARP request"],
            (IpAddr::V4(_), true) => ["its gateway's ARP reply", "its gateway's ARP request"],
            (IpAddr::V6(_), false) => ["its neighbour advertisement", "its neighbour solicitation"],
            (IpAddr::V6(_), true) => [
                "its gateway's neighbour advertisement",
                "its gateway's neighbour solicitation",
            ],
        }
    }
}

fn arp(
    what: &'static str,
    operation: ArpOperation,
    from: (Mac, Ipv4Addr),
    to: (Mac, Ipv4Addr),
) -> Option<Packet> {
    let message = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation,
        &from.0,
        &from.1.octets(),
        &to.0,
        &to.1.octets(),
    );
    Some(Packet {
        what,
        to: (operation == ArpOperation::REQUEST).then_some([0xff; 6]),
        ether_type: EtherType::ARP,
        bytes: message.ok()?.to_bytes().to_vec(),
    })
}

/// It says who it is: the answer to our question.
fn advertisement(
    what: &'static str,
    address: Ipv6Addr,
    local: Ipv6Addr,
    theirs: Mac,
) -> Option<Packet> {
    /// Solicited, override.
    const FLAGS: [u8; 4] = [0x60, 0, 0, 0];
    /// Target link-layer address.
    const OPTION: u8 = 2;
    let body = neighbour_message(address, OPTION, theirs);
    let bytes = icmpv6(address, local, NEIGHBOUR_ADVERTISEMENT, FLAGS, &body)?;
    Some(Packet::ip(what, address.into(), bytes))
}

/// It asks who we are, at the multicast address that ours belongs to.
fn solicitation(
    what: &'static str,
    address: Ipv6Addr,
    local: Ipv6Addr,
    theirs: Mac,
) -> Option<Packet> {
    /// Source link-layer address.
    const OPTION: u8 = 1;
    let [.., a, b, c] = local.octets();
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    let body = neighbour_message(local, OPTION, theirs);
    let bytes = icmpv6(address, group, NEIGHBOUR_SOLICITATION, [0; 4], &body)?;
    Some(Packet {
        to: Some([0x33, 0x33, 0xff, a, b, c]),
        ..Packet::ip(what, address.into(), bytes)
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
fn ip(from: IpAddr, to: IpAddr, near: bool) -> Option<PacketBuilderStep<IpHeaders>> {
    let ttl = if near { TTL_NEAR } else { TTL_FAR };
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
#[path = "packets_tests.rs"]
mod tests;
