use std::collections::{BTreeMap, HashMap};

use proptest::collection::vec;
use proptest::prelude::*;
use xdp_fw_common::index;
use xdp_fw_common::tables::Tables as _;
use xdp_fw_common::wire::Settings;

use super::*;
use crate::daemon::testing::config;
use crate::policy::{HostTables, Policy, compile};

const ALWAYS: Thresholds = Thresholds { v4: 0, v6: 0 };

/// Tables with nothing but these prefixes of the source.
fn tables(table: AddressEntries, thresholds: Thresholds) -> Tables {
    let mut tables = compile(&Policy::from_config(&config(&["eth0"])), &[]).unwrap();
    tables.source = table.into();
    tables.choose_engines(thresholds);
    tables
}

struct MapsV4 {
    index: Vec<u32>,
    long: HashMap<LongV4, u32>,
}

impl index::IndexV4 for MapsV4 {
    fn entry(&self, index: u32) -> Option<u32> {
        self.index.get(index as usize).copied()
    }

    fn long(&self, prefix: &LongV4) -> Option<u32> {
        self.long.get(prefix).copied()
    }
}

struct MapsV6<'a> {
    settings: &'a Settings,
    index: Vec<u16>,
    long: HashMap<LongV6, u32>,
    short: HostTables<'a>,
}

impl index::IndexV6 for MapsV6<'_> {
    fn bits(&self) -> u32 {
        self.settings.index_bits[0]
    }

    fn length(&self, number: usize) -> u8 {
        self.settings.lengths_v6[0][number]
    }

    fn entry(&self, index: u32) -> Option<u16> {
        self.index.get(index as usize).copied()
    }

    fn long(&self, prefix: &LongV6) -> Option<u32> {
        self.long.get(prefix).copied()
    }

    fn short(&self, address: [u8; 16]) -> u32 {
        self.short.class_v6(Dimension::Source, address)
    }
}

/// Few leading bits, so that prefixes nest and addresses lie in them.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let octet = || prop_oneof![4 => 0..4u8, 1 => any::<u8>()];
    [
        Just(10).boxed(),
        octet().boxed(),
        octet().boxed(),
        octet().boxed(),
    ]
    .prop_map(Into::into)
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    let part = || prop_oneof![4 => 0..3u16, 1 => any::<u16>()];
    vec(part(), 7).prop_map(|parts| {
        let bits = parts
            .iter()
            .fold(0x2001, |bits, part| bits << 16 | u128::from(*part));
        Ipv6Addr::from_bits(bits)
    })
}

/// Unique and canonical prefixes in order, each with a class.
fn entries_v4() -> impl Strategy<Value = Vec<(Ipv4Addr, u8, u32)>> {
    let length = prop_oneof![4 => 20..=32u8, 1 => 0..=32u8];
    let entry = (v4(), length, 1..9u32).prop_map(|(address, length, class)| {
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        (
            (Ipv4Addr::from_bits(address.to_bits() & mask), length),
            class,
        )
    });
    vec(entry, 1..40).prop_map(in_order)
}

fn entries_v6() -> impl Strategy<Value = Vec<(Ipv6Addr, u8, u32)>> {
    let length = prop::sample::select(vec![0, 16, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128]);
    let entry = (v6(), length, 1..9u32).prop_map(|(address, length, class)| {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        (
            (Ipv6Addr::from_bits(address.to_bits() & mask), length),
            class,
        )
    });
    vec(entry, 1..40).prop_map(in_order)
}

fn in_order<A: Ord>(entries: Vec<((A, u8), u32)>) -> Vec<(A, u8, u32)> {
    let entries: BTreeMap<(A, u8), u32> = entries.into_iter().collect();
    let flat = |((address, length), class)| (address, length, class);
    entries.into_iter().map(flat).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn an_ipv4_index_gives_the_class_of_the_longest_prefix(
        v4 in entries_v4(),
        addresses in vec(v4(), 200),
    ) {
        let table = AddressEntries { v4, v6: Vec::new() };
        let tables = tables(table, ALWAYS);
        let index = tables.index_v4(Dimension::Source).unwrap();
        let mut maps = MapsV4 { index: vec![0; IndexV4::ENTRIES], long: index.long().collect() };
        index.write(&mut maps.index);
        let host = HostTables::new(&tables);
        let ends = tables.source.v4.iter().map(|entry| entry.0);
        for address in addresses.into_iter().chain(ends) {
            let expected = host.class_v4(Dimension::Source, address.octets());
            prop_assert_eq!(index::class_v4(&maps, address.octets()), Some(expected), "{}", address);
        }
    }
}

proptest! {
    #[test]
    fn an_ipv6_index_gives_the_class_of_the_longest_prefix(
        v6 in entries_v6(),
        addresses in vec(v6(), 200),
    ) {
        let table = AddressEntries { v4: Vec::new(), v6 };
        let whole = tables(table, ALWAYS);
        let Some(index) = whole.index_v6(Dimension::Source) else {
            prop_assert!(whole.source.v6.iter().all(|entry| entry.1 < V6_INDEX_LENGTH));
            return Ok(());
        };
        let short = AddressEntries { v4: Vec::new(), v6: index.short().copied().collect() };
        prop_assert_eq!(whole.settings.short_v6[0] == 1, !short.v6.is_empty());
        let short = tables(short, Thresholds::default());
        let mut maps = MapsV6 {
            settings: &whole.settings,
            index: vec![0; index.entries()],
            long: index.long().collect(),
            short: HostTables::new(&short),
        };
        index.write(&mut maps.index);
        let host = HostTables::new(&whole);
        let ends = whole.source.v6.iter().map(|entry| entry.0);
        for address in addresses.into_iter().chain(ends) {
            let expected = host.class_v6(Dimension::Source, address.octets());
            prop_assert_eq!(index::class_v6(&maps, address.octets()), Some(expected), "{}", address);
        }
    }
}

#[test]
fn small_tables_stay_tries_and_each_family_is_judged_for_itself() {
    let v4 = (0..100)
        .map(|n| (Ipv4Addr::from_bits(n << 8), 24, 2))
        .collect();
    let v6 = (0..50u128)
        .map(|n| (Ipv6Addr::from_bits(n << 64), 64, 2))
        .collect();
    let table = AddressEntries { v4, v6 };
    let chosen = |v4, v6| {
        let tables = tables(table.clone(), Thresholds { v4, v6 });
        (tables.settings.index_v4, tables.settings.index_v6)
    };
    assert_eq!(chosen(101, 51), ([0, 0], [0, 0]));
    assert_eq!(chosen(100, 51), ([1, 0], [0, 0]));
    assert_eq!(chosen(101, 50), ([0, 0], [1, 0]));
}

#[test]
fn a_table_that_no_index_can_hold_is_a_trie() {
    let v6 = (32..49)
        .map(|length| (Ipv6Addr::UNSPECIFIED, length, 2))
        .collect();
    let v4 = vec![(Ipv4Addr::UNSPECIFIED, 24, V4_CLASS_MAX + 1)];
    let tables = tables(AddressEntries { v4, v6 }, ALWAYS);
    assert_eq!(tables.settings.index_v4[0], 0);
    assert_eq!(tables.settings.index_v6[0], 0);
}

#[test]
fn what_nobody_has_written_is_outside_in_every_address_space() {
    let table = AddressEntries {
        v4: vec![(Ipv4Addr::BROADCAST, 32, V4_CLASS_MAX)],
        v6: Vec::new(),
    };
    let tables = tables(table, ALWAYS);
    let index = tables.index_v4(Dimension::Source).unwrap();
    let mut maps = MapsV4 {
        index: vec![0; IndexV4::ENTRIES],
        long: index.long().collect(),
    };
    index.write(&mut maps.index);
    let class = |address: [u8; 4]| index::class_v4(&maps, address);
    assert_eq!(class([255; 4]), Some(V4_CLASS_MAX));
    assert_eq!(class([255, 255, 255, 254]), Some(1));
    assert_eq!(class([0; 4]), Some(1));
}
