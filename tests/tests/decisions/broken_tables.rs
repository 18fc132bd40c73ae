//! Tables that the compiler never makes, in the kernel's maps: whatever goes wrong with one, its
//! packets are dropped as `internal`, and never judged by what lies behind it.

use std::rc::Rc;

use xdp_fw::config::{Action, Config, Rule};
use xdp_fw::policy::Tables;
use xdp_fw_common::Dimension;
use xdp_fw_common::tables::{RULES_MAX, Row, SINGLE_WORD_RULES_MAX};
use xdp_fw_tests::compiled::{Compiled, INGRESS};
use xdp_fw_tests::kernel::Kernel;
use xdp_fw_tests::packet::{eth, ipv4, tcp};
use xdp_fw_tests::ruleset::{Criteria as _, config, pass};
use xdp_fw_tests::shapes::TableShape;

/// Rules that pass as the default does: dropped is only what is broken.
fn policy(rules: impl IntoIterator<Item = Rule>) -> Config {
    Config {
        default_action: Action::Pass,
        ..config(rules)
    }
}

fn basic() -> Rule {
    pass("ssh")
        .source("192.0.2.0/24")
        .protocol("6")
        .destination_port("22")
}

/// One for each filter, by its entry point.
fn policies() -> [(&'static str, Tables); 4] {
    let compiled = |rules: Vec<Rule>| Compiled::new(&policy(rules)).tables;
    let long = |rules| {
        let mut tables = compiled(rules);
        tables.settings.single_word = 0;
        tables
    };
    let single_word = |rules| {
        let mut tables = compiled(rules);
        tables.settings.single_word = 1;
        tables
    };
    let full = || vec![basic().ttl("1-255")];
    [
        ("filter_word", single_word(vec![basic()])),
        ("filter_basic", long(vec![basic()])),
        ("filter", single_word(full())),
        ("filter", long(full())),
    ]
}

/// What filter, probe and host do with a packet to port 22 from the list.
fn judged(entry_point: &str, tables: Tables) -> Vec<String> {
    let frame = (eth() / ipv4("192.0.2.1", "198.51.100.1") / tcp(40_000, 22)).bytes();
    let mut kernel = Kernel::of(Rc::new(Compiled {
        tables,
        shape: TableShape::AsCompiled,
    }));
    assert_eq!(kernel.entry_point(), entry_point);
    let filter = kernel.run_filter(&frame, None);
    let probe = kernel.ask(INGRESS, &frame, None);
    let host = kernel.judge_on_host(INGRESS, &frame);
    let counted = kernel.counted().into_keys();
    let filter = counted.map(|by| format!("{filter} by {by}"));
    filter
        .chain([probe.to_string(), host.to_string()])
        .collect()
}

#[track_caller]
fn assert_internal(entry_point: &str, tables: Tables) {
    assert_eq!(judged(entry_point, tables), ["drop by internal"; 3]);
}

#[test]
fn a_bit_behind_the_last_rule_drops_in_every_filter() {
    for (entry_point, tables) in policies() {
        let whole = judged(entry_point, tables.clone());
        assert!(
            whole.iter().all(|it| it.starts_with("pass by ")),
            "{whole:?}"
        );
        let last = if tables.settings.single_word == 1 {
            SINGLE_WORD_RULES_MAX
        } else {
            RULES_MAX
        };
        for stray in [1, last - 1] {
            let mut broken = tables.clone();
            for row in &mut broken.rows {
                *row = Row::EMPTY;
                row.insert(stray);
            }
            assert_internal(entry_point, broken);
        }
    }
}

#[test]
fn a_class_behind_the_last_row_of_its_dimension_drops_in_every_filter() {
    for (entry_point, tables) in policies() {
        for (dimension, value) in [(Dimension::Protocol, 6), (Dimension::DestinationPort, 22)] {
            let dimension = dimension as usize;
            let rows = tables.settings.row_counts[dimension] as u16;
            for class in [rows, rows + 1, 255, 256, u16::MAX] {
                let mut broken = tables.clone();
                broken.numbers[dimension][value] = class;
                assert_internal(entry_point, broken);
            }
        }
    }
}
