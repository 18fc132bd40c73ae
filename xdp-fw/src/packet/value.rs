//! What stands behind a word: numbers and names, and what is wrong with one.

use super::description::{Extension, Fragment, Ip};
use super::text::{Mistake, Word, Words};
use crate::criteria::Numbers;
use crate::names::interface::MAX_INTERFACE_LENGTH;
use crate::names::pattern::exact;
use crate::names::words::{decimal, one_of, quoted, suggestion};
use crate::names::{icmp, tcp_flags as flags};

/// The offset of a later fragment that does not say one: behind 1,480 bytes, as of an Ethernet MTU.
const LATER: u16 = 1480;

pub(super) fn number(word: Word<'_>, noun: &str, min: u32, max: u32) -> Result<u32, Mistake> {
    decimal(word.text)
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| {
            let text = quoted(word.text);
            word.wrong(format!(
                "{text} is not {noun}; expected a number from {min} to {max}"
            ))
        })
}

pub(super) fn interface(word: Word<'_>) -> Result<String, Mistake> {
    let text = word.text;
    let Some(name) = exact(text) else {
        let text = quoted(text);
        return Err(word.wrong(format!(
            "{text} is a glob, and a packet comes in by one interface; expected its name"
        )));
    };
    if name.as_bytes().len() > MAX_INTERFACE_LENGTH {
        let text = quoted(text);
        return Err(word.wrong(format!(
            "interface name {text} is too long; expected at most {MAX_INTERFACE_LENGTH} characters"
        )));
    }
    Ok(name.into())
}

/// A number of a kind that has names.
pub(super) fn named_number(word: Word<'_>, kind: &Numbers) -> Result<u8, Mistake> {
    let (noun, min, max) = (kind.noun, kind.min, kind.max);
    if word.text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(number(word, noun, min, max)? as u8);
    }
    if let Some(number) = kind.named(word.text) {
        return Ok(number as u8);
    }
    let names = (kind.names)();
    let example = names.last().copied().unwrap_or_default();
    let expected = format!("a name such as `{example}` or a number from {min} to {max}");
    let hint = suggestion(word.text, names, &expected);
    Err(word.wrong(format!("{} is not {noun}{hint}", quoted(word.text))))
}

pub(super) fn fragment(ip: &mut Ip, words: &mut Words<'_>) -> Result<(), Mistake> {
    const KINDS: [&str; 4] = ["none", "first", "later", "atomic"];
    let word = words.expect("`first`, `later` or an offset in bytes")?;
    let v6 = ip.source.is_ipv6();
    let part = |offset, more| Some(Fragment { offset, more });
    let fragment = match word.text.to_ascii_lowercase().as_str() {
        "none" => None,
        "first" => part(0, true),
        "later" => part(LATER, false),
        "atomic" if v6 => part(0, false),
        "atomic" => {
            return Err(
                word.wrong("atomic fragments are of IPv6; expected `first`, `later` or an offset")
            );
        }
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            let offset = number(word, "an offset", 8, 65528)?;
            if !offset.is_multiple_of(8) {
                return Err(word.wrong(format!("offset {offset}; expected a multiple of 8 bytes")));
            }
            part(offset as u16, false)
        }
        text => {
            let hint = suggestion(
                text,
                KINDS,
                &format!("{}, or an offset in bytes", one_of(KINDS)),
            );
            return Err(word.wrong(format!(
                "{} is not a kind of fragment{hint}",
                quoted(word.text)
            )));
        }
    };
    if v6 {
        ip.extensions.extend(fragment.map(Extension::Fragment));
    } else {
        ip.fragment = fragment;
    }
    Ok(())
}

pub(super) fn extension(ip: &mut Ip, word: Word<'_>, extension: Extension) -> Result<(), Mistake> {
    const MAX: usize = 16;
    if ip.source.is_ipv4() {
        return Err(word.wrong(format!(
            "`{}` is an extension header of IPv6, and this is IPv4; expected `options BYTES`",
            word.text
        )));
    }
    if ip.extensions.len() == MAX {
        return Err(word.wrong(format!(
            "one extension header too many; expected at most {MAX}"
        )));
    }
    ip.extensions.push(extension);
    Ok(())
}

/// `syn` or `syn,ack`.
pub(super) fn tcp_flags(word: Word<'_>) -> Option<u8> {
    let mut bits = word.text.split(',').map(tcp_flag);
    bits.try_fold(0, |flags, bit| Some(flags | bit?))
}

fn tcp_flag(name: &str) -> Option<u8> {
    let is_it = |(known, _): &&(&str, u8)| known.eq_ignore_ascii_case(name);
    flags::NAMES.iter().find(is_it).map(|(_, bit)| *bit)
}

pub(super) fn unknown_flag(word: Word<'_>) -> String {
    let mut names = word.text.split(',');
    let unknown = names.find(|name| tcp_flag(name).is_none());
    let known = || flags::NAMES.iter().map(|(name, _)| *name);
    let unknown = unknown.unwrap_or_default();
    let hint = suggestion(unknown, known(), &one_of(known()));
    format!("unknown flag {}{hint}", quoted(unknown))
}

pub(super) fn icmp_type(v6: bool, word: Word<'_>) -> Result<u8, Mistake> {
    match icmp::types(word.text) {
        Some(types) => of_family(word, v6, types),
        None if word.text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(number(word, "an ICMP type", 0, 255)? as u8)
        }
        None => {
            let hint = suggestion(
                word.text,
                icmp::type_names(),
                "a name or a number from 0 to 255",
            );
            Err(word.wrong(format!("unknown ICMP type {}{hint}", quoted(word.text))))
        }
    }
}

pub(super) fn of_family(word: Word<'_>, v6: bool, types: icmp::TypeName) -> Result<u8, Mistake> {
    let number = if v6 { types.v6 } else { types.v4 };
    number.ok_or_else(|| {
        let (has, lacks) = if v6 {
            ("ICMP", "ICMPv6")
        } else {
            ("ICMPv6", "ICMP")
        };
        word.wrong(format!(
            "{} is a type of {has}, and {lacks} has none of that name",
            quoted(word.text)
        ))
    })
}

pub(super) fn icmp_code(v6: bool, kind: u8, word: Word<'_>) -> Result<u8, Mistake> {
    if word.text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(number(word, "an ICMP code", 0, 255)? as u8);
    }
    let mut codes = icmp::codes(word.text).peekable();
    if codes.peek().is_none() {
        let hint = suggestion(
            word.text,
            icmp::code_names(),
            "a name or a number from 0 to 255",
        );
        return Err(word.wrong(format!("unknown ICMP code {}{hint}", quoted(word.text))));
    }
    let found = codes.find(|code| code.v6 == v6 && code.kind == kind);
    found.map(|code| code.code).ok_or_else(|| {
        let kinds = icmp::codes(word.text).filter(|code| code.v6 == v6);
        let names: Vec<_> = kinds
            .filter_map(|code| icmp::type_name(v6, code.kind))
            .collect();
        let expected = if names.is_empty() {
            "a number".to_owned()
        } else {
            format!("{} before it, or a number", one_of(names))
        };
        word.wrong(format!(
            "{} is no code of this type; expected {expected}",
            quoted(word.text)
        ))
    })
}
