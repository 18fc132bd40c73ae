//! The filter in force on a cable: what every rule counts, shadow rules among them, is what the
//! oracle says of the frames that were sent.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use nix::net::if_::if_nametoindex;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use xdp_fw::config::{Action, Config};
use xdp_fw::datapath::{AttachMode, Datapath, Hook};
use xdp_fw_tests::compiled::Said;
use xdp_fw_tests::generate;
use xdp_fw_tests::in_every_shape;
use xdp_fw_tests::kernel::{PinDirectory, counted};
use xdp_fw_tests::shapes::TableShape;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts};

/// Rule sets, each on a pin directory of its own.
const RULE_SETS: usize = 8;
/// Frames over each.
const FRAMES: usize = 400;
/// What goes over the cable whole, and needs no padding.
const SIZES: std::ops::RangeInclusive<usize> = 60..=1514;

/// How often each rule and each reason was met.
type Counts = BTreeMap<String, u64>;

fn sample<T>(strategy: &impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).unwrap().current()
}

fn expected(config: &Config, frames: &[Vec<u8>], markers: u32) -> Counts {
    let mut counts = Counts::new();
    for frame in frames {
        let (said, shadows) = Said::by_oracle(config, EDGE_DEVICE, frame);
        let decided = said.rule.unwrap_or_else(|| said.reason.to_owned());
        for met in shadows.into_iter().chain([decided]) {
            *counts.entry(met).or_default() += 1;
        }
    }
    *counts.entry("non_ip".to_owned()).or_default() += u64::from(markers);
    counts
}

/// Puts a configuration into force on a cable, sends frames, and compares what was counted. Gives
/// what the oracle says of them.
fn exchange(hosts: &Hosts, config: &Config, shape: TableShape, runner: &mut TestRunner) -> Counts {
    let frames: Vec<Vec<u8>> = (0..FRAMES)
        .map(|_| sample(&generate::packet(), runner).bytes())
        .filter(|frame| SIZES.contains(&frame.len()))
        .collect();

    let pins = PinDirectory::new();
    let mut datapath = hosts.edge.within(|| {
        let index = if_nametoindex(EDGE_DEVICE).unwrap();
        let interfaces = [(index, EDGE_DEVICE.to_owned())];
        let tables = shape.compile(config, &interfaces);
        let mut datapath = Datapath::open(pins.path()).unwrap();
        let prepared = datapath.prepare(&tables, [0; 32]).unwrap();
        datapath.commit(prepared).unwrap();
        let mode = AttachMode::Native;
        datapath
            .attach(Hook::XdpIngress, index, EDGE_DEVICE, mode)
            .unwrap();
        datapath
    });
    let mut wire = hosts.wire();
    wire.exchange(&frames);
    let expected = expected(config, &frames, wire.markers());
    assert_eq!(counted(&pins), expected);
    for link in datapath.links().unwrap() {
        datapath.detach(&link).unwrap();
    }
    expected
}

/// The wire's markers are of no protocol.
fn with_markers(config: Config) -> Config {
    Config {
        non_ip: Action::Pass,
        ..config
    }
}

in_every_shape! {
    every_rule_counts_what_the_oracle_says,
    filters_for_simple_policies_count_what_the_oracle_says,
}

/// Shadow rules apart.
fn every_rule_counts_what_the_oracle_says(shape: TableShape) {
    let hosts = Hosts::new("counters");
    let _cable = hosts.cable(1500);
    let mut runner = TestRunner::deterministic();
    let mut shadowed = 0;
    for _ in 0..RULE_SETS {
        let config = with_markers(sample(&generate::config(), &mut runner));
        let expected = exchange(&hosts, &config, shape, &mut runner);
        let is_shadow = |name: &str| {
            config
                .rules
                .iter()
                .any(|rule| rule.shadow && rule.name == name)
        };
        shadowed += expected.keys().filter(|name| is_shadow(name)).count();
    }
    assert!(shadowed >= 3, "{shadowed} shadow rules counted anything");
}

/// Be the rules few or many.
fn filters_for_simple_policies_count_what_the_oracle_says(shape: TableShape) {
    let hosts = Hosts::new("counters-basic");
    let _cable = hosts.cable(1500);
    let mut runner = TestRunner::deterministic();
    let mut deciding = BTreeMap::new();
    for (rules, strategy) in [
        ("few", generate::few_rules()),
        ("many", generate::many_rules()),
    ] {
        for _ in 0..RULE_SETS {
            let config = with_markers(generate::basic(sample(&strategy, &mut runner)));
            let expected = exchange(&hosts, &config, shape, &mut runner);
            let decided = expected.keys().filter(|name| name.starts_with("rule-"));
            *deciding.entry(rules).or_insert(0) += decided.count();
        }
    }
    assert!(deciding.values().all(|rules| *rules >= 5), "{deciding:?}");
}
