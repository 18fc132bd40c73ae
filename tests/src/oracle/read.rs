//! A frame, read from its first byte to the end of its transport header.
//!
//! Owns what a frame is. Has no opinion on what to do with it.

use std::net::{IpAddr, Ipv6Addr};

use xdp_fw::config::FragmentKind;

use super::Reason;
use super::bytes::{array_at, u8_at, u16_at};

/// Source and destination.
pub(super) type Addresses = (IpAddr, IpAddr);

/// What the link layer says of a frame, whatever follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    /// Source and destination; `None` where the frame ends inside them.
    pub(super) macs: Option<([u8; 6], [u8; 6])>,
    /// Id of the outermost tag that has one, [`NO_VLAN`] without any; `None` where the tags
    /// themselves are at fault.
    pub(super) vlan: Option<u16>,
}

/// In [`Link::vlan`]: no tag, or only such as carry a priority.
const NO_VLAN: u16 = 4096;

/// What a frame turned out to be.
#[derive(Debug)]
pub(super) enum Frame<'a> {
    /// Unparseable; `addresses` if a fixed IP header of the right version was there.
    Malformed {
        reason: Reason,
        addresses: Option<Addresses>,
    },
    /// A tiny fragment that shows all that rules ask for.
    Tiny(Packet<'a>),
    /// Any EtherType but the two, or an 802.3 length.
    NonIp { ether_type: u16 },
    /// A sound packet.
    Ip(Packet<'a>),
}

/// Which part of a datagram a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it, with or without a fragment header that says so.
    Whole,
    /// Its first fragment.
    First,
    /// A fragment that begins this many units of 8 bytes into it.
    Later(u16),
}

/// An IP packet.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    pub(super) addresses: Addresses,
    /// Or the time to live.
    pub(super) hop_limit: u8,
    pub(super) dscp: u8,
    pub(super) ecn: u8,
    /// Of the IP packet, header included.
    pub(super) length: u16,
    /// `None` where a later fragment begins with an extension header that is not there.
    pub(super) protocol: Option<u8>,
    pub(super) part: Part,
    /// Whether it says to be a fragment at all: an atomic one does.
    pub(super) fragmented: bool,
    /// IPv6 extension headers, of any kind.
    pub(super) extension_headers: usize,
    /// From behind the last header to the end that the IP length gives.
    pub(super) body: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The transport header, if this part of the datagram has it whole.
    pub(super) fn transport(&self) -> Option<&'a [u8]> {
        match self.part {
            Part::Later(_) => None,
            Part::Whole => self.body.get(..transport_size(self.protocol?)?),
            Part::First => self.body.get(..least_shown(self.protocol?)?),
        }
    }

    /// Source and destination port.
    pub(super) fn ports(&self) -> Option<(u16, u16)> {
        let header = self.transport()?;
        match self.protocol? {
            6 | 17 | 33 | 132 | 136 => Some((u16_at(header, 0)?, u16_at(header, 2)?)),
            _ => None,
        }
    }

    /// Type and code of ICMP, in the family that it belongs to.
    pub(super) fn icmp(&self) -> Option<(u8, u8)> {
        let own = match self.addresses.0 {
            IpAddr::V4(_) => 1,
            IpAddr::V6(_) => 58,
        };
        let header = self.transport().filter(|_| self.protocol == Some(own))?;
        Some((u8_at(header, 0)?, u8_at(header, 1)?))
    }

    /// Flags of TCP.
    pub(super) fn tcp_flags(&self) -> Option<u8> {
        let header = self.transport().filter(|_| self.protocol == Some(6))?;
        u8_at(header, 13)
    }

    /// Which part of a datagram it is, in the words of rules.
    pub(super) fn fragment(&self) -> FragmentKind {
        match self.part {
            Part::Whole if self.fragmented => FragmentKind::Atomic,
            Part::Whole => FragmentKind::None,
            Part::First => FragmentKind::First,
            Part::Later(_) => FragmentKind::Later,
        }
    }

    /// Whether it hides a transport header that it ought to show.
    fn is_tiny_fragment(&self) -> bool {
        let Some(protocol) = self.protocol else {
            return false;
        };
        match self.part {
            Part::Whole => false,
            Part::First => transport_size(protocol).is_some_and(|size| self.body.len() < size),
            Part::Later(offset) => protocol == 6 && offset == 1,
        }
    }
}

/// Size of the fixed transport header, of the protocols that have one to look into.
fn transport_size(protocol: u8) -> Option<usize> {
    match protocol {
        1 => Some(8),
        6 => Some(20),
        17 => Some(8),
        33 => Some(12),
        58 => Some(8),
        132 => Some(12),
        136 => Some(8),
        _ => None,
    }
}

/// What a first fragment must show of it: fragments come in units of 8 bytes, and what is in the
/// last, broken one of TCP, SCTP or DCCP no rule can ask for.
fn least_shown(protocol: u8) -> Option<usize> {
    match protocol {
        6 => Some(16),
        33 | 132 => Some(8),
        _ => transport_size(protocol),
    }
}

/// Reads a frame.
pub(super) fn frame(frame: &[u8]) -> (Link, Frame<'_>) {
    let mut link = Link {
        macs: array_at(frame, 6).zip(array_at(frame, 0)),
        vlan: None,
    };
    let Some(mut ether_type) = u16_at(frame, 12) else {
        return (link, malformed(Reason::TruncatedEthernet, None));
    };
    let mut at = 14;
    let mut tags = 0;
    let mut vlan = NO_VLAN;
    while ether_type == 0x8100 || ether_type == 0x88a8 {
        if tags == 2 {
            return (link, malformed(Reason::VlanDepth, None));
        }
        let (Some(control), Some(inner)) = (u16_at(frame, at), u16_at(frame, at + 2)) else {
            return (link, malformed(Reason::TruncatedVlan, None));
        };
        if vlan == NO_VLAN && control % 4096 != 0 {
            vlan = control % 4096;
        }
        ether_type = inner;
        tags += 1;
        at += 4;
    }
    link.vlan = Some(vlan);
    let network = frame.get(at..).unwrap_or_default();
    (link, self::network(ether_type, network))
}

/// Reads what an EtherType announces.
fn network(ether_type: u16, bytes: &[u8]) -> Frame<'_> {
    let read = match ether_type {
        0x0800 => ipv4(bytes),
        0x86dd => ipv6(bytes),
        _ => return Frame::NonIp { ether_type },
    };
    match read {
        Err((reason, addresses)) => malformed(reason, addresses),
        Ok(packet) if packet.is_tiny_fragment() && packet.transport().is_some() => {
            Frame::Tiny(packet)
        }
        Ok(packet) if packet.is_tiny_fragment() => {
            malformed(Reason::TinyFragment, Some(packet.addresses))
        }
        Ok(packet) => Frame::Ip(packet),
    }
}

fn malformed<'a>(reason: Reason, addresses: Option<Addresses>) -> Frame<'a> {
    Frame::Malformed { reason, addresses }
}

/// Why an IP packet cannot be parsed, and its addresses as far as they could be read.
type Fault = (Reason, Option<Addresses>);

/// Reads everything behind an EtherType of 0x0800.
fn ipv4(bytes: &[u8]) -> Result<Packet<'_>, Fault> {
    let fixed: [u8; 20] = array_at(bytes, 0).ok_or((Reason::TruncatedIp, None))?;
    let [
        first,
        service,
        length_high,
        length_low,
        _,
        _,
        fragment_high,
        fragment_low,
        hop_limit,
        protocol,
        ..,
    ] = fixed;
    if first >> 4 != 4 {
        return Err((Reason::IpVersion, None));
    }
    let addresses = addresses::<4>(bytes, 12).ok_or((Reason::TruncatedIp, None))?;
    if is_martian(addresses) {
        return Err((Reason::Martian, Some(addresses)));
    }
    let header = usize::from(first & 0x0f) * 4;
    if header < 20 {
        return Err((Reason::IpHeaderLength, Some(addresses)));
    }
    if header > bytes.len() {
        return Err((Reason::TruncatedIp, Some(addresses)));
    }
    let length = u16::from_be_bytes([length_high, length_low]);
    let end = match length {
        0 if is_big(bytes) => bytes.len(),
        _ => usize::from(length),
    };
    let body = bytes
        .get(header..end)
        .ok_or((Reason::IpLength, Some(addresses)))?;

    let fragment = u16::from_be_bytes([fragment_high, fragment_low]);
    let offset = fragment & 0x1fff;
    let more = fragment & 0x2000 != 0;
    Ok(Packet {
        addresses,
        hop_limit,
        dscp: service >> 2,
        ecn: service & 3,
        length: u16::try_from(end).unwrap_or(u16::MAX),
        protocol: Some(protocol),
        part: match (offset, more) {
            (0, false) => Part::Whole,
            (0, true) => Part::First,
            _ => Part::Later(offset),
        },
        fragmented: offset != 0 || more,
        extension_headers: 0,
        body,
    })
}

/// Reads everything behind an EtherType of 0x86dd.
fn ipv6(bytes: &[u8]) -> Result<Packet<'_>, Fault> {
    let fixed: [u8; 40] = array_at(bytes, 0).ok_or((Reason::TruncatedIp, None))?;
    let [
        first,
        second,
        _,
        _,
        length_high,
        length_low,
        next_header,
        hop_limit,
        ..,
    ] = fixed;
    if first >> 4 != 6 {
        return Err((Reason::IpVersion, None));
    }
    let addresses = addresses::<16>(bytes, 8).ok_or((Reason::TruncatedIp, None))?;
    if is_martian(addresses) {
        return Err((Reason::Martian, Some(addresses)));
    }
    let length = u16::from_be_bytes([length_high, length_low]);
    let end = match length {
        0 if is_big(bytes) => bytes.len(),
        _ => 40 + usize::from(length),
    };
    let payload = bytes
        .get(40..end)
        .ok_or((Reason::IpLength, Some(addresses)))?;
    let chain =
        Chain::walk(next_header, payload).ok_or((Reason::ExtensionHeaders, Some(addresses)))?;
    Ok(Packet {
        addresses,
        hop_limit,
        // The traffic class lies across the first two bytes.
        dscp: (first & 0x0f) << 2 | second >> 6,
        ecn: second >> 4 & 3,
        length: u16::try_from(end).unwrap_or(u16::MAX),
        protocol: chain.protocol,
        part: chain.part,
        fragmented: chain.fragmented,
        extension_headers: chain.headers,
        body: chain.rest,
    })
}

/// Whether an IP packet is longer than any length field of 16 bits can say.
fn is_big(bytes: &[u8]) -> bool {
    bytes.len() > 65_535
}

/// Whether a packet is from or to an address that cannot be on a wire.
fn is_martian(addresses: Addresses) -> bool {
    match addresses {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            source.is_loopback()
                || destination.is_loopback()
                || source.is_unspecified() && destination.is_unspecified()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            !source.is_unspecified() && holds_v4(source) || holds_v4(destination)
        }
        _ => false,
    }
}

/// ::/96 and ::ffff:0:0/96.
fn holds_v4(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0, 0, 0, 0, 0, 0 | 0xffff, _, _])
}

/// The two addresses of `N` bytes each that begin at `at`.
fn addresses<const N: usize>(header: &[u8], at: usize) -> Option<Addresses>
where
    IpAddr: From<[u8; N]>,
{
    let source: [u8; N] = array_at(header, at)?;
    let destination: [u8; N] = array_at(header, at + N)?;
    Some((source.into(), destination.into()))
}

/// The IPv6 extension headers of a packet, walked as Linux walks them.
struct Chain<'a> {
    headers: usize,
    protocol: Option<u8>,
    part: Part,
    fragmented: bool,
    rest: &'a [u8],
}

impl<'a> Chain<'a> {
    const LONGEST: usize = 8;

    /// `None` where a header is not wholly within `payload`, or there is one too many.
    fn walk(mut next: u8, payload: &'a [u8]) -> Option<Self> {
        let mut chain = Chain {
            headers: 0,
            protocol: None,
            part: Part::Whole,
            fragmented: false,
            rest: payload,
        };
        while is_extension(next, chain.headers) {
            if chain.headers == Self::LONGEST {
                return None;
            }
            chain.headers += 1;
            let kind = next;
            next = u8_at(chain.rest, 0)?;
            if kind == 44 {
                chain.fragment()?;
            } else {
                let units = usize::from(u8_at(chain.rest, 1)?);
                let size = if kind == 51 {
                    (units + 2) * 4
                } else {
                    (units + 1) * 8
                };
                chain.rest = chain.rest.get(size..)?;
            }
            if let Part::Later(_) = chain.part {
                let hidden = matches!(next, 43 | 44 | 51 | 60);
                chain.protocol = (!hidden).then_some(next);
                return Some(chain);
            }
        }
        chain.protocol = Some(next);
        Some(chain)
    }

    /// Takes a fragment header off the front of the rest.
    fn fragment(&mut self) -> Option<()> {
        let word = u16_at(self.rest, 2)?;
        self.rest = self.rest.get(8..)?;
        self.fragmented = true;
        match (word >> 3, word & 1) {
            (0, 0) => {}
            (0, _) => self.part = Part::First,
            (offset, _) => self.part = Part::Later(offset),
        }
        Some(())
    }
}

/// Whether `next` is a header to walk over when `before` headers are behind us.
fn is_extension(next: u8, before: usize) -> bool {
    match next {
        0 => before == 0,
        43 | 44 | 51 | 60 => true,
        _ => false,
    }
}
