//! What holds for every configuration and every packet.

use proptest::prelude::*;
use proptest::sample::Index;
use xdp_fw_common::Dimension;

use super::frame::Packet;
use super::generate::{any_config, packets};
use super::oracle::{compiled, decided, deciding, expected, expected_shadows, shadowed};
use super::{addresses, config, rule, with_set};
use crate::config::{Config, Rule};
use crate::policy::compile::assemble;
use crate::policy::{Leaves, Memo, Policy, compile, compile_after};

fn agree(config: &Config, packets: &[Packet]) -> Result<(), TestCaseError> {
    let tables = compiled(config);
    for packet in packets {
        let (verdict, reason, rule) = expected(config, packet);
        let decision = decided(&tables, packet);
        prop_assert_eq!(decision.verdict, verdict, "{:?}", packet);
        prop_assert_eq!(decision.reason, reason, "{:?}", packet);
        prop_assert_eq!(deciding(&tables, packet), rule, "{:?}", packet);
        let shadows = expected_shadows(config, packet);
        prop_assert_eq!(shadowed(&tables, packet), shadows, "{:?}", packet);
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

/// Whatever was compiled before, this is what comes of `config`.
fn same_after(before: &Config, config: &Config, leaves: Leaves) -> Result<(), TestCaseError> {
    let compile = |memo: &Memo, config: &Config| {
        let policy = Policy::from_config(config);
        assemble(memo, &policy, &[], leaves).unwrap()
    };
    let memo = compile(&Memo::default(), before).memo();
    let (after, fresh) = (compile(&memo, config), compile(&Memo::default(), config));
    for dimension in [Dimension::Source, Dimension::Destination] {
        prop_assert_eq!(after.content_v4(dimension), fresh.content_v4(dimension));
        prop_assert_eq!(after.content_v6(dimension), fresh.content_v6(dimension));
    }
    prop_assert_eq!(after, fresh);
    Ok(())
}

proptest! {
    #[test]
    fn what_was_compiled_before_changes_nothing(
        before in any_config(0..8),
        other in any_config(0..8),
        kept in any::<[bool; 16]>(),
        turned in any::<bool>(),
        indexed in any::<bool>(),
    ) {
        let from = if indexed { 0 } else { usize::MAX };
        let leaves = Leaves { v4: from, v6: from };
        let mut config = before.clone();
        config.rules.extend(other.rules);
        let mut kept = kept.iter().copied().cycle();
        config.rules.retain(|_| kept.next() == Some(true));
        if turned {
            config.rules.reverse();
        }
        same_after(&before, &config, leaves)?;
        same_after(&config, &before, leaves)?;
        same_after(&before, &before, leaves)?;
    }
}

#[test]
fn what_did_not_change_is_not_swept_again() {
    let list = |entries: &[&str]| Rule {
        source: addresses(entries),
        ..rule("listed")
    };
    let with = |rules: Vec<Rule>| {
        let config = with_set(config(rules), "s", &["192.0.2.0/24", "2001:db8::/32"]);
        Policy::from_config(&config)
    };
    let both = vec![list(&["@s"]), list(&["10.0.0.0/8", "!@s"])];
    let first = compile(&with(both.clone()), &[]).unwrap();
    assert!(first.source.is_swept());
    let content = first.content_v4(Dimension::Source);

    // Another rule before, and one with a list of the other dimension.
    let mut more = vec![rule("first"), rule("other")];
    more[1].destination = addresses(&["198.51.100.0/24", "@s"]);
    more.extend(both);
    let second = compile_after(&first.memo(), &with(more), &[]).unwrap();
    assert_eq!(second.content_v4(Dimension::Source), content);
    assert!(!second.source.is_swept() && second.destination.is_swept());
    assert_eq!(second.source, first.source);

    let changed = vec![list(&["@s"]), list(&["10.0.0.0/9", "!@s"])];
    let third = compile_after(&second.memo(), &with(changed), &[]).unwrap();
    assert!(third.source.is_swept());
    assert_ne!(third.content_v4(Dimension::Source), content);
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

#[test]
fn the_pools_make_every_criterion_decide() {
    use proptest::strategy::ValueTree as _;

    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut deciding_with = [0; Dimension::COUNT];
    let mut shadows = 0;
    for _ in 0..300 {
        let config = any_config(1..6).new_tree(&mut runner).unwrap().current();
        let packets = packets().new_tree(&mut runner).unwrap().current();
        let tables = compiled(&config);
        for packet in &packets {
            shadows += shadowed(&tables, packet).len();
            let Some(name) = deciding(&tables, packet) else {
                continue;
            };
            let rule = config.rules.iter().find(|rule| rule.name == name).unwrap();
            for dimension in Dimension::ALL {
                let alone = Config {
                    rules: vec![rule.clone()],
                    ..config.clone()
                };
                let used = compiled(&alone).settings.uses(dimension);
                deciding_with[dimension as usize] += u32::from(used);
            }
        }
    }
    assert!(shadows > 20, "{shadows}");
    for dimension in Dimension::ALL {
        assert!(deciding_with[dimension as usize] > 20, "{dimension:?}");
    }
}
