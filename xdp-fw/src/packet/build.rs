//! A description as a frame.
//!
//! Owns lengths and next-header numbers. What is not said is zero.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    ArpEthIpv4Packet, ArpOperation, ArpPacket, EtherType, Ethernet2Header, IpAuthHeader, IpDscp,
    IpEcn, IpFragOffset, IpNumber, Ipv4Header, Ipv4Options, Ipv6FragmentHeader, Ipv6Header,
    Ipv6RawExtHeader, SingleVlanHeader, VlanId, VlanPcp,
};
use xdp_fw_common::packet::{
    ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN,
};

use super::description::{Content, Description, Extension, Fragment, Ip};
use super::transport::{header_size, lease, segment};

/// An IPv4 option that does nothing.
const NO_OPERATION: u8 = 1;

/// What a frame carries that is neither IP nor ARP: enough for the smallest Ethernet frame.
const OTHER_PAYLOAD: usize = 46;

/// The frame.
pub(super) fn frame(description: &Description) -> Vec<u8> {
    let (ethertype, payload) = match &description.content {
        Content::Arp { sender, target } => {
            (ETHERTYPE_ARP, arp(description.source_mac, *sender, *target))
        }
        Content::Other(ethertype) => (*ethertype, vec![0; OTHER_PAYLOAD]),
        Content::Ip(ip) => self::ip(ip),
    };
    let mut frame = link(description, ethertype);
    frame.extend(payload);
    if let Some(length) = description.frame_length {
        frame.resize(length, 0);
    }
    frame
}

/// The Ethernet header and the tags; of two, the outer one is a service tag.
fn link(description: &Description, ethertype: u16) -> Vec<u8> {
    let vlans = &description.vlans;
    let tag = |position: usize| match position {
        0 if vlans.len() > 1 => ETHERTYPE_QINQ,
        at if at < vlans.len() => ETHERTYPE_VLAN,
        _ => ethertype,
    };
    let ethernet = Ethernet2Header {
        source: description.source_mac,
        destination: description.destination_mac,
        ether_type: EtherType(tag(0)),
    };
    let mut bytes = ethernet.to_bytes().to_vec();
    for (position, id) in (1..).zip(vlans) {
        let header = SingleVlanHeader {
            pcp: VlanPcp::ZERO,
            drop_eligible_indicator: false,
            vlan_id: VlanId::try_new(*id).unwrap_or_default(),
            ether_type: EtherType(tag(position)),
        };
        bytes.extend(header.to_bytes());
    }
    bytes
}

/// Who has `target`?
fn arp(sender_mac: [u8; 6], sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let request = ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac,
        sender_ipv4: sender.octets(),
        target_mac: [0; 6],
        target_ipv4: target.octets(),
    };
    ArpPacket::from(request).to_bytes().to_vec()
}

/// The EtherType and the packet.
fn ip(ip: &Ip) -> (u16, Vec<u8>) {
    let headers = ip.headers();
    let payload = payload(ip, headers);
    let length = headers + payload.len();
    let (ethertype, mut bytes) = match (ip.source, ip.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            (ETHERTYPE_IPV4, v4(ip, source, destination, length))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            (ETHERTYPE_IPV6, v6(ip, source, destination, length))
        }
        // The parser has seen to it.
        _ => (ETHERTYPE_IPV4, Vec::new()),
    };
    bytes.extend(payload);
    (ethertype, bytes)
}

/// What is behind all headers of IP: a segment, as much of it as fits, or the middle of one.
fn payload(ip: &Ip, headers: usize) -> Vec<u8> {
    let header = header_size(ip.protocol);
    let default = match ip.fragment() {
        // All but the last end at a multiple of 8 bytes, counted from the first one's header.
        Some(fragment) if fragment.more => {
            (header + behind_fragment(ip)).next_multiple_of(8) - behind_fragment(ip)
        }
        _ => header + lease(ip).map_or(0, |(_, length)| length),
    };
    let room = ip
        .length
        .map(|length| usize::from(length).saturating_sub(headers));
    let size = room.unwrap_or(default);
    if ip.is_later() {
        return vec![0; room.unwrap_or(8)];
    }
    let mut segment = segment(ip, size.saturating_sub(header));
    segment.truncate(size);
    segment
}

/// Bytes of the extension headers that a fragment header fragments.
fn behind_fragment(ip: &Ip) -> usize {
    let is_fragment = |extension: &&Extension| !matches!(extension, Extension::Fragment(_));
    let behind = ip.extensions.iter().skip_while(is_fragment).skip(1);
    behind.map(|extension| extension.size()).sum()
}

fn v4(ip: &Ip, source: Ipv4Addr, destination: Ipv4Addr, length: usize) -> Vec<u8> {
    let fragment = ip.fragment.unwrap_or(Fragment {
        offset: 0,
        more: false,
    });
    let options = vec![NO_OPERATION; ip.options];
    let mut header = Ipv4Header {
        dscp: IpDscp::try_new(ip.traffic_class >> 2).unwrap_or_default(),
        ecn: IpEcn::try_new(ip.traffic_class & 3).unwrap_or_default(),
        total_len: u16::try_from(length).unwrap_or(u16::MAX),
        identification: 1,
        dont_fragment: false,
        more_fragments: fragment.more,
        fragment_offset: offset(fragment),
        time_to_live: ip.ttl,
        protocol: IpNumber(ip.protocol),
        source: source.octets(),
        destination: destination.octets(),
        options: Ipv4Options::try_from(options.as_slice()).unwrap_or_default(),
        ..Ipv4Header::default()
    };
    header.header_checksum = header.calc_header_checksum();
    header.to_bytes().to_vec()
}

fn offset(fragment: Fragment) -> IpFragOffset {
    IpFragOffset::try_new(fragment.offset / 8).unwrap_or_default()
}

fn v6(ip: &Ip, source: Ipv6Addr, destination: Ipv6Addr, length: usize) -> Vec<u8> {
    let mut numbers = ip.extensions.iter().map(|extension| extension.number());
    let header = Ipv6Header {
        traffic_class: ip.traffic_class,
        payload_length: u16::try_from(length - Ipv6Header::LEN).unwrap_or(u16::MAX),
        next_header: IpNumber(numbers.next().unwrap_or(ip.protocol)),
        hop_limit: ip.ttl,
        source: source.octets(),
        destination: destination.octets(),
        ..Ipv6Header::default()
    };
    let mut bytes = header.to_bytes().to_vec();
    for extension in &ip.extensions {
        let next = IpNumber(numbers.next().unwrap_or(ip.protocol));
        bytes.extend(self::extension(*extension, next));
        // The first fragment has what follows.
        if matches!(extension, Extension::Fragment(fragment) if fragment.offset != 0) {
            break;
        }
    }
    bytes
}

fn extension(extension: Extension, next: IpNumber) -> Vec<u8> {
    // Options that are one option of padding; a routing header of type 253 with nothing left.
    const PADDING: [u8; 6] = [1, 4, 0, 0, 0, 0];
    const EXPERIMENT: [u8; 6] = [253, 0, 0, 0, 0, 0];
    match extension {
        Extension::Fragment(fragment) => {
            let header = Ipv6FragmentHeader::new(next, offset(fragment), fragment.more, 1);
            header.to_bytes().to_vec()
        }
        Extension::Authentication => IpAuthHeader::new(next, 1, 1, &[0; 12])
            .map(|header| header.to_bytes().to_vec())
            .unwrap_or_default(),
        Extension::HopByHop | Extension::DestinationOptions | Extension::Routing => {
            let payload = if extension == Extension::Routing {
                EXPERIMENT
            } else {
                PADDING
            };
            Ipv6RawExtHeader::new_raw(next, &payload)
                .map(|header| header.to_bytes().to_vec())
                .unwrap_or_default()
        }
    }
}
