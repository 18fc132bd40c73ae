//! The maps of addresses.
//!
//! Owns their names and how each is filled. How large they are and what goes into them, the policy
//! has decided.

use aya::maps::Map;
use xdp_fw_common::Dimension;

use crate::datapath::error::Error;
use crate::datapath::generation::fill::{Maps, unfit};
use crate::datapath::kernel::mapping::Mapping;
use crate::policy::{Content, Lpm, LpmAddress, Tables};

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::datapath) enum Family {
    V4,
    V6,
}

/// The table of one family in one dimension: the prefixes that are carried over together, or not.
pub(in crate::datapath) struct Table {
    dimension: Dimension,
    family: Family,
    nodes: &'static str,
    hash: &'static str,
}

/// Maps of a table.
pub(in crate::datapath) const MAPS: usize = 2;

/// Every table of addresses.
pub(in crate::datapath) const TABLES: [Table; 4] = [
    Table {
        dimension: Dimension::Source,
        family: Family::V4,
        nodes: "SOURCE_V4",
        hash: "SOURCE_V4_HASH",
    },
    Table {
        dimension: Dimension::Source,
        family: Family::V6,
        nodes: "SOURCE_V6",
        hash: "SOURCE_V6_HASH",
    },
    Table {
        dimension: Dimension::Destination,
        family: Family::V4,
        nodes: "DESTINATION_V4",
        hash: "DESTINATION_V4_HASH",
    },
    Table {
        dimension: Dimension::Destination,
        family: Family::V6,
        nodes: "DESTINATION_V6",
        hash: "DESTINATION_V6_HASH",
    },
];

impl Table {
    /// The names of its maps.
    pub(in crate::datapath) const fn maps(&self) -> [&'static str; MAPS] {
        [self.nodes, self.hash]
    }

    /// Its dimension and its family, in words of the configuration.
    pub(in crate::datapath) const fn names(&self) -> (&'static str, &'static str) {
        let dimension = match self.dimension {
            Dimension::Source => "source",
            _ => "destination",
        };
        let family = match self.family {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
        };
        (dimension, family)
    }

    /// What identifies its content.
    pub(in crate::datapath) fn content(&self, tables: &Tables) -> Content {
        match self.family {
            Family::V4 => tables.content_v4(self.dimension),
            Family::V6 => tables.content_v6(self.dimension),
        }
    }

    /// The number of values of each map.
    pub(in crate::datapath) fn sizes(&self, tables: &Tables) -> [usize; MAPS] {
        let shape = match self.family {
            Family::V4 => tables.shapes(self.dimension).v4,
            Family::V6 => tables.shapes(self.dimension).v6,
        };
        [shape.nodes, shape.buckets].map(|number| number as usize)
    }

    /// Fills the maps.
    pub(in crate::datapath) fn fill(&self, maps: &Maps, tables: &Tables) -> Result<(), Error> {
        match self.family {
            Family::V4 => self.write(maps, &tables.v4(self.dimension)),
            Family::V6 => self.write(maps, &tables.v6(self.dimension)),
        }
    }

    fn write<A: LpmAddress>(&self, maps: &Maps, table: &Lpm<'_, A>) -> Result<(), Error> {
        if table.shape.nodes == 0 {
            return Ok(());
        }
        let mut entries = mapping(maps, self.nodes, table.entries())?;
        let written = if table.shape.buckets == 0 {
            table.write(entries.values(), &mut [])
        } else {
            let mut buckets = mapping(maps, self.hash, table.shape.buckets as usize)?;
            table.write(entries.values(), buckets.values())
        };
        written.map_err(|cause| unfit(self.nodes, &cause))
    }
}

/// The values of an array of the object, in this process's memory.
pub(in crate::datapath) fn mapping<T: bytemuck::Pod>(
    maps: &Maps,
    name: &str,
    length: usize,
) -> Result<Mapping<T>, Error> {
    let array: &Map = maps.map(name).ok_or_else(|| Error::Kernel {
        action: format!("find map {name} in the BPF object"),
        cause: "it is not there".to_owned(),
        errno: None,
        remedy: "this build is broken: rebuild it".to_owned(),
    })?;
    let Map::Array(data) = array else {
        return Err(Error::Kernel {
            action: format!("fill map {name}"),
            cause: "it is not an array".to_owned(),
            errno: None,
            remedy: "this build is broken: rebuild it".to_owned(),
        });
    };
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::kernel(format!("map {name} into memory"), error)
    };
    let info = data.info().map_err(|error| refused(&error))?;
    Mapping::new(data.fd(), info.value_size() as usize, length).map_err(|error| refused(&error))
}
