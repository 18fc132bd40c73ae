//! Network devices, as far as the way of a frame depends on them.
//!
//! Owns the listing and how a message about a link becomes a [`Device`].

use crate::interfaces::Error;
use crate::interfaces::link::{self, Link};
use crate::names::InterfaceName;

/// An Ethernet address in network order.
pub(super) type Mac = [u8; 6];

/// A VLAN tag in front of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    /// Its EtherType: 0x8100 or 0x88a8.
    pub(super) ether_type: u16,
    /// The VLAN's id.
    pub(super) id: u16,
}

/// What a device stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Below {
    /// Itself, or something that does not pass frames on.
    Nothing,
    /// Another device; its frames have this tag there.
    Vlan { lower: u32, tag: Tag },
    /// Another device, whose frames it shares (macvlan, ipvlan).
    Shared { lower: u32 },
    /// Every device that is enslaved to it (bridge, bond, team).
    Members,
}

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) index: u32,
    pub(super) name: InterfaceName,
    /// `None` where it is not Ethernet.
    pub(super) mac: Option<Mac>,
    /// Largest IP packet in bytes.
    pub(super) mtu: u32,
    /// The device that it is enslaved to.
    pub(super) master: Option<u32>,
    pub(super) below: Below,
}

/// Lists the devices of this network namespace.
pub(super) async fn list() -> Result<Vec<Device>, Error> {
    let links = link::dump().await?;
    Ok(links.iter().map(device).collect())
}

fn device(link: &Link) -> Device {
    let mac = link.attribute(link::ADDRESS);
    Device {
        index: link.index,
        name: link.name(),
        mac: mac.and_then(|address| address.try_into().ok()),
        mtu: link.number(link::MTU).unwrap_or_default(),
        master: link.number(link::CONTROLLER),
        below: below(link),
    }
}

fn below(link: &Link) -> Below {
    match (link.kind().as_deref(), link.lower()) {
        (Some("vlan"), Some(lower)) => match tag(link) {
            Some(tag) => Below::Vlan { lower, tag },
            None => Below::Nothing,
        },
        (Some("macvlan" | "macvtap" | "ipvlan" | "ipvtap"), Some(lower)) => Below::Shared { lower },
        (Some("bridge" | "bond" | "team"), _) => Below::Members,
        _ => Below::Nothing,
    }
}

/// `IFLA_VLAN_ID` and `IFLA_VLAN_PROTOCOL`, which is in network order.
const VLAN_ID: u16 = 1;
const VLAN_PROTOCOL: u16 = 5;

fn tag(link: &Link) -> Option<Tag> {
    let data = link::nested(link.attribute(link::INFO)?, link::INFO_DATA)?;
    let number = |kind| <[u8; 2]>::try_from(link::nested(data, kind)?).ok();
    Some(Tag {
        ether_type: number(VLAN_PROTOCOL).map_or(0x8100, u16::from_be_bytes),
        id: u16::from_ne_bytes(number(VLAN_ID)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interfaces::link::testing::{link as message, nest};

    const LOWER: (u16, &[u8]) = (link::LOWER, &3u32.to_ne_bytes());

    fn vlan(extra: &[(u16, &[u8])]) -> Below {
        let data = nest(&[
            (VLAN_PROTOCOL, &[0x88, 0xa8]),
            (VLAN_ID, &100u16.to_ne_bytes()),
        ]);
        let info = nest(&[(link::INFO_KIND, b"vlan\0"), (link::INFO_DATA, &data)]);
        let attributes = [&[LOWER, (link::INFO, &info)], extra].concat();
        device(&message(&attributes)).below
    }

    #[test]
    fn a_vlan_device_stands_on_another_with_its_tag() {
        let tag = Tag {
            ether_type: 0x88a8,
            id: 100,
        };
        assert_eq!(vlan(&[]), Below::Vlan { lower: 3, tag });
    }

    #[test]
    fn a_lower_device_of_another_namespace_is_not_ours() {
        let elsewhere = (link::LOWER_NAMESPACE, &0u32.to_ne_bytes()[..]);
        assert_eq!(vlan(&[elsewhere]), Below::Nothing);
    }

    #[test]
    fn a_veth_does_not_stand_on_its_peer() {
        let info = nest(&[(link::INFO_KIND, b"veth\0")]);
        let veth = device(&message(&[
            LOWER,
            (link::INFO, &info),
            (link::ADDRESS, &[2, 0, 0, 0, 0, 1]),
        ]));
        assert_eq!(veth.below, Below::Nothing);
        assert_eq!(veth.mac, Some([2, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn a_device_whose_address_is_no_ethernet_address_has_none() {
        let tunnel = message(&[(link::ADDRESS, &[192, 0, 2, 1])]);
        assert_eq!(device(&tunnel).mac, None);
    }
}
