//! A list is a set: the union of its plain entries minus the union of its negated ones, at any
//! length and in any order. No entry is an exception to an exception.

use xdp_fw::config::Config;
use xdp_fw_tests::kernel_vs_oracle::KernelVsOracle;
use xdp_fw_tests::packet::{Packet, eth, ipv4, ipv6, tcp};
use xdp_fw_tests::ruleset::{Criteria, config, drop, pass, sets};

/// A wide prefix, a hole in it, an island in the hole, and addresses of each; and one beside them.
struct Nest {
    wide: &'static str,
    hole: &'static str,
    island: &'static str,
    in_wide: &'static [&'static str],
    in_hole: &'static [&'static str],
    in_island: &'static [&'static str],
    outside: &'static [&'static str],
}

/// The one of private addresses is what operators write; those frames never leave a test run.
const NESTS: [Nest; 3] = [
    Nest {
        wide: "192.0.2.0/24",
        hole: "192.0.2.64/26",
        island: "192.0.2.80/28",
        in_wide: &["192.0.2.0", "192.0.2.63", "192.0.2.128", "192.0.2.255"],
        in_hole: &["192.0.2.64", "192.0.2.79", "192.0.2.96", "192.0.2.127"],
        in_island: &["192.0.2.80", "192.0.2.95"],
        outside: &["203.0.113.1", "198.51.100.80"],
    },
    Nest {
        wide: "10.0.0.0/8",
        hole: "10.1.0.0/16",
        island: "10.1.2.0/24",
        in_wide: &["10.0.255.255", "10.2.0.0", "10.255.255.255"],
        in_hole: &["10.1.0.0", "10.1.1.255", "10.1.3.0", "10.1.255.255"],
        in_island: &["10.1.2.0", "10.1.2.255"],
        outside: &["192.0.2.1", "203.0.113.255"],
    },
    Nest {
        wide: "2001:db8::/33",
        hole: "2001:db8:1000::/37",
        island: "2001:db8:1200::/47",
        in_wide: &["2001:db8::", "2001:db8:fff:ffff::", "2001:db8:1800::"],
        in_hole: &["2001:db8:1000::", "2001:db8:11ff::", "2001:db8:1202::"],
        in_island: &["2001:db8:1200::", "2001:db8:1201:ffff::"],
        outside: &["2001:db8:8000::", "2001:db8:ffff::1"],
    },
];

/// The packet from an address, and the one to it.
fn from_and_to(address: &str) -> [Vec<u8>; 2] {
    let frame = |from: &str, to: &str| {
        let ip: Packet = if address.contains(':') {
            ipv6(from, to).into()
        } else {
            ipv4(from, to).into()
        };
        (eth() / ip / tcp(40000, 443).syn()).bytes()
    };
    let other = if address.contains(':') {
        "2001:db8:ffff::99"
    } else {
        "198.51.100.99"
    };
    [frame(address, other), frame(other, address)]
}

/// Every order of three entries.
fn orders([a, b, c]: [String; 3]) -> [String; 6] {
    [
        format!("{a}, {b}, {c}"),
        format!("{a}, {c}, {b}"),
        format!("{b}, {a}, {c}"),
        format!("{b}, {c}, {a}"),
        format!("{c}, {a}, {b}"),
        format!("{c}, {b}, {a}"),
    ]
}

/// The wide prefix without its hole, however the entries are ordered and named.
fn lists(nest: &Nest) -> Vec<String> {
    let Nest {
        wide, hole, island, ..
    } = nest;
    let written = [wide.to_string(), format!("!{hole}"), island.to_string()];
    let named = ["@wide", "!@hole", "@island"].map(str::to_owned);
    let mixed = [wide.to_string(), "!@hole".to_owned(), island.to_string()];
    let all = [written, named, mixed].map(orders);
    all.into_iter().flatten().collect()
}

fn with_sets(nest: &Nest, config: Config) -> Config {
    Config {
        sets: sets([
            ("wide", nest.wide),
            ("hole", nest.hole),
            ("island", nest.island),
        ]),
        ..config
    }
}

#[test]
fn an_island_in_a_hole_is_still_in_the_hole() {
    for nest in &NESTS {
        for list in lists(nest) {
            let from = config([drop("listed").source(&list)]);
            let to = config([drop("listed").destination(&list)]);
            let mut evaluators =
                [from, to].map(|config| KernelVsOracle::of(with_sets(nest, config)));
            for (addresses, expected) in [
                (nest.in_wide, "drop by rule listed"),
                (nest.in_hole, "pass by default"),
                (nest.in_island, "pass by default"),
                (nest.outside, "pass by default"),
            ] {
                for address in addresses {
                    for (evaluator, frame) in evaluators.iter_mut().zip(from_and_to(address)) {
                        let row = format!("{list:?} of {address}");
                        assert_eq!(evaluator.judge(&frame, &row), expected, "{row}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_island_of_a_rule_of_its_own_is_an_island() {
    for nest in &NESTS {
        let mut evaluator = KernelVsOracle::of(config([
            drop("island").source(nest.island),
            pass("hole").source(nest.hole),
            drop("wide").source(nest.wide),
        ]));
        for (addresses, expected) in [
            (nest.in_wide, "drop by rule wide"),
            (nest.in_hole, "pass by rule hole"),
            (nest.in_island, "drop by rule island"),
            (nest.outside, "pass by default"),
        ] {
            for address in addresses {
                let [from, _] = from_and_to(address);
                assert_eq!(evaluator.judge(&from, address), expected, "{address}");
            }
        }
    }
}

#[test]
fn negated_entries_alone_mean_everyone_else_of_both_families() {
    for nest in &NESTS {
        for list in [format!("!{}", nest.hole), "!@hole".to_owned()] {
            let rule = drop("others").source(&list);
            let mut evaluator = KernelVsOracle::of(with_sets(nest, config([rule])));
            let others = [nest.in_wide, nest.outside, &["192.0.2.1", "2001:db8::1"]].concat();
            let named = [nest.in_hole, nest.in_island].concat();
            for (addresses, expected) in
                [(others, "drop by rule others"), (named, "pass by default")]
            {
                for address in addresses {
                    let row = format!("{list:?} of {address}");
                    let [from, _] = from_and_to(address);
                    assert_eq!(evaluator.judge(&from, &row), expected, "{row}");
                }
            }
        }
    }
}

#[test]
fn a_list_that_takes_away_all_it_names_matches_nobody() {
    for nest in &NESTS {
        for list in [
            format!("{0}, !{0}", nest.hole),
            format!("{}, !{}", nest.island, nest.hole),
            "@wide, !@wide".to_owned(),
            "!0.0.0.0/0, !::/0".to_owned(),
        ] {
            let rule = drop("nobody").source(&list);
            let mut evaluator = KernelVsOracle::of(with_sets(nest, config([rule])));
            for addresses in [nest.in_wide, nest.in_hole, nest.in_island, nest.outside] {
                for address in addresses {
                    let row = format!("{list:?} of {address}");
                    let [from, _] = from_and_to(address);
                    assert_eq!(evaluator.judge(&from, &row), "pass by default", "{row}");
                }
            }
        }
    }
}
