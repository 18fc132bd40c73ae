//! Kernel = host build = oracle, over random rule sets and random frames.
//!
//! The oracle scans the rules one by one and reads packets byte by byte; it shares no code with
//! the core. `XDP_FW_ORACLE_CONFIGS` sets how many rule sets are tried, for a soak.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config as Proptest, TestRunner};
use xdp_fw::config::Config;
use xdp_fw_tests::generate;
use xdp_fw_tests::kernel::{Kernel, Said};

/// Frames per rule set: loading one takes as long as some hundred frames.
const FRAMES: usize = 80;

fn rule_sets(default: u32) -> u32 {
    let set = std::env::var("XDP_FW_ORACLE_CONFIGS").ok();
    set.map_or(default, |number| {
        number.parse().expect("XDP_FW_ORACLE_CONFIGS is a number")
    })
}

/// Kernel, host and oracle over frames and, where the frame is long enough, over its split.
fn agree(config: &Config, frames: &[(Vec<u8>, u16)]) -> Result<u32, TestCaseError> {
    let mut kernel = Kernel::load(config);
    let mut cases = 0;
    for (frame, split) in frames {
        let expected = Said::by_oracle(config, frame);
        prop_assert_eq!(
            &kernel.judge_on_host(frame),
            &expected,
            "host, frame {:02x?}",
            frame
        );
        // The kernel takes no shorter one.
        if frame.len() < 14 {
            continue;
        }
        prop_assert_eq!(
            &kernel.judge(frame),
            &expected,
            "kernel, frame {:02x?}",
            frame
        );
        cases += 1;
        let split = u32::from(*split) % frame.len() as u32;
        if split >= 14 {
            let said = kernel.judge_split(frame, Some(split));
            prop_assert_eq!(&said, &expected, "split at {}, frame {:02x?}", split, frame);
            cases += 1;
        }
    }
    Ok(cases)
}

fn run(configs: impl Strategy<Value = Config>, rule_sets: u32) {
    let settings = Proptest {
        cases: rule_sets,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..Proptest::default()
    };
    let mut runner = TestRunner::new(settings);
    let frames = prop::collection::vec((generate::frame(), any::<u16>()), FRAMES);
    let cases = std::cell::Cell::new(0);
    runner
        .run(&(configs, frames), |(config, frames)| {
            cases.set(cases.get() + agree(&config, &frames)?);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    println!("{} cases over {rule_sets} rule sets agree", cases.get());
}

#[test]
fn kernel_host_and_oracle_agree_over_random_rules_and_frames() {
    run(generate::config(), rule_sets(200));
}

#[test]
fn kernel_host_and_oracle_agree_over_hundreds_of_rules() {
    run(generate::many_rules(), rule_sets(20));
}

#[test]
fn the_generators_reach_the_kernel_with_every_kind_of_verdict() {
    let mut runner = TestRunner::deterministic();
    let frames = prop::collection::vec(generate::frame(), 2_000);
    let config = generate::config()
        .new_tree(&mut runner)
        .expect("a tree")
        .current();
    let mut kernel = Kernel::load(&config);
    let mut reasons = std::collections::BTreeSet::new();
    for frame in frames.new_tree(&mut runner).expect("a tree").current() {
        if frame.len() >= 14 {
            reasons.insert(kernel.judge(&frame).reason);
        }
    }
    assert!(reasons.len() >= 8, "{reasons:?}");
}
