//! The first criterion of a rule that does not match a packet.
//!
//! Owns the comparison of one value with one list, in the order of the reference. Shares no code
//! with the compiler; a test holds both against each other.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use super::subject::Subject;
use crate::config::{Rule, Set, print};
use crate::criteria::{
    AddressList, Addresses, InterfaceList, Membership, Spec, Value, ValueKind, membership,
};
use crate::interfaces;
use crate::names::icmp;
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

/// What one criterion says: the value as text, and how it stands to the list.
type Answer = Option<(String, Membership)>;

/// Reads the criteria of one rule.
struct Reading<'a> {
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
    let reading = Reading { sets, subject };
    rule.criteria().find_map(|(criterion, value)| {
        let spec = criterion.spec();
        let answer = reading.answer(spec, &value);
        let (packet, out) = match answer {
            None => (None, None),
            Some((_, Membership::In)) => return None,
            Some((value, Membership::NotIn)) => (Some(value), None),
            Some((value, Membership::Out(index))) => (Some(value), Some(index)),
        };
        let written = print::criterion(spec.kind, &value).unwrap_or_default();
        let entries = entries(&written);
        Some(Mismatch {
            criterion: spec.key,
            packet,
            rule: joined(&value, &entries),
            excluded_by: out.and_then(|index| entries.get(index).cloned()),
        })
    })
}

impl Reading<'_> {
    /// What the packet has of what a criterion asks, and how it stands to the list.
    fn answer(&self, spec: &Spec, value: &Value<'_>) -> Answer {
        let subject = self.subject;
        let dimension = spec.dimension;
        match value {
            Value::Numbers(list) => {
                let number = if matches!(spec.kind, ValueKind::IcmpCodes) {
                    subject.icmp()?.1.into()
                } else {
                    subject.number(dimension)?
                };
                let entries = list.0.iter();
                let members = entries.map(|it| (it.negated, it.range.contains(&number)));
                let shown = match spec.kind {
                    ValueKind::Numbers(numbers) => numbers.shown(number),
                    _ => number.to_string(),
                };
                Some((shown, membership(members)))
            }
            Value::Addresses(list) => self.address(list, subject.address(dimension)?),
            Value::Interfaces(list) => self.interface(list),
            Value::Macs(list) => {
                let address = subject.mac(dimension)?;
                let [_, _, bytes @ ..] = address.to_be_bytes();
                let members = list.0.iter().map(|it| (it.negated, it.address == bytes));
                Some((mac(address), membership(members)))
            }
            Value::IcmpTypes(list) => {
                let (kind, v6) = (subject.icmp()?.0, subject.is_v6());
                let members = list.0.iter().map(|it| (it.negated, it.has(v6, kind)));
                let name = icmp::type_name(v6, kind);
                let shown = name.map_or_else(|| kind.to_string(), str::to_owned);
                Some((shown, membership(members)))
            }
            Value::Flags(list) => {
                let flags = subject.tcp_flags()?;
                let fits = list.iter().map(|of| (false, of.fits(flags)));
                Some((tcp_flags(flags), membership(fits)))
            }
            Value::Fragments(list) => {
                let kind = subject.fragment()?;
                let members = list.0.iter();
                let members = members.map(|it| (it.negated, it.kinds.contains(&kind)));
                Some((kind.name().to_owned(), membership(members)))
            }
        }
    }

    fn interface(&self, list: &InterfaceList) -> Answer {
        let name = self.subject.interface();
        let has = |pattern: &str| name.is_some_and(|name| interfaces::matches(pattern, name));
        let value = name.unwrap_or("(one that does not exist)").to_owned();
        let members = list.0.iter().map(|it| (it.negated, has(&it.pattern)));
        Some((value, membership(members)))
    }

    fn address(&self, list: &AddressList, address: IpAddr) -> Answer {
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
fn joined(value: &Value<'_>, entries: &[String]) -> String {
    // A combination of flags has commas itself.
    let is_flags = matches!(value, Value::Flags(_));
    let separator = if is_flags { " or " } else { ", " };
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
