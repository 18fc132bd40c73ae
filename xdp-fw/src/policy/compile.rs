//! A policy to the tables of one generation.
//!
//! Owns which dimensions are in use and where each one's rows and values begin. Never decides what
//! a list contains (`addresses`, `numbers`) nor which rules a class leaves (`criteria`).

use std::hash::Hash;

use xdp_fw_common::Dimension;
use xdp_fw_common::tables::{RULES_MAX, WIDE_PACK};
use xdp_fw_common::wire::Settings;

use super::addresses;
use super::criteria::{Criteria, Membership};
use super::model::{AddressList, Policy, Rule};
use super::numbers::{self, Numbers};
use super::ranges::Ranges;
use super::tables::{AddressTable, NamedRule, Tables};

/// A policy that does not fit the tables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// More rules than a row has bits.
    #[error("{count} rules are enabled, {RULES_MAX} fit; disable or join some")]
    Rules {
        /// Enabled rules.
        count: usize,
    },
    /// More kinds of values on one dimension than a class id can tell apart.
    #[error(
        "the rules tell {count} kinds of {key} apart, {} fit; write fewer or wider ranges",
        u16::MAX
    )]
    Classes {
        /// The criterion, as it is written in a rule.
        key: &'static str,
        /// Distinct sets of lists that a value can lie in.
        count: usize,
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

/// Compiles a policy.
///
/// [`Tables::prefixes`] counts what its rules name: every set once, however many lists name it,
/// with its repetitions as read; and every other prefix once for each distinct list of prefixes
/// that it is written in.
///
/// # Errors
/// [`CompileError`] where the policy does not fit the tables.
pub fn compile(policy: &Policy) -> Result<Tables, CompileError> {
    let rules = policy.rules.as_slice();
    if rules.len() > RULES_MAX {
        return Err(CompileError::Rules { count: rules.len() });
    }
    let mut tables = Tables {
        settings: settings(policy),
        rules: rules.iter().map(named).collect(),
        source: AddressTable::default(),
        destination: AddressTable::default(),
        narrow: Vec::new(),
        wide: Vec::new(),
        rows: Vec::new(),
        prefixes: policy.groups.iter().map(|group| group.len() as u64).sum(),
    };
    for dimension in Dimension::ALL {
        tables.add(dimension, policy)?;
    }
    Ok(tables)
}

fn settings(policy: &Policy) -> Settings {
    Settings {
        default_action: policy.default_action as u32,
        malformed: policy.malformed as u32,
        non_ip: policy.non_ip as u32,
        essentials: u32::from(policy.essentials),
        // At most RULES_MAX.
        rules: policy.rules.len() as u32,
        coarse_clock: 0,
        used: [0; Dimension::COUNT],
        rows: [0; Dimension::COUNT],
        values: [0; Dimension::COUNT],
    }
}

fn named(rule: &Rule) -> NamedRule {
    NamedRule {
        name: rule.name.clone(),
        verdict: rule.verdict,
    }
}

impl Tables {
    /// Adds a dimension's classes and rows, if any rule has a criterion on it.
    fn add(&mut self, dimension: Dimension, policy: &Policy) -> Result<(), CompileError> {
        match dimension {
            Dimension::Source => self.add_addresses(dimension, policy, |rule| &rule.source),
            Dimension::Destination => {
                self.add_addresses(dimension, policy, |rule| &rule.destination)
            }
            Dimension::Protocol => self.add_numbers(dimension, policy, |rule| &rule.protocol),
            Dimension::SourcePort => self.add_numbers(dimension, policy, |rule| &rule.source_port),
            Dimension::DestinationPort => {
                self.add_numbers(dimension, policy, |rule| &rule.destination_port)
            }
        }
    }

    fn add_addresses(
        &mut self,
        dimension: Dimension,
        policy: &Policy,
        criterion: fn(&Rule) -> &Option<usize>,
    ) -> Result<(), CompileError> {
        let criteria = policy.rules.iter().map(|rule| criterion(rule).as_ref());
        let Some(criteria) = Criteria::collect(criteria) else {
            return Ok(());
        };
        let nowhere = nowhere();
        let lists = criteria.lists.iter().map(|list| policy.lists.get(**list));
        let lists: Vec<_> = lists.map(|list| list.unwrap_or(&nowhere)).collect();
        let classified = addresses::classify(&lists, &policy.groups);
        if dimension == Dimension::Source {
            self.source = classified.table;
        } else {
            self.destination = classified.table;
        }
        self.add_rows(dimension, &criteria, &classified.memberships)
    }

    fn add_numbers(
        &mut self,
        dimension: Dimension,
        policy: &Policy,
        criterion: fn(&Rule) -> &Option<Ranges>,
    ) -> Result<(), CompileError> {
        let criteria = policy.rules.iter().map(|rule| criterion(rule).as_ref());
        let Some(criteria) = Criteria::collect(criteria) else {
            return Ok(());
        };
        let key = key(dimension);
        let classify = |domain| {
            numbers::classify(&criteria.lists, domain)
                .map_err(|count| CompileError::Classes { key, count })
        };
        let (values, memberships) = if dimension == Dimension::Protocol {
            let Numbers {
                classes,
                memberships,
            } = classify(NARROW)?;
            let first = self.narrow.len();
            self.narrow.extend_from_slice(classes.as_chunks().0);
            (first, memberships)
        } else {
            let Numbers {
                classes,
                memberships,
            } = classify(WIDE)?;
            let first = self.wide.len();
            self.wide.extend_from_slice(classes.as_chunks().0);
            (first, memberships)
        };
        // One narrow and two wide dimensions: a few thousand values.
        set(&mut self.settings.values, dimension, values as u32);
        self.add_rows(dimension, &criteria, &memberships)
    }

    /// Adds the rows of a dimension, which is in use from now on.
    fn add_rows<L: Eq + Hash>(
        &mut self,
        dimension: Dimension,
        criteria: &Criteria<'_, L>,
        memberships: &[Membership],
    ) -> Result<(), CompileError> {
        let first = self.rows.len();
        let count = first + 1 + memberships.len();
        let (Ok(first), Ok(_)) = (u32::try_from(first), u32::try_from(count)) else {
            return Err(CompileError::Rows { count });
        };
        self.rows.extend(criteria.rows(memberships));
        set(&mut self.settings.rows, dimension, first);
        set(&mut self.settings.used, dimension, 1);
        Ok(())
    }
}

/// In place of a list that does not exist, which [`Policy::from_config`] never names: a list of
/// one group that does not exist either, and so without an address.
fn nowhere() -> AddressList {
    AddressList {
        plain: vec![usize::MAX],
        negated: Vec::new(),
    }
}

/// Values of an 8-bit dimension.
const NARROW: usize = 1 << 8;
/// Values of a 16-bit dimension.
const WIDE: usize = 1 << 16;
const _: () = assert!(WIDE.is_multiple_of(WIDE_PACK));

/// The criterion of a dimension, as it is written in a rule.
const fn key(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Source => "source",
        Dimension::Destination => "destination",
        Dimension::Protocol => "protocol",
        Dimension::SourcePort => "source_port",
        Dimension::DestinationPort => "destination_port",
    }
}

fn set(array: &mut [u32; Dimension::COUNT], dimension: Dimension, value: u32) {
    if let Some(element) = array.get_mut(dimension as usize) {
        *element = value;
    }
}
