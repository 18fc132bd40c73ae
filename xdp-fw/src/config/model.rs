//! The checked configuration: what the operator wrote, free of mistakes, in file order.
//!
//! Owns the types only. Reading files and finding mistakes is `parse`'s and `source`'s work;
//! what the words mean for a packet is [`crate::policy`]'s.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use ipnetwork::IpNetwork;

/// A place in a configuration file, both counted from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The file as it was named by the operator.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// Everything one configuration says.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Names or globs (`*`, `?`) of interfaces to attach to; never empty.
    pub interfaces: Vec<String>,
    /// Attach mode of every interface without an override.
    pub mode: Mode,
    /// `[interface."PATTERN"]` overrides, in file order; the first match counts.
    pub interface_overrides: Vec<InterfaceOverride>,
    /// What happens to an IP packet that no rule matches.
    pub default_action: Action,
    /// What happens to a packet that cannot be parsed.
    pub malformed: Action,
    /// What happens to frames that are neither IPv4 nor IPv6.
    pub non_ip: Action,
    /// Whether ARP, ND, MLD, path MTU and DHCP replies pass before the rules.
    pub essentials: bool,
    /// What a stop of the daemon does to the filter.
    pub on_stop: OnStop,
    /// `[set.NAME]` tables by name.
    pub sets: BTreeMap<String, Set>,
    /// `[[rule]]` tables in file order, disabled ones too.
    pub rules: Vec<Rule>,
    /// `[metrics]`.
    pub metrics: Metrics,
}

/// How XDP is attached to an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// In the driver, or not at all.
    #[default]
    Native,
    /// In the stack, after an skb exists: slower, works everywhere.
    Generic,
    /// Native where the driver can, else generic; what was got is reported.
    Auto,
}

/// `[interface."PATTERN"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceOverride {
    /// Name or glob.
    pub pattern: String,
    /// Attach mode for the interfaces it matches.
    pub mode: Mode,
}

/// What a rule or a policy does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Hand the packet to the network stack.
    Pass,
    /// Drop it in the driver.
    Drop,
}

/// What a stop of the daemon does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStop {
    /// The filter stays in force (`xdp-fw unload` removes it).
    #[default]
    Keep,
    /// Every interface is detached and the pins are removed.
    Detach,
}

/// `[set.NAME]`: inline prefixes and those of its files, already read, as one list.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// Every prefix, canonical (no host bits), in the order read; may repeat and overlap.
    pub prefixes: Vec<IpNetwork>,
    /// The files they came from, besides the inline ones; these are watched.
    pub files: Vec<PathBuf>,
    /// Where the set is defined.
    pub position: Position,
}

/// `[[rule]]`: criteria are ANDed; `None` matches every packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Unique, 1 to 63 of `A-Za-z0-9_.:-`: the identity of its counters.
    pub name: String,
    /// What happens to a packet it matches.
    pub action: Action,
    /// A disabled rule is checked, and matches nothing.
    pub enabled: bool,
    /// Source addresses.
    pub source: Option<AddressList>,
    /// Destination addresses.
    pub destination: Option<AddressList>,
    /// Upper-layer protocols.
    pub protocol: Option<NumberList<u8>>,
    /// Source ports of TCP, UDP, UDP-Lite, SCTP and DCCP.
    pub source_port: Option<NumberList<u16>>,
    /// Destination ports of the same.
    pub destination_port: Option<NumberList<u16>>,
    /// Where the rule's table begins.
    pub position: Position,
}

/// A set of addresses: the union of the plain entries (with none: every address of both
/// families) minus the union of the negated ones. Order means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressList(pub Vec<AddressEntry>);

/// One entry of an [`AddressList`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressEntry {
    /// Written with a leading `!`.
    pub negated: bool,
    /// What it names.
    pub addresses: Addresses,
}

/// What an address entry names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// A prefix or a single address.
    Prefix(IpNetwork),
    /// `@name`: every address of that set, which exists.
    Set(String),
}

/// A set of numbers by the same rule as [`AddressList`]: the union of the plain ranges (with
/// none: every number) minus the union of the negated ones. Ends are inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NumberList<T>(pub Vec<NumberEntry<T>>);

impl<T: PartialOrd> NumberList<T> {
    /// Whether the list has this number.
    #[must_use]
    pub fn contains(&self, number: &T) -> bool {
        let is_in = |entry: &NumberEntry<T>| entry.range.contains(number);
        let has_plain = self.0.iter().any(|entry| !entry.negated);
        let included = self.0.iter().any(|entry| !entry.negated && is_in(entry));
        let excluded = self.0.iter().any(|entry| entry.negated && is_in(entry));
        (included || !has_plain) && !excluded
    }
}

/// One entry of a [`NumberList`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NumberEntry<T> {
    /// Written with a leading `!`.
    pub negated: bool,
    /// Inclusive at both ends.
    pub range: RangeInclusive<T>,
}

/// `[metrics]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// Where `/metrics` listens; `None` when switched off (`listen = false`).
    pub listen: Option<SocketAddr>,
}
