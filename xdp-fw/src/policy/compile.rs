//! A policy to the tables of one generation.
//!
//! Owns which dimensions are in use and where each one's rows and values begin. Never decides what
//! a list contains (`addresses`, `numbers`, `keys`) nor which rules a class leaves (`criteria`).

use std::hash::Hash;

use bytemuck::Zeroable as _;
use xdp_fw_common::Dimension;
use xdp_fw_common::lpm::CLASS_MAX;
use xdp_fw_common::tables::{
    BYTE_VALUES, CLASS_ABSENT, Domain, RULES_MAX, Row, SHADOW_RULES_MAX, SINGLE_WORD_ROWS_MAX,
    SINGLE_WORD_RULES_MAX,
};
use xdp_fw_common::wire::Settings;

use super::address_table::{self, Memo, Origin};
use super::criteria::{Criteria, Membership};
use super::keys;
use super::lpm::Leaves;
use super::model::{AddressList, Policy};
use super::numbers;
use super::rule::Rule;
use super::tables::{NamedRule, Tables};
use super::weight::{self, Left};
use crate::criteria::Criterion;

/// A policy that does not fit the tables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// More rules than a row has bits.
    #[error("{count} rules are enabled, {RULES_MAX} fit; disable or join some")]
    Rules {
        /// Enabled rules.
        count: usize,
    },
    /// More shadow rules than a packet may meet.
    #[error("{count} rules are shadow rules, {SHADOW_RULES_MAX} fit; disable or remove some")]
    ShadowRules {
        /// Enabled shadow rules.
        count: usize,
    },
    /// More kinds of values on one dimension than a class id can tell apart.
    #[error(
        "the rules tell {count} kinds of {key} apart, {} fit; write fewer or wider ranges",
        u16::MAX
    )]
    Classes {
        /// The criterion, as it is written in a rule.
        key: String,
        /// Distinct sets of lists that a value can lie in.
        count: usize,
    },
    /// More kinds of addresses than an entry of a table can tell apart.
    #[error(
        "the rules tell {count} kinds of {key} addresses apart, {CLASS_MAX} fit; use fewer lists, \
         or lists that overlap less"
    )]
    Addresses {
        /// The criterion, as it is written in a rule.
        key: String,
        /// Distinct sets of lists that an address can lie in.
        count: usize,
    },
    /// More memory than `[limits]` allows.
    #[error(
        "compiled and in the kernel, the lists take {needed} MiB, and `[limits] memory` allows {limit} MiB; \
         {most}; shorten what they come from, or allow more"
    )]
    Memory {
        /// MiB, rounded up.
        needed: u64,
        /// MiB.
        limit: u64,
        /// What takes the most of it.
        most: String,
    },
    /// More kinds of addresses than `[limits]` has memory for.
    #[error(
        "the rules tell more kinds of addresses apart than `[limits] memory` has room for ({limit} MiB); \
         use fewer lists, or lists that overlap less, or allow more"
    )]
    Kinds {
        /// MiB.
        limit: u64,
    },
    /// More rows than a map can have.
    #[error(
        "the rules tell {count} kinds of packets apart, {} fit; join rules whose addresses \
         overlap, or use fewer lists",
        u32::MAX
    )]
    Rows {
        /// Rows of all dimensions.
        count: usize,
    },
}

/// Compiles a policy for the interfaces that exist now, by index and name. One that appears later
/// counts as an interface that no rule names until the policy is compiled again
/// ([`Policy::names_interfaces`] tells whether that matters).
///
/// [`Tables::prefixes`] counts what its rules name: every set once, however many lists name it,
/// with its repetitions as read; and every other prefix once for each distinct list of prefixes
/// that it is written in.
///
/// # Errors
/// [`CompileError`] where the policy does not fit the tables.
pub fn compile(policy: &Policy, interfaces: &[(u32, String)]) -> Result<Tables, CompileError> {
    compile_with(policy, interfaces, Leaves::default())
}

/// The same after another compilation, with its shapes: what did not change since is not worked out
/// again.
///
/// # Errors
/// As [`compile()`].
pub fn compile_after(
    before: &Memo,
    policy: &Policy,
    interfaces: &[(u32, String)],
) -> Result<Tables, CompileError> {
    assemble(before, policy, interfaces, before.leaves)
}

/// The same, with other shapes of address tables.
///
/// # Errors
/// As [`compile()`].
pub fn compile_with(
    policy: &Policy,
    interfaces: &[(u32, String)],
    leaves: Leaves,
) -> Result<Tables, CompileError> {
    assemble(&Memo::default(), policy, interfaces, leaves)
}

/// After another compilation, with other shapes.
pub(super) fn assemble(
    before: &Memo,
    policy: &Policy,
    interfaces: &[(u32, String)],
    leaves: Leaves,
) -> Result<Tables, CompileError> {
    let rules = policy.rules.as_slice();
    if rules.len() > RULES_MAX {
        return Err(CompileError::Rules { count: rules.len() });
    }
    let shadows = rules.iter().filter(|rule| rule.kind.is_shadow()).count();
    if shadows > SHADOW_RULES_MAX {
        return Err(CompileError::ShadowRules { count: shadows });
    }
    let addresses = [Dimension::Source, Dimension::Destination]
        .map(|dimension| Criteria::collect(rules.iter().map(|rule| rule.addresses(dimension))));
    let origins = addresses
        .each_ref()
        .map(|criteria| origin(criteria.as_ref(), policy));
    let host = weight::weigh_host(policy, &origins)?;
    let left = Left::of(policy, host);
    let [source, destination] = address_table::sweep_both(origins, before, leaves, &left);
    if left.is_passed() {
        let limit = policy.memory.unwrap_or_default() >> 20;
        return Err(CompileError::Kinds { limit });
    }
    let mut tables = Tables {
        settings: settings(policy),
        rules: rules.iter().map(named).collect(),
        source,
        destination,
        interfaces: Vec::new(),
        source_macs: Vec::new(),
        destination_macs: Vec::new(),
        numbers: Default::default(),
        rows: Vec::new(),
        prefixes: policy.groups.iter().map(|group| group.len() as u64).sum(),
        leaves,
    };
    for dimension in Dimension::ALL {
        match dimension.domain() {
            Domain::Address => tables.add_addresses(dimension, &addresses)?,
            Domain::Numbers(count) => tables.add_numbers(dimension, policy, count)?,
            Domain::Key if dimension == Dimension::Interface => {
                tables.add_interfaces(policy, interfaces)?;
            }
            Domain::Key => tables.add_macs(dimension, policy)?,
        }
    }
    if tables.settings.shadow == 1 && tables.rows.is_empty() {
        tables.add_every_rule();
    }
    tables.shape_addresses();
    tables.weigh(policy, host)?;
    Ok(tables)
}

fn settings(policy: &Policy) -> Settings {
    let shadow = policy.rules.iter().any(|rule| rule.kind.is_shadow());
    Settings {
        default_action: policy.default_action as u32,
        malformed: policy.malformed as u32,
        non_ip: policy.non_ip as u32,
        essentials: policy.essentials.bits(),
        // At most RULES_MAX.
        rules: policy.rules.len() as u32,
        shadow: u32::from(shadow),
        coarse_clock: 0,
        single_word: u32::from(policy.rules.len() <= SINGLE_WORD_RULES_MAX && !shadow),
        ..Settings::zeroed()
    }
}

fn named(rule: &Rule) -> NamedRule {
    NamedRule {
        name: rule.name.clone(),
        verdict: rule.verdict,
        kind: rule.kind,
    }
}

/// Each of these adds a dimension's classes and rows, if any rule has a criterion on it.
impl Tables {
    fn add_addresses(
        &mut self,
        dimension: Dimension,
        criteria: &[Option<Criteria<'_, usize>>; 2],
    ) -> Result<(), CompileError> {
        let Some(Some(criteria)) = criteria.get(dimension as usize) else {
            return Ok(());
        };
        let memberships = self.addresses(dimension).memberships().to_vec();
        let count = memberships.len();
        if count > CLASS_MAX as usize {
            let key = key(dimension);
            return Err(CompileError::Addresses { key, count });
        }
        self.add_rows(dimension, criteria, &memberships)
    }

    fn add_numbers(
        &mut self,
        dimension: Dimension,
        policy: &Policy,
        count: u32,
    ) -> Result<(), CompileError> {
        let criteria = policy.rules.iter().map(|rule| rule.numbers(dimension));
        let Some(criteria) = Criteria::collect(criteria) else {
            return Ok(());
        };
        let mut classified =
            numbers::classify(&criteria.lists, count as usize).map_err(|count| {
                let key = key(dimension);
                CompileError::Classes { key, count }
            })?;
        if dimension.byte_table().is_none() {
            let values = self.number_values() as u32;
            set(&mut self.settings.values, dimension, values);
        }
        let classes = std::mem::take(&mut classified.classes);
        self.add_classes(dimension, classes);
        self.add_rows(dimension, &criteria, &classified.memberships)
    }

    fn add_interfaces(
        &mut self,
        policy: &Policy,
        interfaces: &[(u32, String)],
    ) -> Result<(), CompileError> {
        let criteria = policy.rules.iter().map(|rule| rule.interface());
        let Some(criteria) = Criteria::collect(criteria) else {
            return Ok(());
        };
        let classified = keys::interfaces(&criteria.lists, interfaces);
        self.interfaces = classified.classes;
        self.add_rows(Dimension::Interface, &criteria, &classified.memberships)
    }

    fn add_macs(&mut self, dimension: Dimension, policy: &Policy) -> Result<(), CompileError> {
        let criteria = policy.rules.iter().map(|rule| rule.macs(dimension));
        let Some(criteria) = Criteria::collect(criteria) else {
            return Ok(());
        };
        let classified = keys::macs(&criteria.lists);
        if dimension == Dimension::SourceMac {
            self.source_macs = classified.classes;
        } else {
            self.destination_macs = classified.classes;
        }
        self.add_rows(dimension, &criteria, &classified.memberships)
    }

    /// Where a match does not end the walk over the rules, rows must say where they end: takes a
    /// dimension into use of which every value, and none, leaves every rule.
    fn add_every_rule(&mut self) {
        let mut row = Row::EMPTY;
        (0..self.rules.len()).for_each(|rule| row.insert(rule));
        let rows = [row; 2];
        self.rows.extend(rows);
        let class = CLASS_ABSENT as u16 + 1;
        self.add_classes(Dimension::Family, vec![class; BYTE_VALUES]);
        set(
            &mut self.settings.row_counts,
            Dimension::Family,
            rows.len() as u32,
        );
    }

    fn add_classes(&mut self, dimension: Dimension, classes: Vec<u16>) {
        if let Some(numbers) = self.numbers.get_mut(dimension as usize) {
            *numbers = classes;
        }
    }

    /// Adds the rows of a dimension, which is in use from now on.
    fn add_rows<L: Eq + Hash>(
        &mut self,
        dimension: Dimension,
        criteria: &Criteria<'_, L>,
        memberships: &[Membership],
    ) -> Result<(), CompileError> {
        let first = self.rows.len();
        let all = first + 1 + memberships.len();
        let (Ok(base), Ok(_)) = (u32::try_from(first), u32::try_from(all)) else {
            return Err(CompileError::Rows { count: all });
        };
        self.rows.extend(criteria.rows(memberships));
        let count = self.rows.len() - first;
        self.settings.single_word &= u32::from(count <= SINGLE_WORD_ROWS_MAX);
        set(&mut self.settings.rows, dimension, base);
        // No more than `all`.
        set(&mut self.settings.row_counts, dimension, count as u32);
        Ok(())
    }
}

/// What the addresses of a dimension are classified by.
fn origin(criteria: Option<&Criteria<'_, usize>>, policy: &Policy) -> Origin {
    let nowhere = nowhere();
    let lists = criteria.map_or(&[][..], |criteria| &criteria.lists).iter();
    let lists = lists.map(|list| policy.lists.get(**list).unwrap_or(&nowhere));
    Origin::of(&lists.collect::<Vec<_>>(), &policy.groups)
}

/// In place of a list that does not exist, which [`Policy::from_config`] never names: a list of
/// one group that does not exist either, and so without an address.
fn nowhere() -> AddressList {
    AddressList {
        plain: vec![usize::MAX],
        negated: Vec::new(),
    }
}

/// The criteria of a dimension, as they are written in a rule.
fn key(dimension: Dimension) -> String {
    let criteria = Criterion::of_dimension(dimension);
    let keys: Vec<&str> = criteria.map(|criterion| criterion.spec().key).collect();
    keys.join(" and ")
}

fn set(array: &mut [u32; Dimension::COUNT], dimension: Dimension, value: u32) {
    if let Some(element) = array.get_mut(dimension as usize) {
        *element = value;
    }
}
