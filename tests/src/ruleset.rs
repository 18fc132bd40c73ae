//! Configurations, written as a test thinks of them:
//! `config([drop("lan").source("192.0.2.0/24, !192.0.2.66"), pass("web").destination_port("443")])`.
//!
//! Owns short cuts to the checked model, past the product's parser. What is written wrong here
//! panics; that the product refuses it is for the product's own tests.

mod lists;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use ipnetwork::IpNetwork;
use xdp_fw::config::{
    Action, Config, Essentials, Limits, Metrics, Mode, OnStop, Position, Rule, Set,
};

pub use self::lists::{FRAGMENT_KINDS, ICMP_TYPES, TCP_FLAGS, VLAN_NONE};
use self::lists::{
    addresses, entries, flags, fragments, icmp_types, interfaces, macs, numbers, prefix, vlans,
};

/// Every default of the configuration, metrics off, and these rules. Fields are public: set
/// another one by `Config { essentials: Essentials::NONE, ..config([]) }`.
pub fn config(rules: impl IntoIterator<Item = Rule>) -> Config {
    Config {
        interfaces: vec!["test0".to_owned()],
        mode: Mode::Native,
        interface_overrides: Vec::new(),
        default_action: Action::Pass,
        malformed: Action::Drop,
        non_ip: Action::Pass,
        essentials: Essentials::ALL,
        on_stop: OnStop::Keep,
        guard: true,
        confirm: None,
        sets: BTreeMap::new(),
        rules: rules.into_iter().collect(),
        expectations: Vec::new(),
        metrics: Metrics { listen: None },
        limits: Limits {
            prefixes: None,
            memory: None,
        },
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
        prefixes: Arc::new(prefixes.into_iter().collect()),
        inline: Arc::default(),
        members: Vec::new(),
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
    /// Names or globs of interfaces.
    fn interface(self, list: &str) -> Self;
    /// IP versions: 4, 6.
    fn family(self, list: &str) -> Self;
    /// VLAN ids, or `none`.
    fn vlan(self, list: &str) -> Self;
    /// ICMP types by number (of both families) or by a name of [`ICMP_TYPES`].
    fn icmp_type(self, list: &str) -> Self;
    /// ICMP codes.
    fn icmp_code(self, list: &str) -> Self;
    /// Combinations of flags; the flags of one stand side by side: `"syn !ack, rst"`.
    fn tcp_flags(self, list: &str) -> Self;
    /// `none`, `atomic`, `first`, `later`, or `any` for all but the first of these.
    fn fragment(self, list: &str) -> Self;
    /// Lengths of IP packets.
    fn length(self, list: &str) -> Self;
    /// Times to live, hop limits.
    fn ttl(self, list: &str) -> Self;
    /// Code points by number.
    fn dscp(self, list: &str) -> Self;
    /// Congestion notification by number.
    fn ecn(self, list: &str) -> Self;
    /// Source addresses of the Ethernet header.
    fn source_mac(self, list: &str) -> Self;
    /// Destination addresses of the Ethernet header.
    fn destination_mac(self, list: &str) -> Self;
    /// `shadow = true`.
    fn shadow(self) -> Self;
    /// `enabled = false`.
    fn disabled(self) -> Self;
}

/// Each criterion is read by the function behind it, from the list that it is given.
macro_rules! criteria {
    ($($criterion:ident = $read:expr,)+) => { $(
        fn $criterion(self, list: &str) -> Self {
            Self {
                $criterion: Some($read(list)),
                ..self
            }
        }
    )+ };
}

impl Criteria for Rule {
    criteria! {
        source = addresses,
        destination = addresses,
        protocol = numbers,
        source_port = numbers,
        destination_port = numbers,
        interface = interfaces,
        family = numbers,
        vlan = vlans,
        icmp_type = icmp_types,
        icmp_code = numbers,
        tcp_flags = flags,
        fragment = fragments,
        length = numbers,
        ttl = numbers,
        dscp = numbers,
        ecn = numbers,
        source_mac = macs,
        destination_mac = macs,
    }

    fn shadow(self) -> Self {
        Self {
            shadow: true,
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

/// Where a rule stands that was written in code.
fn nowhere() -> Position {
    Position {
        file: PathBuf::from("test.toml"),
        line: 1,
        column: 1,
    }
}
