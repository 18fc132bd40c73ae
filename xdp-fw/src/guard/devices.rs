//! Network devices, as far as the way of a frame depends on them.
//!
//! Owns the listing and how a netlink message becomes a [`Device`].

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVlan, LinkAttribute, LinkExtentMask, LinkInfo, LinkMessage,
};
use rtnetlink::{Error, Handle};

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
    pub(super) name: String,
    /// `None` where it is not Ethernet.
    pub(super) mac: Option<Mac>,
    /// Largest IP packet in bytes.
    pub(super) mtu: u32,
    /// The device that it is enslaved to.
    pub(super) master: Option<u32>,
    pub(super) below: Below,
}

/// Lists the devices of this network namespace.
pub(super) async fn list(handle: &Handle) -> Result<Vec<Device>, Error> {
    let request = handle
        .link()
        .get()
        .set_filter_mask(AddressFamily::Unspec, vec![LinkExtentMask::SkipStats]);
    let messages: Vec<LinkMessage> = request.execute().try_collect().await?;
    Ok(messages.iter().map(device).collect())
}

fn device(message: &LinkMessage) -> Device {
    let mut device = Device {
        index: message.header.index,
        name: String::new(),
        mac: None,
        mtu: 0,
        master: None,
        below: Below::Nothing,
    };
    let (mut lower, mut elsewhere, mut infos) = (None, false, &[][..]);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => device.name.clone_from(name),
            LinkAttribute::Address(address) => device.mac = address.as_slice().try_into().ok(),
            LinkAttribute::Mtu(mtu) => device.mtu = *mtu,
            LinkAttribute::Controller(master) => device.master = Some(*master),
            LinkAttribute::Link(index) => lower = Some(*index),
            // Its number is one of another namespace then.
            LinkAttribute::LinkNetNsId(_) => elsewhere = true,
            LinkAttribute::LinkInfo(found) => infos = found,
            _ => {}
        }
    }
    device.below = below(infos, lower.filter(|_| !elsewhere));
    device
}

fn below(infos: &[LinkInfo], lower: Option<u32>) -> Below {
    let kind = infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    });
    match (kind, lower) {
        (Some(InfoKind::Vlan), Some(lower)) => match tag(infos) {
            Some(tag) => Below::Vlan { lower, tag },
            None => Below::Nothing,
        },
        (
            Some(InfoKind::MacVlan | InfoKind::MacVtap | InfoKind::IpVlan | InfoKind::IpVtap),
            Some(lower),
        ) => Below::Shared { lower },
        (Some(InfoKind::Bridge | InfoKind::Bond), _) => Below::Members,
        (Some(kind), _) if kind.to_string() == "team" => Below::Members,
        _ => Below::Nothing,
    }
}

fn tag(infos: &[LinkInfo]) -> Option<Tag> {
    let data = infos.iter().find_map(|info| match info {
        LinkInfo::Data(InfoData::Vlan(data)) => Some(data),
        _ => None,
    })?;
    let id = data.iter().find_map(|info| match info {
        InfoVlan::Id(id) => Some(*id),
        _ => None,
    })?;
    let ether_type = data.iter().find_map(|info| match info {
        InfoVlan::Protocol(protocol) => Some(u16::from(*protocol)),
        _ => None,
    });
    Some(Tag {
        ether_type: ether_type.unwrap_or(0x8100),
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtnetlink::packet_route::link::VlanProtocol;

    fn message(attributes: Vec<LinkAttribute>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = 7;
        message.attributes = attributes;
        message
    }

    fn vlan(extra: Option<LinkAttribute>) -> Below {
        let data = vec![
            InfoVlan::Protocol(VlanProtocol::Ieee8021Ad),
            InfoVlan::Id(100),
        ];
        let infos = vec![
            LinkInfo::Kind(InfoKind::Vlan),
            LinkInfo::Data(InfoData::Vlan(data)),
        ];
        let mut attributes = vec![LinkAttribute::Link(3), LinkAttribute::LinkInfo(infos)];
        attributes.extend(extra);
        device(&message(attributes)).below
    }

    #[test]
    fn a_vlan_device_stands_on_another_with_its_tag() {
        let tag = Tag {
            ether_type: 0x88a8,
            id: 100,
        };
        assert_eq!(vlan(None), Below::Vlan { lower: 3, tag });
    }

    #[test]
    fn a_lower_device_of_another_namespace_is_not_ours() {
        let elsewhere = Some(LinkAttribute::LinkNetNsId(0));
        assert_eq!(vlan(elsewhere), Below::Nothing);
    }

    #[test]
    fn a_veth_does_not_stand_on_its_peer() {
        let infos = vec![LinkInfo::Kind(InfoKind::Veth)];
        let veth = message(vec![
            LinkAttribute::Link(3),
            LinkAttribute::LinkInfo(infos),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
        ]);
        let veth = device(&veth);
        assert_eq!(veth.below, Below::Nothing);
        assert_eq!(veth.mac, Some([2, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn a_device_whose_address_is_no_ethernet_address_has_none() {
        let tunnel = message(vec![LinkAttribute::Address(vec![192, 0, 2, 1])]);
        assert_eq!(device(&tunnel).mac, None);
    }
}
