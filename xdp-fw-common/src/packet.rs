//! What a frame is: read once, front to back, with every length checked.
//!
//! Owns the walk from Ethernet to the transport header. It never judges: a malformed packet is
//! described (why, and which addresses could still be read), and [`crate::decide()`] does the rest.

mod ipv4;
mod ipv6;
mod martian;
mod transport;

use bytemuck::{Pod, Zeroable};

use crate::tables::VLAN_NONE;
use crate::verifier::{hide_byte_from_verifier, hide_from_verifier};
use crate::{Frame, Reason};

pub use ipv6::EXTENSION_HEADERS_MAX;
pub use transport::{Transport, protocol};

/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// EtherType of an 802.1Q tag.
pub const ETHERTYPE_VLAN: u16 = 0x8100;
/// EtherType of an 802.1ad service tag.
pub const ETHERTYPE_QINQ: u16 = 0x88a8;

/// VLAN tags that are walked; one more is [`Reason::VlanDepth`].
pub const VLAN_TAGS_MAX: usize = 2;

const ETHERNET_HEADER: usize = 14;

/// The network layer of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Network {
    /// Not known: the frame is malformed before its addresses.
    Unknown,
    /// ARP.
    Arp,
    /// Neither IP nor ARP.
    Other,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// An address: its bytes in network order, as they lie in memory; IPv4 in the first four of
/// them, the others zero.
pub type Address = [u64; 2];

/// An Ethernet address: its bytes in network order, the first one the most significant of 48 bits.
pub type Mac = u64;

/// No Ethernet address: it was not asked for, or the frame ends inside it.
pub const MAC_UNKNOWN: Mac = u64::MAX;

/// Bits of [`Packet::fragment`]: which part of a datagram a packet is. None set: all of it.
pub mod fragment {
    /// It says that it is a fragment; alone, an IPv6 atomic fragment (RFC 6946).
    pub const FRAGMENT: u8 = 1;
    /// It is the first, and more follow.
    pub const MORE: u8 = 2;
    /// It is not the first: it has no transport header.
    pub const LATER: u8 = 4;
}

/// What is known of a frame. Where `malformed` is set, everything behind the flaw is absent; but a
/// tiny fragment that shows all that rules ask for is read like a sound packet.
///
/// Flat, and every field always set: an enum's unused payload is undefined to LLVM, which may
/// then copy a register that was never written, and the verifier refuses that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// The flaw, if there is one; or [`Reason::Internal`] where a read failed that cannot fail.
    pub malformed: Option<Reason>,
    /// Network layer.
    pub network: Network,
    /// Source address of [`Network::V4`] and [`Network::V6`].
    pub source: Address,
    /// Destination address of the same.
    pub destination: Address,
    /// Source address of the Ethernet header, once [`Packet::read_macs`] was asked for it.
    pub source_mac: Mac,
    /// Destination address of the Ethernet header, likewise.
    pub destination_mac: Mac,
    /// VLAN id of the outermost tag that has one, or [`VLAN_NONE`]; see [`Packet::has_vlan`].
    pub vlan: u16,
    /// Length of the IP packet in bytes, header included; 65,535 for what is longer.
    pub length: u16,
    /// Code point of differentiated services and, in the two lowest bits, of ECN.
    pub traffic_class: u8,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// Whether any IPv6 extension header precedes the upper layer.
    pub extended: bool,
    /// Which part of a datagram this is: bits of [`mod@fragment`].
    pub fragment: u8,
    /// Upper-layer protocol, or [`protocol::UNKNOWN`].
    pub protocol: u16,
    /// What of the fixed transport header is there.
    pub transport: Transport,
    /// Source port of [`Transport::Ports`]; of ICMP see [`Packet::icmp_type`].
    pub source_port: u16,
    /// Destination port of [`Transport::Ports`]; of ICMP see [`Packet::icmp_code`].
    pub destination_port: u16,
    /// Where what follows the IP headers begins, bytes from the start of the frame; not set of a later
    /// fragment.
    pub transport_at: usize,
    /// How many bytes of the IP packet are there and behind it, likewise.
    pub upper_length: usize,
    /// Flags of TCP, once [`Packet::read_tcp_flags`] was asked for them.
    pub tcp_flags: u8,
    /// Not zero where a first fragment has only as much of the transport header as rules ask for.
    pub tiny: usize,
    /// Whether IP and transport header were read as far as rules ask: TTL, ports and the like are what
    /// the stack would see. So they are in every sound packet, and in some tiny fragments.
    pub is_read: bool,
}

impl Packet {
    /// Nothing is read yet.
    #[inline(always)]
    fn blank() -> Self {
        Self {
            malformed: None,
            network: Network::Unknown,
            source: [0; 2],
            destination: [0; 2],
            source_mac: MAC_UNKNOWN,
            destination_mac: MAC_UNKNOWN,
            vlan: VLAN_NONE,
            length: 0,
            traffic_class: 0,
            hop_limit: 0,
            extended: false,
            fragment: 0,
            protocol: protocol::UNKNOWN,
            transport: Transport::Absent,
            source_port: 0,
            destination_port: 0,
            transport_at: 0,
            upper_length: 0,
            tcp_flags: 0,
            tiny: 0,
            is_read: true,
        }
    }

    /// The same, but the zeros are no constants to the verifier, which would tell paths apart that
    /// set a field from those that do not.
    #[inline(always)]
    fn unread(length: usize) -> Self {
        let zero = hide_from_verifier(0, length) as u16;
        Self {
            length: zero,
            traffic_class: zero as u8,
            hop_limit: zero as u8,
            fragment: zero as u8,
            source_port: zero,
            destination_port: zero,
            transport_at: usize::from(zero),
            upper_length: usize::from(zero),
            ..Self::blank()
        }
    }

    /// Reads a frame. `length` is [`Frame::length`], taken once by the caller, which counts it.
    #[inline(always)]
    pub fn parse<F: Frame + ?Sized>(frame: &F, length: usize) -> Self {
        let mut packet = Self::unread(length);
        match packet.read(frame, length) {
            Ok(()) if packet.tiny == 0 => {}
            Ok(()) => packet.malformed = Some(Reason::TinyFragment),
            Err(flaw) => {
                packet.malformed = Some(flaw);
                packet.protocol = protocol::UNKNOWN;
                packet.transport = Transport::Absent;
                packet.is_read = false;
            }
        }
        packet.merge_parser_paths(length)
    }

    /// All paths through the parser meet here. What is decided by from here on must not tell the
    /// verifier on which of them it is, or it walks all that follows once for each.
    #[inline(always)]
    pub(crate) fn merge_parser_paths(mut self, length: usize) -> Self {
        self.malformed = hide_byte_from_verifier(self.malformed, length);
        self.network = hide_byte_from_verifier(self.network, length);
        self.transport = hide_byte_from_verifier(self.transport, length);
        self.protocol = hide_from_verifier(usize::from(self.protocol), length) as u16;
        self.extended = hide_byte_from_verifier(self.extended, length);
        self.is_read = hide_byte_from_verifier(self.is_read, length);
        self.fragment = hide_byte_from_verifier(self.fragment, length);
        self.source_port = hide_from_verifier(usize::from(self.source_port), length) as u16;
        self.destination_port =
            hide_from_verifier(usize::from(self.destination_port), length) as u16;
        self
    }

    #[inline(always)]
    fn read<F: Frame + ?Sized>(&mut self, frame: &F, length: usize) -> Result<(), Reason> {
        let (ethertype, at) = self.read_tags(frame)?;
        let at = hide_from_verifier(at, length);
        self.vlan = hide_from_verifier(usize::from(self.vlan), length) as u16;
        match ethertype {
            ETHERTYPE_IPV4 => self.read_ipv4(frame, at, length),
            ETHERTYPE_IPV6 => self.read_ipv6(frame, at, length),
            ETHERTYPE_ARP => {
                self.network = Network::Arp;
                Ok(())
            }
            _ => {
                self.network = Network::Other;
                Ok(())
            }
        }
    }

    /// The EtherType behind all VLAN tags, and where its header begins.
    #[inline(always)]
    fn read_tags<F: Frame + ?Sized>(&mut self, frame: &F) -> Result<(u16, usize), Reason> {
        let Some(ethertype) = frame.load::<u16>(ETHERNET_HEADER - 2) else {
            return Err(Reason::TruncatedEthernet);
        };
        let mut ethertype = u16::from_be(ethertype);
        let mut at = ETHERNET_HEADER;
        let mut tags = 0;
        while is_tag(ethertype) {
            if tags == VLAN_TAGS_MAX {
                return Err(Reason::VlanDepth);
            }
            let Some(tag) = frame.load::<Tag>(at) else {
                return Err(Reason::TruncatedVlan);
            };
            // VLAN id 0 only carries a priority: the stack takes the frame as untagged.
            let id = u16::from_be(tag.control) & VLAN_ID;
            if self.vlan == VLAN_NONE && id != 0 {
                self.vlan = id;
            }
            ethertype = u16::from_be(tag.ethertype);
            at += size_of::<Tag>();
            tags += 1;
        }
        Ok((ethertype, at))
    }

    /// Whether all tags were read: only then is [`Packet::vlan`] what the stack would see.
    #[inline(always)]
    pub(crate) const fn has_vlan(&self) -> bool {
        !matches!(
            self.malformed,
            Some(Reason::TruncatedEthernet | Reason::TruncatedVlan | Reason::VlanDepth)
        )
    }

    /// Whether rules may decide over the packet though it has this flaw: the stack delivers nothing
    /// that they could not see (ADR 24).
    #[inline(always)]
    pub(crate) const fn can_be_judged(&self, flaw: Reason) -> bool {
        self.is_read || !(flaw.always_drops() || matches!(flaw, Reason::TinyFragment))
    }

    /// Reads the Ethernet addresses, for those who ask for them.
    #[inline(always)]
    pub fn read_macs<F: Frame + ?Sized>(&mut self, frame: &F) {
        if let Some(macs) = frame.load::<Macs>(0) {
            self.destination_mac = u64::from(u32::from_be(macs.destination_high)) << 16
                | u64::from(u16::from_be(macs.destination_low));
            self.source_mac = u64::from(u16::from_be(macs.source_high)) << 32
                | u64::from(u32::from_be(macs.source_low));
        }
    }
}

/// What follows an 802.1Q or 802.1ad EtherType; big endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Tag {
    control: u16,
    ethertype: u16,
}

/// Bits of a tag's control field that are the VLAN id.
const VLAN_ID: u16 = 0x0fff;

/// The addresses of the Ethernet header; big endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Macs {
    destination_high: u32,
    destination_low: u16,
    source_high: u16,
    source_low: u32,
}

/// All ones for a packet that is too long for its length field, which is then zero: what BIG TCP
/// sends and segmentation offload has not cut yet. Zero for any other. `room` is what its frame has.
#[inline(always)]
const fn big(length_field: u16, room: usize) -> usize {
    // Each borrows into the top bit: from a zero, and for more room than a field can say.
    let is_zero = (length_field as usize).wrapping_sub(1);
    let is_more = (u16::MAX as usize).wrapping_sub(room);
    ((is_zero & is_more) as isize >> (usize::BITS - 1)) as usize
}

#[inline(always)]
const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, ETHERTYPE_VLAN | ETHERTYPE_QINQ)
}
