//! A rule in force, and its criterion on each dimension.

use xdp_fw_common::packet::Mac;
use xdp_fw_common::tables::RuleKind;
use xdp_fw_common::{Dimension, Verdict};

use super::model::List;
use super::ranges::Ranges;
use super::values;
use crate::config::{self, NumberList};

/// A rule in force: criteria are ANDed, `None` matches every packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The identity of its counter.
    pub name: String,
    /// What happens to a packet it matches.
    pub verdict: Verdict,
    /// Whether it decides.
    pub kind: RuleKind,
    /// Source addresses: an index into [`super::Policy::lists`].
    pub source: Option<usize>,
    /// Destination addresses: an index into [`super::Policy::lists`].
    pub destination: Option<usize>,
    /// Upper-layer protocols, 0 to 255.
    pub protocol: Option<Ranges>,
    /// Source ports.
    pub source_port: Option<Ranges>,
    /// Destination ports.
    pub destination_port: Option<Ranges>,
    /// Patterns of interface names.
    pub interface: Option<List<String>>,
    /// IP versions: 4, 6.
    pub family: Option<Ranges>,
    /// VLAN ids, and `VLAN_NONE` for none: in every list that only takes ids away.
    pub vlan: Option<Ranges>,
    /// Families, types and codes of ICMP, as [`xdp_fw_common::tables::icmp_value`] packs them.
    pub icmp: Option<Ranges>,
    /// Bytes of TCP flags.
    pub tcp_flags: Option<Ranges>,
    /// Bits of [`mod@xdp_fw_common::packet::fragment`].
    pub fragment: Option<Ranges>,
    /// Lengths of the IP packet.
    pub length: Option<Ranges>,
    /// Times to live, hop limits.
    pub ttl: Option<Ranges>,
    /// Differentiated services code points.
    pub dscp: Option<Ranges>,
    /// Source Ethernet addresses.
    pub source_mac: Option<List<Mac>>,
    /// Destination Ethernet addresses.
    pub destination_mac: Option<List<Mac>>,
}

impl Rule {
    /// What `rule` asks of a packet, whose address lists have these indices.
    pub(super) fn of(
        rule: &config::Rule,
        verdict: Verdict,
        source: Option<usize>,
        destination: Option<usize>,
    ) -> Self {
        Self {
            name: rule.name.clone(),
            verdict,
            kind: if rule.shadow {
                RuleKind::CountsOnly
            } else {
                RuleKind::Decides
            },
            source,
            destination,
            protocol: bytes(rule.protocol.as_ref()),
            source_port: rule.source_port.as_ref().map(values::words),
            destination_port: rule.destination_port.as_ref().map(values::words),
            interface: rule.interface.as_ref().map(values::interfaces),
            family: bytes(rule.family.as_ref()),
            vlan: rule.vlan.as_ref().map(values::vlans),
            icmp: values::icmp(rule.icmp_type.as_ref(), rule.icmp_code.as_ref()),
            tcp_flags: rule.tcp_flags.as_deref().map(values::tcp_flags),
            fragment: rule.fragment.as_ref().map(values::fragments),
            length: rule.length.as_ref().map(values::words),
            ttl: bytes(rule.ttl.as_ref()),
            dscp: bytes(rule.dscp.as_ref()),
            source_mac: rule.source_mac.as_ref().map(values::macs),
            destination_mac: rule.destination_mac.as_ref().map(values::macs),
        }
    }

    /// The criterion on a dimension of IP addresses; `None` on any other.
    pub(super) fn addresses(&self, dimension: Dimension) -> Option<&usize> {
        match dimension {
            Dimension::Source => self.source.as_ref(),
            Dimension::Destination => self.destination.as_ref(),
            _ => None,
        }
    }

    /// The criterion on a dimension of Ethernet addresses; `None` on any other.
    pub(super) fn macs(&self, dimension: Dimension) -> Option<&List<Mac>> {
        match dimension {
            Dimension::SourceMac => self.source_mac.as_ref(),
            Dimension::DestinationMac => self.destination_mac.as_ref(),
            _ => None,
        }
    }

    /// The criterion on a dimension of numbers; `None` on any other.
    pub(super) fn numbers(&self, dimension: Dimension) -> Option<&Ranges> {
        match dimension {
            Dimension::Protocol => self.protocol.as_ref(),
            Dimension::SourcePort => self.source_port.as_ref(),
            Dimension::DestinationPort => self.destination_port.as_ref(),
            Dimension::Family => self.family.as_ref(),
            Dimension::Vlan => self.vlan.as_ref(),
            Dimension::Icmp => self.icmp.as_ref(),
            Dimension::TcpFlags => self.tcp_flags.as_ref(),
            Dimension::Fragment => self.fragment.as_ref(),
            Dimension::Length => self.length.as_ref(),
            Dimension::Ttl => self.ttl.as_ref(),
            Dimension::Dscp => self.dscp.as_ref(),
            Dimension::Source
            | Dimension::Destination
            | Dimension::Interface
            | Dimension::SourceMac
            | Dimension::DestinationMac => None,
        }
    }
}

fn bytes(list: Option<&NumberList<u8>>) -> Option<Ranges> {
    list.map(values::bytes)
}
