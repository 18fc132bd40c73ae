//! What should happen: a linear scan over the rules as they are written.

use std::net::IpAddr;

use xdp_fw_common::packet::protocol::{ICMP, ICMPV6, TCP};
use xdp_fw_common::{Arrival, Decision, Reason, Verdict, decide};

use super::frame::Packet;
use crate::config::{
    Action, AddressList, Addresses, Config, FragmentKind, FragmentList, IcmpTypeList,
    InterfaceList, MacList, NumberList, Rule, TcpFlags,
};
use crate::policy::{HostTables, Policy, Recorder, Tables, compile};

/// The interfaces that exist when a policy is compiled.
pub(super) const INTERFACES: [(u32, &str); 4] = [(1, "lo"), (2, "eth0"), (3, "wan0"), (4, "wan1")];

/// Patterns, and the interfaces that they mean.
pub(super) const PATTERNS: [(&str, &[u32]); 6] = [
    ("eth0", &[2]),
    ("wan1", &[4]),
    ("wan*", &[3, 4]),
    ("???0", &[2, 3]),
    ("*", &[1, 2, 3, 4]),
    ("ppp*", &[]),
];

pub(super) fn compiled(config: &Config) -> Tables {
    let interfaces = INTERFACES.map(|(index, name)| (index, name.to_owned()));
    compile(&Policy::from_config(config), &interfaces).unwrap()
}

/// What the compiled tables say.
pub(super) fn decided(tables: &Tables, packet: &Packet) -> Decision {
    decided_on(&HostTables::new(tables), packet)
}

pub(super) fn decided_on(tables: &HostTables<'_>, packet: &Packet) -> Decision {
    recorded(tables, packet).0
}

/// The decision, and what it counted: the packet once, under the slot that it names.
fn recorded(tables: &HostTables<'_>, packet: &Packet) -> (Decision, Recorder) {
    let frame = packet.frame();
    let arrival = Arrival {
        interface: packet.interface,
        length: frame.len(),
        now: 0,
    };
    let mut effects = Recorder::default();
    let decision = decide(frame.as_slice(), &arrival, tables, &mut effects);
    assert_eq!(effects.slots, [decision.slot]);
    (decision, effects)
}

/// The name of the rule that decides by the compiled tables; `None` if none does.
pub(super) fn deciding<'a>(tables: &'a Tables, packet: &Packet) -> Option<&'a str> {
    let rule = decided(tables, packet).rule?;
    Some(&tables.rules[rule as usize].name)
}

/// The names of the shadow rules that count it by the compiled tables.
pub(super) fn shadowed<'a>(tables: &'a Tables, packet: &Packet) -> Vec<&'a str> {
    let (_, effects) = recorded(&HostTables::new(tables), packet);
    let rules = effects.shadows.iter();
    let rules = rules.map(|&rule| &tables.rules[rule as usize]);
    rules.map(|rule| rule.name.as_str()).collect()
}

/// What the configuration says: verdict, reason, and the name of the rule that decides.
pub(super) fn expected<'a>(
    config: &'a Config,
    packet: &Packet,
) -> (Verdict, Reason, Option<&'a str>) {
    let flaw = packet.malformed.then_some(Reason::IpLength);
    if let (Some(flaw), Action::Drop) = (flaw, config.malformed) {
        return (Verdict::Drop, flaw, None);
    }
    let verdict = |action| match action {
        Action::Pass => Verdict::Pass,
        Action::Drop => Verdict::Drop,
    };
    let mut matching = matching(config, packet);
    match matching.find(|rule| !rule.shadow) {
        Some(rule) => (verdict(rule.action), Reason::Rule, Some(&rule.name)),
        None => {
            let reason = flaw.unwrap_or(Reason::Default);
            (verdict(config.default_action), reason, None)
        }
    }
}

/// The shadow rules that should count it: those in front of the one that decides.
pub(super) fn expected_shadows<'a>(config: &'a Config, packet: &Packet) -> Vec<&'a str> {
    if packet.malformed && config.malformed == Action::Drop {
        return Vec::new();
    }
    let before = matching(config, packet).take_while(|rule| rule.shadow);
    before.map(|rule| rule.name.as_str()).collect()
}

fn matching<'a>(config: &'a Config, packet: &Packet) -> impl Iterator<Item = &'a Rule> {
    let rules = config.rules.iter().filter(|rule| rule.enabled);
    rules.filter(move |rule| matches(config, rule, packet))
}

fn matches(config: &Config, rule: &Rule, packet: &Packet) -> bool {
    matches_link(rule, packet)
        && in_addresses(config, rule.source.as_ref(), packet.source)
        && in_addresses(config, rule.destination.as_ref(), packet.destination)
        && matches_inside(rule, packet)
}

/// What even a malformed packet has.
fn matches_link(rule: &Rule, packet: &Packet) -> bool {
    let family = if packet.source.is_ipv4() { 4 } else { 6 };
    let vlan = packet.vlan.filter(|&id| id != 0).unwrap_or(4096);
    in_interfaces(rule.interface.as_ref(), packet.interface)
        && in_macs(rule.source_mac.as_ref(), packet.source_mac)
        && in_macs(rule.destination_mac.as_ref(), packet.destination_mac)
        && in_numbers(rule.vlan.as_ref(), Some(vlan))
        && in_numbers(rule.family.as_ref(), Some(family))
}

fn matches_inside(rule: &Rule, packet: &Packet) -> bool {
    let known = |value| if packet.malformed { None } else { value };
    let whole_header = !packet.malformed && packet.fragment != FragmentKind::Later;
    let ports = packet.ports.filter(|_| whole_header);
    let icmp = packet.icmp.filter(|_| whole_header);
    let flags = ports.filter(|_| packet.protocol == TCP);
    in_numbers(rule.protocol.as_ref(), known(Some(packet.protocol.into())))
        && in_numbers(rule.source_port.as_ref(), ports.map(|ports| ports.0))
        && in_numbers(rule.destination_port.as_ref(), ports.map(|ports| ports.1))
        && in_icmp(rule, packet, icmp)
        && in_flags(rule.tcp_flags.as_deref(), flags.map(|_| packet.flags))
        && in_fragments(rule.fragment.as_ref(), packet)
        && in_numbers(rule.length.as_ref(), known(Some(packet.length())))
        && in_numbers(rule.ttl.as_ref(), known(Some(packet.ttl.into())))
        && in_numbers(rule.dscp.as_ref(), known(Some(packet.dscp.into())))
        && in_numbers(rule.ecn.as_ref(), known(Some(packet.ecn.into())))
}

/// The set rule: in a plain entry, or there is none; and in no negated one. Entries are whether
/// they are negated, and whether they contain the value.
fn is_in(entries: impl Iterator<Item = (bool, bool)>) -> bool {
    let (mut only_takes_away, mut added, mut taken) = (true, false, false);
    for (negated, contains) in entries {
        only_takes_away &= negated;
        added |= !negated && contains;
        taken |= negated && contains;
    }
    (only_takes_away || added) && !taken
}

fn in_addresses(config: &Config, list: Option<&AddressList>, address: IpAddr) -> bool {
    let Some(AddressList(entries)) = list else {
        return true;
    };
    let contains = |addresses: &Addresses| match addresses {
        Addresses::Prefix(prefix) => prefix.contains(address),
        Addresses::Set(name) => config.sets[name]
            .prefixes
            .iter()
            .any(|p| p.contains(address)),
    };
    is_in(entries.iter().map(|e| (e.negated, contains(&e.addresses))))
}

fn in_numbers<T: Copy + Into<u16>>(list: Option<&NumberList<T>>, value: Option<u16>) -> bool {
    let Some(NumberList(entries)) = list else {
        return true;
    };
    value.is_some_and(|value| {
        is_in(entries.iter().map(|entry| {
            let (first, last) = ((*entry.range.start()).into(), (*entry.range.end()).into());
            (entry.negated, first <= value && value <= last)
        }))
    })
}

fn in_interfaces(list: Option<&InterfaceList>, interface: u32) -> bool {
    let contains = |pattern: &str| {
        let mut patterns = PATTERNS.iter();
        patterns.any(|(name, means)| *name == pattern && means.contains(&interface))
    };
    list.is_none_or(|InterfaceList(entries)| {
        is_in(entries.iter().map(|e| (e.negated, contains(&e.pattern))))
    })
}

fn in_macs(list: Option<&MacList>, mac: [u8; 6]) -> bool {
    list.is_none_or(|MacList(entries)| is_in(entries.iter().map(|e| (e.negated, e.address == mac))))
}

fn in_icmp(rule: &Rule, packet: &Packet, icmp: Option<(u8, u8)>) -> bool {
    if rule.icmp_type.is_none() && rule.icmp_code.is_none() {
        return true;
    }
    let v4 = packet.source.is_ipv4();
    let Some((kind, code)) = icmp else {
        return false;
    };
    let own = if v4 { ICMP } else { ICMPV6 };
    let in_types = rule.icmp_type.as_ref().is_none_or(|IcmpTypeList(entries)| {
        is_in(entries.iter().map(|entry| {
            let types = if v4 { &entry.v4 } else { &entry.v6 };
            let contains = types.as_ref().is_some_and(|types| types.contains(&kind));
            (entry.negated, contains)
        }))
    });
    packet.protocol == own && in_types && in_numbers(rule.icmp_code.as_ref(), Some(code.into()))
}

fn in_flags(combinations: Option<&[TcpFlags]>, flags: Option<u8>) -> bool {
    let Some(combinations) = combinations else {
        return true;
    };
    let fits = |bit: u8, of: &TcpFlags, flags: u8| {
        let is_set = flags >> bit & 1 == 1;
        (of.set >> bit & 1 == 0 || is_set) && (of.clear >> bit & 1 == 0 || !is_set)
    };
    flags.is_some_and(|flags| {
        let mut combinations = combinations.iter();
        combinations.any(|of| (0..8).all(|bit| fits(bit, of, flags)))
    })
}

fn in_fragments(list: Option<&FragmentList>, packet: &Packet) -> bool {
    list.is_none_or(|FragmentList(entries)| {
        let contains = |kinds: &[FragmentKind]| kinds.contains(&packet.fragment);
        !packet.malformed && is_in(entries.iter().map(|e| (e.negated, contains(&e.kinds))))
    })
}
