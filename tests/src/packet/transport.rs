//! The transport headers that have ports: TCP, UDP, UDP-Lite, SCTP and DCCP.

use super::checksum;
use super::layer::{Around, Layer};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;

/// Both ports, as all five protocols begin.
fn ports(source: u16, destination: u16) -> Vec<u8> {
    [source.to_be_bytes(), destination.to_be_bytes()].concat()
}

/// A TCP header.
#[derive(Debug, Clone)]
pub struct Tcp {
    source: u16,
    destination: u16,
    sequence: u32,
    flags: u8,
    options: Vec<u8>,
    data_offset: Option<u8>,
}

/// TCP without any flag.
pub fn tcp(source: u16, destination: u16) -> Tcp {
    Tcp {
        source,
        destination,
        sequence: 1,
        flags: 0,
        options: Vec::new(),
        data_offset: None,
    }
}

impl Tcp {
    /// Sets SYN.
    pub fn syn(self) -> Self {
        self.flag(SYN)
    }

    /// Sets ACK.
    pub fn ack(self) -> Self {
        self.flag(ACK)
    }

    /// Sets FIN.
    pub fn fin(self) -> Self {
        self.flag(FIN)
    }

    /// Sets RST.
    pub fn rst(self) -> Self {
        self.flag(RST)
    }

    /// Sets PSH.
    pub fn psh(self) -> Self {
        self.flag(PSH)
    }

    /// Sets URG.
    pub fn urg(self) -> Self {
        self.flag(URG)
    }

    /// Sets the whole flag byte, CWR first.
    pub fn flags(self, flags: u8) -> Self {
        Self { flags, ..self }
    }

    /// Sets the sequence number.
    pub fn sequence(self, sequence: u32) -> Self {
        Self { sequence, ..self }
    }

    /// Adds options, filled up to a multiple of four bytes.
    pub fn options(self, options: &[u8]) -> Self {
        let mut options = options.to_vec();
        options.resize(options.len().next_multiple_of(4), 0);
        Self { options, ..self }
    }

    /// Overrides the header length field, in words of four bytes.
    pub fn data_offset(self, words: u8) -> Self {
        Self {
            data_offset: Some(words),
            ..self
        }
    }

    fn flag(self, flag: u8) -> Self {
        Self {
            flags: self.flags | flag,
            ..self
        }
    }
}

impl Layer for Tcp {
    fn protocol(&self) -> u8 {
        6
    }

    fn header(&self, around: &Around, payload: &[u8]) -> Vec<u8> {
        let words = self
            .data_offset
            .unwrap_or((5 + self.options.len() / 4) as u8);
        let mut header = ports(self.source, self.destination);
        header.extend(self.sequence.to_be_bytes());
        // Nothing acknowledged, a window of 65535, no checksum yet, nothing urgent.
        header.extend([0, 0, 0, 0, words << 4, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        header.extend(&self.options);
        checksum::seal(header, 16, |header| {
            checksum::with_pseudo_header(around.addresses, 6, &[header, payload])
        })
    }
}

/// A UDP header.
#[derive(Debug, Clone)]
pub struct Udp {
    source: u16,
    destination: u16,
    length: Option<u16>,
}

/// UDP.
pub fn udp(source: u16, destination: u16) -> Udp {
    Udp {
        source,
        destination,
        length: None,
    }
}

impl Udp {
    /// Overrides the length field.
    pub fn length(self, length: u16) -> Self {
        Self {
            length: Some(length),
            ..self
        }
    }
}

impl Layer for Udp {
    fn protocol(&self) -> u8 {
        17
    }

    fn header(&self, around: &Around, payload: &[u8]) -> Vec<u8> {
        let length = self.length.unwrap_or((8 + payload.len()) as u16);
        let mut header = ports(self.source, self.destination);
        header.extend(length.to_be_bytes());
        header.extend([0, 0]);
        checksum::seal(header, 6, |header| {
            // Zero means "no checksum" in UDP; its other spelling does not.
            match checksum::with_pseudo_header(around.addresses, 17, &[header, payload]) {
                [0, 0] => [0xff, 0xff],
                check => check,
            }
        })
    }
}

/// A UDP-Lite header that covers the whole datagram.
#[derive(Debug, Clone)]
pub struct UdpLite {
    source: u16,
    destination: u16,
}

/// UDP-Lite (RFC 3828).
pub fn udplite(source: u16, destination: u16) -> UdpLite {
    UdpLite {
        source,
        destination,
    }
}

impl Layer for UdpLite {
    fn protocol(&self) -> u8 {
        136
    }

    fn header(&self, around: &Around, payload: &[u8]) -> Vec<u8> {
        let mut header = ports(self.source, self.destination);
        // Coverage zero: all of it.
        header.extend([0, 0, 0, 0]);
        checksum::seal(header, 6, |header| {
            checksum::with_pseudo_header(around.addresses, 136, &[header, payload])
        })
    }
}

/// An SCTP common header.
#[derive(Debug, Clone)]
pub struct Sctp {
    source: u16,
    destination: u16,
}

/// SCTP with verification tag 1; chunks are payload.
pub fn sctp(source: u16, destination: u16) -> Sctp {
    Sctp {
        source,
        destination,
    }
}

impl Layer for Sctp {
    fn protocol(&self) -> u8 {
        132
    }

    fn header(&self, _around: &Around, payload: &[u8]) -> Vec<u8> {
        let mut header = ports(self.source, self.destination);
        header.extend([0, 0, 0, 1, 0, 0, 0, 0]);
        checksum::seal(header, 8, |header| checksum::crc32c(&[header, payload]))
    }
}

/// A DCCP header with short sequence numbers.
#[derive(Debug, Clone)]
pub struct Dccp {
    source: u16,
    destination: u16,
}

/// A DCCP data packet of the shortest form, 12 bytes (RFC 4340).
pub fn dccp(source: u16, destination: u16) -> Dccp {
    Dccp {
        source,
        destination,
    }
}

impl Layer for Dccp {
    fn protocol(&self) -> u8 {
        33
    }

    fn header(&self, around: &Around, payload: &[u8]) -> Vec<u8> {
        let mut header = ports(self.source, self.destination);
        // Data offset 3 words, checksum over everything, type 2 (data), sequence number 1.
        header.extend([3, 0, 0, 0, 2 << 1, 0, 0, 1]);
        checksum::seal(header, 6, |header| {
            checksum::with_pseudo_header(around.addresses, 33, &[header, payload])
        })
    }
}
