//! Fact 13: the first match in file order decides, however prefixes contain each other. (A longest match
//! that does not inherit what contains it gets this wrong.)

use xdp_fw::config::Rule;
use xdp_fw_tests::encapsulations::links;
use xdp_fw_tests::kernel_vs_oracle::KernelVsOracle;
use xdp_fw_tests::packet::{Packet, ipv4, ipv6, tcp};
use xdp_fw_tests::ruleset::{Criteria, config, drop, pass};

/// Prefixes, each inside the one before it, and an address that is in this one and in none of
/// those behind it.
type Levels = [(&'static str, &'static str); 4];

const V4: Levels = [
    ("0.0.0.0/0", "203.0.113.1"),
    ("192.0.2.0/24", "192.0.2.200"),
    ("192.0.2.64/27", "192.0.2.70"),
    ("192.0.2.66", "192.0.2.66"),
];

const V6: Levels = [
    ("::/0", "2001:db8:ffff::1"),
    ("2001:db8::/35", "2001:db8:1::1"),
    ("2001:db8:bad:8000::/49", "2001:db8:bad:9000::1"),
    ("2001:db8:bad:8000::66", "2001:db8:bad:8000::66"),
];

/// Which address of a packet the rules are about.
#[derive(Debug, Clone, Copy)]
enum End {
    Source,
    Destination,
}

impl End {
    fn criterion(self, rule: Rule, prefix: &str) -> Rule {
        match self {
            Self::Source => rule.source(prefix),
            Self::Destination => rule.destination(prefix),
        }
    }

    fn packet(self, address: &str) -> Packet {
        let v6 = address.contains(':');
        let other = if v6 {
            "2001:db8:1::99"
        } else {
            "198.51.100.99"
        };
        let (from, to) = match self {
            Self::Source => (address, other),
            Self::Destination => (other, address),
        };
        let ip = if v6 {
            Packet::from(ipv6(from, to))
        } else {
            ipv4(from, to).into()
        };
        ip / tcp(40000, 443).syn()
    }
}

/// Every order of the numbers below `count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let with_last = |order: Vec<usize>| {
        (0..=last).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, last);
            longer
        })
    };
    orders(last).into_iter().flat_map(with_last).collect()
}

/// Rules over the levels of a family in some order; `passes` says which level's rule passes.
fn rules(levels: &Levels, order: &[usize], end: End, passes: impl Fn(usize) -> bool) -> Vec<Rule> {
    let rule = |&level: &usize| {
        let name = format!("level-{level}");
        let rule = if passes(level) {
            pass(name)
        } else {
            drop(name)
        };
        let prefix = levels.get(level).map_or("", |(prefix, _)| prefix);
        end.criterion(rule, prefix)
    };
    order.iter().map(rule).collect()
}

/// Asks for each level's address; of the rules that contain it, the first in the file decides.
fn the_first_in_the_file_decides(levels: &Levels, order: &[usize], end: End, even_pass: bool) {
    let passes = |level: usize| level.is_multiple_of(2) == even_pass;
    let mut evaluator = KernelVsOracle::of(config(rules(levels, order, end, passes)));
    for (depth, (_, address)) in levels.iter().enumerate() {
        let first = order.iter().find(|level| **level <= depth);
        let expected = first.map_or("pass by default".to_owned(), |&level| {
            let verdict = if passes(level) { "pass" } else { "drop" };
            format!("{verdict} by rule level-{level}")
        });
        for (link, layers) in links() {
            let row = format!("{link}: {address} as {end:?}, order {order:?}");
            let frame = (layers / end.packet(address)).bytes();
            assert_eq!(evaluator.judge(&frame, &row), expected, "{row}");
        }
    }
}

fn every_order_of_every_depth(levels: &Levels) {
    for end in [End::Source, End::Destination] {
        for order in orders(levels.len()) {
            for even_pass in [false, true] {
                the_first_in_the_file_decides(levels, &order, end, even_pass);
            }
        }
    }
}

#[test]
fn nested_ipv4_prefixes_decide_in_file_order_whatever_contains_what() {
    every_order_of_every_depth(&V4);
}

#[test]
fn nested_ipv6_prefixes_decide_in_file_order_whatever_contains_what() {
    every_order_of_every_depth(&V6);
}

#[test]
fn levels_that_no_rule_names_inherit_from_what_contains_them() {
    for levels in [&V4, &V6] {
        for end in [End::Source, End::Destination] {
            // Without /0, and with a gap between a broad rule and a narrow one before it.
            for order in [&[1][..], &[3, 1], &[1, 3], &[2], &[3, 2], &[3, 0], &[0]] {
                the_first_in_the_file_decides(levels, order, end, true);
            }
        }
    }
}

/// The rules of a test, and addresses with what is said of them.
type Story = (&'static str, [Rule; 2], [(&'static str, &'static str); 3]);

#[test]
fn a_narrow_pass_before_a_broad_deny_lets_the_narrow_in_and_behind_it_nobody() {
    let narrow = || pass("narrow").source("192.0.2.66, 2001:db8:bad::66");
    let broad = || drop("broad").source("192.0.2.0/24, 2001:db8:bad::/48");
    let stories: [Story; 2] = [
        (
            "narrow first",
            [narrow(), broad()],
            [
                ("192.0.2.66", "pass by rule narrow"),
                ("192.0.2.67", "drop by rule broad"),
                ("2001:db8:bad::66", "pass by rule narrow"),
            ],
        ),
        (
            "broad first",
            [broad(), narrow()],
            [
                ("192.0.2.66", "drop by rule broad"),
                ("192.0.2.67", "drop by rule broad"),
                ("2001:db8:bad::66", "drop by rule broad"),
            ],
        ),
    ];
    for (name, rules, said) in stories {
        let mut evaluator = KernelVsOracle::of(config(rules));
        for (address, expected) in said {
            for (link, layers) in links() {
                let row = format!("{name}, {link}: {address}");
                let frame = (layers / End::Source.packet(address)).bytes();
                assert_eq!(evaluator.judge(&frame, &row), expected, "{row}");
            }
        }
    }
}

#[test]
fn a_zero_prefix_of_one_family_says_nothing_of_the_other() {
    for (list, inside, outside) in [
        ("0.0.0.0/0", "192.0.2.1", "2001:db8::1"),
        ("::/0", "2001:db8::1", "192.0.2.1"),
    ] {
        for end in [End::Source, End::Destination] {
            let mut evaluator = KernelVsOracle::of(config([end.criterion(drop("family"), list)]));
            for (address, expected) in [
                (inside, "drop by rule family"),
                (outside, "pass by default"),
            ] {
                // The other end is of the same family, and in no list.
                let row = format!("{list} as {end:?}: {address}");
                let (_, link) = links().swap_remove(0);
                let frame = (link / end.packet(address)).bytes();
                assert_eq!(evaluator.judge(&frame, &row), expected, "{row}");
            }
        }
    }
}
