//! IPv4 (RFC 791).

use bytemuck::{Pod, Zeroable};

use super::{
    Address, ETHERNET_HEADER, ETHERTYPE_IPV4, Network, Packet, Transport, big, fragment, martian,
    protocol, transport,
};
use crate::verifier::hide_from_verifier;
use crate::{Frame, Reason};

/// Bit of the flag.
const MORE_FRAGMENTS: u16 = 13;
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// The header without options; big endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    version_and_length: u8,
    traffic_class: u8,
    total_length: u16,
    identification: u16,
    flags_and_offset: u16,
    time_to_live: u8,
    protocol: u8,
    checksum: u16,
    source: u32,
    destination: u32,
}

impl Packet {
    /// Reads the IPv4 header at `at` and what is behind it; `length` is the frame's.
    #[inline(always)]
    pub(super) fn read_ipv4<F: Frame + ?Sized>(
        &mut self,
        frame: &F,
        at: usize,
        length: usize,
    ) -> Result<(), Reason> {
        let Some(header) = frame.load::<Header>(at) else {
            return Err(Reason::TruncatedIp);
        };
        self.take_ipv4::<F, true>(frame, &header, at, length)
    }

    /// The same for a header that was read. Only with `BIG` may it be that of a packet whose length
    /// does not fit (see [`super::is_big`]).
    #[inline(always)]
    fn take_ipv4<F: Frame + ?Sized, const BIG: bool>(
        &mut self,
        frame: &F,
        header: &Header,
        at: usize,
        length: usize,
    ) -> Result<(), Reason> {
        if header.version_and_length >> 4 != 4 {
            return Err(Reason::IpVersion);
        }
        self.network = Network::V4;
        self.source = address(header.source);
        self.destination = address(header.destination);
        if martian::is_v4(header.source, header.destination) {
            return Err(Reason::Martian);
        }
        self.hop_limit = header.time_to_live;
        self.traffic_class = header.traffic_class;
        self.length = u16::from_be(header.total_length);
        let size = usize::from(header.version_and_length & 15) * 4;
        if size < size_of::<Header>() {
            return Err(Reason::IpHeaderLength);
        }
        let room = length.saturating_sub(at);
        if size > room {
            return Err(Reason::TruncatedIp);
        }
        let mut total = usize::from(u16::from_be(header.total_length));
        if total < size || total > room {
            if !BIG || big(u16::from_be(header.total_length), room) == 0 {
                return Err(Reason::IpLength);
            }
            total = room;
            self.length = u16::MAX;
        }
        if BIG {
            total = hide_from_verifier(total, length);
            self.length = hide_from_verifier(usize::from(self.length), length) as u16;
        }

        let flags_and_offset = u16::from_be(header.flags_and_offset);
        let offset = flags_and_offset & FRAGMENT_OFFSET;
        self.protocol = u16::from(header.protocol);
        if offset != 0 {
            self.fragment = fragment::FRAGMENT | fragment::LATER;
            return transport::check_later_fragment(header.protocol, offset);
        }
        let more = (flags_and_offset >> MORE_FRAGMENTS & 1) as u8;
        self.fragment = more * (fragment::FRAGMENT | fragment::MORE);
        self.read_transport(frame, header.protocol, at + size, at + total)
    }
}

impl Packet {
    /// Reads a frame that is what most are: an untagged IPv4 packet without options, no fragment, of
    /// TCP or UDP, and without a flaw. `None` for any other, whose fate [`Packet::parse`] knows.
    ///
    /// The same parser, but of all its paths only one, on which most of a packet is constant.
    #[inline(always)]
    pub(crate) fn parse_plain<F: Frame + ?Sized>(frame: &F, length: usize) -> Option<Self> {
        let start = frame.start()?;
        let header = start.load::<Header>(ETHERNET_HEADER)?;
        let is_plain = u16::from_be(start.load(ETHERNET_HEADER - 2)?) == ETHERTYPE_IPV4
            && header.version_and_length == WITHOUT_OPTIONS
            && u16::from_be(header.flags_and_offset) & (1 << MORE_FRAGMENTS | FRAGMENT_OFFSET) == 0
            && matches!(header.protocol, protocol::TCP | protocol::UDP);
        if !is_plain {
            return None;
        }
        let header = Header {
            version_and_length: WITHOUT_OPTIONS,
            flags_and_offset: 0,
            ..header
        };
        let mut packet = Self::blank();
        let read = packet.take_ipv4::<_, false>(&start, &header, ETHERNET_HEADER, length);
        (read.is_ok() && packet.transport == Transport::Ports).then_some(packet)
    }
}

/// Version and length of a header without options.
const WITHOUT_OPTIONS: u8 = 4 << 4 | (size_of::<Header>() / 4) as u8;

#[inline(always)]
fn address(bytes: u32) -> Address {
    let [a, b, c, d] = bytes.to_ne_bytes();
    [u64::from_ne_bytes([a, b, c, d, 0, 0, 0, 0]), 0]
}
