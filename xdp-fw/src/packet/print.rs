//! What rules see of a frame, in the notation.
//!
//! Owns what is left out: what no criterion can ask for, above all IPv4 options, extension
//! headers and inner tags. Reads a frame with the policy core, as the kernel does.

use std::fmt::Write as _;
use std::net::IpAddr;

use xdp_fw_common::packet::{Network, Transport, fragment, protocol};
use xdp_fw_common::tables::VLAN_NONE;
use xdp_fw_common::{Packet, Reason};

use crate::criteria::numbers;
use crate::names::{icmp, protocols, tcp_flags as flags};

/// A packet as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// What it is, as short as it can be told: protocol, addresses, ports, flags, tag, fragment.
    pub brief: String,
    /// The rest of what criteria can ask for, to follow it: DSCP, TTL, length, Ethernet addresses.
    pub details: String,
}

/// Prints a frame. A malformed one is told by its flaw, which is no notation.
#[must_use]
pub fn printed(frame: &[u8]) -> Printed {
    let mut packet = Packet::parse(frame, frame.len());
    packet.read_macs(frame);
    packet.read_tcp_flags(frame);
    let mut details = String::new();
    let addresses = addresses(&packet);
    let mut brief = match (packet.malformed, packet.network) {
        (Some(flaw), _) if packet.is_read => {
            details = header(&packet);
            format!("{} {}", flawed(flaw), ip(&packet, addresses))
        }
        (Some(flaw), _) => {
            let mut text = flawed(flaw);
            if let Some((source, destination)) = addresses {
                let _ = write!(text, " {source} > {destination}");
            }
            text
        }
        (None, Network::Arp) => "arp".to_owned(),
        (None, Network::V4 | Network::V6) => {
            details = header(&packet);
            ip(&packet, addresses)
        }
        (None, _) => format!("ethertype {:#06x}", ethertype(frame)),
    };
    if packet.vlan != VLAN_NONE {
        let _ = write!(brief, " vlan {}", packet.vlan);
    }
    if packet.is_read {
        if !details.is_empty() {
            details.push(' ');
        }
        let [source, destination] = [packet.source_mac, packet.destination_mac].map(mac);
        let _ = write!(details, "mac {source} > {destination}");
    }
    Printed { brief, details }
}

/// What a packet is that has this flaw. A martian may well be formed as it should be.
fn flawed(flaw: Reason) -> String {
    if flaw.is_malformed() {
        format!("malformed ({})", flaw.name())
    } else {
        flaw.name().to_owned()
    }
}

/// Source and destination, where both were read.
pub(crate) fn addresses(packet: &Packet) -> Option<(IpAddr, IpAddr)> {
    let address = |words: [u64; 2]| -> Option<IpAddr> {
        let bytes: [u8; 16] = bytemuck::cast(words);
        match packet.network {
            Network::V4 => {
                let [a, b, c, d, ..] = bytes;
                Some(IpAddr::from([a, b, c, d]))
            }
            Network::V6 => Some(IpAddr::from(bytes)),
            _ => None,
        }
    };
    address(packet.source).zip(address(packet.destination))
}

fn ip(packet: &Packet, addresses: Option<(IpAddr, IpAddr)>) -> String {
    let Some((source, destination)) = addresses else {
        return String::new();
    };
    let mut text = protocol_name(packet);
    let bare = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let (source, destination) = (bare(source), bare(destination));
    if packet.transport == Transport::Ports {
        let (from, to) = (packet.source_port, packet.destination_port);
        let _ = write!(text, " {source}:{from} > {destination}:{to}");
    } else {
        let _ = write!(text, " {source} > {destination}");
    }
    if packet.protocol == u16::from(protocol::TCP) && packet.transport == Transport::Ports {
        let flags = tcp_flags(packet.tcp_flags);
        if flags != "none" {
            let _ = write!(text, " {flags}");
        }
    }
    if packet.transport == Transport::Icmp {
        let v6 = packet.network == Network::V6;
        let (kind, code) = (packet.icmp_type() as u8, packet.icmp_code() as u8);
        match icmp::type_name(v6, kind) {
            Some(name) => text.extend([" ", name]),
            None => text.push_str(&format!(" type {kind}")),
        }
        if code != 0 {
            let _ = write!(text, " code {code}");
        }
    }
    text.push_str(match packet.fragment {
        0 => "",
        bits if bits & fragment::LATER != 0 => " fragment later",
        bits if bits & fragment::MORE != 0 => " fragment first",
        _ => " fragment atomic",
    });
    text
}

/// Its name, unless the notation refuses that for this family.
fn protocol_name(packet: &Packet) -> String {
    let v6 = packet.network == Network::V6;
    match u8::try_from(packet.protocol) {
        Ok(protocol::ICMP) if v6 => "1".to_owned(),
        Ok(protocol::ICMPV6) if !v6 => "58".to_owned(),
        Ok(number) => protocols::name(number).map_or_else(|| number.to_string(), str::to_owned),
        // A later fragment, and an extension header stands behind its fragment header.
        Err(_) => "unknown".to_owned(),
    }
}

/// Flags as the configuration names them; `none` for none.
pub(crate) fn tcp_flags(bits: u8) -> String {
    let set = flags::NAMES.iter().filter(|(_, bit)| bits & bit != 0);
    let names: Vec<&str> = set.map(|(name, _)| *name).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(",")
}

fn header(packet: &Packet) -> String {
    let mut text = String::new();
    let code_point = packet.traffic_class >> 2;
    if code_point != 0 {
        text = format!("dscp {} ", numbers::DSCP.shown(code_point.into()));
    }
    let ecn = packet.traffic_class & 3;
    if ecn != 0 {
        let _ = write!(text, "ecn {} ", numbers::ECN.shown(ecn.into()));
    }
    let _ = write!(text, "ttl {} length {}", packet.hop_limit, packet.length);
    text
}

/// As the configuration writes it.
pub(crate) fn mac(address: u64) -> String {
    let [_, _, bytes @ ..] = address.to_be_bytes();
    let digits = bytes.map(|byte| format!("{byte:02x}"));
    digits.join(":")
}

/// Behind all tags.
fn ethertype(frame: &[u8]) -> u16 {
    let at = |offset: usize| match frame.get(offset..offset + 2) {
        Some([high, low]) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    };
    let mut offset = 12;
    while matches!(at(offset), 0x8100 | 0x88a8) {
        offset += 4;
    }
    at(offset)
}
