//! Fact 1: a rule on an address holds for every encapsulation of a packet from or to it.

use xdp_fw::config::{Action, Config, Rule};
use xdp_fw_tests::encapsulations::{self, Encapsulation};
use xdp_fw_tests::kernel_vs_oracle::{KernelVsOracle, by_default};
use xdp_fw_tests::ruleset::{Criteria, config, drop, pass, sets};

/// Each way to name the denied addresses, as criteria of the rule `denied`. The documentation
/// prefixes are the widest that traffic here has; `/0` is wider than any.
const NAMED: [(&str, &str); 9] = [
    ("a single address", "192.0.2.66, 2001:db8:bad::66"),
    ("a prefix", "192.0.2.0/24, 2001:db8:bad::/48"),
    ("the interior of a wide prefix", "128.0.0.0/1, 2000::/3"),
    ("every address", "0.0.0.0/0, ::/0"),
    ("a set", "@bad"),
    ("a set and others", "203.0.113.7, @bad, 2001:db8:3::/48"),
    ("all but others", "!198.51.100.0/24, !2001:db8:1::/48"),
    ("all but a set", "!@good"),
    (
        "a prefix with a hole elsewhere",
        "192.0.2.0/24, !192.0.2.67, 2001:db8:bad::/48, !2001:db8:bad::67",
    ),
];

/// Each way to name addresses that the denied ones are not among.
const OTHERS: [(&str, &str); 6] = [
    ("neighbours", "192.0.2.67, 2001:db8:bad::67"),
    ("prefixes", "203.0.113.0/24, 2001:db8:2::/48"),
    ("a set", "@good"),
    ("all but the denied", "!192.0.2.66, !2001:db8:bad::66"),
    ("all but a set", "!@bad"),
    (
        "a wide prefix with a hole",
        "0.0.0.0/0, !192.0.2.64/30, ::/0, !2001:db8:bad::/64",
    ),
];

fn with_sets(rules: impl IntoIterator<Item = Rule>) -> Config {
    Config {
        sets: sets([
            ("bad", "192.0.2.64/29, 2001:db8:bad::/64"),
            ("good", "198.51.100.0/24, 2001:db8:1::/48"),
        ]),
        ..config(rules)
    }
}

/// A wide and a narrow pass rule follow: what is denied first is not theirs.
fn denies(deny: Rule) -> Config {
    with_sets([
        deny,
        pass("narrow").source("192.0.2.66, 2001:db8:bad::66"),
        pass("everything"),
    ])
}

/// Judges every encapsulation by every configuration. A flawed one is dropped as what it is, or with
/// `malformed = "pass"`, if rules see it, by `expected`; every other one by `expected`.
fn every_encapsulation_is_judged(
    encapsulations: &[Encapsulation],
    named: &str,
    config: &Config,
    expected: impl Fn(&Encapsulation) -> String,
) {
    for malformed in [Action::Drop, Action::Pass] {
        let mut evaluator = KernelVsOracle::of(Config {
            malformed,
            ..config.clone()
        });
        for encapsulation in encapsulations {
            let row = format!("{named}, malformed = {malformed:?}: {}", encapsulation.name);
            let expected = match (malformed, encapsulation.flaw) {
                (Action::Drop, Some(flaw)) => format!("drop by {flaw}"),
                (Action::Pass, Some(flaw)) if !encapsulation.is_judged => format!("drop by {flaw}"),
                _ => expected(encapsulation),
            };
            let said = evaluator.judge(&encapsulation.packet.bytes(), &row);
            assert_eq!(said, expected, "{row}");
        }
    }
}

fn a_denied_source_is_dropped(encapsulations: &[Encapsulation]) {
    for (named, list) in NAMED {
        let config = denies(drop("denied").source(list));
        every_encapsulation_is_judged(encapsulations, named, &config, |_| {
            "drop by rule denied".to_owned()
        });
    }
}

fn a_source_that_is_not_let_in_stays_out(encapsulations: &[Encapsulation]) {
    for (named, list) in OTHERS {
        let config = by_default(Action::Drop, with_sets([pass("others").source(list)]));
        every_encapsulation_is_judged(encapsulations, named, &config, |encapsulation| {
            format!("drop by {}", encapsulation.flaw.unwrap_or("default"))
        });
    }
}

#[test]
fn a_denied_ipv4_source_is_dropped_in_every_encapsulation() {
    a_denied_source_is_dropped(&encapsulations::v4());
}

#[test]
fn a_denied_ipv6_source_is_dropped_in_every_encapsulation() {
    a_denied_source_is_dropped(&encapsulations::v6());
}

#[test]
fn an_ipv4_source_that_no_rule_lets_in_stays_out_in_every_encapsulation() {
    a_source_that_is_not_let_in_stays_out(&encapsulations::v4());
}

#[test]
fn an_ipv6_source_that_no_rule_lets_in_stays_out_in_every_encapsulation() {
    a_source_that_is_not_let_in_stays_out(&encapsulations::v6());
}

#[test]
fn a_denied_destination_is_dropped_in_every_encapsulation() {
    let encapsulations = [encapsulations::v4(), encapsulations::v6()].concat();
    for (named, list) in [
        ("addresses", "198.51.100.1, 2001:db8:1::1"),
        ("prefixes", "198.51.100.0/24, 2001:db8:1::/48"),
        ("a set", "@good"),
        ("all but others", "!192.0.2.0/24, !2001:db8:bad::/48"),
    ] {
        let config = denies(drop("denied").destination(list));
        every_encapsulation_is_judged(&encapsulations, named, &config, |_| {
            "drop by rule denied".to_owned()
        });
    }
}

mod without_root {
    use super::*;

    #[test]
    fn the_encapsulations_are_many_and_most_are_sound() {
        for (family, encapsulations) in [
            ("IPv4", encapsulations::v4()),
            ("IPv6", encapsulations::v6()),
        ] {
            let flawed = encapsulations
                .iter()
                .filter(|one| one.flaw.is_some())
                .count();
            let sound = encapsulations.len() - flawed;
            println!("{family}: {sound} sound and {flawed} flawed encapsulations");
            assert!(sound > 500 && flawed > 300, "{family}: {sound}, {flawed}");
        }
    }
}
