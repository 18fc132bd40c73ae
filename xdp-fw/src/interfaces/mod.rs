//! The network interfaces of this namespace, as the kernel tells them over netlink.
//!
//! Owns what an interface is to this program, the listing, the events, what a pattern matches, and
//! what is known of devices and drivers. Never changes an interface: attaching is the datapath's.

pub mod drivers;
mod ethtool;
pub(crate) mod link;
mod list;
mod netdev;
mod stacked;
mod tags;
mod watch;

use std::fmt;

pub use crate::names::InterfaceName;
pub use crate::names::pattern::{is_glob, matches};
pub use ethtool::{Channels, Device, device};
pub use list::{Error, ethernet_addresses, list};
pub use netdev::{XdpFeatures, xdp_features};
pub use stacked::{advice, not_ethernet, why_unfit};
pub use tags::hides_tags;
pub use watch::{Event, Events, watch};

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its number, unique in the namespace as long as it lives.
    pub index: u32,
    /// Its name, which can change.
    pub name: InterfaceName,
    /// What of the kernel's message about it could not be read. What its name is, or whether a
    /// pattern means it, is then not known.
    pub flaw: Option<&'static str>,
    /// Whether its frames begin with an Ethernet header; loopback does not count.
    pub ethernet: bool,
    /// What made it (`veth`, `bond`, `tun`, `wireguard` …); `None` for hardware.
    pub kind: Option<String>,
    /// Whether it is administratively up.
    pub up: bool,
    /// Largest IP packet in bytes.
    pub mtu: u32,
    /// Number of the interface that it is a member of: a bond, a team, a bridge.
    pub controller: Option<u32>,
    /// Number of the interface that it is made on, as VLAN and DSA devices are; for a veth its
    /// peer. `None` if that is in another namespace, where numbers mean other interfaces.
    pub lower: Option<u32>,
    /// The XDP program on it, anyone's.
    pub xdp: Option<XdpState>,
}

/// An XDP program on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XdpState {
    /// Where it runs.
    pub mode: XdpMode,
    /// Its id, as in `bpftool prog show id`.
    pub program: u32,
}

/// Where an attached XDP program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver.
    Native,
    /// In the stack.
    Generic,
    /// On the card.
    Offload,
}

impl XdpMode {
    /// The word that configuration, statistics and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Offload => "offload",
        }
    }
}

impl fmt::Display for XdpMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
