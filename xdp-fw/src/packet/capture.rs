//! The frames of a capture: pcap and pcapng.
//!
//! Owns what may be in such a file: Ethernet, in blocks of at most 1 MiB. Memory does not grow with
//! the file, whatever is in it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pcap_parser::pcapng::{Block, OptionCode};
use pcap_parser::traits::{PcapNGPacketBlock as _, PcapReaderIterator};
use pcap_parser::{Linktype, PcapBlockOwned, PcapError, create_reader};

use super::FRAME_MAX;
use crate::names::InterfaceName;

/// The longest block that is read, in bytes; tcpdump's frames have at most 256 KiB.
const BLOCK_MAX: usize = 1 << 20;

/// Interfaces that a section of a pcapng file may have.
const INTERFACES_MAX: usize = 65_536;

/// Why a capture cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The system does not give it.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is something else.
    #[error("{}: neither pcap nor pcapng; expected what `tcpdump -w FILE` writes", .0.display())]
    NotACapture(PathBuf),
    /// Its frames are not Ethernet.
    #[error(
        "{}: its link type is {link}, and rules judge Ethernet frames; capture on one Ethernet interface (not on `any`)",
        .path.display()
    )]
    LinkType {
        /// The file.
        path: PathBuf,
        /// The link type's name, or its number.
        link: String,
    },
    /// It is damaged or was cut off.
    #[error("{}: behind packet {after}: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The number of the last packet that was read.
        after: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// A captured frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Its number in the file, from 1.
    pub number: u64,
    /// The frame, at the length that it had. Bytes that were not captured are zero.
    pub frame: Vec<u8>,
    /// How many bytes of it were captured.
    pub captured: usize,
    /// The interface that pcapng names.
    pub interface: Option<String>,
}

/// The frames of a file, front to back. Ends after the first error.
pub struct Capture {
    path: PathBuf,
    reader: Box<dyn PcapReaderIterator + Send>,
    interfaces: Vec<Interface>,
    number: u64,
    ended: bool,
}

/// An interface of a capture.
struct Interface {
    link: Linktype,
    name: Option<String>,
}

/// Fills what it is given, or meets the end: a pipe gives a little at a time.
struct Whole<R>(R);

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.0.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl Capture {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// [`CaptureError::Io`] and [`CaptureError::NotACapture`].
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        if path.as_os_str() == "-" {
            return Self::of(path, io::stdin());
        }
        let io = |source| CaptureError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(io(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        Self::of(path, file)
    }

    /// Reads from `source`; `path` is for messages.
    ///
    /// # Errors
    /// [`CaptureError::NotACapture`].
    pub fn of(path: &Path, source: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let reader = create_reader(BLOCK_MAX, Whole(source))
            .map_err(|_| CaptureError::NotACapture(path.to_owned()))?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            interfaces: Vec::new(),
            number: 0,
            ended: false,
        })
    }

    fn read(&mut self) -> Result<Option<Captured>, CaptureError> {
        let damaged = |after, what| {
            let path = self.path.clone();
            Err(CaptureError::Damaged { path, after, what })
        };
        let mut refilled = false;
        loop {
            let (size, found) = match self.reader.next() {
                Ok((size, block)) => (size, read_block(&block, &mut self.interfaces)),
                Err(PcapError::Eof) => return Ok(None),
                // One read fills the buffer or meets the end.
                Err(PcapError::Incomplete(_)) if !refilled => {
                    refilled = true;
                    if self.reader.refill().is_err() {
                        return damaged(self.number, "it cannot be read any further");
                    }
                    continue;
                }
                Err(PcapError::Incomplete(_) | PcapError::BufferTooSmall) => {
                    return damaged(self.number, "a block of more than 1 MiB");
                }
                Err(PcapError::UnexpectedEof) => {
                    return damaged(self.number, "the file ends in the middle of a packet");
                }
                Err(_) => return damaged(self.number, "the file is damaged"),
            };
            refilled = false;
            self.reader.consume(size);
            match found {
                Found::Nothing => {}
                Found::Damage(what) => return damaged(self.number, what),
                Found::Link(link) => {
                    let path = self.path.clone();
                    let link = link_name(link);
                    return Err(CaptureError::LinkType { path, link });
                }
                Found::Frame(mut captured) => {
                    self.number += 1;
                    captured.number = self.number;
                    return Ok(Some(captured));
                }
            }
        }
    }
}

impl Iterator for Capture {
    type Item = Result<Captured, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}

/// What a block holds.
enum Found {
    Nothing,
    Frame(Captured),
    /// A frame of another link type.
    Link(Linktype),
    Damage(&'static str),
}

fn read_block(block: &PcapBlockOwned<'_>, interfaces: &mut Vec<Interface>) -> Found {
    match block {
        PcapBlockOwned::LegacyHeader(header) => {
            // Above are the length of the frame check sequence and reserved bits.
            let link = Linktype(header.network.0 & 0xffff);
            interfaces.push(Interface { link, name: None });
            Found::Nothing
        }
        PcapBlockOwned::Legacy(block) => frame(interfaces.first(), block.data, block.origlen),
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            interfaces.clear();
            Found::Nothing
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
            if interfaces.len() == INTERFACES_MAX {
                return Found::Damage("more than 65,536 interfaces");
            }
            let mut options = block.options.iter();
            let name = options.find(|option| option.code == OptionCode::IfName);
            let name = name.and_then(|option| option.as_bytes().ok());
            interfaces.push(Interface {
                link: block.linktype,
                name: name.filter(|name| name.len() < 64).map(named),
            });
            Found::Nothing
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(block)) => frame(
            interfaces.get(block.if_id as usize),
            block.packet_data(),
            block.origlen,
        ),
        PcapBlockOwned::NG(Block::SimplePacket(block)) => {
            frame(interfaces.first(), block.packet_data(), block.origlen)
        }
        // Statistics, names, secrets, whatever comes.
        PcapBlockOwned::NG(_) => Found::Nothing,
    }
}

/// As the listing of interfaces has it; some writers end it with a zero byte.
fn named(name: &[u8]) -> String {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    InterfaceName::from_bytes(name).into()
}

fn frame(interface: Option<&Interface>, data: &[u8], length: u32) -> Found {
    let Some(interface) = interface else {
        return Found::Damage("a packet of an interface that is not described");
    };
    if interface.link != Linktype::ETHERNET {
        return Found::Link(interface.link);
    }
    let captured = data.len();
    let length = (length as usize).clamp(captured, FRAME_MAX.max(captured));
    let mut frame = data.to_vec();
    frame.resize(length, 0);
    Found::Frame(Captured {
        number: 0,
        frame,
        captured,
        interface: interface.name.clone(),
    })
}

/// As `tcpdump --list-data-link-types` has them.
fn link_name(link: Linktype) -> String {
    let name = match link.0 {
        0 => "NULL (BSD loopback)",
        9 => "PPP",
        12 | 14 | 101 => "RAW (IP without a link layer)",
        105 => "IEEE802_11",
        108 => "LOOP (OpenBSD loopback)",
        113 => "LINUX_SLL (cooked, as of `any`)",
        127 => "IEEE802_11_RADIO",
        189 | 220 => "USB_LINUX",
        195 => "IEEE802_15_4",
        201 | 187 => "BLUETOOTH_HCI_H4",
        228 => "IPV4",
        229 => "IPV6",
        239 => "NFLOG",
        253 => "NETLINK",
        276 => "LINUX_SLL2 (cooked, as of `any`)",
        number => return format!("number {number}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests;
