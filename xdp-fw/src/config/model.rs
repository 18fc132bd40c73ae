//! The checked configuration: what the operator wrote, free of mistakes, in file order.
//!
//! Owns the types only. Reading files and finding mistakes is `parse`'s and `source`'s work;
//! what the words mean for a packet is [`crate::policy`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnetwork::IpNetwork;
use xdp_fw_common::Essentials;

use crate::packet;

use super::prefixes::Prefixes;
use crate::names::pattern::matches;

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

impl Position {
    /// The place as told from one in the file `from`: there, the line is enough.
    pub(crate) fn seen_from(&self, from: &Path) -> String {
        if self.file == from {
            format!("line {}", self.line)
        } else {
            format!("{}:{}", self.file.display(), self.line)
        }
    }
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
    /// What passes before the rules.
    pub essentials: Essentials,
    /// What a stop of the daemon does to the filter.
    pub on_stop: OnStop,
    /// Whether a configuration that would cut the operator off is refused.
    pub guard: bool,
    /// How long an edit that the watcher sees is on trial; `None` for not at all.
    pub confirm: Option<Duration>,
    /// `[set.NAME]` tables by name.
    pub sets: BTreeMap<String, Set>,
    /// `[[rule]]` tables in file order, disabled ones too; those of included files follow.
    pub rules: Vec<Rule>,
    /// `[[expect]]` tables in file order; those of included files follow.
    pub expectations: Vec<Expectation>,
    /// `[metrics]`.
    pub metrics: Metrics,
    /// `[limits]`.
    pub limits: Limits,
}

impl Config {
    /// How an interface of this name is to be attached: by the first override that matches, else
    /// as it holds for all. `None` if it is not named.
    #[must_use]
    pub fn mode_of(&self, interface: &str) -> Option<Mode> {
        let named = |pattern: &String| matches(pattern, interface);
        if !self.interfaces.iter().any(named) {
            return None;
        }
        let overrides = &self.interface_overrides;
        let first = overrides.iter().find(|entry| named(&entry.pattern));
        Some(first.map_or(self.mode, |entry| entry.mode))
    }

    /// Whether the configuration itself, and not a file that it names, puts an address into a set: by
    /// the set's own list or by that of a set in it.
    #[must_use]
    pub fn names_inline(&self, set: &str, address: IpAddr) -> bool {
        let mut seen = BTreeSet::from([set]);
        let mut left = vec![set];
        while let Some(name) = left.pop() {
            let Some(set) = self.sets.get(name) else {
                continue;
            };
            if set.inline.contains(address) {
                return true;
            }
            let members = set.members.iter().map(String::as_str);
            left.extend(members.filter(|member| seen.insert(member)));
        }
        false
    }
}

/// `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many prefixes all sets and lists may have together; `None` for any number.
    pub prefixes: Option<u64>,
    /// What reading, compiling and the tables in the kernel may take together, bytes; `None` for
    /// anything.
    pub memory: Option<u64>,
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

/// `[set.NAME]`: inline prefixes, those of its files and of the sets in it, as one list.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// Every prefix; none lies inside another. Shared with whoever compiles them.
    pub prefixes: Arc<Prefixes>,
    /// Those of them that stand in its own list in the configuration.
    pub inline: Arc<Prefixes>,
    /// The sets that it contains.
    pub members: Vec<String>,
    /// Its own files, globs resolved.
    pub files: Vec<PathBuf>,
    /// Where the set is defined.
    pub position: Position,
}

/// What `vlan = "none"` is in a [`Rule`]: no VLAN id.
pub const VLAN_NONE: u16 = 4096;

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
    /// Whether it only counts what it would have done, and the next rule is asked.
    pub shadow: bool,
    /// Interfaces that the packet came in by.
    pub interface: Option<InterfaceList>,
    /// IP versions: 4, 6.
    pub family: Option<NumberList<u8>>,
    /// VLAN ids 1 to 4094 of the outermost tag that has one; [`VLAN_NONE`] for no such tag.
    pub vlan: Option<NumberList<u16>>,
    /// Types of ICMP in IPv4 and of ICMPv6 in IPv6.
    pub icmp_type: Option<IcmpTypeList>,
    /// Codes of the same.
    pub icmp_code: Option<NumberList<u8>>,
    /// Flags of TCP: one of these combinations.
    pub tcp_flags: Option<Vec<TcpFlags>>,
    /// Which part of a datagram the packet is.
    pub fragment: Option<FragmentList>,
    /// Lengths of the IP packet in bytes, header included.
    pub length: Option<NumberList<u16>>,
    /// Times to live, hop limits.
    pub ttl: Option<NumberList<u8>>,
    /// Differentiated services code points, 0 to 63.
    pub dscp: Option<NumberList<u8>>,
    /// Source addresses of the Ethernet header.
    pub source_mac: Option<MacList>,
    /// Destination addresses of the Ethernet header.
    pub destination_mac: Option<MacList>,
    /// Where the rule's table begins.
    pub position: Position,
}

impl Rule {
    /// A rule that every packet matches.
    #[must_use]
    pub fn without_criteria(name: String, action: Action, position: Position) -> Self {
        Self {
            name,
            action,
            enabled: true,
            shadow: false,
            source: None,
            destination: None,
            protocol: None,
            source_port: None,
            destination_port: None,
            interface: None,
            family: None,
            vlan: None,
            icmp_type: None,
            icmp_code: None,
            tcp_flags: None,
            fragment: None,
            length: None,
            ttl: None,
            dscp: None,
            source_mac: None,
            destination_mac: None,
            position,
        }
    }
}

/// `[[expect]]`: what must become of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The packet as it is written.
    pub text: String,
    /// The same as a frame.
    pub packet: packet::Packet,
    /// What must become of it.
    pub verdict: Action,
    /// The enabled rule that must decide, if one is named.
    pub rule: Option<String>,
    /// Where the table begins.
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

/// A set of interfaces by the same rule: plain patterns (with none: every interface) minus the
/// negated ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InterfaceList(pub Vec<InterfaceEntry>);

impl InterfaceList {
    /// Whether the list has an interface of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        let is_in = |entry: &InterfaceEntry| matches(&entry.pattern, name);
        let has_plain = self.0.iter().any(|entry| !entry.negated);
        let included = self.0.iter().any(|entry| !entry.negated && is_in(entry));
        let excluded = self.0.iter().any(|entry| entry.negated && is_in(entry));
        (included || !has_plain) && !excluded
    }
}

/// One entry of an [`InterfaceList`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InterfaceEntry {
    /// Written with a leading `!`.
    pub negated: bool,
    /// Name or glob.
    pub pattern: String,
}

/// A set of ICMP types by the same rule as [`NumberList`], over both families.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IcmpTypeList(pub Vec<IcmpTypeEntry>);

/// One entry of an [`IcmpTypeList`]: a name stands for its number in each family that has it, a
/// number for itself in both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IcmpTypeEntry {
    /// Written with a leading `!`.
    pub negated: bool,
    /// Types of ICMP in IPv4, inclusive at both ends.
    pub v4: Option<RangeInclusive<u8>>,
    /// Types of ICMPv6.
    pub v6: Option<RangeInclusive<u8>>,
}

impl IcmpTypeList {
    /// Whether the list has this type of ICMPv6, or of ICMP.
    #[must_use]
    pub fn contains(&self, v6: bool, kind: u8) -> bool {
        let is_in = |entry: &IcmpTypeEntry| {
            let range = if v6 { &entry.v6 } else { &entry.v4 };
            range.as_ref().is_some_and(|range| range.contains(&kind))
        };
        let has_plain = self.0.iter().any(|entry| !entry.negated);
        let included = self.0.iter().any(|entry| !entry.negated && is_in(entry));
        let excluded = self.0.iter().any(|entry| entry.negated && is_in(entry));
        (included || !has_plain) && !excluded
    }
}

/// `"syn,!ack"`: flags that must be set, and flags that must not; of the others nothing is said.
/// Bits as in the TCP header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpFlags {
    /// Flags that must be set.
    pub set: u8,
    /// Flags that must not be set.
    pub clear: u8,
}

/// A set of fragment kinds by the same rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FragmentList(pub Vec<FragmentEntry>);

/// One entry of a [`FragmentList`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FragmentEntry {
    /// Written with a leading `!`.
    pub negated: bool,
    /// What it names; `"any"` is all but [`FragmentKind::None`].
    pub kinds: Vec<FragmentKind>,
}

impl FragmentList {
    /// Whether the list has this kind.
    #[must_use]
    pub fn contains(&self, kind: FragmentKind) -> bool {
        let is_in = |entry: &FragmentEntry| entry.kinds.contains(&kind);
        let has_plain = self.0.iter().any(|entry| !entry.negated);
        let included = self.0.iter().any(|entry| !entry.negated && is_in(entry));
        let excluded = self.0.iter().any(|entry| entry.negated && is_in(entry));
        (included || !has_plain) && !excluded
    }
}

/// Which part of a datagram a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FragmentKind {
    /// No fragment: `"none"`.
    None,
    /// An IPv6 fragment header around a whole datagram (RFC 6946): `"atomic"`.
    Atomic,
    /// The first of several: `"first"`.
    First,
    /// A later one: `"later"`.
    Later,
}

impl FragmentKind {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Atomic, Self::First, Self::Later];
}

/// A set of Ethernet addresses by the same rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MacList(pub Vec<MacEntry>);

/// One entry of a [`MacList`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MacEntry {
    /// Written with a leading `!`.
    pub negated: bool,
    /// Bytes in network order.
    pub address: [u8; 6],
}

/// `[metrics]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// Where `/metrics` listens; `None` when switched off (`listen = false`).
    pub listen: Option<SocketAddr>,
}
