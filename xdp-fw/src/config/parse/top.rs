//! The top level of the document, `[metrics]` and `[limits]`.
//!
//! Owns the order in which a configuration is read: this table leads to all others.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use toml::de::DeValue;

use super::essentials::{essentials, suggested};
use super::expect::{ExpectationDraft, expectations};
use super::field::{Field, Item, Key, Scope, Shape, Target, no_value};
use super::include;
use super::interface::{MODE_WORDS, MODES, mode, overrides, patterns};
use super::rule::{ACTION_WORDS, ACTIONS, RuleDraft, action, rules};
use super::set::{SetDraft, sets};
use super::value::{assign, choice, flag, table, wrong_kind};
use crate::config::defaults;
use crate::config::model::{Config, Limits, Metrics, OnStop};
use crate::config::size::parse_memory;
use crate::config::{parse_confirm, print};
use crate::names::words::quoted;

/// What the main file says; its sets are not filled and its rules not cross-checked yet.
pub(super) struct Draft {
    /// Without sets and rules.
    pub(super) config: Config,
    pub(super) sets: Vec<SetDraft>,
    pub(super) rules: Vec<RuleDraft>,
    pub(super) expectations: Vec<ExpectationDraft>,
}

impl Draft {
    /// What an empty file says.
    pub(super) fn blank() -> Self {
        let config = Config {
            interfaces: Vec::new(),
            mode: defaults::MODE,
            interface_overrides: Vec::new(),
            default_action: defaults::DEFAULT_ACTION,
            malformed: defaults::MALFORMED,
            non_ip: defaults::NON_IP,
            essentials: defaults::ESSENTIALS,
            on_stop: defaults::ON_STOP,
            guard: defaults::GUARD,
            confirm: defaults::CONFIRM,
            sets: BTreeMap::new(),
            rules: Vec::new(),
            expectations: Vec::new(),
            metrics: Metrics {
                listen: Some(defaults::METRICS_LISTEN),
            },
            limits: Limits {
                prefixes: defaults::PREFIXES,
                memory: defaults::MEMORY,
            },
        };
        Self {
            config,
            sets: Vec::new(),
            rules: Vec::new(),
            expectations: Vec::new(),
        }
    }
}

impl Target for Draft {
    type Model = Config;
}

impl Target for Metrics {
    type Model = Self;
}

impl Target for Limits {
    type Model = Self;
}

/// Sets; in an included file, too.
pub(super) const SETS: Field<Draft> = Field {
    key: Key::optional(
        "set",
        Shape::NamedTables,
        "tables such as [set.office]",
        "Named sets of addresses: [set.NAME].",
    ),
    read: |draft, item, scope| assign(&mut draft.sets, sets(item, scope)),
    print: no_value,
};

/// Rules; in an included file, too.
pub(super) const RULES: Field<Draft> = Field {
    key: Key::optional(
        "rule",
        Shape::ListOfTables,
        "tables that begin with [[rule]]",
        "The rules: [[rule]]. The first one that matches decides.",
    ),
    read: |draft, item, scope| assign(&mut draft.rules, rules(item, scope)),
    print: no_value,
};

/// Expectations; in an included file, too.
pub(super) const EXPECTATIONS: Field<Draft> = Field {
    key: Key::optional(
        "expect",
        Shape::ListOfTables,
        "tables that begin with [[expect]]",
        "Packets and what must become of them: [[expect]]. One that fails refuses the configuration.",
    ),
    read: |draft, item, scope| assign(&mut draft.expectations, expectations(item, scope)),
    print: no_value,
};

/// The keys of the top level.
pub(super) static FIELDS: &[Field<Draft>] = &[
    Field {
        key: Key::required_list(
            "interfaces",
            Shape::Text,
            "a name such as \"eth0\" or a glob such as \"wan*\"",
            "Interfaces to filter on, by name or glob; attached when they appear. In a name, `\\xff` is a byte, and `\\*` a character that is no wildcard.",
        ),
        read: |draft, item, scope| assign(&mut draft.config.interfaces, patterns(item, scope)),
        print: |config, _| print::patterns(&config.interfaces),
    },
    Field {
        key: Key::default(
            "mode",
            "\"native\"",
            MODE_WORDS,
            MODES,
            "How to attach: in the driver, in the stack, or in the driver where it can.",
        ),
        read: |draft, item, scope| assign(&mut draft.config.mode, mode(item, scope)),
        print: |config, _| Some(print::mode(config.mode)),
    },
    Field {
        key: Key::default(
            "default_action",
            "\"pass\"",
            ACTION_WORDS,
            ACTIONS,
            "What happens to an IP packet that no rule matches.",
        ),
        read: |draft, item, scope| assign(&mut draft.config.default_action, action(item, scope)),
        print: |config, _| Some(print::action(config.default_action)),
    },
    Field {
        key: Key::default(
            "malformed",
            "\"drop\"",
            ACTION_WORDS,
            ACTIONS,
            "What happens to a packet that cannot be parsed; \"pass\" judges it by its addresses alone. What Linux would deliver past the rules is dropped all the same: see the reasons below.",
        ),
        read: |draft, item, scope| assign(&mut draft.config.malformed, action(item, scope)),
        print: |config, _| Some(print::action(config.malformed)),
    },
    Field {
        key: Key::default(
            "non_ip",
            "\"pass\"",
            ACTION_WORDS,
            ACTIONS,
            "What happens to frames that are neither IPv4 nor IPv6.",
        ),
        read: |draft, item, scope| assign(&mut draft.config.non_ip, action(item, scope)),
        print: |config, _| Some(print::action(config.non_ip)),
    },
    Field {
        key: Key::default(
            "essentials",
            "true",
            Shape::WordsOrFlag(suggested),
            "true, false, a word such as \"redirect\", or a list such as [\"!redirect\", \"!igmp\"]",
            "What a host cannot live without, and passes before the rules: all of it, none, or by [word](#essentials).",
        ),
        read: |draft, item, scope| assign(&mut draft.config.essentials, essentials(item, scope)),
        print: |config, _| Some(print::essentials(config.essentials)),
    },
    Field {
        key: Key::default(
            "on_stop",
            "\"keep\"",
            Shape::Choice(&["keep", "detach"]),
            "\"keep\" or \"detach\"",
            "What a stop of the daemon does: the filter stays in force, or every interface is detached.",
        ),
        read: |draft, item, scope| assign(&mut draft.config.on_stop, on_stop(item, scope)),
        print: |config, _| Some(print::on_stop(config.on_stop)),
    },
    Field {
        key: Key::default(
            "guard",
            "true",
            Shape::Flag,
            "true or false",
            "Whether a configuration is refused that would cut off a live SSH session, a new login from its address, the default gateway or a resolver. Addresses that a set file bans while they are logged in are left out of the set instead.",
        ),
        read: |draft, item, scope| assign(&mut draft.config.guard, flag(item, scope)),
        print: |config, _| Some(config.guard.to_string()),
    },
    Field {
        key: Key::default(
            "confirm",
            "false",
            Shape::TextOrFalse,
            "a time such as \"60s\", or false",
            "How long a saved edit stays in force without `xdp-fw confirm`: then what was in force before comes back.",
        ),
        read: |draft, item, scope| assign(&mut draft.config.confirm, confirm(item, scope)),
        print: |config, _| Some(print::confirm(config.confirm)),
    },
    include::FIELD,
    Field {
        key: Key::optional(
            "interface",
            Shape::NamedTables,
            "tables such as [interface.\"wan*\"]",
            "Settings of some interfaces: [interface.\"PATTERN\"].",
        ),
        read: |draft, item, scope| {
            assign(
                &mut draft.config.interface_overrides,
                overrides(item, scope),
            );
        },
        print: no_value,
    },
    SETS,
    RULES,
    EXPECTATIONS,
    Field {
        key: Key::optional(
            "metrics",
            Shape::Table,
            "a table [metrics]",
            "The Prometheus endpoint: [metrics].",
        ),
        read: |draft, item, scope| metrics(&mut draft.config.metrics, item, scope),
        print: no_value,
    },
    Field {
        key: Key::optional(
            "limits",
            Shape::Table,
            "a table [limits]",
            "What a configuration may take: [limits].",
        ),
        read: |draft, item, scope| limits(&mut draft.config.limits, item, scope),
        print: no_value,
    },
];

/// The keys of `[metrics]`.
pub(super) static METRICS: &[Field<Metrics>] = &[Field {
    key: Key::default(
        "listen",
        "\"127.0.0.1:9798\"",
        Shape::TextOrFalse,
        "\"ADDRESS:PORT\" or false",
        "Where /metrics is served, over HTTP without authentication.",
    ),
    read: |metrics, item, scope| assign(&mut metrics.listen, listen(item, scope)),
    print: |metrics, _| Some(print::listen(metrics.listen)),
}];

fn metrics(metrics: &mut Metrics, item: &Item<'_>, scope: &mut Scope<'_>) {
    if let Some(keys) = table(item, scope) {
        super::field::read_table(metrics, METRICS, ("[metrics]", item.offset()), keys, scope);
    }
}

/// The keys of `[limits]`.
pub(super) static LIMITS: &[Field<Limits>] = &[
    Field {
        key: Key::default(
            "prefixes",
            "16000000",
            Shape::NumberOrFalse,
            "a number such as 16000000, or false",
            "How many prefixes all sets and lists may have together, a range counted as the prefixes that it consists of; what has more is refused.",
        ),
        read: |limits, item, scope| assign(&mut limits.prefixes, prefixes(item, scope)),
        print: |limits, _| Some(print::count(limits.prefixes)),
    },
    Field {
        key: Key::default(
            "memory",
            "\"512M\"",
            Shape::TextOrFalse,
            "an amount such as \"512M\", or false",
            "What a configuration may take: to be read and compiled, and its tables in the kernel; one that needs more is refused. During a reload the tables of two configurations are in the kernel.",
        ),
        read: |limits, item, scope| assign(&mut limits.memory, memory(item, scope)),
        print: |limits, _| Some(print::memory(limits.memory)),
    },
];

fn limits(limits: &mut Limits, item: &Item<'_>, scope: &mut Scope<'_>) {
    if let Some(keys) = table(item, scope) {
        super::field::read_table(limits, LIMITS, ("[limits]", item.offset()), keys, scope);
    }
}

/// An amount of memory, or `None` for `false`.
fn memory(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Option<u64>> {
    or_false(item, scope, parse_memory)
}

/// A number of prefixes, or `None` for `false`.
fn prefixes(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Option<u64>> {
    match item.value.get_ref() {
        DeValue::Boolean(false) => return Some(None),
        DeValue::Integer(number) => {
            let number = u64::from_str_radix(number.as_str(), number.radix()).ok();
            if let Some(number) = number.filter(|number| *number > 0) {
                return Some(Some(number));
            }
            let message = format!("`{}` is out of range; expected 1 or more", item.key.name);
            scope.report.wrong(item.offset(), message);
        }
        _ => wrong_kind(item, scope),
    }
    None
}

/// A time, or `None` for `false`.
fn confirm(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Option<Duration>> {
    or_false(item, scope, parse_confirm)
}

/// What `parse` makes of a string, or `None` for `false`.
fn or_false<T, E: Display>(
    item: &Item<'_>,
    scope: &mut Scope<'_>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<Option<T>> {
    let text = match item.value.get_ref() {
        DeValue::Boolean(false) => return Some(None),
        DeValue::String(text) => text,
        _ => {
            wrong_kind(item, scope);
            return None;
        }
    };
    match parse(text) {
        Ok(value) => Some(Some(value)),
        Err(error) => {
            let message = format!("`{}` {error}", item.key.name);
            scope.report.wrong(item.offset(), message);
            None
        }
    }
}

fn on_stop(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<OnStop> {
    let choices = [("keep", OnStop::Keep), ("detach", OnStop::Detach)];
    choice(
        item,
        scope,
        &choices,
        &[("unload", "detach"), ("stay", "keep")],
    )
}

/// An address and a port, or `None` for `false`.
fn listen(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Option<SocketAddr>> {
    let text = match item.value.get_ref() {
        DeValue::Boolean(false) => return Some(None),
        DeValue::String(text) => text,
        _ => {
            wrong_kind(item, scope);
            return None;
        }
    };
    if let Ok(address) = text.parse() {
        return Some(Some(address));
    }
    let expected = match text.strip_prefix(':').map(str::parse::<u16>) {
        Some(Ok(port)) => format!("\"0.0.0.0:{port}\" or \"[::]:{port}\" for every address"),
        _ => format!(
            "{}, such as \"127.0.0.1:9798\" or \"[::1]:9798\"",
            item.key.expects
        ),
    };
    scope.report.wrong(
        item.offset(),
        format!(
            "{} is not an address with a port; expected {expected}",
            quoted(text)
        ),
    );
    None
}
