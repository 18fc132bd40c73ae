//! Shadow rules: counted apart, and never in the way.

use super::*;
use crate::packet::*;
use crate::ruleset::{Criteria, drop, pass};

#[test]
fn a_shadow_rule_is_named_and_the_next_rule_decides() {
    let config = config([
        drop("one").shadow(),
        pass("web").destination_port("443"),
        drop("behind").shadow(),
    ]);
    let found = judge(&config, &(eth() / v4() / tcp(1, 443)).bytes());
    assert_eq!(found.verdict, Action::Pass);
    assert_eq!(found.rule.as_deref(), Some("web"));
    assert_eq!(found.shadows, ["one"]);
}

#[test]
fn the_default_decides_behind_shadow_rules_alone() {
    let config = Config {
        default_action: Action::Drop,
        ..config([
            pass("one").shadow(),
            pass("other").protocol("17").shadow(),
            pass("two").protocol("6").shadow(),
        ])
    };
    let found = judge(&config, &(eth() / v4() / tcp(1, 443)).bytes());
    assert_eq!(
        (found.verdict, found.reason),
        (Action::Drop, Reason::Default)
    );
    assert_eq!(found.rule, None);
    assert_eq!(found.shadows, ["one", "two"]);
}

#[test]
fn a_disabled_shadow_rule_is_no_rule() {
    let config = config([drop("off").shadow().disabled()]);
    let found = judge(&config, &(eth() / v4() / tcp(1, 443)).bytes());
    assert!(found.shadows.is_empty());
}

#[test]
fn what_is_decided_before_the_rules_meets_no_shadow_rule() {
    let config = config([drop("all").shadow()]);
    let before_rules: [Packet; 3] = [
        eth() / arp("192.0.2.1", "192.0.2.2"),
        eth() / payload(46),
        eth() / v4().ihl(3) / tcp(1, 2),
    ];
    for packet in before_rules {
        assert!(judge(&config, &packet.bytes()).shadows.is_empty());
    }
}

#[test]
fn a_malformed_packet_that_may_pass_is_seen_by_shadow_rules() {
    let config = Config {
        malformed: Action::Pass,
        ..config([
            drop("from").source("192.0.2.1/32").shadow(),
            drop("tcp").protocol("6").shadow(),
        ])
    };
    let found = judge(&config, &(eth() / v4().ihl(3) / tcp(1, 2)).bytes());
    assert_eq!(found.reason, Reason::IpHeaderLength);
    assert_eq!(found.shadows, ["from"]);
}
