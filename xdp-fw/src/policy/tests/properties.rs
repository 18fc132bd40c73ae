//! Random configurations and packets from small pools, so that prefixes nest and criteria match.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnetwork::IpNetwork;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::frame::{Packet, has_ports};
use super::oracle::{compiled, decided, deciding, expected};
use super::{addresses, config, rule, with_set};
use crate::config::{Action, AddressList, Config, NumberEntry, NumberList, Rule};

const PREFIXES: [&str; 30] = [
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "10.0.0.0/9",
    "10.128.0.0/9",
    "10.1.0.0/16",
    "10.1.2.0/23",
    "10.1.2.0/24",
    "10.1.3.0/24",
    "10.1.2.0/25",
    "10.1.2.128/25",
    "10.1.2.3/32",
    "10.1.2.4/31",
    "192.0.2.0/24",
    "0.0.0.0/32",
    "255.255.255.255/32",
    "::/0",
    "8000::/1",
    "2001:db8::/32",
    "2001:db8::/48",
    "2001:db8:1::/48",
    "2001:db8:1::/64",
    "2001:db8:1::8000:0:0:0/65",
    "2001:db8:1::1/128",
    "2001:db8:1::2/127",
    "fe80::/10",
    "::ffff:10.1.2.3/128",
    "::/128",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
];
const SETS: [&str; 3] = ["a", "b", "empty"];
/// Whole and neighbouring ranges, and both ends of the domain.
const PORTS: [(u16, u16); 10] = [
    (0, 0),
    (0, 65535),
    (1, 1023),
    (22, 22),
    (23, 79),
    (80, 80),
    (79, 81),
    (1024, 65535),
    (65534, 65534),
    (65535, 65535),
];
const PROTOCOLS: [(u8, u8); 7] = [
    (6, 6),
    (17, 17),
    (1, 1),
    (0, 255),
    (7, 16),
    (132, 136),
    (255, 255),
];
/// None of them an extension header.
const PACKET_PROTOCOLS: [u8; 10] = [1, 6, 6, 6, 17, 17, 47, 58, 132, 255];

/// The first and the last address of each prefix of the pool, and those next to them.
fn edges(v6: bool) -> Vec<IpAddr> {
    let next_to = |prefix: IpNetwork| -> Vec<IpAddr> {
        match (prefix, v6) {
            (IpNetwork::V4(p), false) => [p.network(), p.broadcast()]
                .map(Ipv4Addr::to_bits)
                .into_iter()
                .flat_map(|a| [a.wrapping_sub(1), a, a.wrapping_add(1)])
                .map(|a| Ipv4Addr::from_bits(a).into())
                .collect(),
            (IpNetwork::V6(p), true) => [p.network(), p.broadcast()]
                .map(Ipv6Addr::to_bits)
                .into_iter()
                .flat_map(|a| [a.wrapping_sub(1), a, a.wrapping_add(1)])
                .map(|a| Ipv6Addr::from_bits(a).into())
                .collect(),
            _ => Vec::new(),
        }
    };
    let prefixes = PREFIXES.iter().map(|prefix| prefix.parse().unwrap());
    prefixes.flat_map(next_to).collect()
}

fn address_list() -> impl Strategy<Value = Option<AddressList>> {
    let names: Vec<String> = PREFIXES
        .iter()
        .map(ToString::to_string)
        .chain(SETS.iter().map(|set| format!("@{set}")))
        .collect();
    let entry = (select(names), prop::bool::weighted(0.3)).prop_map(|(name, negated)| {
        let mark = if negated { "!" } else { "" };
        format!("{mark}{name}")
    });
    prop::option::of(prop::collection::vec(entry, 1..6).prop_map(|entries| {
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        addresses(&entries).unwrap()
    }))
}

fn number_list<T: Copy + std::fmt::Debug + 'static>(
    pool: &'static [(T, T)],
) -> impl Strategy<Value = Option<NumberList<T>>> {
    let entry = (select(pool), prop::bool::weighted(0.3)).prop_map(|((first, last), negated)| {
        let range: RangeInclusive<T> = first..=last;
        NumberEntry { negated, range }
    });
    prop::option::weighted(0.4, prop::collection::vec(entry, 1..4).prop_map(NumberList))
}

fn action() -> impl Strategy<Value = Action> {
    select(&[Action::Pass, Action::Drop][..])
}

fn any_rule() -> impl Strategy<Value = Rule> {
    (
        action(),
        prop::bool::weighted(0.9),
        address_list(),
        address_list(),
        number_list(&PROTOCOLS),
        number_list(&PORTS),
        number_list(&PORTS),
    )
        .prop_map(
            |(action, enabled, source, destination, protocol, from, to)| Rule {
                action,
                enabled,
                source,
                destination,
                protocol,
                source_port: from,
                destination_port: to,
                ..rule("")
            },
        )
}

fn any_config(rules: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Config> {
    let sets = (
        subsequence(PREFIXES.to_vec(), 0..8),
        subsequence(PREFIXES.to_vec(), 0..8),
    );
    let rules = prop::collection::vec(any_rule(), rules);
    (sets, rules, action(), action()).prop_map(|((a, b), mut rules, default, malformed)| {
        for (number, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("rule-{number}");
        }
        let config = with_set(with_set(config(rules), "a", &a), "b", &b);
        let config = with_set(config, "empty", &[]);
        Config {
            default_action: default,
            malformed,
            ..config
        }
    })
}

fn port() -> impl Strategy<Value = u16> {
    let ends = PORTS.iter().flat_map(|&(first, last)| [first, last]);
    select(ends.collect::<Vec<_>>())
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let fields = (
        any::<(bool, Index, Index)>(),
        select(&PACKET_PROTOCOLS[..]),
        prop::option::weighted(0.9, (port(), port())),
        prop::bool::weighted(0.1),
    );
    fields.prop_map(|((v6, source, destination), protocol, ports, malformed)| {
        let pool = edges(v6);
        Packet {
            source: *source.get(&pool),
            destination: *destination.get(&pool),
            protocol,
            ports: ports.filter(|_| has_ports(protocol)),
            malformed,
        }
    })
}

fn packets() -> impl Strategy<Value = Vec<Packet>> {
    prop::collection::vec(any_packet(), 40)
}

fn agree(config: &Config, packets: &[Packet]) -> Result<(), TestCaseError> {
    let tables = compiled(config);
    for packet in packets {
        let (verdict, reason, rule) = expected(config, packet);
        let decision = decided(&tables, packet);
        prop_assert_eq!(decision.verdict, verdict, "{:?}", packet);
        prop_assert_eq!(decision.reason, reason, "{:?}", packet);
        prop_assert_eq!(deciding(&tables, packet), rule, "{:?}", packet);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn tables_decide_as_a_linear_scan_does(config in any_config(0..12), packets in packets()) {
        agree(&config, &packets)?;
    }

    #[test]
    fn rules_in_another_order_leave_the_address_tables_alone(
        config in any_config(1..12),
        order in any::<[Index; 12]>(),
    ) {
        let tables = compiled(&config);
        let mut reordered = config;
        for (at, other) in order.iter().take(reordered.rules.len()).enumerate() {
            let other = other.index(reordered.rules.len());
            reordered.rules.swap(at, other);
        }
        let reordered = compiled(&reordered);
        prop_assert_eq!(reordered.source, tables.source);
        prop_assert_eq!(reordered.destination, tables.destination);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn tables_of_more_rules_than_a_word_has_bits_agree_too(
        config in any_config(65..200),
        packets in packets(),
    ) {
        agree(&config, &packets)?;
    }
}
