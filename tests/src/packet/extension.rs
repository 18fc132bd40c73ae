//! IPv6 extension headers, the authentication header and ESP.

use super::layer::{Around, Layer};

const PAD_N: u8 = 1;
/// The most bytes one PadN option covers, its own two among them.
const PAD_N_MAX: usize = 257;

/// A hop-by-hop, destination options or routing header.
#[derive(Debug, Clone)]
pub struct Extension {
    protocol: u8,
    body: Vec<u8>,
    size: usize,
    next_header: Option<u8>,
    declared: Option<u8>,
}

/// A hop-by-hop options header of 8 bytes.
pub fn hop_by_hop() -> Extension {
    Extension {
        protocol: 0,
        body: Vec::new(),
        size: 8,
        next_header: None,
        declared: None,
    }
}

/// A destination options header of 8 bytes.
pub fn destination_options() -> Extension {
    Extension {
        protocol: 60,
        ..hop_by_hop()
    }
}

/// A segment routing header (type 4) of 8 bytes without segments.
pub fn routing() -> Extension {
    Extension {
        protocol: 43,
        body: vec![4, 0, 0, 0, 0, 0],
        ..hop_by_hop()
    }
}

impl Extension {
    /// Sets the length in bytes: a multiple of 8 up to 2048, filled with padding options.
    pub fn size(self, size: usize) -> Self {
        Self { size, ..self }
    }

    /// Adds the router alert that MLD carries (RFC 2711).
    pub fn router_alert(mut self) -> Self {
        self.body.extend([5, 2, 0, 0]);
        self
    }

    /// Overrides the length field, in units of 8 bytes beyond the first 8.
    pub fn declared(self, units: u8) -> Self {
        Self {
            declared: Some(units),
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

impl Layer for Extension {
    fn protocol(&self) -> u8 {
        self.protocol
    }

    fn header(&self, around: &Around, _payload: &[u8]) -> Vec<u8> {
        let size = self.size.max(2 + self.body.len()).next_multiple_of(8);
        let units = self.declared.unwrap_or((size / 8 - 1) as u8);
        let mut header = vec![self.next_header.unwrap_or(around.next_protocol), units];
        header.extend(&self.body);
        while header.len() < size {
            let room = (size - header.len()).min(PAD_N_MAX);
            // A single byte of room is Pad1, a zero; so is everything behind a PadN's length.
            if room > 1 {
                header.extend([PAD_N, (room - 2) as u8]);
                header.resize(header.len() + room - 2, 0);
            } else {
                header.push(0);
            }
        }
        header
    }
}

/// An IPv6 fragment header.
#[derive(Debug, Clone)]
pub struct Fragment {
    offset_and_flags: u16,
    id: u32,
    reserved: u8,
    next_header: Option<u8>,
}

/// An IPv6 fragment header: `offset` in units of 8 bytes.
pub fn fragment6(offset: u16, more: bool, id: u32) -> Fragment {
    Fragment {
        offset_and_flags: offset << 3 | u16::from(more),
        id,
        reserved: 0,
        next_header: None,
    }
}

impl Fragment {
    /// Sets the reserved byte, and the two reserved bits beside the offset.
    pub fn reserved(self, reserved: u8) -> Self {
        Self {
            reserved,
            offset_and_flags: self.offset_and_flags | 0b110,
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

impl Layer for Fragment {
    fn protocol(&self) -> u8 {
        44
    }

    fn header(&self, around: &Around, _payload: &[u8]) -> Vec<u8> {
        let mut header = vec![
            self.next_header.unwrap_or(around.next_protocol),
            self.reserved,
        ];
        header.extend(self.offset_and_flags.to_be_bytes());
        header.extend(self.id.to_be_bytes());
        header
    }
}

/// An authentication header (RFC 4302).
#[derive(Debug, Clone)]
pub struct Authentication {
    size: usize,
    next_header: Option<u8>,
    declared: Option<u8>,
}

/// An authentication header of 24 bytes.
pub fn ah() -> Authentication {
    Authentication {
        size: 24,
        next_header: None,
        declared: None,
    }
}

impl Authentication {
    /// Sets the length in bytes: a multiple of 4 from 8 to 1028.
    pub fn size(self, size: usize) -> Self {
        Self { size, ..self }
    }

    /// Overrides the length field, in units of 4 bytes beyond the first 8.
    pub fn declared(self, units: u8) -> Self {
        Self {
            declared: Some(units),
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

impl Layer for Authentication {
    fn protocol(&self) -> u8 {
        51
    }

    fn header(&self, around: &Around, _payload: &[u8]) -> Vec<u8> {
        let size = self.size.max(8).next_multiple_of(4);
        let units = self.declared.unwrap_or((size / 4 - 2) as u8);
        let mut header = vec![self.next_header.unwrap_or(around.next_protocol), units];
        header.resize(size, 0);
        header
    }
}

/// An ESP header; what is behind it counts as encrypted.
#[derive(Debug, Clone)]
pub struct Esp;

/// An ESP header: SPI 256 and sequence number 1.
pub fn esp() -> Esp {
    Esp
}

impl Layer for Esp {
    fn protocol(&self) -> u8 {
        50
    }

    fn header(&self, _around: &Around, _payload: &[u8]) -> Vec<u8> {
        vec![0, 0, 1, 0, 0, 0, 0, 1]
    }
}
