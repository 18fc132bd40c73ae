//! The fixed IPv6 header, true or lying.

use std::fmt::Display;
use std::net::{IpAddr, Ipv6Addr};

use super::address;
use super::layer::{Around, Layer};

/// An IPv6 header; extension headers are layers of their own.
#[derive(Debug, Clone)]
pub struct Ipv6 {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    version: u8,
    traffic_class: u8,
    hop_limit: u8,
    payload_length: Option<u16>,
    next_header: Option<u8>,
}

/// IPv6 with hop limit 64.
pub fn ipv6(source: impl Display, destination: impl Display) -> Ipv6 {
    Ipv6 {
        source: address(source),
        destination: address(destination),
        version: 6,
        traffic_class: 0,
        hop_limit: 64,
        payload_length: None,
        next_header: None,
    }
}

impl Ipv6 {
    /// Sets the hop limit.
    pub fn hop_limit(self, hop_limit: u8) -> Self {
        Self { hop_limit, ..self }
    }

    /// Sets the traffic class, of which the high six bits are the DSCP.
    pub fn traffic_class(self, traffic_class: u8) -> Self {
        Self {
            traffic_class,
            ..self
        }
    }

    /// Overrides the version nibble.
    pub fn version(self, version: u8) -> Self {
        Self { version, ..self }
    }

    /// Overrides the payload length field.
    pub fn payload_length(self, payload_length: u16) -> Self {
        Self {
            payload_length: Some(payload_length),
            ..self
        }
    }

    /// Overrides the next header that the next layer would give.
    pub fn next_header(self, next_header: u8) -> Self {
        Self {
            next_header: Some(next_header),
            ..self
        }
    }
}

impl Layer for Ipv6 {
    fn ether_type(&self) -> u16 {
        0x86dd
    }

    fn protocol(&self) -> u8 {
        41
    }

    fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        Some((self.source.into(), self.destination.into()))
    }

    fn header(&self, around: &Around, payload: &[u8]) -> Vec<u8> {
        let word = u32::from(self.version) << 28 | u32::from(self.traffic_class) << 20;
        let length = payload.len().min(usize::from(u16::MAX)) as u16;
        let mut header = word.to_be_bytes().to_vec();
        header.extend(self.payload_length.unwrap_or(length).to_be_bytes());
        header.extend([
            self.next_header.unwrap_or(around.next_protocol),
            self.hop_limit,
        ]);
        header.extend(self.source.octets());
        header.extend(self.destination.octets());
        header
    }
}
