//! The first criterion of a rule that does not match a packet.
//!
//! Owns the comparison of one value with one list, in the order of the reference. Shares no code
//! with the compiler; a test holds both against each other.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;
use xdp_fw_common::packet::Mac;

use super::subject::Subject;
use crate::config::{
    AddressList, Addresses, FragmentKind, MacList, NumberList, Rule, Set, VLAN_NONE, print,
};
use crate::interfaces;
use crate::names::{dscp, icmp, protocols};
use crate::packet::{mac, tcp_flags};

/// How much of a long list is told, in characters.
const LONG: usize = 60;

/// A criterion that does not match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The key, as it is written in the rule.
    pub criterion: &'static str,
    /// What the packet has; `None` if it has no such thing.
    pub packet: Option<String>,
    /// What the rule wants.
    pub rule: String,
    /// The entry with `!` that takes the packet's value away.
    pub excluded_by: Option<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            criterion,
            packet,
            rule,
            excluded_by,
        } = self;
        let Some(value) = packet else {
            return write!(f, "{criterion}: the packet has none, the rule wants {rule}");
        };
        if let Some(entry) = excluded_by {
            return write!(f, "{criterion} {value} is taken out by {entry}");
        }
        let is_set = ["source", "destination"].contains(criterion) || rule.contains(", ");
        let verb = if is_set { "is not in" } else { "is not" };
        write!(f, "{criterion} {value} {verb} {rule}")
    }
}

/// How a value stands to a list.
enum Membership {
    In,
    NotIn,
    /// Taken out by the entry of this index.
    Out(usize),
}

/// The rule of all lists: the plain entries (with none: everything) minus the negated ones. Of each
/// entry: whether it is negated, and whether it has the value.
fn membership(entries: impl Iterator<Item = (bool, bool)>) -> Membership {
    let (mut has_plain, mut included, mut excluded) = (false, false, None);
    for (index, (negated, has)) in entries.enumerate() {
        if negated {
            excluded = excluded.or(has.then_some(index));
        } else {
            has_plain = true;
            included |= has;
        }
    }
    match excluded {
        _ if has_plain && !included => Membership::NotIn,
        Some(index) => Membership::Out(index),
        None => Membership::In,
    }
}

/// What one criterion says: the value as text, and how it stands to the list.
type Answer = Option<(String, Membership)>;

/// Reads the criteria of one rule.
struct Reading<'a> {
    rule: &'a Rule,
    sets: &'a BTreeMap<String, Set>,
    subject: &'a Subject<'a>,
}

/// The first criterion that does not match, in the order of the reference; `None` if all do.
#[must_use]
pub fn mismatch(
    rule: &Rule,
    sets: &BTreeMap<String, Set>,
    subject: &Subject<'_>,
) -> Option<Mismatch> {
    let reading = Reading {
        rule,
        sets,
        subject,
    };
    // Name, action and switches aside, each key that says something is a criterion.
    print::rule(rule).into_iter().find_map(|(key, written)| {
        let answer = reading.criterion(key)?;
        let entries = entries(&written);
        let mismatch = |packet, excluded_by| Mismatch {
            criterion: key,
            packet,
            rule: joined(key, &entries),
            excluded_by,
        };
        match answer {
            None => Some(mismatch(None, None)),
            Some((_, Membership::In)) => None,
            Some((value, Membership::NotIn)) => Some(mismatch(Some(value), None)),
            Some((value, Membership::Out(index))) => {
                Some(mismatch(Some(value), entries.get(index).cloned()))
            }
        }
    })
}

impl Reading<'_> {
    /// What the criterion under `key` says; `None` if that is none.
    fn criterion(&self, key: &str) -> Option<Answer> {
        let Self { rule, subject, .. } = self;
        let ports = subject.ports();
        let icmp = subject.icmp();
        let addresses = subject.addresses();
        let macs = subject.macs();
        Some(match key {
            "interface" => self.interface(),
            "family" => number(rule.family.as_ref(), subject.family(), |family| {
                format!("ipv{family}")
            }),
            "vlan" => number(rule.vlan.as_ref(), subject.vlan(), |id| match id {
                VLAN_NONE => "none".to_owned(),
                id => id.to_string(),
            }),
            "source" => self.address(rule.source.as_ref(), addresses.map(|(source, _)| source)),
            "destination" => {
                let destination = addresses.map(|(_, destination)| destination);
                self.address(rule.destination.as_ref(), destination)
            }
            "protocol" => number(rule.protocol.as_ref(), subject.protocol(), |number| {
                protocols::name(number).map_or_else(|| number.to_string(), str::to_owned)
            }),
            "source_port" => plain(rule.source_port.as_ref(), ports.map(|(source, _)| source)),
            "destination_port" => plain(rule.destination_port.as_ref(), ports.map(|(_, to)| to)),
            "icmp_type" => self.icmp_type(icmp.map(|(kind, _)| kind)),
            "icmp_code" => plain(rule.icmp_code.as_ref(), icmp.map(|(_, code)| code)),
            "tcp_flags" => self.tcp_flags(),
            "fragment" => self.fragment(),
            "length" => plain(rule.length.as_ref(), subject.length()),
            "ttl" => plain(rule.ttl.as_ref(), subject.ttl()),
            "dscp" => number(rule.dscp.as_ref(), subject.dscp(), |code| {
                let name = dscp::name(code.into());
                name.map_or_else(|| code.to_string(), str::to_owned)
            }),
            "source_mac" => station(rule.source_mac.as_ref(), macs.map(|(source, _)| source)),
            "destination_mac" => station(rule.destination_mac.as_ref(), macs.map(|(_, to)| to)),
            _ => return None,
        })
    }

    fn interface(&self) -> Answer {
        let entries = &self.rule.interface.as_ref()?.0;
        let name = self.subject.interface();
        let has = |pattern: &str| name.is_some_and(|name| interfaces::matches(pattern, name));
        let value = name.unwrap_or("(one that does not exist)").to_owned();
        let members = entries.iter().map(|it| (it.negated, has(&it.pattern)));
        Some((value, membership(members)))
    }

    fn address(&self, list: Option<&AddressList>, address: Option<IpAddr>) -> Answer {
        let (list, address) = (list?, address?);
        let has = |addresses: &Addresses| match addresses {
            Addresses::Prefix(prefix) => prefix.contains(address),
            Addresses::Set(name) => {
                let set = self.sets.get(name);
                set.is_some_and(|set| set.prefixes.contains(address))
            }
        };
        let members = list.0.iter().map(|it| (it.negated, has(&it.addresses)));
        Some((address.to_string(), membership(members)))
    }

    fn icmp_type(&self, kind: Option<u8>) -> Answer {
        let (list, kind) = (self.rule.icmp_type.as_ref()?, kind?);
        let v6 = self.subject.is_v6();
        let members = list.0.iter().map(|entry| {
            let range = if v6 { &entry.v6 } else { &entry.v4 };
            let has = range.as_ref().is_some_and(|range| range.contains(&kind));
            (entry.negated, has)
        });
        let name = icmp::type_name(v6, kind);
        let value = name.map_or_else(|| kind.to_string(), str::to_owned);
        Some((value, membership(members)))
    }

    fn tcp_flags(&self) -> Answer {
        let (list, flags) = (self.rule.tcp_flags.as_ref()?, self.subject.tcp_flags()?);
        let fits = list
            .iter()
            .map(|of| (false, flags & of.set == of.set && flags & of.clear == 0));
        Some((tcp_flags(flags), membership(fits)))
    }

    fn fragment(&self) -> Answer {
        let (list, kind) = (self.rule.fragment.as_ref()?, self.subject.fragment()?);
        let value = match kind {
            FragmentKind::None => "none",
            FragmentKind::Atomic => "atomic",
            FragmentKind::First => "first",
            FragmentKind::Later => "later",
        };
        let members = list
            .0
            .iter()
            .map(|entry| (entry.negated, entry.kinds.contains(&kind)));
        Some((value.to_owned(), membership(members)))
    }
}

/// A number, with its name.
fn number<T: Copy + PartialOrd>(
    list: Option<&NumberList<T>>,
    value: Option<T>,
    name: impl Fn(T) -> String,
) -> Answer {
    let (list, value) = (list?, value?);
    let members = list
        .0
        .iter()
        .map(|entry| (entry.negated, entry.range.contains(&value)));
    Some((name(value), membership(members)))
}

fn plain<T: Copy + PartialOrd + fmt::Display>(
    list: Option<&NumberList<T>>,
    value: Option<T>,
) -> Answer {
    number(list, value, |value| value.to_string())
}

fn station(list: Option<&MacList>, address: Option<Mac>) -> Answer {
    let (list, address) = (list?, address?);
    let [_, _, bytes @ ..] = address.to_be_bytes();
    let members = list
        .0
        .iter()
        .map(|entry| (entry.negated, entry.address == bytes));
    Some((mac(address), membership(members)))
}

/// The entries of a value as TOML writes it: of words, numbers and addresses.
fn entries(written: &str) -> Vec<String> {
    let list = written
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'));
    let entries = list.map_or_else(|| vec![written], |list| list.split(", ").collect());
    let bare = |entry: &str| {
        // TOML takes apostrophes for what has a backslash.
        let entry = entry.trim_matches(['"', '\'']);
        // A single address, as people write it.
        let address = if entry.contains(':') {
            entry.strip_suffix("/128")
        } else {
            entry.strip_suffix("/32")
        };
        address.unwrap_or(entry).to_owned()
    };
    entries.into_iter().map(bare).collect()
}

/// The entries in a line, the first of them if they are many.
fn joined(key: &str, entries: &[String]) -> String {
    // A combination of flags has commas itself.
    let separator = if key == "tcp_flags" { " or " } else { ", " };
    let mut text = String::new();
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 && text.len() + entry.len() > LONG {
            let more = entries.len() - index;
            let more: Cow<'_, str> = match more {
                1 => "1 more".into(),
                more => format!("{more} more").into(),
            };
            return format!("{text} and {more}");
        }
        if index > 0 {
            text.push_str(separator);
        }
        text.push_str(entry);
    }
    text
}
