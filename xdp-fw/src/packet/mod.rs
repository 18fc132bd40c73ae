//! Packets as people write them, and as captures hold them.
//!
//! Owns the packet notation (`docs/reference/packet-notation.md`): text to a frame, and what rules
//! see of a frame back to text. Never judges a packet, and never sends one.
//!
//! - `text`: words with their columns, and what is wrong with one
//! - `description`: what a notation says
//! - `parse`, `address`, `word`, `value`, `unknown`: text to a description
//! - `build`, `transport`: a description to a frame
//! - `hex`: a frame as digits
//! - `print`: a frame to text
//! - [`capture`]: the frames of a pcap or pcapng file

mod address;
mod build;
pub mod capture;
mod description;
mod hex;
mod parse;
mod print;
#[cfg(test)]
mod tests;
mod text;
mod transport;
mod unknown;
mod value;
mod word;

pub use print::{Printed, printed};
use std::fmt;

pub(crate) use print::{addresses, mac, tcp_flags};
pub use text::Mistake;

/// The shortest frame that the kernel's test run takes: an Ethernet header.
pub const FRAME_MIN: usize = 14;

/// The longest frame that can be written: an IP packet of 65,535 bytes, an Ethernet header and
/// two tags.
pub const FRAME_MAX: usize = 65_535 + 14 + 8;

/// A packet on its way in.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// The whole Ethernet frame, without its checksum.
    pub frame: Vec<u8>,
    /// The interface that it comes in by, if the text says so.
    pub interface: Option<String>,
}

/// The frame as digits: a byte a line is more than anyone reads.
impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.frame.iter().map(|byte| format!("{byte:02x}"));
        f.debug_struct("Packet")
            .field("frame", &digits.collect::<String>())
            .field("interface", &self.interface)
            .finish()
    }
}

/// Reads a packet in the notation, or a frame in hexadecimal.
///
/// # Errors
/// The first mistake, with its column.
pub fn parse(text: &str) -> Result<Packet, Mistake> {
    if let Some(frame) = hex::frame(text) {
        return Ok(Packet {
            frame: frame?,
            interface: None,
        });
    }
    let description = parse::description(text)?;
    Ok(Packet {
        frame: build::frame(&description),
        interface: description.interface,
    })
}
