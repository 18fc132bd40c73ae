//! Addresses that are left out of sets.

use super::{addresses, config, rule, with_set};
use crate::config::{Action, Rule};
use crate::policy::{LeftOut, Policy, only_dropped};

fn drops(name: &str, source: &[&str]) -> Rule {
    let mut rule = rule(name);
    rule.source = addresses(source);
    rule
}

#[test]
fn a_set_that_only_drop_rules_name_is_only_dropped() {
    let mut pass = drops("pass", &["@both"]);
    pass.action = Action::Pass;
    let mut off = drops("off", &["@feed"]);
    off.action = Action::Pass;
    off.enabled = false;
    let rules = vec![
        pass,
        off,
        drops("bans", &["@feed", "@both"]),
        drops("others", &["0.0.0.0/0", "!@office"]),
    ];
    let names = ["feed", "both", "office", "unused"];
    let config = names.iter().fold(config(rules), |config, name| {
        with_set(config, name, &["192.0.2.0/24"])
    });
    assert_eq!(only_dropped(&config), ["feed"].into());
}

#[test]
fn what_is_left_out_of_a_set_stays_in_the_others() {
    let rules = vec![drops("a", &["@feed"]), drops("b", &["@more"])];
    let config = with_set(config(rules), "feed", &["192.0.2.0/24"]);
    let mut config = with_set(config, "more", &["192.0.2.0/24"]);
    let address = "192.0.2.7".parse().unwrap();
    let mut left_out = LeftOut::default();
    left_out.insert("feed", address);
    left_out.insert("gone", address);
    left_out.apply(&mut config.sets);
    let policy = Policy::from_config(&config);
    let has = |group: usize| policy.groups[group].contains(address);
    assert_eq!([has(0), has(1)], [false, true]);
    let near = "192.0.2.8".parse().unwrap();
    assert!(policy.groups[0].contains(near));
}
