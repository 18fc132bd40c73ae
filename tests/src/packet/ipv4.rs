//! The IPv4 header, true or lying.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};

use super::layer::{Around, Layer};
use super::{address, checksum};

const NO_OPERATION: u8 = 1;
const RESERVED: u16 = 0x8000;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// An IPv4 header.
#[derive(Debug, Clone)]
pub struct Ipv4 {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    tos: u8,
    id: u16,
    fragment: u16,
    ttl: u8,
    options: Vec<u8>,
    version: u8,
    ihl: Option<u8>,
    total_length: Option<u16>,
    protocol: Option<u8>,
}

/// IPv4 with TTL 64, unfragmented, without options.
pub fn ipv4(source: impl Display, destination: impl Display) -> Ipv4 {
    Ipv4 {
        source: address(source),
        destination: address(destination),
        tos: 0,
        id: 0,
        fragment: 0,
        ttl: 64,
        options: Vec::new(),
        version: 4,
        ihl: None,
        total_length: None,
        protocol: None,
    }
}

impl Ipv4 {
    /// Sets the time to live.
    pub fn ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    /// Sets the differentiated services code point.
    pub fn dscp(self, dscp: u8) -> Self {
        Self {
            tos: dscp << 2 | self.tos & 3,
            ..self
        }
    }

    /// Sets the bits of explicit congestion notification.
    pub fn ecn(self, ecn: u8) -> Self {
        Self {
            tos: self.tos & !3 | ecn,
            ..self
        }
    }

    /// Sets the identification.
    pub fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }

    /// Makes it a fragment: `offset` in units of 8 bytes.
    pub fn fragment(self, offset: u16, more: bool) -> Self {
        let more = if more { MORE_FRAGMENTS } else { 0 };
        let kept = self.fragment & (RESERVED | DONT_FRAGMENT);
        Self {
            fragment: kept | more | offset & OFFSET,
            ..self
        }
    }

    /// Sets "don't fragment".
    pub fn dont_fragment(self) -> Self {
        Self {
            fragment: self.fragment | DONT_FRAGMENT,
            ..self
        }
    }

    /// Sets the reserved flag bit.
    pub fn reserved_flag(self) -> Self {
        Self {
            fragment: self.fragment | RESERVED,
            ..self
        }
    }

    /// Adds options, filled up to a multiple of four bytes; 40 bytes are the most IHL can say.
    pub fn options(self, options: &[u8]) -> Self {
        let mut options = options.to_vec();
        options.resize(options.len().next_multiple_of(4), 0);
        Self { options, ..self }
    }

    /// Fills the header with no-operation options up to `words` words of four bytes (5 to 15).
    pub fn header_words(self, words: usize) -> Self {
        self.options(&vec![NO_OPERATION; words.saturating_sub(5) * 4])
    }

    /// Overrides the version nibble.
    pub fn version(self, version: u8) -> Self {
        Self { version, ..self }
    }

    /// Overrides the header length field, in words of four bytes.
    pub fn ihl(self, ihl: u8) -> Self {
        Self {
            ihl: Some(ihl),
            ..self
        }
    }

    /// Overrides the total length field.
    pub fn total_length(self, total_length: u16) -> Self {
        Self {
            total_length: Some(total_length),
            ..self
        }
    }

    /// Overrides the protocol that the next layer would give.
    pub fn protocol(self, protocol: u8) -> Self {
        Self {
            protocol: Some(protocol),
            ..self
        }
    }
}

impl Layer for Ipv4 {
    fn ether_type(&self) -> u16 {
        0x0800
    }

    fn protocol(&self) -> u8 {
        4
    }

    fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        Some((self.source.into(), self.destination.into()))
    }

    fn header(&self, around: &Around, payload: &[u8]) -> Vec<u8> {
        let length = 20 + self.options.len();
        let ihl = self.ihl.unwrap_or((length / 4) as u8);
        let total = (length + payload.len()).min(usize::from(u16::MAX)) as u16;
        let mut header = vec![self.version << 4 | ihl & 0x0f, self.tos];
        header.extend(self.total_length.unwrap_or(total).to_be_bytes());
        header.extend(self.id.to_be_bytes());
        header.extend(self.fragment.to_be_bytes());
        header.extend([self.ttl, self.protocol.unwrap_or(around.next_protocol)]);
        header.extend([0, 0]);
        header.extend(self.source.octets());
        header.extend(self.destination.octets());
        header.extend(&self.options);
        checksum::seal(header, 10, |header| checksum::internet(&[header]))
    }
}
