//! Rules as an operator would write them.

use std::fmt::Write as _;

use xdp_fw::config::{
    Action, AddressEntry, Addresses, FragmentEntry, FragmentKind, IcmpTypeEntry, InterfaceEntry,
    MacEntry, NumberEntry, Rule, TcpFlags, VLAN_NONE, icmp,
};

use crate::SETS;

/// A whole configuration of these rules.
pub(crate) fn printed(rules: &[Rule]) -> String {
    let mut text = String::from("interfaces = [\"eth0\"]\n");
    for set in SETS {
        let _ = writeln!(
            text,
            "[set.\"{set}\"]\nprefixes = [\"192.0.2.0/24\", \"2001:db8::/32\"]"
        );
    }
    for rule in rules {
        let action = if rule.action == Action::Pass {
            "pass"
        } else {
            "drop"
        };
        let _ = writeln!(
            text,
            "[[rule]]\nname = \"{}\"\naction = \"{action}\"\nenabled = {}\nshadow = {}",
            rule.name, rule.enabled, rule.shadow
        );
        print_rule(&mut text, rule);
    }
    text
}

fn print_rule(text: &mut String, rule: &Rule) {
    let r = rule;
    let mut print = |key: &str, entries: Option<Vec<String>>| {
        if let Some(entries) = entries {
            let _ = writeln!(text, "{key} = [{}]", entries.join(", "));
        }
    };
    print(
        "source",
        r.source.as_ref().map(|list| each(&list.0, address)),
    );
    print(
        "destination",
        r.destination.as_ref().map(|list| each(&list.0, address)),
    );
    print(
        "interface",
        r.interface.as_ref().map(|list| each(&list.0, interface)),
    );
    print(
        "family",
        r.family.as_ref().map(|list| each(&list.0, family)),
    );
    print("vlan", r.vlan.as_ref().map(|list| each(&list.0, vlan)));
    print(
        "protocol",
        r.protocol.as_ref().map(|list| each(&list.0, number)),
    );
    print(
        "source_port",
        r.source_port.as_ref().map(|list| each(&list.0, number)),
    );
    print(
        "destination_port",
        r.destination_port
            .as_ref()
            .map(|list| each(&list.0, number)),
    );
    print(
        "icmp_type",
        r.icmp_type.as_ref().map(|list| each(&list.0, icmp_type)),
    );
    print(
        "icmp_code",
        r.icmp_code.as_ref().map(|list| each(&list.0, number)),
    );
    print(
        "tcp_flags",
        r.tcp_flags.as_ref().map(|list| each(list, flags)),
    );
    print(
        "fragment",
        r.fragment.as_ref().map(|list| each(&list.0, fragment)),
    );
    print(
        "length",
        r.length.as_ref().map(|list| each(&list.0, number)),
    );
    print("ttl", r.ttl.as_ref().map(|list| each(&list.0, number)));
    print("dscp", r.dscp.as_ref().map(|list| each(&list.0, number)));
    print(
        "source_mac",
        r.source_mac.as_ref().map(|list| each(&list.0, mac)),
    );
    print(
        "destination_mac",
        r.destination_mac.as_ref().map(|list| each(&list.0, mac)),
    );
}

fn each<T>(entries: &[T], print: fn(&T) -> String) -> Vec<String> {
    entries.iter().map(print).collect()
}

fn quoted(negated: bool, text: impl std::fmt::Display) -> String {
    let sign = if negated { "!" } else { "" };
    format!("\"{sign}{text}\"")
}

fn interface(entry: &InterfaceEntry) -> String {
    quoted(entry.negated, &entry.pattern)
}

fn family(entry: &NumberEntry<u8>) -> String {
    quoted(entry.negated, format!("ipv{}", entry.range.start()))
}

fn vlan(entry: &NumberEntry<u16>) -> String {
    if entry.range == (VLAN_NONE..=VLAN_NONE) {
        return quoted(entry.negated, "none");
    }
    number(entry)
}

/// By name where the families differ, else by number.
fn icmp_type(entry: &IcmpTypeEntry) -> String {
    let start =
        |range: &Option<std::ops::RangeInclusive<u8>>| range.as_ref().map(|range| *range.start());
    if let (Some(v4), Some(v6)) = (&entry.v4, &entry.v6)
        && v4 == v6
    {
        return number(&NumberEntry {
            negated: entry.negated,
            range: v4.clone(),
        });
    }
    let types = icmp::TypeName {
        v4: start(&entry.v4),
        v6: start(&entry.v6),
    };
    let name = icmp::type_names().find(|name| icmp::types(name) == Some(types));
    quoted(entry.negated, name.expect("it came from a name"))
}

fn flags(flags: &TcpFlags) -> String {
    let names = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
    let words = names.iter().enumerate().flat_map(|(bit, name)| {
        let set = (flags.set >> bit & 1 == 1).then(|| (*name).to_owned());
        let clear = (flags.clear >> bit & 1 == 1).then(|| format!("!{name}"));
        set.into_iter().chain(clear)
    });
    quoted(false, words.collect::<Vec<_>>().join(","))
}

fn fragment(entry: &FragmentEntry) -> String {
    let word = match entry.kinds[..] {
        [FragmentKind::None] => "none",
        [FragmentKind::Atomic] => "atomic",
        [FragmentKind::First] => "first",
        [FragmentKind::Later] => "later",
        _ => "any",
    };
    quoted(entry.negated, word)
}

fn mac(entry: &MacEntry) -> String {
    let bytes = entry.address.map(|byte| format!("{byte:02x}"));
    quoted(entry.negated, bytes.join(":"))
}

fn address(entry: &AddressEntry) -> String {
    match &entry.addresses {
        Addresses::Prefix(prefix) => quoted(entry.negated, prefix),
        Addresses::Set(name) => quoted(entry.negated, format!("@{name}")),
    }
}

fn number<T: std::fmt::Display + PartialEq>(entry: &NumberEntry<T>) -> String {
    let (start, end) = (entry.range.start(), entry.range.end());
    match (entry.negated, start == end) {
        (false, true) => start.to_string(),
        (true, true) => format!("\"!{start}\""),
        (false, false) => format!("\"{start}-{end}\""),
        (true, false) => format!("\"!{start}-{end}\""),
    }
}
