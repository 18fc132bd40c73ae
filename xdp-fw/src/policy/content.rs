//! What identifies an address table: two that hold the same have the same hash.
//!
//! Owns what the hash is over. It outlives the process that made it, and decides whether a filter goes
//! on with maps that another one filled: so it is one that nobody can forge (SHA-256).

use sha2::{Digest as _, Sha256};
use xdp_fw_common::Dimension;

use super::tables::Tables;

/// The hash of a table's content.
pub type Content = [u8; 32];

/// Bytes that are hashed at a time.
const CHUNK: usize = 1 << 16;

impl Tables {
    /// Of the IPv4 prefixes of a dimension, which is source or destination: their classes, and the
    /// shape of the table that holds them.
    #[must_use]
    pub fn content_v4(&self, dimension: Dimension) -> Content {
        let table = self.addresses(dimension);
        *table.known().content_v4.get_or_init(|| {
            let shape = self.shapes(dimension).v4.bytes();
            let entries = table.v4.iter();
            let entries =
                entries.map(|&(address, length, class)| (address.octets(), length, class));
            hash(b"v4", &shape, entries)
        })
    }

    /// The same of its IPv6 prefixes.
    #[must_use]
    pub fn content_v6(&self, dimension: Dimension) -> Content {
        let table = self.addresses(dimension);
        *table.known().content_v6.get_or_init(|| {
            let shape = self.shapes(dimension).v6.bytes();
            let entries = table.v6.iter();
            let entries =
                entries.map(|&(address, length, class)| (address.octets(), length, class));
            hash(b"v6", &shape, entries)
        })
    }
}

fn hash<const N: usize>(
    family: &[u8],
    shape: &[u8],
    entries: impl Iterator<Item = ([u8; N], u8, u32)>,
) -> Content {
    let mut hash = Sha256::new();
    hash.update(family);
    hash.update(shape);
    let mut chunk: Vec<u8> = Vec::new();
    for (address, length, class) in entries {
        chunk.extend(address);
        chunk.push(length);
        chunk.extend(class.to_be_bytes());
        if chunk.len() >= CHUNK {
            hash.update(&chunk);
            chunk.clear();
        }
    }
    hash.update(&chunk);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::daemon::testing::config;
    use crate::policy::AddressEntries;
    use crate::policy::{Leaves, Policy, compile};

    type Change = fn(&mut AddressEntries, &mut Leaves);

    fn empty() -> Tables {
        compile(&Policy::from_config(&config(&["eth0"])), &[]).unwrap()
    }

    #[test]
    fn whatever_a_packet_could_tell_apart_has_another_hash() {
        let of = |change: Change| {
            let mut tables = empty();
            let mut entries = AddressEntries {
                v4: vec![(Ipv4Addr::new(192, 0, 2, 0), 24, 2)],
                v6: vec![(Ipv6Addr::UNSPECIFIED, 64, 2)],
            };
            change(&mut entries, &mut tables.leaves);
            tables.source = entries.into();
            let v4 = tables.content_v4(Dimension::Source);
            (v4, tables.content_v6(Dimension::Source))
        };
        let (v4, v6) = of(|_, _| ());
        assert_eq!(of(|_, _| ()), (v4, v6));
        assert_ne!(v4, v6);
        for change in [
            (|entries, _| entries.v4[0].0 = Ipv4Addr::new(192, 0, 3, 0)) as Change,
            |entries, _| entries.v4[0].1 = 25,
            |entries, _| entries.v4[0].2 = 3,
            |entries, _| entries.v4.clear(),
            |_, leaves| leaves.v4 = 0,
        ] {
            assert_ne!(of(change).0, v4);
            assert_eq!(of(change).1, v6);
        }
        for change in [
            (|entries, _| entries.v6[0].1 = 65) as Change,
            |entries, _| entries.v6[0].2 = 3,
            |_, leaves| leaves.v6 = 0,
        ] {
            assert_ne!(of(change).1, v6);
            assert_eq!(of(change).0, v4);
        }
    }
}
