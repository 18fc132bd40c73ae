//! What holds for every configuration and every packet.

use proptest::prelude::*;
use proptest::sample::Index;

use super::frame::Packet;
use super::generate::{any_config, packets};
use super::oracle::{compiled, decided, deciding, expected, expected_shadows, shadowed};
use crate::config::Config;

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
    use xdp_fw_common::Dimension;

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
                let used = compiled(&alone).settings.used[dimension as usize];
                deciding_with[dimension as usize] += used;
            }
        }
    }
    assert!(shadows > 20, "{shadows}");
    for dimension in Dimension::ALL {
        assert!(deciding_with[dimension as usize] > 20, "{dimension:?}");
    }
}
