//! Frames that should go on passing, and for whom they stand.
//!
//! Owns the step from who is there to what comes from them. A pure function.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::devices::{Device, Mac};
use super::ingress::ingress;
use super::packets::{self, Connection, Neighbour, Packet};
use super::routes::Way;

/// For whom a packet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Someone is logged in.
    Session {
        /// From there.
        remote: SocketAddr,
        /// To here.
        local: SocketAddr,
    },
    /// What is not on a link goes there.
    Gateway(IpAddr),
    /// Names are asked there.
    Resolver(IpAddr),
}

impl Role {
    fn address(&self) -> IpAddr {
        match self {
            Self::Session { remote, .. } => remote.ip(),
            Self::Gateway(address) | Self::Resolver(address) => *address,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { remote, local } => {
                write!(f, "the SSH session from {remote} to {local}")
            }
            Self::Gateway(address) => write!(f, "the default gateway {address}"),
            Self::Resolver(address) => write!(f, "the resolver {address}"),
        }
    }
}

/// Someone on whom this host depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) role: Role,
    pub(super) way: Way,
    /// The next hop's Ethernet address; `None` while it is not known.
    pub(super) mac: Option<Mac>,
}

/// Who is there, and on which devices.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub(super) peers: Vec<Peer>,
    pub(super) devices: Vec<Device>,
    /// What could not be looked at, a sentence each: nobody is protected whom that would show.
    pub unseen: Vec<String>,
}

/// A frame, and for whom it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// For whom.
    pub role: Role,
    /// What it is to them.
    pub what: &'static str,
    /// Whether it is theirs; else it is their next hop's, which no rule on their address passes.
    pub is_own: bool,
    /// The filtered interface that it comes in by.
    pub interface: u32,
    /// The interface's name.
    pub name: String,
    /// From the Ethernet header on.
    pub frame: Vec<u8>,
}

impl Surroundings {
    /// Whether they are there.
    #[must_use]
    pub fn has(&self, role: &Role) -> bool {
        self.peers.iter().any(|peer| peer.role == *role)
    }

    /// What comes next from everyone, by the interfaces whose names are filtered. Rules on Ethernet
    /// addresses (`by_mac`) cannot be asked about a neighbour whose address is not known: such a
    /// one stands for nothing then.
    #[must_use]
    pub fn witnesses(&self, is_filtered: impl Fn(&str) -> bool, by_mac: bool) -> Vec<Witness> {
        let filtered = self.devices.iter().filter(|it| is_filtered(&it.name));
        let filtered: BTreeSet<u32> = filtered.map(|device| device.index).collect();
        let mut witnesses = Vec::new();
        for peer in &self.peers {
            let Some(device) = self.devices.iter().find(|it| it.index == peer.way.device) else {
                continue;
            };
            if by_mac && peer.mac.is_none() {
                continue;
            }
            let theirs = peer.mac.unwrap_or_default();
            let ours = device.mac.unwrap_or_default();
            let own = own_packets(peer, device);
            let next_hop = next_hop(peer, theirs, ours).packets();
            let packets =
                || (own.iter().map(|it| (it, true))).chain(next_hop.iter().map(|it| (it, false)));
            for place in ingress(&self.devices, device.index, &filtered) {
                witnesses.extend(packets().map(|(packet, is_own)| Witness {
                    role: peer.role,
                    what: packet.what,
                    is_own,
                    interface: place.device.index,
                    name: place.device.name.to_string(),
                    frame: packet.frame(theirs, ours, &place.tags),
                }));
            }
        }
        witnesses
    }
}

fn own_packets(peer: &Peer, device: &Device) -> Vec<Packet> {
    let way = &peer.way;
    match peer.role {
        Role::Session { remote, local } => {
            let (near, mtu) = (remote.ip() == way.next_hop, device.mtu);
            let connection = Connection {
                remote,
                local,
                near,
                mtu,
            };
            connection.packets()
        }
        Role::Gateway(_) => Vec::new(),
        Role::Resolver(address) => packets::answer(address, way.local, address == way.next_hop),
    }
}

/// Everyone depends on the next hop to be known, too.
fn next_hop(peer: &Peer, theirs: Mac, ours: Mac) -> Neighbour {
    let way = &peer.way;
    Neighbour {
        address: way.next_hop,
        local: way.local,
        theirs,
        ours,
        on_the_way: peer.role.address() != way.next_hop,
    }
}

#[cfg(test)]
mod tests {
    use super::super::devices::{Below, Tag};
    use super::*;

    fn surroundings(mac: Option<Mac>) -> Surroundings {
        let device = |index, name: &str, below| Device {
            index,
            name: crate::names::InterfaceName::from_text(name),
            mac: Some([2, 0, 0, 0, 0, 2]),
            mtu: 1500,
            master: None,
            below,
        };
        let tag = Tag {
            ether_type: 0x8100,
            id: 100,
        };
        let role = Role::Session {
            remote: "203.0.113.9:40000".parse().unwrap(),
            local: "192.0.2.1:22".parse().unwrap(),
        };
        let way = Way {
            device: 3,
            next_hop: "192.0.2.254".parse().unwrap(),
            local: "192.0.2.1".parse().unwrap(),
        };
        Surroundings {
            peers: vec![Peer { role, way, mac }],
            devices: vec![
                device(2, "eth0", Below::Nothing),
                device(3, "eth0.100", Below::Vlan { lower: 2, tag }),
            ],
            unseen: Vec::new(),
        }
    }

    const MAC: Option<Mac> = Some([2, 0, 0, 0, 0, 9]);

    #[test]
    fn a_session_through_a_vlan_device_comes_in_tagged_by_the_lower_interface() {
        let witnesses = surroundings(MAC).witnesses(|name| name == "eth0", true);
        let whats: Vec<_> = witnesses.iter().map(|witness| witness.what).collect();
        insta::assert_debug_snapshot!(whats, @r#"
        [
            "its next acknowledgement",
            "its next full-sized segment",
            "a new connection from there",
            "its gateway's ARP reply",
            "its gateway's ARP request",
        ]
        "#);
        for witness in &witnesses {
            assert_eq!((witness.interface, witness.name.as_str()), (2, "eth0"));
            assert_eq!(witness.frame[6..12], [2, 0, 0, 0, 0, 9]);
            assert_eq!(witness.frame[12..16], [0x81, 0, 0, 100]);
        }
    }

    #[test]
    fn an_interface_that_is_not_filtered_locks_nobody_out() {
        assert_eq!(
            surroundings(MAC).witnesses(|name| name == "eth1", false),
            []
        );
    }

    #[test]
    fn a_neighbour_of_unknown_address_stands_for_nothing_where_rules_ask_for_it() {
        let all = |_: &str| true;
        assert_eq!(surroundings(None).witnesses(all, true), []);
        // On the VLAN device and on what it stands on.
        assert_eq!(surroundings(None).witnesses(all, false).len(), 10);
    }
}
