//! A checked configuration, written back as the file that an operator could have written.
//!
//! Owns the keys' spelling, so that what a test builds in code can be given to the daemon.

use std::fmt::{Display, Write};

use xdp_fw::config::{
    Action, AddressEntry, AddressList, Addresses, Config, Mode, NumberEntry, NumberList, OnStop,
    Rule,
};

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
        self.addresses("source", rule.source.as_ref());
        self.addresses("destination", rule.destination.as_ref());
        self.numbers("protocol", rule.protocol.as_ref());
        self.numbers("source_port", rule.source_port.as_ref());
        self.numbers("destination_port", rule.destination_port.as_ref());
    }

    fn addresses(&mut self, key: &str, list: Option<&AddressList>) {
        let entry = |entry: &AddressEntry| match &entry.addresses {
            Addresses::Prefix(prefix) => quoted(negatable(entry.negated, prefix.to_string())),
            Addresses::Set(name) => quoted(negatable(entry.negated, format!("@{name}"))),
        };
        if let Some(list) = list {
            self.list(key, &list.0, entry);
        }
    }

    fn numbers<T: Display + PartialEq>(&mut self, key: &str, list: Option<&NumberList<T>>) {
        let entry = |entry: &NumberEntry<T>| {
            let (first, last) = (entry.range.start(), entry.range.end());
            let range = if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            };
            quoted(negatable(entry.negated, range))
        };
        if let Some(list) = list {
            self.list(key, &list.0, entry);
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
}
