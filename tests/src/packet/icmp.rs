//! ICMP and ICMPv6.

use super::checksum;
use super::layer::{Around, Layer};

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// The eight bytes at the front of every ICMP message.
#[derive(Debug, Clone)]
pub struct Icmp {
    protocol: u8,
    message_type: u8,
    code: u8,
    rest: [u8; 4],
}

/// An ICMP message (protocol 1).
pub fn icmp(message_type: u8, code: u8) -> Icmp {
    Icmp {
        protocol: ICMP,
        message_type,
        code,
        rest: [0; 4],
    }
}

/// An ICMPv6 message (protocol 58).
pub fn icmpv6(message_type: u8, code: u8) -> Icmp {
    Icmp {
        protocol: ICMPV6,
        ..icmp(message_type, code)
    }
}

impl Icmp {
    /// Sets the last four bytes of the header: identifier and sequence, or the MTU.
    pub fn rest(self, rest: [u8; 4]) -> Self {
        Self { rest, ..self }
    }
}

impl Layer for Icmp {
    fn protocol(&self) -> u8 {
        self.protocol
    }

    fn header(&self, around: &Around, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![self.message_type, self.code, 0, 0];
        header.extend(self.rest);
        checksum::seal(header, 2, |header| {
            if self.protocol == ICMPV6 {
                checksum::with_pseudo_header(around.addresses, ICMPV6, &[header, payload])
            } else {
                checksum::internet(&[header, payload])
            }
        })
    }
}
