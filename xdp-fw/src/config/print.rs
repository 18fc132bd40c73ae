//! A checked configuration, written as an operator could have written it.
//!
//! Owns the spelling of values. Which key has which value, the tables of fields know: what is
//! printed parses to what it was printed from. Never prints where something stood.

use std::fmt::{Display, Write as _};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::model::{Action, Config, Expectation, Mode, OnStop, Rule, Set};
use crate::criteria::fragments::WORDS;
use crate::criteria::{
    AddressList, Addresses, FragmentEntry, FragmentList, IcmpTypeEntry, IcmpTypeList, MacList,
    TcpFlags, Value, ValueKind,
};
use xdp_fw_common::{Essential, Essentials};

use super::parse;
use super::size;
use crate::names::{icmp, tcp_flags};

/// A key and its value as TOML.
pub type Written = (&'static str, String);

/// What a rule says, key by key in the order of the reference; what it leaves out is left out.
#[must_use]
pub fn rule(rule: &Rule) -> Vec<Written> {
    parse::print_rule(rule)
}

/// What an expectation says, key by key in the order of the reference.
#[must_use]
pub fn expectation(expectation: &Expectation) -> Vec<Written> {
    parse::print_expectation(expectation)
}

/// What the top level and its tables say, sets and rules aside; keys are paths such as
/// `metrics.listen`.
#[must_use]
pub fn settings(config: &Config) -> Vec<(String, String)> {
    let top = parse::print_top(config).into_iter();
    let mut settings: Vec<_> = top.map(|(key, value)| (key.to_owned(), value)).collect();
    for over in &config.interface_overrides {
        let path = format!("interface.{}", quoted(&over.pattern));
        settings.extend(below(&path, parse::print_interface(over)));
    }
    settings.extend(below("metrics", parse::print_metrics(&config.metrics)));
    settings.extend(below("limits", parse::print_limits(&config.limits)));
    settings
}

/// The whole configuration as one file: sets with all their prefixes, without files and includes.
#[must_use]
pub fn config(config: &Config) -> String {
    let mut text = lines(&parse::print_top(config));
    for over in &config.interface_overrides {
        let header = format!("[interface.{}]", quoted(&over.pattern));
        table(&mut text, &header, &parse::print_interface(over));
    }
    for (name, set) in &config.sets {
        let header = format!("[set.{}]", quoted(name));
        table(&mut text, &header, &parse::print_set(set));
    }
    for rule in &config.rules {
        table(&mut text, "[[rule]]", &self::rule(rule));
    }
    for expectation in &config.expectations {
        let keys = self::expectation(expectation);
        table(&mut text, "[[expect]]", &keys);
    }
    table(
        &mut text,
        "[metrics]",
        &parse::print_metrics(&config.metrics),
    );
    table(&mut text, "[limits]", &parse::print_limits(&config.limits));
    text
}

fn below(path: &str, keys: Vec<Written>) -> impl Iterator<Item = (String, String)> {
    let under = move |(key, value)| (format!("{path}.{key}"), value);
    keys.into_iter().map(under)
}

fn table(text: &mut String, header: &str, keys: &[Written]) {
    let _ = write!(text, "\n{header}\n{}", lines(keys));
}

fn lines(keys: &[Written]) -> String {
    let lines = keys.iter().map(|(key, value)| format!("{key} = {value}\n"));
    lines.collect()
}

/// A TOML string.
pub(super) fn quoted(text: impl Display) -> String {
    let text = text.to_string();
    if text.contains(['"', '\\']) || text.contains(char::is_control) {
        return toml::Value::String(text).to_string();
    }
    format!("\"{text}\"")
}

/// An action.
pub(super) fn action(action: Action) -> String {
    quoted(match action {
        Action::Pass => "pass",
        Action::Drop => "drop",
    })
}

/// An attach mode.
pub(super) fn mode(mode: Mode) -> String {
    quoted(match mode {
        Mode::Native => "native",
        Mode::Generic => "generic",
        Mode::Auto => "auto",
    })
}

/// What a stop does.
pub(super) fn on_stop(on_stop: OnStop) -> String {
    quoted(match on_stop {
        OnStop::Keep => "keep",
        OnStop::Detach => "detach",
    })
}

/// What passes before the rules: in as few words as say it.
pub(super) fn essentials(essentials: Essentials) -> String {
    if essentials == Essentials::ALL || essentials.is_empty() {
        return (!essentials.is_empty()).to_string();
    }
    let (wanted, others): (Vec<_>, Vec<_>) = Essential::ALL
        .into_iter()
        .partition(|kind| essentials.has(*kind));
    let (negated, kinds) = if others.len() < wanted.len() {
        (true, others)
    } else {
        (false, wanted)
    };
    let words = kinds.iter().map(|kind| signed(negated, kind.name()));
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

/// How long an edit is on trial.
pub(super) fn confirm(time: Option<Duration>) -> String {
    time.map_or_else(
        || "false".to_owned(),
        |time| quoted(humantime::format_duration(time)),
    )
}

/// How much memory may be taken.
pub(super) fn memory(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "false".to_owned(), |bytes| quoted(size::memory(bytes)))
}

/// How many there may be.
pub(super) fn count(count: Option<u64>) -> String {
    count.map_or_else(|| "false".to_owned(), |count| count.to_string())
}

/// Where metrics listen.
pub(super) fn listen(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "false".to_owned(), quoted)
}

/// The prefixes of a set.
pub(super) fn prefixes(set: &Set) -> Option<String> {
    let prefixes: Vec<_> = set.prefixes.iter().collect();
    list(&prefixes, |prefix| quoted(prefix)).filter(|_| !prefixes.is_empty())
}

/// Names or globs.
pub(super) fn patterns(patterns: &[String]) -> Option<String> {
    list(patterns, |pattern| quoted(pattern))
}

/// The list of a criterion.
pub(crate) fn criterion(kind: ValueKind, value: &Value<'_>) -> Option<String> {
    match value {
        Value::Numbers(list) => {
            // A name of a code stands for nothing by itself.
            let named = matches!(kind, ValueKind::Numbers(_));
            let name = kind.numbers().filter(|_| named).map(|numbers| numbers.name);
            self::list(&list.0, |entry| {
                number(entry.negated, &entry.range, |number| name?(number))
            })
        }
        Value::Addresses(list) => addresses(list),
        Value::Interfaces(list) => {
            self::list(&list.0, |entry| signed(entry.negated, &entry.pattern))
        }
        Value::Macs(list) => macs(list),
        Value::IcmpTypes(list) => icmp_types(list),
        Value::Flags(list) => tcp_flags(list),
        Value::Fragments(list) => fragments(list),
    }
}

/// Addresses and sets.
fn addresses(addresses: &AddressList) -> Option<String> {
    list(&addresses.0, |entry| match &entry.addresses {
        Addresses::Prefix(prefix) => signed(entry.negated, prefix),
        Addresses::Set(name) => signed(entry.negated, format!("@{name}")),
    })
}

/// ICMP types: by number where it means the same in both families.
fn icmp_types(types: &IcmpTypeList) -> Option<String> {
    list(&types.0, |entry| match &entry.v4 {
        Some(range) if entry.v4 == entry.v6 => number(entry.negated, range, |_| None),
        _ => signed(entry.negated, icmp_name(entry).unwrap_or_default()),
    })
}

/// A name is all that can make the families differ.
fn icmp_name(entry: &IcmpTypeEntry) -> Option<&'static str> {
    let start = |range: &Option<RangeInclusive<u8>>| range.as_ref().map(|range| *range.start());
    let types = icmp::TypeName {
        v4: start(&entry.v4),
        v6: start(&entry.v6),
    };
    icmp::type_names().find(|name| icmp::types(name) == Some(types))
}

/// Combinations of flags.
fn tcp_flags(combinations: &[TcpFlags]) -> Option<String> {
    list(combinations, |flags| {
        let word = |(name, bit): &(&str, u8)| {
            if flags.set & bit != 0 {
                Some((*name).to_owned())
            } else {
                (flags.clear & bit != 0).then(|| format!("!{name}"))
            }
        };
        let words: Vec<String> = tcp_flags::NAMES.iter().filter_map(word).collect();
        quoted(words.join(","))
    })
}

/// Kinds of fragments.
fn fragments(fragments: &FragmentList) -> Option<String> {
    list(&fragments.0, |entry: &FragmentEntry| {
        let word = WORDS.iter().find(|(_, kinds)| *kinds == entry.kinds);
        let word = word.map_or("any", |(word, _)| *word);
        signed(entry.negated, word)
    })
}

/// Ethernet addresses.
fn macs(macs: &MacList) -> Option<String> {
    list(&macs.0, |entry| {
        let bytes = entry.address.map(|byte| format!("{byte:02x}"));
        signed(entry.negated, bytes.join(":"))
    })
}

fn number<T: Copy + PartialEq + Display + Into<u32>>(
    negated: bool,
    range: &RangeInclusive<T>,
    name: impl Fn(u32) -> Option<&'static str>,
) -> String {
    let (start, end) = (*range.start(), *range.end());
    if start != end {
        return signed(negated, format!("{start}-{end}"));
    }
    match name(start.into()) {
        Some(name) => signed(negated, name),
        None if negated => signed(negated, start),
        None => start.to_string(),
    }
}

fn signed(negated: bool, text: impl Display) -> String {
    if negated {
        quoted(format!("!{text}"))
    } else {
        quoted(text)
    }
}

/// One entry stands for a list of one.
fn list<T>(entries: &[T], print: impl Fn(&T) -> String) -> Option<String> {
    let mut printed: Vec<String> = entries.iter().map(print).collect();
    match printed.len() {
        1 => printed.pop(),
        _ => Some(format!("[{}]", printed.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Disk, load};

    #[test]
    fn a_configuration_is_printed_as_an_operator_writes_it() {
        let file = Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/config/good/every-criterion.toml"
        ));
        let loaded = load(file, &Disk).unwrap();
        insta::assert_snapshot!(config(&loaded.config));
    }

    #[test]
    fn what_is_left_out_is_not_printed_and_one_entry_stands_for_a_list() {
        let written = |text: &str| {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("fw.toml");
            let text = format!("interfaces = \"eth0\"\n[[rule]]\nname = \"a\"\n{text}");
            std::fs::write(&file, text).unwrap();
            let rules = load(&file, &Disk).unwrap().config.rules.clone();
            let keys = rule(rules.first().unwrap()).into_iter().skip(1);
            let keys = keys.map(|(key, value)| format!("{key} = {value}"));
            keys.collect::<Vec<_>>().join("; ")
        };
        insta::assert_snapshot!(
            written("action = 'drop'\nsource = ['192.0.2.1']\nprotocol = 6\ndestination_port = [22]"),
            @r#"action = "drop"; source = "192.0.2.1/32"; protocol = "tcp"; destination_port = 22"#
        );
        insta::assert_snapshot!(
            written("action = 'pass'\nenabled = false\nprotocol = 'tcp'\nsource_port = ['1-9', '!5']"),
            @r#"action = "pass"; enabled = false; protocol = "tcp"; source_port = ["1-9", "!5"]"#
        );
    }
}
