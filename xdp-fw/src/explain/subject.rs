//! A packet as criteria see it: what is not there is `None`, and no criterion on it matches.

use std::net::IpAddr;

use xdp_fw_common::Packet;
use xdp_fw_common::packet::{MAC_UNKNOWN, Network, Transport, fragment, protocol};
use xdp_fw_common::{Reason, packet::Mac};

use crate::config::FragmentKind;
use crate::packet::addresses;

/// A frame, read by the policy core, and where it comes in.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The interface; `None` for one that no rule names.
    interface: Option<&'a str>,
    packet: Packet,
}

impl<'a> Subject<'a> {
    /// Reads a frame.
    #[must_use]
    pub fn of(frame: &[u8], interface: Option<&'a str>) -> Self {
        let mut packet = Packet::parse(frame, frame.len());
        packet.read_macs(frame);
        packet.read_tcp_flags(frame);
        Self { interface, packet }
    }

    pub(super) fn interface(&self) -> Option<&'a str> {
        self.interface
    }

    /// Whether it is read as far as rules ask.
    pub(super) fn is_read(&self) -> bool {
        self.packet.is_read
    }

    fn whole<T>(&self, value: T) -> Option<T> {
        self.is_read().then_some(value)
    }

    pub(super) fn is_v6(&self) -> bool {
        self.packet.network == Network::V6
    }

    pub(super) fn family(&self) -> Option<u8> {
        match self.packet.network {
            Network::V4 => Some(4),
            Network::V6 => Some(6),
            _ => None,
        }
    }

    pub(super) fn vlan(&self) -> Option<u16> {
        let unread = matches!(
            self.packet.malformed,
            Some(Reason::TruncatedEthernet | Reason::TruncatedVlan | Reason::VlanDepth)
        );
        (!unread).then_some(self.packet.vlan)
    }

    pub(crate) fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        addresses(&self.packet)
    }

    pub(super) fn protocol(&self) -> Option<u8> {
        u8::try_from(self.packet.protocol).ok()
    }

    /// Source and destination.
    pub(super) fn ports(&self) -> Option<(u16, u16)> {
        (self.packet.transport == Transport::Ports)
            .then_some((self.packet.source_port, self.packet.destination_port))
    }

    /// Type and code, of the family's own ICMP.
    pub(super) fn icmp(&self) -> Option<(u8, u8)> {
        let own = if self.is_v6() {
            protocol::ICMPV6
        } else {
            protocol::ICMP
        };
        let is_own = self.packet.protocol == u16::from(own);
        (is_own && self.packet.transport == Transport::Icmp).then_some((
            self.packet.source_port as u8,
            self.packet.destination_port as u8,
        ))
    }

    pub(super) fn tcp_flags(&self) -> Option<u8> {
        let is_tcp = self.packet.protocol == u16::from(protocol::TCP);
        (is_tcp && self.packet.transport == Transport::Ports).then_some(self.packet.tcp_flags)
    }

    pub(super) fn fragment(&self) -> Option<FragmentKind> {
        let bits = self.packet.fragment;
        self.whole(if bits & fragment::LATER != 0 {
            FragmentKind::Later
        } else if bits & fragment::MORE != 0 {
            FragmentKind::First
        } else if bits & fragment::FRAGMENT != 0 {
            FragmentKind::Atomic
        } else {
            FragmentKind::None
        })
    }

    pub(super) fn length(&self) -> Option<u16> {
        self.whole(self.packet.length)
    }

    pub(super) fn ttl(&self) -> Option<u8> {
        self.whole(self.packet.hop_limit)
    }

    pub(super) fn dscp(&self) -> Option<u8> {
        self.whole(self.packet.dscp)
    }

    /// Source and destination.
    pub(super) fn macs(&self) -> Option<(Mac, Mac)> {
        let (source, destination) = (self.packet.source_mac, self.packet.destination_mac);
        (source != MAC_UNKNOWN && destination != MAC_UNKNOWN).then_some((source, destination))
    }
}
