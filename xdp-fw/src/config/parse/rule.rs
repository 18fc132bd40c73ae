//! `[[rule]]`: its keys, each one a row of [`FIELDS`].
//!
//! To add a criterion, add a row here and a field to [`Rule`]. Never looks at two keys at once:
//! that is `check`'s work.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Document;
use super::address::addresses;
use super::field::{Field, Item, Key, Offsets, Packets, Scope, Shape, Target, read_table};
use super::flags::{FRAGMENTS, fragments, tcp_flags};
use super::icmp::{self, CodeEntry};
use super::interface::interfaces;
use super::mac;
use super::numbers::{dscps, families, lengths, ports, protocols, ttls, vlans};
use super::value::{assign, bad_name, choice, flag, is_name, text, wrong_kind};
use crate::config::defaults::{MAX_RULES, MAX_SHADOW_RULES, RULE_ENABLED, RULE_SHADOW};
use crate::config::model::{Action, Position, Rule};
use crate::config::print;
use crate::names::dscp;

/// What completes "expected …" for an action.
pub(super) const ACTIONS: &str = "\"pass\" or \"drop\"";

/// The same, for editors.
pub(super) const ACTION_WORDS: Shape = Shape::Choice(&["pass", "drop"]);

const ADDRESSES: &str = "an address, a prefix or \"@set\", each with an optional leading \"!\"";
const PORTS: &str = "a port from 0 to 65535 or a range such as \"8000-8099\"";
const MACS: &str = "an Ethernet address such as \"02:00:5e:10:00:01\"";

const NO_WORDS: fn() -> Vec<&'static str> = Vec::new;

const fn number(max: u32) -> Shape {
    Shape::Number {
        min: 0,
        max,
        words: NO_WORDS,
    }
}

/// The keys of `[[rule]]`, in the order in which people write them.
pub(super) static FIELDS: &[Field<RuleDraft>] = &[
    Field {
        key: Key::required(
            "name",
            Shape::Text,
            "a unique name, 1 to 63 of A-Z a-z 0-9 _ . : -",
            "Names the rule; its counters live as long as the name does.",
        ),
        read: |draft, item, scope| assign(&mut draft.rule.name, name(item, scope)),
        print: |rule| Some(print::quoted(&rule.name)),
    },
    Field {
        key: Key::required(
            "action",
            ACTION_WORDS,
            ACTIONS,
            "What happens to a packet that this rule is the first to match.",
        ),
        read: |draft, item, scope| assign(&mut draft.rule.action, action(item, scope)),
        print: |rule| Some(print::action(rule.action)),
    },
    Field {
        key: Key::default(
            "enabled",
            "true",
            Shape::Flag,
            "true or false",
            "Whether the rule matches anything; a disabled one is still checked.",
        ),
        read: |draft, item, scope| assign(&mut draft.rule.enabled, flag(item, scope)),
        print: |rule| (!rule.enabled).then(|| "false".to_owned()),
    },
    Field {
        key: Key::default(
            "shadow",
            "false",
            Shape::Flag,
            "true or false",
            "Whether the rule only counts what it would have done, and the next one is asked.",
        ),
        read: |draft, item, scope| assign(&mut draft.rule.shadow, flag(item, scope)),
        print: |rule| rule.shadow.then(|| "true".to_owned()),
    },
    Field {
        key: Key::criterion(
            "interface",
            Packets::All,
            Shape::Text,
            "a name such as \"eth0\" or a glob such as \"wan*\", each with an optional leading \"!\"",
            "Interfaces that the packet came in by, by name or glob.",
        ),
        read: |draft, item, scope| draft.rule.interface = interfaces(item, scope),
        print: |rule| print::interfaces(rule.interface.as_ref()),
    },
    Field {
        key: Key::criterion(
            "family",
            Packets::Ip,
            Shape::Number {
                min: 4,
                max: 6,
                words: || vec!["ipv4", "ipv6"],
            },
            "\"ipv4\" or \"ipv6\"",
            "IP versions.",
        ),
        read: |draft, item, scope| draft.rule.family = families(item, scope),
        print: |rule| print::families(rule.family.as_ref()),
    },
    Field {
        key: Key::criterion(
            "vlan",
            Packets::All,
            Shape::Number {
                min: 1,
                max: 4094,
                words: || vec!["none"],
            },
            "a VLAN id from 1 to 4094, a range such as \"100-199\" or \"none\"",
            "VLAN ids of the outermost tag that has one; \"none\" is a frame without.",
        ),
        read: |draft, item, scope| draft.rule.vlan = vlans(item, scope),
        print: |rule| print::vlans(rule.vlan.as_ref()),
    },
    Field {
        key: Key::criterion(
            "source",
            Packets::Ip,
            Shape::Text,
            ADDRESSES,
            "Source addresses.",
        ),
        read: |draft, item, scope| draft.rule.source = addresses(item, scope),
        print: |rule| print::addresses(rule.source.as_ref()),
    },
    Field {
        key: Key::criterion(
            "destination",
            Packets::Ip,
            Shape::Text,
            ADDRESSES,
            "Destination addresses.",
        ),
        read: |draft, item, scope| draft.rule.destination = addresses(item, scope),
        print: |rule| print::addresses(rule.destination.as_ref()),
    },
    Field {
        key: Key::criterion(
            "protocol",
            Packets::Ip,
            Shape::Number {
                min: 0,
                max: 255,
                words: || crate::names::protocols::names().collect(),
            },
            "a protocol such as \"tcp\", a number from 0 to 255 or a range such as \"1-5\"",
            "Upper-layer protocols, by IANA name or number.",
        ),
        read: |draft, item, scope| draft.rule.protocol = protocols(item, scope),
        print: |rule| print::protocols(rule.protocol.as_ref()),
    },
    Field {
        key: Key::criterion(
            "source_port",
            Packets::WithPorts,
            number(65535),
            PORTS,
            "Source ports of TCP, UDP, DCCP, SCTP and UDP-Lite.",
        ),
        read: |draft, item, scope| draft.rule.source_port = ports(item, scope),
        print: |rule| print::numbers(rule.source_port.as_ref()),
    },
    Field {
        key: Key::criterion(
            "destination_port",
            Packets::WithPorts,
            number(65535),
            PORTS,
            "Destination ports of the same protocols.",
        ),
        read: |draft, item, scope| draft.rule.destination_port = ports(item, scope),
        print: |rule| print::numbers(rule.destination_port.as_ref()),
    },
    Field {
        key: Key::criterion(
            "icmp_type",
            Packets::Icmp,
            Shape::Number {
                min: 0,
                max: 255,
                words: || crate::names::icmp::type_names().collect(),
            },
            "a type such as \"echo-request\", a number from 0 to 255 or a range such as \"133-137\"",
            "Types of ICMP in IPv4 and of ICMPv6 in IPv6; a name stands for its number in each, a number for itself in both.",
        ),
        read: |draft, item, scope| draft.rule.icmp_type = icmp::types(item, scope),
        print: |rule| print::icmp_types(rule.icmp_type.as_ref()),
    },
    Field {
        key: Key::criterion(
            "icmp_code",
            Packets::Icmp,
            Shape::Number {
                min: 0,
                max: 255,
                words: || crate::names::icmp::code_names().collect(),
            },
            "a code such as \"port-unreachable\", a number from 0 to 255 or a range such as \"0-3\"",
            "Codes of the same; a name needs its type as `icmp_type`.",
        ),
        read: |draft, item, scope| draft.icmp_codes = icmp::codes(item, scope),
        print: |rule| print::numbers(rule.icmp_code.as_ref()),
    },
    Field {
        key: Key::criterion(
            "tcp_flags",
            Packets::Tcp,
            Shape::Words(|| vec!["syn,!ack", "ack", "rst", "fin"]),
            "flags such as \"syn,!ack\" of fin, syn, rst, psh, ack, urg, ece, cwr",
            "Flags of TCP that are set, and with \"!\" clear; any combination of a list may match.",
        ),
        read: |draft, item, scope| draft.rule.tcp_flags = tcp_flags(item, scope),
        print: |rule| print::tcp_flags(rule.tcp_flags.as_deref()),
    },
    Field {
        key: Key::criterion(
            "fragment",
            Packets::Ip,
            Shape::Words(|| FRAGMENTS.iter().map(|(word, _)| *word).collect()),
            "\"none\", \"any\", \"first\", \"later\" or \"atomic\"",
            "Which part of a datagram the packet is: all of it, any fragment, the first, a later one, or (IPv6) one around a whole datagram.",
        ),
        read: |draft, item, scope| draft.rule.fragment = fragments(item, scope),
        print: |rule| print::fragments(rule.fragment.as_ref()),
    },
    Field {
        key: Key::criterion(
            "length",
            Packets::Ip,
            number(65535),
            "a length from 0 to 65535 or a range such as \"1400-1500\"",
            "Lengths of the IP packet in bytes, header included. In generic mode, packets that offloads have joined (GRO, GSO) are seen as one, of up to 64 KiB; a longer one (BIG TCP) has 65535.",
        ),
        read: |draft, item, scope| draft.rule.length = lengths(item, scope),
        print: |rule| print::numbers(rule.length.as_ref()),
    },
    Field {
        key: Key::criterion(
            "ttl",
            Packets::Ip,
            number(255),
            "a TTL from 0 to 255 or a range such as \"64-255\"",
            "Times to live, in IPv6 hop limits.",
        ),
        read: |draft, item, scope| draft.rule.ttl = ttls(item, scope),
        print: |rule| print::numbers(rule.ttl.as_ref()),
    },
    Field {
        key: Key::criterion(
            "dscp",
            Packets::Ip,
            Shape::Number {
                min: 0,
                max: 63,
                words: dscp::names,
            },
            "a name such as \"ef\", a number from 0 to 63 or a range such as \"8-15\"",
            "Differentiated services code points.",
        ),
        read: |draft, item, scope| draft.rule.dscp = dscps(item, scope),
        print: |rule| print::dscps(rule.dscp.as_ref()),
    },
    Field {
        key: Key::criterion(
            "source_mac",
            Packets::All,
            Shape::Text,
            MACS,
            "Source addresses of the Ethernet header.",
        ),
        read: |draft, item, scope| draft.rule.source_mac = mac::sources(item, scope),
        print: |rule| print::macs(rule.source_mac.as_ref()),
    },
    Field {
        key: Key::criterion(
            "destination_mac",
            Packets::All,
            Shape::Text,
            MACS,
            "Destination addresses of the Ethernet header.",
        ),
        read: |draft, item, scope| draft.rule.destination_mac = mac::destinations(item, scope),
        print: |rule| print::macs(rule.destination_mac.as_ref()),
    },
];

/// A rule and where its keys stand, for the checks that look at several of them.
pub(super) struct RuleDraft {
    pub(super) rule: Rule,
    /// Byte offset of the table.
    pub(super) offset: usize,
    /// Byte offset of each key that it has.
    pub(super) keys: Offsets,
    /// What `icmp_code` says, until it is looked up.
    pub(super) icmp_codes: Option<Vec<Spanned<CodeEntry>>>,
}

impl Target for RuleDraft {
    type Model = Rule;
}

/// What a packet gets.
pub(super) fn action(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Action> {
    let others = [
        ("accept", "pass"),
        ("allow", "pass"),
        ("permit", "pass"),
        ("deny", "drop"),
        ("reject", "drop"),
        ("block", "drop"),
        ("discard", "drop"),
    ];
    choice(
        item,
        scope,
        &[("pass", Action::Pass), ("drop", Action::Drop)],
        &others,
    )
}

fn name(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<String> {
    let name = text(item, scope)?;
    if !is_name(name) {
        scope.report.wrong(item.offset(), bad_name(name));
        return None;
    }
    Some(name.to_owned())
}

/// Reads every `[[rule]]`, in file order.
pub(super) fn rules(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Vec<RuleDraft>> {
    let DeValue::Array(tables) = item.value.get_ref() else {
        wrong_kind(item, scope);
        return None;
    };
    let mut rules = Vec::with_capacity(tables.len().min(MAX_RULES));
    for (index, value) in tables.iter().enumerate() {
        let item = Item {
            value,
            in_list: true,
            ..*item
        };
        let earlier = scope.earlier_rules + index;
        if earlier >= MAX_RULES {
            // One problem, at the first that is too many.
            if earlier == MAX_RULES {
                let message = format!("{} rules; expected at most {MAX_RULES}", scope.all_rules);
                scope.report.wrong(item.offset(), message);
            }
            break;
        }
        rules.extend(rule(&item, scope));
    }
    Some(rules)
}

fn rule(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<RuleDraft> {
    let DeValue::Table(table) = item.value.get_ref() else {
        wrong_kind(item, scope);
        return None;
    };
    let offset = item.offset();
    let mut draft = RuleDraft {
        rule: blank(scope.report.position(offset)),
        offset,
        keys: Offsets::new(),
        icmp_codes: None,
    };
    draft.keys = read_table(&mut draft, FIELDS, ("rule", offset), table, scope);
    icmp::resolve(&mut draft, scope);
    Some(draft)
}

/// A rule that says nothing yet. Name and action are required, so these never survive.
fn blank(position: Position) -> Rule {
    Rule {
        enabled: RULE_ENABLED,
        shadow: RULE_SHADOW,
        ..Rule::without_criteria(String::new(), Action::Drop, position)
    }
}

/// How many rules a document has, right or wrong.
pub(super) fn count(document: &DeTable<'_>) -> usize {
    let rules = document.get("rule");
    let rules = rules.and_then(|value| value.get_ref().as_array());
    rules.map_or(0, |rules| rules.len())
}

/// Reports names that an earlier rule has taken, in whichever file.
pub(super) fn report_repeated_names(documents: &mut [Document<'_>]) {
    let mut first = BTreeMap::new();
    for document in documents {
        for draft in &document.rules {
            let Rule { name, position, .. } = &draft.rule;
            if name.is_empty() {
                continue;
            }
            let taken = first
                .entry(name.clone())
                .or_insert_with(|| position.clone());
            if *taken != *position {
                let at = draft.keys.get("name").copied().unwrap_or(draft.offset);
                let place = taken.seen_from(document.path);
                let message = format!(
                    "rule `{name}` is already defined at {place}; expected a name of its own"
                );
                document.report.wrong(at, message);
            }
        }
    }
}

/// Reports the first of too many shadow rules.
pub(super) fn report_too_many_shadows(documents: &mut [Document<'_>]) {
    let mut left = MAX_SHADOW_RULES;
    for document in documents {
        for draft in document.rules.iter().filter(|draft| draft.rule.shadow) {
            if left == 0 {
                let offset = draft.keys.get("shadow").copied().unwrap_or(draft.offset);
                let message =
                    format!("one shadow rule too many; expected at most {MAX_SHADOW_RULES}");
                document.report.wrong(offset, message);
                return;
            }
            left -= 1;
        }
    }
}
