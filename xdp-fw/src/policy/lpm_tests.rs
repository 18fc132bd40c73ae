use std::collections::BTreeMap;

use bytemuck::Zeroable as _;
use proptest::collection::vec;
use proptest::prelude::*;
use xdp_fw_common::exact::{BucketV4, BucketV6};
use xdp_fw_common::lpm::{self, CLASS_MAX, ROOT_NODES, TableV4, TableV6, V4_LENGTHS};
use xdp_fw_common::tables::Tables as _;

use super::*;
use crate::daemon::testing::config;
use crate::policy::{AddressEntries, HostTables, Policy, compile};

/// What can be forced, and what is chosen.
fn every_shape() -> [Leaves; 4] {
    let forced = [0, 1, usize::MAX].map(|lengths| Leaves {
        v4: lengths,
        v6: lengths,
    });
    let [nodes, single, hash] = forced;
    [nodes, single, hash, Leaves::default()]
}

/// Tables with nothing but these prefixes of the source.
fn tables(table: &AddressEntries, leaves: Leaves) -> Tables {
    let mut tables = compile(&Policy::from_config(&config(&["eth0"])), &[]).unwrap();
    tables.source = table.clone().into();
    tables.leaves = leaves;
    tables.shape_addresses();
    tables
}

/// The maps of one table.
struct Maps<A: LpmAddress> {
    entries: Vec<A::Entry>,
    hash: Vec<A::Bucket>,
    seed: u32,
    lengths: [u8; V4_LENGTHS],
}

impl<A: LpmAddress> Maps<A> {
    fn of(table: Lpm<'_, A>) -> Self {
        let mut maps = Self {
            entries: vec![A::Entry::zeroed(); table.entries()],
            hash: vec![A::Bucket::zeroed(); table.shape.buckets as usize],
            seed: table.shape.seed,
            lengths: table.shape.hashable,
        };
        table.write(&mut maps.entries, &mut maps.hash).unwrap();
        maps
    }
}

impl TableV4 for Maps<Ipv4Addr> {
    fn entry(&self, node: u32, number: u32) -> Option<u32> {
        let entry = node as usize * NODE + number as usize;
        self.entries.get(entry).copied()
    }
    fn bucket(&self, index: u32) -> Option<&BucketV4> {
        self.hash.get(index as usize)
    }
    fn buckets(&self) -> u32 {
        self.hash.len() as u32
    }
    fn seed(&self) -> u32 {
        self.seed
    }
    fn length(&self, number: usize) -> u8 {
        self.lengths.get(number).copied().unwrap_or(0)
    }
}

impl TableV6 for Maps<Ipv6Addr> {
    fn entry(&self, node: u32, number: u32) -> Option<u64> {
        let entry = node as usize * NODE + number as usize;
        self.entries.get(entry).copied()
    }
    fn bucket(&self, index: u32) -> Option<&BucketV6> {
        self.hash.get(index as usize)
    }
    fn buckets(&self) -> u32 {
        self.hash.len() as u32
    }
    fn seed(&self) -> u32 {
        self.seed
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

fn network_v4(address: Ipv4Addr, length: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn network_v6(address: Ipv6Addr, length: u8) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

/// Unique and canonical prefixes in order, each with a class; many of the lengths where something
/// changes.
fn entries_v4() -> impl Strategy<Value = Vec<Prefix<Ipv4Addr>>> {
    let edges = vec![0, 1, 15, 16, 17, 19, 20, 21, 23, 24, 25, 28, 29, 31, 32];
    let length = prop_oneof![prop::sample::select(edges), 0..=32u8];
    let entry = (v4(), length, 1..9u32)
        .prop_map(|(address, length, class)| ((network_v4(address, length), length), class));
    vec(entry, 1..60).prop_map(in_order)
}

fn entries_v6() -> impl Strategy<Value = Vec<Prefix<Ipv6Addr>>> {
    let edges = vec![
        0, 1, 15, 16, 17, 20, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128,
    ];
    let length = prop_oneof![prop::sample::select(edges), 0..=128u8];
    let entry = (v6(), length, 1..9u32)
        .prop_map(|(address, length, class)| ((network_v6(address, length), length), class));
    vec(entry, 1..60).prop_map(in_order)
}

fn in_order<A: Ord>(entries: Vec<((A, u8), u32)>) -> Vec<Prefix<A>> {
    let entries: BTreeMap<(A, u8), u32> = entries.into_iter().collect();
    let flat = |((address, length), class)| (address, length, class);
    entries.into_iter().map(flat).collect()
}

/// First and last address of a prefix, and their neighbours.
fn ends_v4(&(first, length, _): &Prefix<Ipv4Addr>) -> [Ipv4Addr; 4] {
    let first = first.to_bits();
    let last = first | u32::MAX.checked_shr(length.into()).unwrap_or(0);
    [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(Ipv4Addr::from_bits)
}

fn ends_v6(&(first, length, _): &Prefix<Ipv6Addr>) -> [Ipv6Addr; 4] {
    let first = first.to_bits();
    let last = first | u128::MAX.checked_shr(length.into()).unwrap_or(0);
    [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(Ipv6Addr::from_bits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_shape_gives_the_class_of_the_longest_ipv4_prefix(
        v4 in entries_v4(),
        addresses in vec(v4(), 200),
    ) {
        let table = AddressEntries { v4, v6: Vec::new() };
        for leaves in every_shape() {
            let tables = tables(&table, leaves);
            let maps = Maps::of(tables.v4(Dimension::Source));
            let host = HostTables::new(&tables);
            let ends = table.v4.iter().flat_map(ends_v4);
            for address in addresses.iter().copied().chain(ends) {
                let expected = host.class_v4(Dimension::Source, address.octets());
                let found = lpm::class_v4(&maps, address.octets());
                prop_assert_eq!(found, Some(expected), "{} {:?}", address, leaves);
            }
        }
    }

    #[test]
    fn every_shape_gives_the_class_of_the_longest_ipv6_prefix(
        v6 in entries_v6(),
        addresses in vec(v6(), 200),
    ) {
        let table = AddressEntries { v4: Vec::new(), v6 };
        for leaves in every_shape() {
            let tables = tables(&table, leaves);
            let maps = Maps::of(tables.v6(Dimension::Source));
            let host = HostTables::new(&tables);
            let ends = table.v6.iter().flat_map(ends_v6);
            for address in addresses.iter().copied().chain(ends) {
                let expected = host.class_v6(Dimension::Source, address.octets());
                let found = lpm::class_v6(&maps, address.octets());
                prop_assert_eq!(found, Some(expected), "{} {:?}", address, leaves);
            }
        }
    }
}

/// Addresses without a pattern, the same in every run.
fn random(count: u64) -> impl Iterator<Item = u128> {
    (1..=count).map(|number| {
        let word = |key: u64| {
            let word = (number ^ key << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (word ^ word >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ word >> 32
        };
        u128::from(word(1)) << 64 | u128::from(word(2))
    })
}

/// A quarter networks, the others hosts.
fn mixed(count: u64) -> AddressEntries {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for (number, bits) in (1..).zip(random(count)) {
        let class = 2 + number % 3;
        let [short, long] = if number % 4 == 0 { [24, 48] } else { [32, 128] };
        let address = Ipv4Addr::from_bits((bits >> 96) as u32);
        v4.push(((network_v4(address, short), short), class));
        let address = Ipv6Addr::from_bits(bits >> 3 | 1 << 125);
        v6.push(((network_v6(address, long), long), class));
    }
    AddressEntries {
        v4: in_order(v4),
        v6: in_order(v6),
    }
}

#[test]
fn many_random_prefixes_are_all_found_and_what_is_beside_them_is_not() {
    let tables = tables(&mixed(40_000), Leaves::default());
    let host = HostTables::new(&tables);
    let v4 = Maps::of(tables.v4(Dimension::Source));
    for address in tables.source.v4.iter().flat_map(ends_v4) {
        let expected = host.class_v4(Dimension::Source, address.octets());
        assert_eq!(lpm::class_v4(&v4, address.octets()), Some(expected));
    }
    let v6 = Maps::of(tables.v6(Dimension::Source));
    for address in tables.source.v6.iter().flat_map(ends_v6) {
        let expected = host.class_v6(Dimension::Source, address.octets());
        assert_eq!(lpm::class_v6(&v6, address.octets()), Some(expected));
    }
}

#[test]
fn hosts_side_by_side_and_hosts_of_a_pattern_fit_as_random_ones_do() {
    let hosts = |step: u32| {
        let host = |number| (Ipv4Addr::from_bits(0x0a00_0000 + number * step), 32, 2);
        let v4 = (0..60_000).map(host).collect();
        tables(
            &AddressEntries {
                v4,
                ..Default::default()
            },
            Leaves::default(),
        )
    };
    for step in [1, 2, 16, 255, 256, 257, 4096] {
        let shape = hosts(step).v4(Dimension::Source).shape;
        assert_eq!((shape.hashed, shape.seed), (60_000, 0), "{step}");
    }
}

#[test]
fn a_table_weighs_as_much_as_what_is_in_it() {
    let shape = |count| {
        let tables = tables(&mixed(count), Leaves::default());
        (
            tables.v4(Dimension::Source).shape,
            tables.v6(Dimension::Source).shape,
        )
    };
    let (v4, v6) = shape(0);
    assert_eq!((v4, v6), Default::default());
    let (v4, v6) = shape(8);
    assert_eq!((v4.hashed, v6.hashed), (8, 8));
    assert_eq!((v4.buckets, v6.buckets), (2, 6));
    assert_eq!((v4.nodes, v6.nodes), (ROOT_NODES, ROOT_NODES));
    let (v4, v6) = shape(40_000);
    assert!(v4.hashed > 39_900 && v6.hashed == 40_000);
    assert_eq!((v4.nodes, v6.nodes), (ROOT_NODES, ROOT_NODES));
}

#[test]
fn the_same_prefixes_always_have_the_same_shape() {
    let shapes: Vec<_> = [1, 2]
        .map(|_| tables(&mixed(5_000), Leaves::default()).shapes(Dimension::Source))
        .to_vec();
    assert_eq!(shapes[0], shapes[1]);
}

#[test]
fn more_lengths_than_a_leaf_holds_and_a_prefix_of_each_length_need_no_other_table() {
    let v6 = (0..=128)
        .map(|length| (network_v6(Ipv6Addr::LOCALHOST, length), length, 2))
        .map(|(address, length, class)| (address, length, class + u32::from(length) % 2))
        .collect();
    let v4 = (0..=32)
        .map(|length| (network_v4(Ipv4Addr::BROADCAST, length), length, 2))
        .map(|(address, length, class)| (address, length, class + u32::from(length) % 2))
        .collect();
    let table = AddressEntries { v4, v6 };
    for leaves in every_shape() {
        let tables = tables(&table, leaves);
        let (v4, v6) = (
            Maps::of(tables.v4(Dimension::Source)),
            Maps::of(tables.v6(Dimension::Source)),
        );
        assert_eq!(lpm::class_v4(&v4, [255; 4]), Some(2));
        assert_eq!(lpm::class_v4(&v4, [255, 255, 255, 254]), Some(3));
        assert_eq!(lpm::class_v4(&v4, [0; 4]), Some(2));
        let ends = |address: Ipv6Addr| lpm::class_v6(&v6, address.octets());
        assert_eq!(ends(Ipv6Addr::LOCALHOST), Some(2));
        assert_eq!(ends(Ipv6Addr::UNSPECIFIED), Some(3));
        assert_eq!(ends(Ipv6Addr::from_bits(u128::MAX)), Some(2));
    }
}

#[test]
fn the_largest_class_and_no_class_are_told_apart_in_nodes_and_in_the_hash() {
    let table = AddressEntries {
        v4: vec![
            (Ipv4Addr::UNSPECIFIED, 8, CLASS_MAX),
            (Ipv4Addr::BROADCAST, 32, CLASS_MAX),
        ],
        v6: vec![
            (Ipv6Addr::UNSPECIFIED, 8, CLASS_MAX),
            (Ipv6Addr::from_bits(u128::MAX), 128, CLASS_MAX),
        ],
    };
    let tables = tables(&table, Leaves::default());
    let v4 = Maps::of(tables.v4(Dimension::Source));
    let class = |address: [u8; 4]| lpm::class_v4(&v4, address);
    assert_eq!(class([0, 255, 255, 255]), Some(CLASS_MAX));
    assert_eq!(class([255; 4]), Some(CLASS_MAX));
    assert_eq!(class([255, 255, 255, 254]), Some(1));
    assert_eq!(class([1, 0, 0, 0]), Some(1));
    let v6 = Maps::of(tables.v6(Dimension::Source));
    let class = |address: [u8; 16]| lpm::class_v6(&v6, address);
    assert_eq!(class([0; 16]), Some(CLASS_MAX));
    assert_eq!(class([255; 16]), Some(CLASS_MAX));
    assert_eq!(class([1; 16]), Some(1));
}

/// Hosts that may be in the first bucket alone, by the first hash of a table of so many.
fn colliding(count: usize) -> Vec<Prefix<Ipv4Addr>> {
    let buckets = buckets::<Ipv4Addr>(count, 0).unwrap();
    let hosts = (0..=u32::MAX).map(|bits| (Ipv4Addr::from_bits(bits), 32, 2));
    let is_first = |prefix: &Prefix<_>| sequence(prefix, buckets, 0).all(|at| at == 0);
    hosts.filter(is_first).take(count).collect()
}

#[test]
fn prefixes_that_collide_are_hashed_otherwise() {
    let table = AddressEntries {
        v4: colliding(10),
        v6: Vec::new(),
    };
    assert_eq!(table.v4.len(), 10);
    let tables = tables(&table, Leaves::default());
    let shape = tables.v4(Dimension::Source).shape;
    assert!(shape.seed > 0, "{shape:?}");
    let maps = Maps::of(tables.v4(Dimension::Source));
    for (address, _, class) in &table.v4 {
        assert_eq!(lpm::class_v4(&maps, address.octets()), Some(*class));
    }
}

#[test]
fn prefixes_that_collide_whatever_the_hash_are_in_nodes() {
    let prefixes = colliding(10);
    let shape = Shape::with(&prefixes, Leaves::default().v4, 1);
    assert_eq!((shape.hashed, shape.buckets), (0, 0));
    let maps = Maps::of(Lpm {
        prefixes: &prefixes,
        shape,
    });
    for (address, _, class) in &prefixes {
        assert_eq!(lpm::class_v4(&maps, address.octets()), Some(*class));
    }
}

/// What comes of writing a table into this much room less than it takes.
fn write_short_of(table: &Lpm<'_, Ipv4Addr>, entries: usize, buckets: usize) -> Result<(), Unfit> {
    let mut nodes = vec![0; table.entries() - entries];
    let mut hash = vec![BucketV4::zeroed(); table.shape.buckets as usize - buckets];
    table.write(&mut nodes, &mut hash)
}

#[test]
fn a_table_that_has_no_room_for_a_prefix_is_refused_and_not_written_without_it() {
    let mixed = mixed(1_000);
    let tables = tables(&mixed, Leaves::default());
    let table = tables.v4(Dimension::Source);
    assert!(table.shape.hashed > 0);
    assert_eq!(write_short_of(&table, 0, 0), Ok(()));
    assert_eq!(write_short_of(&table, 1, 0), Err(Unfit::Nodes));
    let all = table.shape.buckets as usize;
    assert_eq!(write_short_of(&table, 0, all), Err(Unfit::Hash));
}

#[test]
fn a_table_written_in_the_shape_of_fewer_prefixes_is_refused() {
    let few = Shape::with(&colliding(10)[..1], Leaves::default().v4, 1);
    let table = Lpm {
        prefixes: &colliding(10),
        shape: few,
    };
    assert_eq!(few.buckets, 1);
    assert_eq!(write_short_of(&table, 0, 0), Err(Unfit::Hash));
}
