//! The distributions hit what they are made for.

use std::collections::{BTreeMap, BTreeSet};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use xdp_fw::config::{Action, Config};

use super::*;
use crate::oracle::{Reason, judge};
use crate::ruleset;

fn samples<S: Strategy>(strategy: S, count: usize) -> impl Iterator<Item = S::Value> {
    let mut runner = TestRunner::deterministic();
    std::iter::repeat_with(move || {
        strategy
            .new_tree(&mut runner)
            .expect("no strategy here rejects")
            .current()
    })
    .take(count)
}

#[test]
fn frames_meet_every_reason_and_rules_decide_often() {
    let frames: Vec<Vec<u8>> = samples(frame(), 2000).collect();
    let mut reasons = BTreeMap::<Reason, usize>::new();
    for config in samples(config(), 50) {
        for frame in &frames {
            *reasons
                .entry(judge(&config, "test0", frame).reason)
                .or_default() += 1;
        }
    }
    let total: usize = reasons.values().sum();
    let share = |reason| reasons.get(&reason).copied().unwrap_or_default() * 100 / total;
    assert!(share(Reason::Rule) >= 30, "{reasons:?}");
    assert!(share(Reason::Default) >= 5, "{reasons:?}");
    // Everything but `internal`, which no packet can have.
    assert_eq!(reasons.len(), 14, "{reasons:?}");
}

#[test]
fn rules_beyond_the_first_word_of_64_decide_too() {
    let frames: Vec<Vec<u8>> = samples(frame(), 2000).collect();
    let late = samples(many_rules(), 10)
        .flat_map(|config| {
            let decided = |frame: &Vec<u8>| judge(&config, "test0", frame).rule;
            let names: BTreeSet<String> = frames.iter().filter_map(decided).collect();
            names
        })
        .filter(|name| name.len() > "rule-99".len())
        .count();
    assert!(late >= 50, "{late}");
}

#[test]
fn configurations_have_every_policy_and_every_kind_of_list() {
    let configs: Vec<Config> = samples(config(), 200).collect();
    for policy in [
        |config: &Config| config.default_action,
        |config: &Config| config.malformed,
        |config: &Config| config.non_ip,
    ] {
        assert!(configs.iter().any(|config| policy(config) == Action::Pass));
        assert!(configs.iter().any(|config| policy(config) == Action::Drop));
    }
    assert!(configs.iter().any(|config| config.rules.is_empty()));
    assert!(configs.iter().any(|config| config.rules.len() >= 200));
    assert!(configs.iter().any(|config| config.essentials.is_empty()));
    let rules = || configs.iter().flat_map(|config| &config.rules);
    let negative_only =
        |list: &xdp_fw::config::AddressList| list.0.iter().all(|entry| entry.negated);
    assert!(rules().any(|rule| rule.source.as_ref().is_some_and(negative_only)));
    assert!(rules().any(|rule| !rule.enabled));
    assert!(rules().any(|rule| rule.shadow));
}

#[test]
fn every_criterion_meets_frames_that_match_and_frames_that_do_not() {
    let frames: Vec<Vec<u8>> = samples(frame(), 300).collect();
    let mut seen = BTreeMap::<&str, [usize; 2]>::new();
    for criterion in samples(criteria::criterion(&["red"]), 1500) {
        let mut rule = ruleset::drop("r");
        criterion.clone().add_to(&mut rule);
        let config = Config {
            sets: ruleset::sets([("red", "192.0.2.0/26, 2001:db8::/64")]),
            ..ruleset::config([rule])
        };
        let matched = |frame: &&Vec<u8>| judge(&config, "test0", frame).rule.is_some();
        let [matching, other] = seen.entry(name(&criterion)).or_default();
        *matching += frames.iter().filter(matched).count();
        *other += frames.iter().filter(|frame| !matched(frame)).count();
    }
    assert_eq!(seen.len(), xdp_fw::criteria::Criterion::COUNT, "{seen:?}");
    for (name, [matching, other]) in seen {
        let percent = matching * 100 / (matching + other);
        assert!(
            (1..=90).contains(&percent),
            "{name}: {percent} % of frames match"
        );
    }
}

fn name(criterion: &criteria::Criterion) -> &'static str {
    use criteria::Criterion::*;
    match criterion {
        Source(_) => "source",
        Destination(_) => "destination",
        Protocol(_) => "protocol",
        SourcePort(_) => "source port",
        DestinationPort(_) => "destination port",
        Interface(_) => "interface",
        Family(_) => "family",
        Vlan(_) => "vlan",
        IcmpType(_) => "icmp type",
        IcmpCode(_) => "icmp code",
        TcpFlags(_) => "tcp flags",
        Ecn(_) => "ecn",
        Fragment(_) => "fragment",
        Length(_) => "length",
        Ttl(_) => "ttl",
        Dscp(_) => "dscp",
        SourceMac(_) => "source mac",
        DestinationMac(_) => "destination mac",
    }
}
