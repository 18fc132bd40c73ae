//! Compiled tables against what the configuration says.
//!
//! Every verdict is taken by [`xdp_fw_common::decide()`] over real frames; what it should be is
//! worked out from the configuration by a linear scan that shares no code with the compiler.

mod criteria;
mod frame;
mod generate;
mod left_out;
mod oracle;
mod promises;
mod properties;
mod scale;
mod weight;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{
    Action, AddressEntry, AddressList, Addresses, Config, Essentials, Limits, Metrics, Mode,
    NumberEntry, NumberList, OnStop, Position, Rule, Set,
};

fn position() -> Position {
    Position {
        file: PathBuf::from("test.toml"),
        line: 1,
        column: 1,
    }
}

/// A configuration that passes what no rule matches and has the essentials switched off.
fn config(rules: Vec<Rule>) -> Config {
    Config {
        interfaces: vec!["eth0".into()],
        mode: Mode::Native,
        interface_overrides: Vec::new(),
        default_action: Action::Pass,
        malformed: Action::Drop,
        non_ip: Action::Pass,
        essentials: Essentials::NONE,
        on_stop: OnStop::Keep,
        guard: true,
        confirm: None,
        sets: BTreeMap::new(),
        rules,
        expectations: Vec::new(),
        metrics: Metrics { listen: None },
        limits: Limits {
            prefixes: None,
            memory: None,
        },
    }
}

fn with_set(mut config: Config, name: &str, prefixes: &[&str]) -> Config {
    let set = Set {
        prefixes: Arc::new(prefixes.iter().map(|p| p.parse().unwrap()).collect()),
        inline: Arc::default(),
        members: Vec::new(),
        files: Vec::new(),
        position: position(),
    };
    config.sets.insert(name.into(), set);
    config
}

/// A rule that drops every packet; tests add criteria.
fn rule(name: &str) -> Rule {
    Rule::without_criteria(name.into(), Action::Drop, position())
}

/// An address list as it is written: `["10.0.0.0/8", "!@office"]`.
fn addresses(entries: &[&str]) -> Option<AddressList> {
    let entry = |text: &&str| {
        let (negated, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, *text),
        };
        let addresses = match text.strip_prefix('@') {
            Some(name) => Addresses::Set(name.into()),
            None => Addresses::Prefix(text.parse().unwrap()),
        };
        AddressEntry { negated, addresses }
    };
    Some(AddressList(entries.iter().map(entry).collect()))
}

/// A list of plain ranges.
fn numbers<T: Copy>(ranges: &[RangeInclusive<T>]) -> Option<NumberList<T>> {
    Some(list(ranges, false))
}

/// A list of negated ranges.
fn all_but<T: Copy>(ranges: &[RangeInclusive<T>]) -> Option<NumberList<T>> {
    Some(list(ranges, true))
}

fn list<T: Copy>(ranges: &[RangeInclusive<T>], negated: bool) -> NumberList<T> {
    let entry = |range: &RangeInclusive<T>| NumberEntry {
        negated,
        range: range.clone(),
    };
    NumberList(ranges.iter().map(entry).collect())
}
