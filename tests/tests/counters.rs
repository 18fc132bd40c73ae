//! The filter in force on a cable: what every rule counts, shadow rules among them, is what the
//! oracle says of the frames that were sent.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use nix::net::if_::if_nametoindex;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use xdp_fw::config::{Action, Config};
use xdp_fw::datapath::{self, AttachMode, Datapath};
use xdp_fw::policy::{Policy, compile};
use xdp_fw_tests::cable::{EDGE_DEVICE, Hosts};
use xdp_fw_tests::compiled::Said;
use xdp_fw_tests::generate;
use xdp_fw_tests::kernel::PinDirectory;

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

/// What the pins say, by the same names.
fn counted(pins: &PinDirectory) -> Counts {
    let snapshot = datapath::read(pins.path()).unwrap();
    let rules = snapshot.rules.into_iter();
    let reasons = snapshot.reasons.into_iter();
    let mut counts = Counts::new();
    for (name, count) in rules
        .map(|rule| (rule.name, rule.count))
        .chain(reasons.map(|reason| (reason.reason.name().to_owned(), reason.count)))
        .filter(|(_, count)| count.packets != 0)
    {
        *counts.entry(name).or_default() += count.packets;
    }
    counts
}

#[test]
fn every_rule_in_force_counts_what_the_oracle_says_shadow_rules_apart() {
    let hosts = Hosts::new("counters");
    let _cable = hosts.cable(1500);
    let mut runner = TestRunner::deterministic();
    let mut shadowed = 0;
    for _ in 0..RULE_SETS {
        let config = Config {
            // The wire's markers are of no protocol.
            non_ip: Action::Pass,
            ..sample(&generate::config(), &mut runner)
        };
        let frames: Vec<Vec<u8>> = (0..FRAMES)
            .map(|_| sample(&generate::packet(), &mut runner).bytes())
            .filter(|frame| SIZES.contains(&frame.len()))
            .collect();

        let pins = PinDirectory::new();
        let mut datapath = hosts.edge.within(|| {
            let index = if_nametoindex(EDGE_DEVICE).unwrap();
            let interfaces = [(index, EDGE_DEVICE.to_owned())];
            let tables = compile(&Policy::from_config(&config), &interfaces).unwrap();
            let mut datapath = Datapath::open(pins.path()).unwrap();
            let prepared = datapath.prepare(&tables, [0; 32]).unwrap();
            datapath.commit(prepared).unwrap();
            let mode = AttachMode::Native;
            datapath.attach(index, EDGE_DEVICE, mode).unwrap();
            datapath
        });
        let mut wire = hosts.wire();
        wire.exchange(&frames);
        let expected = expected(&config, &frames, wire.markers());
        assert_eq!(counted(&pins), expected);

        let is_shadow = |name: &str| {
            config
                .rules
                .iter()
                .any(|rule| rule.shadow && rule.name == name)
        };
        shadowed += expected.keys().filter(|name| is_shadow(name)).count();
        for link in datapath.links().unwrap() {
            datapath.detach(&link).unwrap();
        }
    }
    assert!(shadowed >= 3, "{shadowed} shadow rules counted anything");
}
