//! A checked configuration, written back as the file that an operator could have written.
//!
//! Owns the keys' spelling, so that what a test builds in code can be given to the daemon.

use std::fmt::{Display, Write};

use xdp_fw::config::{
    Action, AddressEntry, AddressList, Addresses, Config, FragmentEntry, IcmpTypeEntry,
    InterfaceEntry, MacEntry, Mode, NumberEntry, NumberList, OnStop, Rule, TcpFlags,
};

use crate::ruleset::{FRAGMENT_KINDS, ICMP_TYPES, TCP_FLAGS, VLAN_NONE};

/// The configuration as TOML.
pub fn text(config: &Config) -> String {
    let mut text = Text::default();
    text.global(config);
    for over in &config.interface_overrides {
        text.table(&format!("[interface.{}]", quoted(&over.pattern)));
        text.word("mode", mode(over.mode));
    }
    for (name, set) in &config.sets {
        text.table(&format!("[set.{}]", quoted(name)));
        text.list("prefixes", &set.prefixes, |prefix| quoted(prefix));
    }
    for rule in &config.rules {
        text.rule(rule);
    }
    text.table("[metrics]");
    match config.metrics.listen {
        Some(address) => text.word("listen", &address.to_string()),
        None => text.value("listen", false),
    }
    text.0
}

/// Lines as they are added.
#[derive(Default)]
struct Text(String);

impl Text {
    fn global(&mut self, config: &Config) {
        self.list("interfaces", &config.interfaces, |name| quoted(name));
        self.word("mode", mode(config.mode));
        self.word("default_action", action(config.default_action));
        self.word("malformed", action(config.malformed));
        self.word("non_ip", action(config.non_ip));
        self.value("essentials", config.essentials);
        self.word(
            "on_stop",
            match config.on_stop {
                OnStop::Keep => "keep",
                OnStop::Detach => "detach",
            },
        );
    }

    fn rule(&mut self, rule: &Rule) {
        self.table("[[rule]]");
        self.word("name", &rule.name);
        self.word("action", action(rule.action));
        if !rule.enabled {
            self.value("enabled", false);
        }
        if rule.shadow {
            self.value("shadow", true);
        }
        self.link(rule);
        self.addresses("source", rule.source.as_ref());
        self.addresses("destination", rule.destination.as_ref());
        self.numbers("protocol", rule.protocol.as_ref());
        self.numbers("source_port", rule.source_port.as_ref());
        self.numbers("destination_port", rule.destination_port.as_ref());
        self.headers(rule);
    }

    /// Criteria on what is in front of the IP header.
    fn link(&mut self, rule: &Rule) {
        let interface = rule.interface.as_ref().map(|list| &list.0[..]);
        self.optional("interface", interface, |entry: &InterfaceEntry| {
            quoted(negatable(entry.negated, entry.pattern.clone()))
        });
        let vlan = rule.vlan.as_ref().map(|list| &list.0[..]);
        self.optional("vlan", vlan, |entry| {
            if *entry.range.start() == VLAN_NONE {
                return quoted(negatable(entry.negated, "none".to_owned()));
            }
            range(entry)
        });
        for (key, list) in [
            ("source_mac", &rule.source_mac),
            ("destination_mac", &rule.destination_mac),
        ] {
            self.optional(key, list.as_ref().map(|list| &list.0[..]), mac);
        }
    }

    /// Criteria on IP headers and transport headers but for addresses, protocol and ports.
    fn headers(&mut self, rule: &Rule) {
        let family = rule.family.as_ref().map(|list| &list.0[..]);
        self.optional("family", family, |entry: &NumberEntry<u8>| {
            quoted(negatable(
                entry.negated,
                format!("ipv{}", entry.range.start()),
            ))
        });
        let icmp_type = rule.icmp_type.as_ref().map(|list| &list.0[..]);
        self.optional("icmp_type", icmp_type, icmp);
        self.numbers("icmp_code", rule.icmp_code.as_ref());
        self.optional("tcp_flags", rule.tcp_flags.as_deref(), flags);
        let fragment = rule.fragment.as_ref().map(|list| &list.0[..]);
        self.optional("fragment", fragment, fragments);
        self.numbers("length", rule.length.as_ref());
        self.numbers("ttl", rule.ttl.as_ref());
        self.numbers("dscp", rule.dscp.as_ref());
    }

    fn addresses(&mut self, key: &str, list: Option<&AddressList>) {
        let entry = |entry: &AddressEntry| match &entry.addresses {
            Addresses::Prefix(prefix) => quoted(negatable(entry.negated, prefix.to_string())),
            Addresses::Set(name) => quoted(negatable(entry.negated, format!("@{name}"))),
        };
        self.optional(key, list.map(|list| &list.0[..]), entry);
    }

    fn numbers<T: Display + PartialEq>(&mut self, key: &str, list: Option<&NumberList<T>>) {
        self.optional(key, list.map(|list| &list.0[..]), range);
    }

    fn optional<T>(&mut self, key: &str, list: Option<&[T]>, entry: impl Fn(&T) -> String) {
        if let Some(list) = list {
            self.list(key, list, entry);
        }
    }

    fn table(&mut self, header: &str) {
        self.line(format_args!("\n{header}"));
    }

    fn word(&mut self, key: &str, word: &str) {
        self.value(key, quoted(word));
    }

    fn list<T>(&mut self, key: &str, entries: &[T], entry: impl Fn(&T) -> String) {
        let entries: Vec<String> = entries.iter().map(entry).collect();
        self.value(key, format_args!("[{}]", entries.join(", ")));
    }

    fn value(&mut self, key: &str, value: impl Display) {
        self.line(format_args!("{key} = {value}"));
    }

    fn line(&mut self, line: impl Display) {
        writeln!(self.0, "{line}").expect("a string takes any text");
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Pass => "pass",
        Action::Drop => "drop",
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Native => "native",
        Mode::Generic => "generic",
        Mode::Auto => "auto",
    }
}

fn range<T: Display + PartialEq>(entry: &NumberEntry<T>) -> String {
    let range = written_range(entry.range.start(), entry.range.end());
    quoted(negatable(entry.negated, range))
}

fn written_range<T: Display + PartialEq>(first: &T, last: &T) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

/// Numbers mean the same type in both families; what does not has a name.
fn icmp(entry: &IcmpTypeEntry) -> String {
    let named = |&&(_, v4, v6): &&(&str, Option<u8>, Option<u8>)| {
        entry.v4 == v4.map(|number| number..=number) && entry.v6 == v6.map(|number| number..=number)
    };
    let text = match (ICMP_TYPES.iter().find(named), &entry.v4) {
        (Some((name, ..)), _) => (*name).to_owned(),
        (None, Some(range)) => written_range(range.start(), range.end()),
        (None, None) => panic!("{entry:?} has no name"),
    };
    quoted(negatable(entry.negated, text))
}

fn flags(flags: &TcpFlags) -> String {
    let words: Vec<String> = (0..)
        .zip(TCP_FLAGS)
        .filter(|(bit, _)| (flags.set | flags.clear) >> bit & 1 == 1)
        .map(|(bit, name)| negatable(flags.clear >> bit & 1 == 1, name.to_owned()))
        .collect();
    quoted(words.join(","))
}

fn fragments(entry: &FragmentEntry) -> String {
    let word = match entry.kinds[..] {
        [kind] => FRAGMENT_KINDS.iter().find(|known| known.1 == kind),
        _ => None,
    };
    quoted(negatable(
        entry.negated,
        word.map_or("any", |known| known.0).to_owned(),
    ))
}

fn mac(entry: &MacEntry) -> String {
    let bytes: Vec<String> = entry
        .address
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    quoted(negatable(entry.negated, bytes.join(":")))
}

fn negatable(negated: bool, text: String) -> String {
    if negated { format!("!{text}") } else { text }
}

/// A TOML string; no name or prefix has anything to escape.
fn quoted(text: impl Display) -> String {
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::{self, Criteria, drop, pass, sets};

    #[test]
    fn a_configuration_reads_as_an_operator_writes_it() {
        let config = Config {
            sets: sets([("lan", "192.0.2.0/24, 2001:db8::/48")]),
            ..ruleset::config([
                pass("office").source("@lan, !192.0.2.66/32").protocol("6"),
                drop("rest").destination_port("0-1023, !22").disabled(),
            ])
        };
        let expected = r#"interfaces = ["test0"]
mode = "native"
default_action = "pass"
malformed = "drop"
non_ip = "pass"
essentials = true
on_stop = "keep"

[set."lan"]
prefixes = ["192.0.2.0/24", "2001:db8::/48"]

[[rule]]
name = "office"
action = "pass"
source = ["@lan", "!192.0.2.66/32"]
protocol = ["6"]

[[rule]]
name = "rest"
action = "drop"
enabled = false
destination_port = ["0-1023", "!22"]

[metrics]
listen = false
"#;
        assert_eq!(text(&config), expected);
    }

    #[test]
    fn every_criterion_has_its_key_and_its_spelling() {
        let rule = pass("all")
            .shadow()
            .interface("eth0, wan*, !wan1")
            .vlan("none, 7, 100-200, !150")
            .source_mac("02:00:00:00:00:0a, !ff:ff:ff:ff:ff:ff")
            .family("4, !6")
            .icmp_type("echo-request, 3, 133-137, !packet-too-big")
            .icmp_code("0, 1-4")
            .tcp_flags("syn !ack, fin urg")
            .fragment("any, !first")
            .length("40-1500, !576")
            .ttl("!255")
            .dscp("46, 8-10")
            .destination_mac("02:00:00:00:00:0b");
        let expected = r#"
[[rule]]
name = "all"
action = "pass"
shadow = true
interface = ["eth0", "wan*", "!wan1"]
vlan = ["none", "7", "100-200", "!150"]
source_mac = ["02:00:00:00:00:0a", "!ff:ff:ff:ff:ff:ff"]
destination_mac = ["02:00:00:00:00:0b"]
family = ["ipv4", "!ipv6"]
icmp_type = ["echo-request", "3", "133-137", "!packet-too-big"]
icmp_code = ["0", "1-4"]
tcp_flags = ["syn,!ack", "fin,urg"]
fragment = ["any", "!first"]
length = ["40-1500", "!576"]
ttl = ["!255"]
dscp = ["46", "8-10"]
"#;
        let mut text = Text::default();
        text.rule(&rule);
        assert_eq!(text.0, expected);
    }
}
