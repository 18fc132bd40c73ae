//! Configurations, written as a test thinks of them:
//! `config([drop("lan").source("192.0.2.0/24, !192.0.2.66"), pass("web").destination_port("443")])`.
//!
//! Owns short cuts to the checked model, past the product's parser. What is written wrong here
//! panics; that the product refuses it is for the product's own tests.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use ipnetwork::IpNetwork;
use xdp_fw::config::{
    Action, AddressEntry, AddressList, Addresses, Config, Metrics, Mode, NumberEntry, NumberList,
    OnStop, Position, Rule, Set,
};

/// Every default of the configuration, metrics off, and these rules. Fields are public: set
/// another one by `Config { essentials: false, ..config([]) }`.
pub fn config(rules: impl IntoIterator<Item = Rule>) -> Config {
    Config {
        interfaces: vec!["test0".to_owned()],
        mode: Mode::Native,
        interface_overrides: Vec::new(),
        default_action: Action::Pass,
        malformed: Action::Drop,
        non_ip: Action::Pass,
        essentials: true,
        on_stop: OnStop::Keep,
        sets: BTreeMap::new(),
        rules: rules.into_iter().collect(),
        metrics: Metrics { listen: None },
    }
}

/// Sets by name, each a list of prefixes.
pub fn sets<'a>(sets: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, Set> {
    sets.into_iter()
        .map(|(name, prefixes)| (name.to_owned(), set(entries(prefixes).map(prefix))))
        .collect()
}

/// A set of these prefixes, from no file.
pub fn set(prefixes: impl IntoIterator<Item = IpNetwork>) -> Set {
    Set {
        prefixes: prefixes.into_iter().collect(),
        files: Vec::new(),
        position: nowhere(),
    }
}

/// A rule without criteria that passes.
pub fn pass(name: impl Display) -> Rule {
    rule(name, Action::Pass)
}

/// A rule without criteria that drops.
pub fn drop(name: impl Display) -> Rule {
    rule(name, Action::Drop)
}

/// A rule without criteria.
pub fn rule(name: impl Display, action: Action) -> Rule {
    Rule::without_criteria(name.to_string(), action, nowhere())
}

/// Criteria, each a list as in the file, separated by commas: `"22, 8000-8099, !8080"`.
pub trait Criteria {
    /// Source addresses: prefixes, `@sets`, either with a leading `!`.
    fn source(self, list: &str) -> Self;
    /// Destination addresses.
    fn destination(self, list: &str) -> Self;
    /// Protocol numbers.
    fn protocol(self, list: &str) -> Self;
    /// Source ports.
    fn source_port(self, list: &str) -> Self;
    /// Destination ports.
    fn destination_port(self, list: &str) -> Self;
    /// `enabled = false`.
    fn disabled(self) -> Self;
}

impl Criteria for Rule {
    fn source(self, list: &str) -> Self {
        Self {
            source: Some(addresses(list)),
            ..self
        }
    }

    fn destination(self, list: &str) -> Self {
        Self {
            destination: Some(addresses(list)),
            ..self
        }
    }

    fn protocol(self, list: &str) -> Self {
        Self {
            protocol: Some(numbers(list)),
            ..self
        }
    }

    fn source_port(self, list: &str) -> Self {
        Self {
            source_port: Some(numbers(list)),
            ..self
        }
    }

    fn destination_port(self, list: &str) -> Self {
        Self {
            destination_port: Some(numbers(list)),
            ..self
        }
    }

    fn disabled(self) -> Self {
        Self {
            enabled: false,
            ..self
        }
    }
}

fn addresses(list: &str) -> AddressList {
    AddressList(
        entries(list)
            .map(|entry| {
                let (negated, name) = negation(entry);
                let addresses = match name.strip_prefix('@') {
                    Some(set) => Addresses::Set(set.to_owned()),
                    None => Addresses::Prefix(prefix(name)),
                };
                AddressEntry { negated, addresses }
            })
            .collect(),
    )
}

fn numbers<T: FromStr>(list: &str) -> NumberList<T> {
    NumberList(
        entries(list)
            .map(|entry| {
                let (negated, range) = negation(entry);
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                NumberEntry {
                    negated,
                    range: number(first)..=number(last),
                }
            })
            .collect(),
    )
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

fn negation(entry: &str) -> (bool, &str) {
    match entry.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, entry),
    }
}

fn prefix(text: &str) -> IpNetwork {
    let Ok(prefix) = text.parse() else {
        panic!("{text:?} is no prefix");
    };
    prefix
}

fn number<T: FromStr>(text: &str) -> T {
    let Ok(number) = text.parse() else {
        panic!("{text:?} is no number of this range");
    };
    number
}

/// Where a rule stands that was written in code.
fn nowhere() -> Position {
    Position {
        file: PathBuf::from("test.toml"),
        line: 1,
        column: 1,
    }
}
