//! A packet as criteria see it: what is not there is `None`, and no criterion on it matches.

use std::net::IpAddr;

use xdp_fw_common::Dimension;
use xdp_fw_common::Packet;
use xdp_fw_common::classify::number_of;
use xdp_fw_common::packet::{MAC_UNKNOWN, Mac, Network, Transport, protocol};

use crate::criteria::FragmentKind;
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

    /// The number that it has on a dimension of numbers.
    pub(super) fn number(&self, dimension: Dimension) -> Option<u32> {
        number_of(&self.packet, dimension)
    }

    /// The address that it has on a dimension of IP addresses.
    pub(super) fn address(&self, dimension: Dimension) -> Option<IpAddr> {
        let (source, destination) = self.addresses()?;
        match dimension {
            Dimension::Source => Some(source),
            Dimension::Destination => Some(destination),
            _ => None,
        }
    }

    /// The address that it has on a dimension of Ethernet addresses.
    pub(super) fn mac(&self, dimension: Dimension) -> Option<Mac> {
        let packet = &self.packet;
        let is_known = packet.source_mac != MAC_UNKNOWN && packet.destination_mac != MAC_UNKNOWN;
        match dimension {
            Dimension::SourceMac => is_known.then_some(packet.source_mac),
            Dimension::DestinationMac => is_known.then_some(packet.destination_mac),
            _ => None,
        }
    }

    pub(crate) fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        addresses(&self.packet)
    }

    /// Type and code, of the family's own ICMP.
    pub(super) fn icmp(&self) -> Option<(u8, u8)> {
        let own = if self.is_v6() {
            protocol::ICMPV6
        } else {
            protocol::ICMP
        };
        let is_own = self.packet.protocol == u16::from(own);
        (is_own && self.packet.transport == Transport::Icmp)
            .then_some((self.packet.icmp_type() as u8, self.packet.icmp_code() as u8))
    }

    pub(super) fn tcp_flags(&self) -> Option<u8> {
        let is_tcp = self.packet.protocol == u16::from(protocol::TCP);
        (is_tcp && self.packet.transport == Transport::Ports).then_some(self.packet.tcp_flags)
    }

    pub(super) fn fragment(&self) -> Option<FragmentKind> {
        self.whole(FragmentKind::of_bits(self.packet.fragment))
    }
}
