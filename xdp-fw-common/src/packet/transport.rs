//! The fixed header of the transport protocols, where a packet has all of it.

use bytemuck::{Pod, Zeroable};

use super::{Packet, fragment};
use crate::{Frame, Reason};

/// IP protocol numbers (IANA) that the parser knows by name.
pub mod protocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// Multicast membership of IPv4.
    pub const IGMP: u8 = 2;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// DCCP.
    pub const DCCP: u8 = 33;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// Authentication header.
    pub const AH: u8 = 51;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// IPv6 destination options.
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// SCTP.
    pub const SCTP: u8 = 132;
    /// UDP-Lite.
    pub const UDPLITE: u8 = 136;

    /// No protocol number: it is not known.
    pub const UNKNOWN: u16 = 256;
}

/// What of the fixed transport header is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Transport {
    /// No header of a known protocol is wholly there.
    Absent,
    /// TCP, UDP, UDP-Lite, SCTP or DCCP: two ports.
    Ports,
    /// ICMP or ICMPv6: type and code.
    Icmp,
}

/// What transport headers begin with; big endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Start {
    /// Source port; type and code of ICMP.
    first: u16,
    /// Destination port; checksum of ICMP.
    second: u16,
}

/// Size of the fixed header in bytes; 0 for a protocol that is not read.
#[inline(always)]
const fn header_size(protocol: u8) -> usize {
    match protocol {
        protocol::TCP => 20,
        protocol::SCTP | protocol::DCCP => 12,
        protocol::UDP | protocol::UDPLITE | protocol::ICMP | protocol::ICMPV6 => 8,
        _ => 0,
    }
}

/// How much of a header of `size` bytes a first fragment need not show. Linux cuts fragments down to
/// units of 8 bytes, and all that rules ask for lies in the whole units of each header.
#[inline(always)]
const fn cut_off(size: usize) -> usize {
    size % 8
}

const _: () = {
    let tcp = header_size(protocol::TCP);
    let sctp = header_size(protocol::SCTP);
    assert!(TCP_FLAGS + 2 <= tcp - cut_off(tcp) && size_of::<Start>() <= sctp - cut_off(sctp));
};

impl Packet {
    /// Reads the header at `at`; it must lie wholly before `end`, the end of the IP packet: bytes
    /// behind that are padding. A first fragment without all of it is a tiny fragment
    /// (RFC 1858 §3). One that shows ports, and the flags of TCP, is read all the same.
    #[inline(always)]
    pub(super) fn read_transport<F: Frame + ?Sized>(
        &mut self,
        frame: &F,
        protocol: u8,
        at: usize,
        end: usize,
    ) -> Result<(), Reason> {
        self.transport_at = at;
        // Never below zero: the headers before it end within the packet.
        self.upper_length = end.wrapping_sub(at);
        let size = header_size(protocol);
        if size == 0 {
            return Ok(());
        }
        let more = usize::from(self.fragment & fragment::MORE) / usize::from(fragment::MORE);
        if at + size - more * cut_off(size) > end {
            return if more != 0 {
                Err(Reason::TinyFragment)
            } else {
                Ok(())
            };
        }
        self.tiny = end.wrapping_sub(at + size) >> (usize::BITS - 1);
        let start = frame.load::<Start>(at).ok_or(Reason::Internal)?;
        let (first, second) = (u16::from_be(start.first), u16::from_be(start.second));
        if matches!(protocol, protocol::ICMP | protocol::ICMPV6) {
            self.transport = Transport::Icmp;
            self.source_port = first >> 8;
            self.destination_port = first & 0xff;
        } else {
            self.transport = Transport::Ports;
            self.source_port = first;
            self.destination_port = second;
        }
        Ok(())
    }

    /// Whether the whole fixed header of `protocol` is there.
    #[inline(always)]
    pub(crate) fn has_transport(&self, protocol: u8, transport: Transport) -> bool {
        self.protocol == u16::from(protocol) && self.transport == transport
    }

    /// The type of [`Transport::Icmp`], 0 to 255. Type and code lie where ports do, and stay as wide:
    /// to cut them to a byte costs the kernel an instruction each time.
    #[must_use]
    #[inline(always)]
    pub const fn icmp_type(&self) -> u16 {
        self.source_port
    }

    /// The code of [`Transport::Icmp`], 0 to 255.
    #[must_use]
    #[inline(always)]
    pub const fn icmp_code(&self) -> u16 {
        self.destination_port
    }

    /// The first byte behind the header of UDP, where the packet has one: bytes behind its end are
    /// padding.
    #[inline(always)]
    pub(crate) fn udp_payload_start<F: Frame + ?Sized>(&self, frame: &F) -> Option<u8> {
        if self.upper_length <= UDP_HEADER {
            return None;
        }
        // With the byte before it: a frame may end behind this one, and loads are of two.
        let word = frame.load::<u16>(self.transport_at + UDP_HEADER - 1)?;
        Some(u16::from_be(word) as u8)
    }

    /// Reads the flags of TCP, for those who ask for them. False if a read failed that cannot.
    #[inline(always)]
    pub fn read_tcp_flags<F: Frame + ?Sized>(&mut self, frame: &F) -> bool {
        if !self.has_transport(protocol::TCP, Transport::Ports) {
            return true;
        }
        match frame.load::<u16>(self.transport_at + TCP_FLAGS) {
            Some(offset_and_flags) => {
                self.tcp_flags = u16::from_be(offset_and_flags) as u8;
                true
            }
            None => false,
        }
    }
}

const UDP_HEADER: usize = 8;

/// Offset of data offset and flags in a TCP header (RFC 9293 §3.1).
const TCP_FLAGS: usize = 12;

/// A later fragment has no header; one that would overwrite TCP's flags on reassembly is an
/// attack (RFC 3128). `offset` counts 8-byte units.
#[inline(always)]
pub(super) const fn check_later_fragment(protocol: u8, offset: u16) -> Result<(), Reason> {
    if protocol == protocol::TCP && offset == 1 {
        return Err(Reason::TinyFragment);
    }
    Ok(())
}
