//! What the address tables in force weigh in the kernel.
//!
//! Owns the question to the kernel, over the pins of a generation: whoever filled the maps, and
//! whenever, they are what packets are looked up in. Changes nothing.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;

use aya::maps::MapData;
use serde::{Deserialize, Serialize};

use crate::datapath::error::Error;
use crate::datapath::error::chain;
use crate::datapath::generation::addresses::TABLES;
use crate::datapath::model::Generation;
use crate::datapath::pins::Pins;

/// A table of addresses: the prefixes of one family in one dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// `source` or `destination`.
    pub dimension: String,
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// Nodes of the trie; the root is 4,096 of them.
    pub nodes: u32,
    /// Buckets of the hash behind it.
    pub buckets: u32,
    /// What both take in the kernel, bytes.
    pub bytes: u64,
}

/// The tables of a generation that hold any prefix.
///
/// # Errors
/// What the kernel says of a pin that cannot be read.
pub fn tables(pins: &Path, generation: &Generation) -> Result<Vec<Table>, Error> {
    let directory = Pins::new(pins).generation(generation.number);
    let mut tables = Vec::new();
    for table in &TABLES {
        let [nodes, buckets] = table.maps().map(|map| weigh(&directory.join(map)));
        let (nodes, buckets) = (nodes?, buckets?);
        // A map without a use has one value: no array has none.
        if nodes.0 > 1 {
            let (dimension, family) = table.names();
            tables.push(Table {
                dimension: dimension.to_owned(),
                family: family.to_owned(),
                nodes: nodes.0,
                buckets: buckets.0,
                bytes: nodes.1 + buckets.1,
            });
        }
    }
    Ok(tables)
}

/// Values of a pinned map, and what the kernel says it takes.
fn weigh(pin: &Path) -> Result<(u32, u64), Error> {
    let refused = |problem: String| Error::pin(pin, problem, "nothing needs to be done");
    let map = MapData::from_pin(pin)
        .map_err(|error| refused(format!("cannot be opened: {}", chain(&error))))?;
    let info = map
        .info()
        .map_err(|error| refused(format!("cannot be asked: {}", chain(&error))))?;
    let descriptor = map.fd().as_fd().as_raw_fd();
    let said = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}"))
        .map_err(|error| refused(format!("cannot be asked: {error}")))?;
    let bytes = said.lines().find_map(|line| line.strip_prefix("memlock:"));
    let bytes = bytes.and_then(|bytes| bytes.trim().parse().ok());
    let bytes = bytes.ok_or_else(|| refused("the kernel does not say what it takes".to_owned()))?;
    Ok((info.max_entries(), bytes))
}
