//! What is wrong with a word that is not known, or not here.

use super::description::Ip;
use super::text::Word;
use super::value::tcp_flags;
use crate::names::words::{nearest, one_of, quoted};
use crate::names::{icmp, protocols, tcp_flags as flags};

/// What is wrong with a word that belongs to another protocol.
pub(super) fn misplaced(ip: &Ip, word: Word<'_>, lower: &str) -> Option<String> {
    let other = if lower == "flags" || lower == "tcp_flags" || tcp_flags(word).is_some() {
        "TCP"
    } else if matches!(lower, "type" | "code" | "icmp_type" | "icmp_code")
        || icmp::types(lower).is_some()
        || icmp::codes(lower).next().is_some()
    {
        "ICMP"
    } else {
        return None;
    };
    let protocol = protocols::name(ip.protocol);
    let protocol = protocol.map_or_else(|| format!("protocol {}", ip.protocol), str::to_owned);
    Some(format!(
        "{} is a word of {other}, and this packet is {protocol}",
        quoted(word.text)
    ))
}

pub(super) fn unknown(word: Word<'_>, known: &[&'static str]) -> String {
    let subject = quoted(word.text);
    let lower = word.text.to_ascii_lowercase();
    let instead = match lower.as_str() {
        "source_mac" | "destination_mac" | "ether" => Some("`mac SOURCE > DESTINATION`"),
        "source" | "destination_port" | "source_port" | "port" | "src" | "dst" => {
            Some("`SOURCE:PORT > DESTINATION:PORT` behind the protocol")
        }
        "established" => Some("`ack`: the filter keeps no connections"),
        "id" => Some("`vlan ID`"),
        _ => None,
    };
    if let Some(instead) = instead {
        return format!("unknown word {subject}; expected {instead}");
    }
    let other = icmp::OTHER_WORDS.iter().find(|(other, _)| *other == lower);
    let flags = flags::NAMES.iter().map(|(name, _)| *name);
    let names = known.iter().copied().chain(flags).chain(icmp::type_names());
    match other
        .map(|(_, name)| *name)
        .or_else(|| nearest(&lower, names))
    {
        Some(near) => format!("unknown word {subject}; did you mean `{near}`?"),
        None => format!(
            "unknown word {subject}; expected {}",
            one_of(known.iter().copied())
        ),
    }
}
