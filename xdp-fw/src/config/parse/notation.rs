//! What looks like an address and is none: other notations of one, and things beside one.
//!
//! Owns what was probably meant. Never accepts anything: `010.1.1.1` is 10.1.1.1 to one program and
//! 8.1.1.1 to another.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;

use crate::names::mac;

/// What is wrong with a text, to follow the text or "this".
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Odd {
    pub(super) says: String,
    /// Whether the text is an address in all its parts, which may be repeated in a message whatever
    /// the file is.
    pub(super) is_address: bool,
}

impl Odd {
    fn address(says: impl Into<String>) -> Option<Self> {
        Some(Self {
            says: says.into(),
            is_address: true,
        })
    }

    fn other(says: impl Into<String>) -> Option<Self> {
        Some(Self {
            says: says.into(),
            is_address: false,
        })
    }
}

/// The first of these that fits.
const NOTATIONS: &[fn(&str) -> Option<Odd>] = &[
    in_quotes,
    carriage_return,
    not_ascii,
    zone,
    bracketed,
    with_port,
    hardware,
    url,
    wildcard,
    short_range,
    with_mask,
    zero_led,
    meant,
    number,
    autonomous_system,
];

/// What is odd about a text that is neither a prefix nor a range.
pub(super) fn odd(text: &str) -> Option<Odd> {
    NOTATIONS.iter().find_map(|notation| notation(text))
}

fn in_quotes(text: &str) -> Option<Odd> {
    let is_quote = |char| ['"', '\'', '`'].contains(&char);
    let inner = text.trim_matches(is_quote);
    if inner.len() == text.len() {
        return None;
    }
    match super::address::prefix(inner) {
        Some(_) => Odd::address(format!("is in quotes; expected {inner}")),
        None => Odd::other("has quotes; expected an address or a prefix without them"),
    }
}

fn carriage_return(text: &str) -> Option<Odd> {
    let is_inside = text.trim().contains('\r');
    is_inside.then(|| {
        Odd::other(
            "has lines that end in CR alone; expected LF, as of `tr '\\r' '\\n' < FILE > NEW`",
        )
    })?
}

fn not_ascii(text: &str) -> Option<Odd> {
    let char = text.chars().find(|char| !char.is_ascii())?;
    let code = u32::from(char);
    let dash = match code {
        0x2010..=0x2015 | 0x2212 => ", a dash; expected `-`",
        0xa0 | 0x2000..=0x200b | 0x202f | 0x3000 | 0xfeff => {
            ", a space of another kind; expected none"
        }
        _ => ", which no address has; expected ASCII",
    };
    Odd::other(format!("has the character U+{code:04X}{dash}"))
}

fn zone(text: &str) -> Option<Odd> {
    let (address, zone) = text.split_once('%')?;
    let is_zone = |zone: &str| {
        zone.len() < 16
            && zone
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
    };
    match address.trim_start_matches('[').parse::<Ipv6Addr>() {
        Ok(address) if is_zone(zone) => Odd::address(format!(
            "has a zone; expected {address}, or the rule's `interface`"
        )),
        _ => Odd::other("has a zone; expected the address alone"),
    }
}

fn bracketed(text: &str) -> Option<Odd> {
    let (inner, rest) = text.strip_prefix('[')?.split_once(']')?;
    let address: Ipv6Addr = inner.parse().ok()?;
    match rest.strip_prefix(':') {
        Some(port) if is_port(port) => Odd::address(format!(
            "has a port; expected {address}, and the port in the rule"
        )),
        _ if rest.is_empty() => Odd::address(format!("is in brackets; expected {address}")),
        _ => {
            let length = rest.strip_prefix('/')?;
            let meant = network(address.into(), length.parse().ok()?)?;
            Odd::address(format!("is in brackets; expected {meant}"))
        }
    }
}

fn with_port(text: &str) -> Option<Odd> {
    let (address, port) = text.split_once(':')?;
    if !is_port(port) {
        return None;
    }
    match super::address::prefix(address) {
        Some(_) => Odd::address(format!(
            "has a port; expected {address}, and the port in the rule"
        )),
        None if is_host_name(address) => {
            Odd::other("is a host name and a port, and names are not resolved; expected an address")
        }
        None => None,
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn hardware(text: &str) -> Option<Odd> {
    mac::address(text)?;
    Odd::other("is an Ethernet address; expected `source_mac` in a rule, or an IP address")
}

fn url(text: &str) -> Option<Odd> {
    text.contains("://").then(|| {
        Odd::other("is a URL, and names are not resolved; expected an address or a prefix")
    })?
}

/// `192.0.2.*`, `192.0.x.x`.
fn wildcard(text: &str) -> Option<Odd> {
    let parts: Vec<&str> = text.split('.').collect();
    let fixed = parts
        .iter()
        .take_while(|part| part.parse::<u8>().is_ok())
        .count();
    let is_wild = |part: &&str| ["*", "x", "X"].contains(part);
    if parts.len() > 4 || fixed == parts.len() || !parts.get(fixed..)?.iter().all(is_wild) {
        return None;
    }
    let mut octets: Vec<u8> = parts
        .iter()
        .take(fixed)
        .filter_map(|part| part.parse().ok())
        .collect();
    octets.resize(4, 0);
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?);
    Odd::address(format!("has a wildcard; expected {address}/{}", fixed * 8))
}

/// `192.0.2.1-9`, which is `192.0.2.1 - 192.0.2.9`.
fn short_range(text: &str) -> Option<Odd> {
    let (from, to) = text.split_once('-')?;
    let from: Ipv4Addr = from.trim_ascii().parse().ok()?;
    let tail: Vec<u8> = octets(to.trim_ascii())?;
    if tail.len() > 3 {
        return None;
    }
    let mut octets = from.octets();
    let at = 4_usize.checked_sub(tail.len())?;
    octets.get_mut(at..)?.copy_from_slice(&tail);
    let to = Ipv4Addr::from(octets);
    if to < from {
        return Odd::address("is a reversed range; expected the lower address first");
    }
    Odd::address(format!("is a range cut short; expected {from} - {to}"))
}

fn octets(text: &str) -> Option<Vec<u8>> {
    text.split('.').map(|octet| octet.parse().ok()).collect()
}

/// A mask, or a router's inverse of one, instead of a length; after a slash or a space.
fn with_mask(text: &str) -> Option<Odd> {
    let (address, mask) = text
        .split_once('/')
        .or_else(|| text.split_once(|char: char| char.is_ascii_whitespace()))?;
    let address: Ipv4Addr = address.trim_ascii().parse().ok()?;
    let mask: Ipv4Addr = mask.trim_ascii().parse().ok()?;
    if mask.is_unspecified() {
        // A host to a router, and everything to others.
        return None;
    }
    let length = length_of(mask.to_bits()).or_else(|| {
        let inverse = !mask.to_bits();
        length_of(inverse)
    });
    let Some(length) = length else {
        // Two addresses, or a mask with holes.
        return None;
    };
    let meant = network(address.into(), length)?;
    Odd::address(format!("has a netmask; expected {meant}"))
}

fn length_of(mask: u32) -> Option<u8> {
    let ones = mask.leading_ones();
    let is_mask = mask.checked_shl(ones).unwrap_or(0) == 0;
    is_mask
        .then_some(ones)
        .and_then(|ones| u8::try_from(ones).ok())
}

fn zero_led(text: &str) -> Option<Odd> {
    let (address, length) = text
        .split_once('/')
        .map_or((text, None), |(address, length)| (address, Some(length)));
    let parts: Vec<&str> = address.split('.').collect();
    let is_led = |part: &&str| part.len() > 1 && part.starts_with('0');
    if parts.len() != 4 || !parts.iter().any(is_led) {
        return None;
    }
    let octets: [u8; 4] = octets(address)?.try_into().ok()?;
    let decimal = Ipv4Addr::from(octets);
    let octal: Option<Vec<u8>> = parts
        .iter()
        .map(|part| {
            if is_led(part) {
                u8::from_str_radix(part, 8).ok()
            } else {
                part.parse().ok()
            }
        })
        .collect();
    let octal = octal
        .and_then(|octets| <[u8; 4]>::try_from(octets).ok())
        .map(Ipv4Addr::from);
    let length = length.map_or(String::new(), |length| format!("/{length}"));
    if !length.bytes().skip(1).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match octal {
        Some(octal) if octal != decimal => Odd::address(format!(
            "has a leading zero, which some programs read as octal; expected {decimal}{length}, or {octal}{length}"
        )),
        _ => Odd::address(format!("has a leading zero; expected {decimal}{length}")),
    }
}

/// Spaces around it, octets left out, a length with a leading zero or a sign.
fn meant(text: &str) -> Option<Odd> {
    let (trimmed, has_length) = (text.trim(), text.contains('/'));
    let (address, length) = trimmed.split_once('/').unwrap_or((trimmed, ""));
    let meant = if address.contains(':') {
        let length = if has_length {
            length.parse().ok()?
        } else {
            128
        };
        network(IpAddr::V6(address.parse().ok()?), length)?
    } else {
        let mut octets = octets(address)?;
        // Fewer octets without a length would be a guess: is `10` 10.0.0.0 or 0.0.0.10?
        if octets.len() > 4 || octets.len() < 4 && !has_length {
            return None;
        }
        octets.resize(4, 0);
        let address = IpAddr::from(<[u8; 4]>::try_from(octets).ok()?);
        network(address, if has_length { length.parse().ok()? } else { 32 })?
    };
    let meant = if has_length {
        meant.to_string()
    } else {
        meant.ip().to_string()
    };
    Odd::address(format!("is not a prefix; expected {meant}"))
}

/// The network of that length which `ip` lies in.
fn network(ip: IpAddr, length: u8) -> Option<IpNetwork> {
    let network = IpNetwork::new(ip, length).ok()?;
    IpNetwork::new(network.network(), length).ok()
}

/// An address as one number.
fn number(text: &str) -> Option<Odd> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let number = match hex {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => text.parse().ok()?,
    };
    if !text.starts_with(|char: char| char.is_ascii_digit()) || number < 1 << 24 {
        return None;
    }
    let address = Ipv4Addr::from_bits(number);
    Odd::address(format!("is a number; expected {address}, if that is meant"))
}

fn autonomous_system(text: &str) -> Option<Odd> {
    let digits = text
        .strip_prefix("AS")
        .or_else(|| text.strip_prefix("as"))?;
    digits.parse::<u32>().ok()?;
    Odd::other("is an autonomous system; expected the prefixes that it announces")
}

pub(super) fn is_host_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_notations_are_named_with_what_was_meant() {
        let said = |text: &str| {
            assert_eq!(super::super::address::prefix(text), None, "{text}");
            format!("{text:?} {}", odd(text).map_or("-".into(), |odd| odd.says))
        };
        insta::assert_snapshot!(
            [
                "010.1.1.1",
                "192.0.02.1",
                "192.0.2.08/32",
                "192.0.2.0/255.255.255.0",
                "192.0.2.0 255.255.255.0",
                "192.0.2.0 0.0.0.255",
                "192.0.2.0/0.0.0.255",
                "192.0.2.0/255.0.255.0",
                "192.0.2.*",
                "192.0.*.*",
                "192.*",
                "192.0.x.x",
                "192.*.2.1",
                "192.0.2.1-9",
                "192.0.2.1 - 3.9",
                "192.0.2.9-1",
                "[2001:db8::1]",
                "[2001:db8::1]/64",
                "[2001:db8::1]:443",
                "192.0.2.1:443",
                "192.0.2.0/24:443",
                "www.example.com:443",
                "fe80::1%eth0",
                "fe80::1%25eth0/64",
                "x%eth0",
                "\"192.0.2.1\"",
                "'192.0.2.0/24'",
                "\"secret\"",
                "192.0.2.1\r192.0.2.2",
                "192.0.2.1\u{2013}192.0.2.9",
                "192.0.2.1\u{a0}",
                "１92.0.2.1",
                "https://192.0.2.1/x",
                "00:11:22:33:44:55",
                "3221225985",
                "0xC0000201",
                "AS64496",
                "10",
                "secret",
            ]
            .map(said)
            .join("\n")
        );
    }
}
