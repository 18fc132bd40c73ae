//! What a notation says of a packet, before it is a frame.
//!
//! Owns what holds where nothing is said.

use std::net::{IpAddr, Ipv4Addr};

/// An Ethernet address, in network order.
pub(super) type Mac = [u8; 6];

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) interface: Option<String>,
    pub(super) source_mac: Mac,
    pub(super) destination_mac: Mac,
    /// VLAN ids, the outermost first.
    pub(super) vlans: Vec<u16>,
    /// Length of the frame in bytes, if it is to be cut or padded.
    pub(super) frame_length: Option<usize>,
    pub(super) content: Content,
}

/// What is in the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Arp {
        sender: Ipv4Addr,
        target: Ipv4Addr,
    },
    /// Some other protocol, by its EtherType or, below 1536, its length.
    Other(u16),
    Ip(Ip),
}

/// An IP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ip {
    pub(super) source: IpAddr,
    /// Of the same family.
    pub(super) destination: IpAddr,
    pub(super) ttl: u8,
    /// DSCP and, in the two lowest bits, ECN.
    pub(super) traffic_class: u8,
    /// Length of the IP packet in bytes, header included.
    pub(super) length: Option<u16>,
    /// Bytes of IPv4 options, a multiple of 4 up to 40.
    pub(super) options: usize,
    /// The place of IPv4's fragmentation, or of nothing.
    pub(super) fragment: Option<Fragment>,
    /// IPv6 extension headers in order, a fragment header among them.
    pub(super) extensions: Vec<Extension>,
    pub(super) protocol: u8,
    pub(super) transport: Transport,
}

/// Which part of a datagram a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fragment {
    /// In bytes, a multiple of 8.
    pub(super) offset: u16,
    pub(super) more: bool,
}

/// An IPv6 extension header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    HopByHop,
    DestinationOptions,
    Routing,
    Authentication,
    Fragment(Fragment),
}

/// The transport header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// Bytes that nobody looks at.
    Opaque,
    /// `flags` are of TCP.
    Ports {
        source: u16,
        destination: u16,
        flags: u8,
    },
    Icmp {
        kind: u8,
        code: u8,
    },
}

impl Description {
    /// A frame between two stations of no vendor.
    pub(super) fn of(content: Content) -> Self {
        Self {
            interface: None,
            source_mac: [2, 0, 0, 0, 0, 1],
            destination_mac: [2, 0, 0, 0, 0, 2],
            vlans: Vec::new(),
            frame_length: None,
            content,
        }
    }
}

impl Ip {
    /// The fragmentation, wherever it is said.
    pub(super) fn fragment(&self) -> Option<Fragment> {
        let in_extensions = self
            .extensions
            .iter()
            .find_map(|extension| match extension {
                Extension::Fragment(fragment) => Some(*fragment),
                _ => None,
            });
        self.fragment.or(in_extensions)
    }

    /// Whether it is a later fragment, which has no transport header.
    pub(super) fn is_later(&self) -> bool {
        self.fragment().is_some_and(|fragment| fragment.offset != 0)
    }

    /// Bytes of all headers before the transport header. Those behind a later fragment's header are
    /// in the first fragment.
    pub(super) fn headers(&self) -> usize {
        if self.source.is_ipv4() {
            return 20 + self.options;
        }
        let mut bytes = 40;
        for extension in &self.extensions {
            bytes += extension.size();
            if matches!(extension, Extension::Fragment(fragment) if fragment.offset != 0) {
                break;
            }
        }
        bytes
    }
}

impl Extension {
    /// In bytes.
    pub(super) const fn size(self) -> usize {
        match self {
            // With 12 bytes of integrity check value.
            Self::Authentication => 24,
            _ => 8,
        }
    }

    /// Its protocol number.
    pub(super) const fn number(self) -> u8 {
        use xdp_fw_common::packet::protocol;
        match self {
            Self::HopByHop => protocol::HOP_BY_HOP,
            Self::DestinationOptions => protocol::DESTINATION_OPTIONS,
            Self::Routing => protocol::ROUTING,
            Self::Authentication => protocol::AH,
            Self::Fragment(_) => protocol::FRAGMENT,
        }
    }
}
