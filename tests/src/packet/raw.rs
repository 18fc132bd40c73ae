//! GRE, and everything that is only a number or only bytes.

use super::layer::{Around, Layer};

/// A GRE header without optional fields (RFC 2784).
#[derive(Debug, Clone)]
pub struct Gre;

/// GRE around the next layer.
pub fn gre() -> Gre {
    Gre
}

impl Layer for Gre {
    fn protocol(&self) -> u8 {
        47
    }

    fn header(&self, around: &Around, _payload: &[u8]) -> Vec<u8> {
        [[0, 0], around.next_ether_type.to_be_bytes()].concat()
    }
}

/// A protocol number without any header.
#[derive(Debug, Clone)]
pub struct Protocol(u8);

/// Names the upper-layer protocol of what follows: `ipv4(…) / protocol(255) / payload(20)`.
pub fn protocol(number: u8) -> Protocol {
    Protocol(number)
}

impl Layer for Protocol {
    fn protocol(&self) -> u8 {
        self.0
    }

    fn header(&self, _around: &Around, _payload: &[u8]) -> Vec<u8> {
        Vec::new()
    }
}

/// Bytes without meaning.
#[derive(Debug, Clone)]
pub struct Payload(Vec<u8>);

/// `length` bytes that count up from zero, so that a misplaced read shows.
pub fn payload(length: usize) -> Payload {
    Payload((0..length).map(|index| index as u8).collect())
}

/// Exactly these bytes.
pub fn payload_bytes(bytes: &[u8]) -> Payload {
    Payload(bytes.to_vec())
}

impl Layer for Payload {
    fn header(&self, _around: &Around, _payload: &[u8]) -> Vec<u8> {
        self.0.clone()
    }
}
