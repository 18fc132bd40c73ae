//! The way to an address, and who is next on it.
//!
//! Owns the look-ups of routes and neighbours. The way back is taken for the way that packets
//! come: where routing is asymmetric, nobody on this host knows better.

use std::collections::HashMap;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType, RouteVia,
};
use rtnetlink::{Error, Handle};

use super::devices::Mac;

/// Most default gateways that are looked at.
const MOST_GATEWAYS: usize = 64;

/// What a way is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination {
    pub(super) address: IpAddr,
    /// The address of this host that packets are sent from; `None` leaves that to the kernel.
    pub(super) from: Option<IpAddr>,
    /// The device that the socket is bound to.
    pub(super) device: Option<u32>,
    /// Protocol, local and remote port, which policy routing may look at.
    pub(super) ports: Option<(u8, u16, u16)>,
}

/// The way to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// The device that packets leave by.
    pub(super) device: u32,
    /// The gateway; the address itself where it is on the link.
    pub(super) next_hop: IpAddr,
    /// The address of this host.
    pub(super) local: IpAddr,
}

/// The way to an address; `None` where there is none, or where it does not leave this host.
pub(super) async fn way(handle: &Handle, to: Destination) -> Result<Option<Way>, Error> {
    let answer: Result<Vec<RouteMessage>, Error> = handle
        .route()
        .get(question(to))
        .execute()
        .try_collect()
        .await;
    let routes = match answer {
        Ok(routes) => routes,
        // Unreachable, prohibited, or from an address that this host has no more.
        Err(Error::NetlinkError(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(routes.first().and_then(|route| read_way(route, to)))
}

fn question(to: Destination) -> RouteMessage {
    let mut message = RouteMessage::default();
    let length = if to.address.is_ipv4() { 32 } else { 128 };
    message.header.address_family = family(to.address);
    message.header.destination_prefix_length = length;
    message.attributes = vec![RouteAttribute::Destination(to.address.into())];
    if let Some(from) = to.from {
        message.header.source_prefix_length = length;
        message.attributes.push(RouteAttribute::Source(from.into()));
    }
    message
        .attributes
        .extend(to.device.map(RouteAttribute::Oif));
    if let Some((protocol, local, remote)) = to.ports {
        message.attributes.extend([
            RouteAttribute::IpProto(protocol),
            RouteAttribute::Sport(local),
            RouteAttribute::Dport(remote),
        ]);
    }
    message
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn read_way(route: &RouteMessage, to: Destination) -> Option<Way> {
    if route.header.kind != RouteType::Unicast {
        return None;
    }
    let device = route.attributes.iter().find_map(|it| match it {
        RouteAttribute::Oif(device) => Some(*device),
        _ => None,
    })?;
    let preferred = route.attributes.iter().find_map(|it| match it {
        RouteAttribute::PrefSource(address) => ip(address),
        _ => None,
    });
    Some(Way {
        device,
        next_hop: gateway(&route.attributes).unwrap_or(to.address),
        local: to.from.or(preferred)?,
    })
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(address) => ip(address),
        // IPv4 by way of a neighbour that is known by IPv6.
        RouteAttribute::Via(RouteVia::Inet(address)) => Some((*address).into()),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some((*address).into()),
        _ => None,
    })
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

/// The gateways of every default route in the main table, each with its device.
pub(super) async fn default_gateways(handle: &Handle) -> Result<Vec<(u32, IpAddr)>, Error> {
    let mut found = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut all = RouteMessage::default();
        all.header.address_family = family;
        let mut routes = Box::pin(handle.route().get(all).execute());
        while let Some(route) = routes.try_next().await? {
            let header = &route.header;
            if header.destination_prefix_length == 0
                && header.kind == RouteType::Unicast
                && table(&route) == u32::from(RouteHeader::RT_TABLE_MAIN)
            {
                found.extend(hops(&route));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(MOST_GATEWAYS);
    Ok(found)
}

fn table(route: &RouteMessage) -> u32 {
    let table = route.attributes.iter().find_map(|it| match it {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    table.unwrap_or(route.header.table.into())
}

/// Each gateway of a route, with its device.
fn hops(route: &RouteMessage) -> Vec<(u32, IpAddr)> {
    let mut found = Vec::new();
    let mut device = None;
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(index) => device = Some(*index),
            RouteAttribute::MultiPath(hops) => {
                let hop = hops
                    .iter()
                    .filter_map(|hop| Some((hop.interface_index, gateway(&hop.attributes)?)));
                found.extend(hop);
            }
            _ => {}
        }
    }
    found.extend(device.zip(gateway(&route.attributes)));
    found
}

/// The Ethernet addresses of neighbours, by device and address.
pub(super) async fn neighbours(handle: &Handle) -> Result<HashMap<(u32, IpAddr), Mac>, Error> {
    let mut found = HashMap::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let request = handle.neighbours().get().set_address_family(family);
        let messages: Vec<NeighbourMessage> = request.execute().try_collect().await?;
        found.extend(messages.iter().filter_map(neighbour));
    }
    Ok(found)
}

fn neighbour(message: &NeighbourMessage) -> Option<((u32, IpAddr), Mac)> {
    let (mut address, mut mac) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => {
                address = Some(IpAddr::from(*ip));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => {
                address = Some(IpAddr::from(*ip));
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = bytes.as_slice().try_into().ok(),
            _ => {}
        }
    }
    Some(((message.header.ifindex, address?), mac?))
}
