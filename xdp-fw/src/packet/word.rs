//! The words behind the addresses, in any order.
//!
//! Owns what each says, and of which packets it may be said. Their names are those of the
//! configuration's criteria where there is one.

use std::net::IpAddr;

use super::address::macs;
use super::description::{Content, Description, Extension, Ip, Transport};
use super::text::{Mistake, Word, Words};
use super::unknown::{misplaced, unknown};
use super::value::{
    extension, fragment, icmp_code, icmp_type, interface, named_number, number, of_family,
    tcp_flags, unknown_flag,
};
use super::{FRAME_MAX, FRAME_MIN};
use crate::criteria::numbers;
use crate::names::icmp;
use crate::names::words::quoted;

/// Every word, the usual one of each meaning first.
const KNOWN: &[&str] = &[
    "in",
    "mac",
    "vlan",
    "frame",
    "ttl",
    "dscp",
    "ecn",
    "length",
    "fragment",
    "options",
    "hop-by-hop",
    "destination-options",
    "routing",
    "ah",
    "type",
    "code",
    "flags",
];

/// What was said already, for what may be said once.
#[derive(Default)]
struct Said<'a> {
    words: Vec<&'static str>,
    length: Option<Word<'a>>,
    ttl: bool,
}

impl Said<'_> {
    fn once(&mut self, word: Word<'_>, name: &'static str) -> Result<(), Mistake> {
        if self.words.contains(&name) {
            return Err(word.wrong(format!("`{name}` is there twice; expected it once")));
        }
        self.words.push(name);
        Ok(())
    }
}

/// Reads every word to the end of the line.
pub(super) fn read_all(
    description: &mut Description,
    words: &mut Words<'_>,
) -> Result<(), Mistake> {
    let mut said = Said::default();
    while let Some(word) = words.next() {
        let lower = word.text.to_ascii_lowercase();
        if read_link(description, word, &lower, words, &mut said)? {
            continue;
        }
        let Content::Ip(ip) = &mut description.content else {
            return Err(word.wrong(if KNOWN.contains(&lower.as_str()) {
                let subject = quoted(word.text);
                format!("{subject} is a word of IP, and this frame is none")
            } else {
                unknown(word, &["in", "mac", "vlan", "frame"])
            }));
        };
        if !read_ip(ip, word, &lower, words, &mut said)?
            && !read_transport(ip, word, &lower, words, &mut said)?
        {
            let message = misplaced(ip, word, &lower).unwrap_or_else(|| unknown(word, KNOWN));
            return Err(word.wrong(message));
        }
    }
    if let Content::Ip(ip) = &mut description.content {
        finish(ip, &said)?;
    }
    Ok(())
}

/// What follows from all words together.
fn finish(ip: &mut Ip, said: &Said<'_>) -> Result<(), Mistake> {
    if let (Some(length), Some(word)) = (ip.length, said.length)
        && usize::from(length) < ip.headers()
    {
        return Err(word.wrong(format!(
            "length {length} is below the {} bytes of the IP header{}",
            ip.headers(),
            if ip.source.is_ipv6() && !ip.extensions.is_empty() {
                " and the extension headers"
            } else {
                ""
            }
        )));
    }
    if let (false, Transport::Icmp { kind, .. }, IpAddr::V6(_)) =
        (said.ttl, ip.transport, ip.source)
    {
        // As their RFCs have it: 4861, 2710, 3810.
        ip.ttl = match kind {
            133..=137 => 255,
            130..=132 | 143 => 1,
            _ => ip.ttl,
        };
    }
    Ok(())
}

/// Words that may be said of every frame.
fn read_link<'a>(
    description: &mut Description,
    word: Word<'a>,
    lower: &str,
    words: &mut Words<'a>,
    said: &mut Said<'a>,
) -> Result<bool, Mistake> {
    match lower {
        "in" | "interface" => {
            said.once(word, "in")?;
            description.interface = Some(interface(words.expect("the name of an interface")?)?);
        }
        "mac" => {
            said.once(word, "mac")?;
            (description.source_mac, description.destination_mac) = macs(words)?;
        }
        "vlan" => {
            if description.vlans.len() == 2 {
                return Err(
                    word.wrong("a third tag; expected at most two, or a frame in hexadecimal")
                );
            }
            let id = number(words.expect("a VLAN id")?, "a VLAN id", 0, 4095)?;
            description.vlans.push(id as u16);
        }
        "frame" => {
            said.once(word, "frame")?;
            let (min, max) = (FRAME_MIN as u32, FRAME_MAX as u32);
            let length = number(
                words.expect("the frame's length")?,
                "a frame's length",
                min,
                max,
            )?;
            description.frame_length = Some(length as usize);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Words about the IP header and those between it and the transport header.
fn read_ip<'a>(
    ip: &mut Ip,
    word: Word<'a>,
    lower: &str,
    words: &mut Words<'a>,
    said: &mut Said<'a>,
) -> Result<bool, Mistake> {
    match lower {
        "ttl" | "hop-limit" => {
            said.once(word, "ttl")?;
            ip.ttl = number(words.expect("a TTL")?, "a TTL", 0, 255)? as u8;
            said.ttl = true;
        }
        "dscp" => {
            said.once(word, "dscp")?;
            let code_point = named_number(words.expect("a DSCP")?, &numbers::DSCP)?;
            ip.traffic_class = ip.traffic_class & 3 | code_point << 2;
        }
        "ecn" => {
            said.once(word, "ecn")?;
            let ecn = named_number(words.expect("an ECN")?, &numbers::ECN)?;
            ip.traffic_class = ip.traffic_class & !3 | ecn;
        }
        "length" => {
            said.once(word, "length")?;
            let at = words.expect("the IP packet's length")?;
            ip.length = Some(number(at, "a length", 20, 65535)? as u16);
            said.length = Some(at);
        }
        "fragment" => {
            said.once(word, "fragment")?;
            fragment(ip, words)?;
        }
        "options" => {
            said.once(word, "options")?;
            let at = words.expect("how many bytes of IPv4 options")?;
            let bytes = number(at, "a length of options", 0, 40)?;
            if ip.source.is_ipv6() {
                return Err(word
                    .wrong("options are of IPv4; expected `hop-by-hop` or `destination-options`"));
            }
            if !bytes.is_multiple_of(4) {
                return Err(at.wrong(format!(
                    "{bytes} bytes of options; expected a multiple of 4"
                )));
            }
            ip.options = bytes as usize;
        }
        "hop-by-hop" => {
            if !ip.extensions.is_empty() {
                return Err(word.wrong(
                    "`hop-by-hop` behind another extension header is none; expected it first",
                ));
            }
            extension(ip, word, Extension::HopByHop)?;
        }
        "destination-options" | "destination" => {
            extension(ip, word, Extension::DestinationOptions)?;
        }
        "routing" => extension(ip, word, Extension::Routing)?,
        "ah" => extension(ip, word, Extension::Authentication)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Words about the transport header.
fn read_transport<'a>(
    ip: &mut Ip,
    word: Word<'a>,
    lower: &str,
    words: &mut Words<'a>,
    said: &mut Said<'a>,
) -> Result<bool, Mistake> {
    let v6 = ip.source.is_ipv6();
    let is_tcp = ip.protocol == xdp_fw_common::packet::protocol::TCP;
    match (&mut ip.transport, lower) {
        (Transport::Ports { flags, .. }, "flags" | "tcp_flags") if is_tcp => {
            let word = words.expect("flags such as `syn,ack`, or `none`")?;
            if !word.text.eq_ignore_ascii_case("none") {
                *flags |= tcp_flags(word).ok_or_else(|| word.wrong(unknown_flag(word)))?;
            }
        }
        (Transport::Ports { flags, .. }, _) if is_tcp => match tcp_flags(word) {
            Some(more) => *flags |= more,
            None => return Ok(false),
        },
        (Transport::Icmp { kind, .. }, "type" | "icmp_type") => {
            said.once(word, "type")?;
            *kind = icmp_type(v6, words.expect("an ICMP type")?)?;
        }
        (Transport::Icmp { kind, code }, "code" | "icmp_code") => {
            said.once(word, "code")?;
            *code = icmp_code(v6, *kind, words.expect("an ICMP code")?)?;
        }
        (Transport::Icmp { kind, code }, name) => {
            if let Some(types) = icmp::types(name) {
                said.once(word, "type")?;
                *kind = of_family(word, v6, types)?;
            } else if icmp::codes(name).next().is_some() {
                said.once(word, "code")?;
                *code = icmp_code(v6, *kind, word)?;
            } else {
                return Ok(false);
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}
