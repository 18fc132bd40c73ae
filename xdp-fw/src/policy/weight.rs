//! What compiling a policy takes on the host, and its tables in the kernel, before any of it is taken.
//!
//! Owns the sum, and what is said of one that is too large (ADR 30). A page more or less does not matter here;
//! what it came to, the kernel says (`datapath::tables`).

use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use xdp_fw_common::Dimension;
use xdp_fw_common::exact::{BucketV4, BucketV6};
use xdp_fw_common::lpm::NODE;
use xdp_fw_common::tables::{NUMBERS_PACK, Row};

use super::address_table::Origin;
use super::compile::CompileError;
use super::model::Policy;
use super::tables::Tables;
use crate::config::{COMPILED_V4, COMPILED_V6, KEPT_V4, KEPT_V6, Prefixes};

const MIB: u64 = 1 << 20;

/// The prefixes of one family in one dimension.
struct Table {
    key: &'static str,
    family: &'static str,
    bytes: u64,
}

impl Tables {
    /// Bytes of all tables, per generation.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let addresses: u64 = self.address_tables().iter().map(|table| table.bytes).sum();
        let rows = match self.settings.single_word {
            1 => 0,
            _ => self.rows.len() * size_of::<Row>(),
        };
        let numbers = self.number_values() * NUMBERS_PACK * size_of::<u16>();
        addresses + (rows + numbers) as u64
    }

    fn address_tables(&self) -> [Table; 4] {
        let bytes = |nodes: u32, entry: usize, buckets: u32, bucket: usize| {
            let nodes = u64::from(nodes) * (NODE * entry) as u64;
            nodes + u64::from(buckets) * bucket as u64
        };
        let of = |dimension, key| {
            let shapes = self.shapes(dimension);
            let v4 = (shapes.v4.nodes, shapes.v4.buckets);
            let v6 = (shapes.v6.nodes, shapes.v6.buckets);
            [
                Table {
                    key,
                    family: "IPv4",
                    bytes: bytes(v4.0, size_of::<u32>(), v4.1, size_of::<BucketV4>()),
                },
                Table {
                    key,
                    family: "IPv6",
                    bytes: bytes(v6.0, size_of::<u64>(), v6.1, size_of::<BucketV6>()),
                },
            ]
        };
        let [a, b] = of(Dimension::Source, "source");
        let [c, d] = of(Dimension::Destination, "destination");
        [a, b, c, d]
    }

    /// Refuses what takes more than the policy allows, with the host's part.
    pub(super) fn weigh(&self, policy: &Policy, host: u64) -> Result<(), CompileError> {
        let tables = self.address_tables();
        let heaviest = tables.iter().max_by_key(|table| table.bytes);
        let heaviest = heaviest.filter(|table| table.bytes > 0).map(|table| {
            let Table { key, family, bytes } = table;
            format!(
                "{family} prefixes of `{key}` take {} MiB in the kernel",
                bytes.div_ceil(MIB)
            )
        });
        bounded(policy, host.saturating_add(self.bytes()), heaviest)
    }
}

/// What the host needs to compile such prefixes, bytes: refuses more than the policy allows before any of
/// it is taken.
pub(super) fn weigh_host(policy: &Policy, origins: &[Origin; 2]) -> Result<u64, CompileError> {
    let kept = sum(&policy.groups, KEPT_V4, KEPT_V6);
    let compiled = origins.iter();
    let compiled = compiled.map(|origin| sum(origin.groups(), COMPILED_V4, COMPILED_V6));
    let host = kept.saturating_add(compiled.sum());
    bounded(policy, host, None)?;
    Ok(host)
}

fn sum(groups: &[Arc<Prefixes>], v4: u64, v6: u64) -> u64 {
    let groups = groups.iter();
    let bytes = groups.map(|it| it.v4().len() as u64 * v4 + it.v6().len() as u64 * v6);
    bytes.sum()
}

fn bounded(policy: &Policy, needed: u64, heaviest: Option<String>) -> Result<(), CompileError> {
    let Some(limit) = policy.memory.filter(|limit| needed > *limit) else {
        return Ok(());
    };
    let set = policy.groups.iter().zip(&policy.names);
    let set = set.max_by_key(|(prefixes, _)| prefixes.len());
    let set = set.map(|(prefixes, name)| match name {
        Some(name) => format!("set `{name}` has {} prefixes", prefixes.len()),
        None => format!("a list in a rule has {} prefixes", prefixes.len()),
    });
    let most: Vec<String> = heaviest.into_iter().chain(set).collect();
    Err(CompileError::Memory {
        needed: needed.div_ceil(MIB),
        limit: limit / MIB,
        most: most.join(", "),
    })
}

/// What is left for what the lists of rules tell apart; shared by the dimensions that are compiled at the
/// same time.
#[derive(Debug)]
pub(super) struct Left {
    bytes: AtomicU64,
    passed: AtomicBool,
}

impl Left {
    pub(super) fn of(policy: &Policy, host: u64) -> Self {
        let limit = policy.memory.unwrap_or(u64::MAX);
        Self {
            bytes: limit.saturating_sub(host).into(),
            passed: AtomicBool::new(false),
        }
    }

    /// For what was compiled before, and fitted.
    pub(super) fn endless() -> Self {
        Self {
            bytes: u64::MAX.into(),
            passed: AtomicBool::new(false),
        }
    }

    /// Takes some of it; false if there is no more.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let less = |left: u64| left.checked_sub(bytes);
        let took = self.bytes.fetch_update(Relaxed, Relaxed, less).is_ok();
        if !took {
            self.passed.store(true, Relaxed);
        }
        took
    }

    /// Whether more was wanted than there was.
    pub(super) fn is_passed(&self) -> bool {
        self.passed.load(Relaxed)
    }
}
