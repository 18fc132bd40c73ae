//! IPv6 (RFC 8200) and the extension headers that Linux walks.

use bytemuck::{Pod, Zeroable};

use super::{Address, Network, Packet, big, fragment, martian, protocol, transport};
use crate::verifier::{differ, hide_from_verifier};
use crate::{Frame, Reason};

/// Extension headers that are walked; one more is [`Reason::ExtensionHeaders`]. RFC 8200 §4.1
/// knows seven in its recommended order.
pub const EXTENSION_HEADERS_MAX: usize = 8;

/// The fixed header; big endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    version_class_and_flow: u32,
    payload_length: u16,
    next: u8,
    hop_limit: u8,
    source: Address,
    destination: Address,
}

/// The first 8 bytes of an extension header, which each of them has; big endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Extension {
    next: u8,
    /// In units of 8 bytes beyond these 8; AH: of 4 bytes. Reserved in a fragment header.
    length: u8,
    /// Fragment header: offset in units of 8 bytes, two reserved bits, more fragments.
    offset_and_more: u16,
    rest: u32,
}

impl Packet {
    /// Reads the IPv6 header at `at` and what is behind it; `length` is the frame's.
    #[inline(always)]
    pub(super) fn read_ipv6<F: Frame + ?Sized>(
        &mut self,
        frame: &F,
        at: usize,
        length: usize,
    ) -> Result<(), Reason> {
        let Some(header) = frame.load::<Header>(at) else {
            return Err(Reason::TruncatedIp);
        };
        if u32::from_be(header.version_class_and_flow) >> 28 != 6 {
            return Err(Reason::IpVersion);
        }
        self.network = Network::V6;
        self.source = header.source;
        self.destination = header.destination;
        if martian::is_v6(&header.source, &header.destination) {
            return Err(Reason::Martian);
        }
        self.hop_limit = header.hop_limit;
        self.traffic_class = (u32::from_be(header.version_class_and_flow) >> 20) as u8;
        let size = size_of::<Header>();
        let room = length.saturating_sub(at);
        let payload = u16::from_be(header.payload_length);
        let total = size + usize::from(payload) + (big(payload, room) & room.wrapping_sub(size));
        if total > room {
            return Err(Reason::IpLength);
        }
        self.length = total.min(usize::from(u16::MAX)) as u16;
        self.walk(frame, header.next, at + size, at + total, length)
    }

    /// Walks the extension headers from `at` to the transport header, within `end`. `length` is
    /// the frame's.
    #[inline(always)]
    fn walk<F: Frame + ?Sized>(
        &mut self,
        frame: &F,
        first: u8,
        mut at: usize,
        end: usize,
        length: usize,
    ) -> Result<(), Reason> {
        let mut next = first;
        // Hop-by-hop options come first or not at all; elsewhere Linux does not know them.
        let mut extensions = EXTENSIONS | 1 << protocol::HOP_BY_HOP;
        let mut walked = 0;
        while is_in(extensions, next) {
            if walked == EXTENSION_HEADERS_MAX || at + size_of::<Extension>() > end {
                return Err(Reason::ExtensionHeaders);
            }
            let header = frame.load::<Extension>(at).ok_or(Reason::Internal)?;
            let not_fragment = differ(next, protocol::FRAGMENT);
            let not_ah = differ(next, protocol::AH);
            let words = (usize::from(header.length) & not_fragment) << 2;
            at = hide_from_verifier(
                at + size_of::<Extension>() + words + (words & not_ah),
                length,
            );
            if at > end {
                return Err(Reason::ExtensionHeaders);
            }

            let offset_and_more = u16::from_be(header.offset_and_more) & !(not_fragment as u16);
            if offset_and_more >> 3 != 0 {
                return self.end_as_later_fragment(header.next, offset_and_more >> 3);
            }
            self.fragment |= fragment::FRAGMENT & !(not_fragment as u8);
            self.fragment |= (offset_and_more as u8 & 1) << 1;
            self.extended = true;
            next = header.next;
            extensions = EXTENSIONS;
            walked += 1;
        }
        self.protocol = u16::from(next);
        self.read_transport(frame, next, at, end)
    }

    /// Behind a later fragment's header there is payload: nothing more to read.
    #[inline(always)]
    fn end_as_later_fragment(&mut self, next: u8, offset: u16) -> Result<(), Reason> {
        self.extended = true;
        self.fragment |= fragment::FRAGMENT | fragment::LATER;
        // The upper layer is named in the first fragment only, if more headers follow. Hop-by-hop
        // options cannot: out of place, they are the protocol of every fragment.
        if !is_in(EXTENSIONS, next) {
            self.protocol = u16::from(next);
        }
        transport::check_later_fragment(next, offset)
    }
}

const _: () = assert!(fragment::MORE == 1 << 1);

/// The extension headers that Linux walks anywhere, a bit per protocol number.
const EXTENSIONS: u64 = 1 << protocol::ROUTING
    | 1 << protocol::FRAGMENT
    | 1 << protocol::AH
    | 1 << protocol::DESTINATION_OPTIONS;

#[inline(always)]
const fn is_in(protocols: u64, number: u8) -> bool {
    number < 64 && protocols >> number & 1 == 1
}
