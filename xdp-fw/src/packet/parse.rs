//! A notation as a description.
//!
//! Owns the order of a line: what the packet is, its addresses, then words in any order. What a
//! word says is `word`'s.

use std::net::{IpAddr, SocketAddr};

use xdp_fw_common::packet::{
    ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN,
};

use super::address::{Endpoint, endpoints};
use super::description::{Content, Description, Ip, Transport};
use super::text::{Mistake, Word, Words};
use super::transport::{has_ports, header_size, is_icmp};
use super::word;
use crate::names::protocols::{self, ICMP, ICMPV6};
use crate::names::words::{decimal, nearest, quoted};
use xdp_fw_common::packet::protocol::IGMP;

/// The source port of a packet that does not say one: the first that IANA leaves to clients.
const CLIENT_PORT: u16 = 49_152;

const HEAD: &str = "a protocol such as `tcp`, `arp` or `ethertype`";

/// Reads a line.
pub(super) fn description(line: &str) -> Result<Description, Mistake> {
    let mut words = Words::of(line);
    let head = words.expect(HEAD)?;
    match head.text.to_ascii_lowercase().as_str() {
        "arp" => arp(&mut words),
        "ethertype" => other(&mut words),
        name => ip(head, protocol(head, name)?, &mut words),
    }
}

fn arp(words: &mut Words<'_>) -> Result<Description, Mistake> {
    let mut content = Content::Arp {
        sender: [192, 0, 2, 1].into(),
        target: [192, 0, 2, 2].into(),
    };
    let has_addresses = words.peek().is_some_and(|word| {
        word.text == ">" || word.text.starts_with(|char: char| char.is_ascii_digit())
    });
    if has_addresses {
        let (source, destination) = endpoints(words)?;
        without_ports("arp", &source, &destination)?;
        match (source.address, destination.address) {
            (IpAddr::V4(sender), IpAddr::V4(target)) => {
                content = Content::Arp { sender, target };
            }
            _ => return Err(source.word.wrong("arp is of IPv4; expected IPv4 addresses")),
        }
    }
    let mut description = Description::of(content);
    word::read_all(&mut description, words)?;
    Ok(description)
}

fn other(words: &mut Words<'_>) -> Result<Description, Mistake> {
    let word = words.expect("an EtherType such as `0x88cc`")?;
    let digits = word
        .text
        .strip_prefix("0x")
        .or_else(|| word.text.strip_prefix("0X"));
    let number = match digits {
        Some(digits) => u16::from_str_radix(digits, 16)
            .ok()
            .filter(|_| !digits.starts_with('+')),
        None => decimal(word.text).and_then(|number| u16::try_from(number).ok()),
    };
    let number = number.ok_or_else(|| {
        let text = quoted(word.text);
        word.wrong(format!(
            "{text} is not an EtherType; expected one such as `0x88cc`"
        ))
    })?;
    let instead = match number {
        ETHERTYPE_ARP => Some("`arp`"),
        ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => Some("a protocol and addresses"),
        ETHERTYPE_VLAN | ETHERTYPE_QINQ => Some("`vlan ID` behind what the frame carries"),
        _ => None,
    };
    if let Some(instead) = instead {
        let text = quoted(word.text);
        return Err(word.wrong(format!("{text} has a word of its own; expected {instead}")));
    }
    let mut description = Description::of(Content::Other(number));
    word::read_all(&mut description, words)?;
    Ok(description)
}

/// A protocol by name or number.
fn protocol(head: Word<'_>, name: &str) -> Result<u8, Mistake> {
    if let Some(number) = protocols::number(name) {
        return Ok(number);
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return decimal(name)
            .and_then(|number| u8::try_from(number).ok())
            .ok_or_else(|| {
                head.wrong(format!("protocol {}; expected 0 to 255", quoted(head.text)))
            });
    }
    let meant = match name {
        "ping" => Some("icmp … echo-request"),
        "icmp6" => Some("icmpv6"),
        _ => None,
    };
    if let Some(example) = from_address(head.text) {
        return Err(head.wrong(format!("an address alone is no packet; try `{example}`")));
    }
    let names = protocols::names().chain(["arp", "ethertype"]);
    let message = match meant.or_else(|| nearest(name, names)) {
        Some(near) => format!(
            "unknown protocol {}; did you mean `{near}`?",
            quoted(head.text)
        ),
        None => format!("unknown protocol {}; expected {HEAD}", quoted(head.text)),
    };
    Err(head.wrong(message))
}

/// A packet from an address that stands where the protocol should, with or without its port.
fn from_address(text: &str) -> Option<String> {
    let address = text.trim_matches(['[', ']']).parse().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(match address {
        IpAddr::V4(address) => format!("tcp {address}:40000 > 192.0.2.1:22 syn"),
        IpAddr::V6(address) => format!("tcp [{address}]:40000 > [2001:db8::1]:22 syn"),
    })
}

fn ip(head: Word<'_>, protocol: u8, words: &mut Words<'_>) -> Result<Description, Mistake> {
    let (source, destination) = endpoints(words)?;
    check_family(head, protocol, &source)?;
    let mut description = Description::of(Content::Ip(Ip {
        source: source.address,
        destination: destination.address,
        // Nobody forwards IGMP.
        ttl: if protocol == IGMP { 1 } else { 64 },
        traffic_class: 0,
        length: None,
        options: 0,
        fragment: None,
        extensions: Vec::new(),
        protocol,
        transport: blank(protocol, &source, &destination),
    }));
    word::read_all(&mut description, words)?;
    if let Content::Ip(ip) = &description.content {
        check_ports(ip, &source, &destination)?;
    }
    Ok(description)
}

/// The transport header before any word about it.
fn blank(protocol: u8, source: &Endpoint<'_>, destination: &Endpoint<'_>) -> Transport {
    if has_ports(protocol) {
        Transport::Ports {
            source: source.port.unwrap_or(CLIENT_PORT),
            destination: destination.port.unwrap_or_default(),
            flags: 0,
        }
    } else if is_icmp(protocol) {
        let kind = if protocol == ICMPV6 { 128 } else { 8 };
        Transport::Icmp { kind, code: 0 }
    } else {
        Transport::Opaque
    }
}

/// A name must be one of the family; a number may be anything.
fn check_family(head: Word<'_>, protocol: u8, source: &Endpoint<'_>) -> Result<(), Mistake> {
    let by_name = !head.text.bytes().all(|byte| byte.is_ascii_digit());
    let v6 = source.address.is_ipv6();
    match protocol {
        ICMP if v6 && by_name => Err(head.wrong("icmp is of IPv4; expected `icmpv6`")),
        ICMPV6 if !v6 && by_name => Err(head.wrong("icmpv6 is of IPv6; expected `icmp`")),
        0 | 43 | 44 | 51 | 60 if v6 => Err(head.wrong(format!(
            "{} is an extension header in IPv6; expected the protocol behind it, and `{}` after \
             the addresses",
            quoted(head.text),
            match protocol {
                0 => "hop-by-hop",
                43 => "routing",
                44 => "fragment",
                51 => "ah",
                _ => "destination-options",
            }
        ))),
        _ => Ok(()),
    }
}

/// Ports stand where there is a header to hold them.
fn check_ports(ip: &Ip, source: &Endpoint<'_>, destination: &Endpoint<'_>) -> Result<(), Mistake> {
    let protocol = protocols::name(ip.protocol).unwrap_or("this protocol");
    if !has_ports(ip.protocol) {
        return without_ports(protocol, source, destination);
    }
    if ip.is_later() {
        return without_ports("a later fragment", source, destination);
    }
    let room = ip
        .length
        .map(|length| usize::from(length).saturating_sub(ip.headers()));
    let whole = room.is_none_or(|room| room >= header_size(ip.protocol));
    match destination.port {
        None if whole => Err(destination.word.wrong(format!(
            "{} has no port, and {protocol} needs one; expected {}",
            quoted(destination.word.text),
            if destination.address.is_ipv4() {
                format!("`{}:PORT`", destination.address)
            } else {
                format!("`[{}]:PORT`", destination.address)
            }
        ))),
        _ => Ok(()),
    }
}

fn without_ports(
    what: &str,
    source: &Endpoint<'_>,
    destination: &Endpoint<'_>,
) -> Result<(), Mistake> {
    match [source, destination]
        .into_iter()
        .find(|end| end.port.is_some())
    {
        None => Ok(()),
        Some(end) => Err(end.word.wrong(format!(
            "{} has a port, and {what} has none; expected `{}`",
            quoted(end.word.text),
            end.address
        ))),
    }
}
