//! What the tables of a generation will take in the kernel, before any of it is taken.
//!
//! Owns the sum, and what is said of one that is too large. A page more or less does not matter here;
//! what it came to, the kernel says (`datapath::tables`).

use std::mem::size_of;

use xdp_fw_common::Dimension;
use xdp_fw_common::exact::{BucketV4, BucketV6};
use xdp_fw_common::lpm::NODE;
use xdp_fw_common::tables::{NUMBERS_PACK, Row};

use super::compile::CompileError;
use super::model::Policy;
use super::tables::Tables;

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
        let rows = match self.settings.short {
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

    /// Refuses what takes more than the policy allows.
    pub(super) fn weigh(&self, policy: &Policy) -> Result<(), CompileError> {
        let bytes = self.bytes();
        let Some(limit) = policy.memory.filter(|limit| bytes > *limit) else {
            return Ok(());
        };
        let tables = self.address_tables();
        let heaviest = tables.iter().max_by_key(|table| table.bytes);
        let most = heaviest.map(|table| {
            let Table { key, family, bytes } = table;
            format!(
                "{family} prefixes of `{key}` take {} MiB",
                bytes.div_ceil(MIB)
            )
        });
        let set = policy.groups.iter().zip(&policy.names);
        let set = set.max_by_key(|(prefixes, _)| prefixes.len());
        let set = set.map(|(prefixes, name)| match name {
            Some(name) => format!("set `{name}` has {} prefixes", prefixes.len()),
            None => format!("a list in a rule has {} prefixes", prefixes.len()),
        });
        Err(CompileError::Memory {
            needed: bytes.div_ceil(MIB),
            limit: limit / MIB,
            most: [most, set]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}
