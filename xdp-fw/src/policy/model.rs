//! What a configuration means: rules in force over sets of addresses and numbers.
//!
//! Owns the resolution of names, the set rule of lists, and what counts as the same list. Never
//! looks at a packet and never orders anything but for the sake of identity.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ipnetwork::IpNetwork;
use xdp_fw_common::tables::RuleKind;
use xdp_fw_common::{Essentials, Verdict};

use super::intern::Interner;
use super::rule::{Ask, Rule};
use super::values;
use crate::config::{self, Action, Config, Prefixes};
use crate::criteria::{self, Addresses, Value};

/// The semantic form of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// What happens where no rule matches.
    pub default_action: Verdict,
    /// What happens to a malformed packet; with [`Verdict::Pass`], addresses decide.
    pub malformed: Verdict,
    /// What happens to a frame that is not IP.
    pub non_ip: Verdict,
    /// The essentials that pass before the rules.
    pub essentials: Essentials,
    /// The enabled rules, in file order.
    pub rules: Vec<Rule>,
    /// The address lists of those rules, each once; a rule names one by its index.
    pub lists: Vec<AddressList>,
    /// The prefixes that the lists are made of; a list names them by their index. A named set is
    /// one group, shared with the configuration; the prefixes written in one list, plain or
    /// negated, are another.
    pub groups: Vec<Arc<Prefixes>>,
    /// Per group the name of the set, if it is one.
    pub names: Vec<Option<String>>,
    /// What the tables may take, bytes; `None` for anything.
    pub memory: Option<u64>,
}

/// A set: the union of the plain entries (with none: everything) minus the union of the negated
/// ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct List<T> {
    /// Ascending, each once.
    pub plain: Vec<T>,
    /// The same of what is taken away.
    pub negated: Vec<T>,
}

/// A set of addresses, both families: entries are indices into [`Policy::groups`].
pub type AddressList = List<usize>;

impl<T: Ord> List<T> {
    /// The list of these entries in whatever order; the negated ones are marked `true`.
    pub(super) fn of(entries: impl Iterator<Item = (bool, T)>) -> Self {
        let mut list = Self {
            plain: Vec::new(),
            negated: Vec::new(),
        };
        for (negated, entry) in entries {
            let entries = if negated {
                &mut list.negated
            } else {
                &mut list.plain
            };
            entries.push(entry);
        }
        for entries in [&mut list.plain, &mut list.negated] {
            entries.sort_unstable();
            entries.dedup();
        }
        list
    }
}

impl Policy {
    /// What `config` means. Of its sets, only those that enabled rules name are taken. A set that
    /// does not exist, which a checked configuration rules out, is empty.
    pub fn from_config(config: &Config) -> Self {
        let mut resolver = Resolver::new(config);
        let enabled = config.rules.iter().filter(|rule| rule.enabled);
        let rules = enabled.map(|rule| resolver.rule(rule)).collect();
        Self {
            default_action: verdict(config.default_action),
            malformed: verdict(config.malformed),
            non_ip: verdict(config.non_ip),
            essentials: config.essentials,
            rules,
            lists: resolver.lists(),
            groups: resolver.groups,
            names: resolver.names,
            memory: config.limits.memory,
        }
    }

    /// Whether a rule names interfaces: then an interface that appears or changes its name calls
    /// for new tables.
    pub fn names_interfaces(&self) -> bool {
        self.rules.iter().any(|rule| rule.interface().is_some())
    }
}

const fn verdict(action: Action) -> Verdict {
    match action {
        Action::Pass => Verdict::Pass,
        Action::Drop => Verdict::Drop,
    }
}

/// A group, and whether a list takes it away.
type Term = (bool, usize);

/// Gives lists and groups their indices, in order of first use.
struct Resolver<'a> {
    config: &'a Config,
    groups: Vec<Arc<Prefixes>>,
    names: Vec<Option<String>>,
    sets: HashMap<&'a str, usize>,
    inline: HashMap<Arc<Prefixes>, usize>,
    lists: Interner<Term>,
}

impl<'a> Resolver<'a> {
    fn new(config: &'a Config) -> Self {
        Self {
            config,
            groups: Vec::new(),
            names: Vec::new(),
            sets: HashMap::new(),
            inline: HashMap::new(),
            lists: Interner::default(),
        }
    }

    fn rule(&mut self, rule: &'a config::Rule) -> Rule {
        let mut meant = Rule {
            name: rule.name.clone(),
            verdict: verdict(rule.action),
            kind: if rule.shadow {
                RuleKind::CountsOnly
            } else {
                RuleKind::Decides
            },
            asks: BTreeMap::new(),
        };
        for (criterion, value) in rule.criteria() {
            let spec = criterion.spec();
            let ask = match value {
                Value::Addresses(list) => Some(Ask::Addresses(self.list(list))),
                value => values::ask(spec, &value),
            };
            if let Some(ask) = ask {
                meant.ask(spec.dimension, ask);
            }
        }
        meant
    }

    /// The index of a list: the same for every list of the same entries in whatever order.
    fn list(&mut self, list: &'a criteria::AddressList) -> usize {
        let mut terms = Vec::new();
        let mut inline = [Vec::new(), Vec::new()];
        let [plain, negated] = &mut inline;
        for entry in &list.0 {
            match &entry.addresses {
                Addresses::Set(name) => terms.push((entry.negated, self.set(name))),
                Addresses::Prefix(prefix) if entry.negated => negated.push(*prefix),
                Addresses::Prefix(prefix) => plain.push(*prefix),
            }
        }
        for (negated, prefixes) in [false, true].into_iter().zip(inline) {
            if !prefixes.is_empty() {
                terms.push((negated, self.inline(prefixes)));
            }
        }
        terms.sort_unstable();
        terms.dedup();
        self.lists.intern(&terms)
    }

    fn set(&mut self, name: &'a str) -> usize {
        let Self {
            config,
            groups,
            names,
            ..
        } = self;
        *self.sets.entry(name).or_insert_with(|| {
            let set = config.sets.get(name);
            groups.push(set.map_or_else(Arc::default, |set| Arc::clone(&set.prefixes)));
            names.push(Some(name.to_owned()));
            groups.len() - 1
        })
    }

    fn inline(&mut self, prefixes: Vec<IpNetwork>) -> usize {
        let prefixes: Arc<Prefixes> = Arc::new(prefixes.into_iter().collect());
        *self.inline.entry(prefixes).or_insert_with_key(|prefixes| {
            self.groups.push(Arc::clone(prefixes));
            self.names.push(None);
            self.groups.len() - 1
        })
    }

    /// Every list, by index.
    fn lists(&mut self) -> Vec<AddressList> {
        let lists = std::mem::take(&mut self.lists).into_slices();
        let list = |terms: &Arc<[Term]>| List::of(terms.iter().copied());
        lists.iter().map(list).collect()
    }
}
