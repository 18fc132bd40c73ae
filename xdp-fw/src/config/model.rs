//! The checked configuration: what the operator wrote, free of mistakes, in file order.
//!
//! Owns the types only. Reading files and finding mistakes is `parse`'s and `source`'s work;
//! what the words mean for a packet is [`crate::policy`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use xdp_fw_common::Essentials;

use crate::criteria::{
    AddressList, Criterion, FragmentList, IcmpTypeList, InterfaceList, List, MacList, NumberList,
    TcpFlags, Value, criteria_table,
};
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

macro_rules! rule {
    ($($variant:ident $key:ident: $list:ty, $doc:literal { $($spec:tt)* })+) => {
        /// `[[rule]]`: criteria are ANDed; `None` matches every packet.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Rule {
            /// Unique, 1 to 63 of `A-Za-z0-9_.:-`: the identity of its counters.
            pub name: String,
            /// What happens to a packet it matches.
            pub action: Action,
            /// A disabled rule is checked, and matches nothing.
            pub enabled: bool,
            /// Whether it only counts what it would have done, and the next rule is asked.
            pub shadow: bool,
            $(#[doc = $doc] pub $key: Option<$list>,)+
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
                    $($key: None,)+
                    position,
                }
            }

            /// What the rule asks by a criterion; `None` if nothing.
            #[must_use]
            pub fn value(&self, criterion: Criterion) -> Option<Value<'_>> {
                match criterion {
                    $(Criterion::$variant => self.$key.as_ref().map(List::value),)+
                }
            }
        }
    };
}

criteria_table!(rule);

impl Rule {
    /// Each criterion that the rule has, in the order of the reference.
    pub fn criteria(&self) -> impl Iterator<Item = (Criterion, Value<'_>)> {
        let all = Criterion::ALL.into_iter();
        all.filter_map(|criterion| Some((criterion, self.value(criterion)?)))
    }

    /// Whether the rule has this criterion.
    #[must_use]
    pub fn asks(&self, criterion: Criterion) -> bool {
        self.value(criterion).is_some()
    }

    /// Its lists of addresses.
    pub fn address_lists(&self) -> impl Iterator<Item = &AddressList> {
        self.criteria().filter_map(|(_, value)| match value {
            Value::Addresses(list) => Some(list),
            _ => None,
        })
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

/// `[metrics]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// Where `/metrics` listens; `None` when switched off (`listen = false`).
    pub listen: Option<SocketAddr>,
}
