//! Kernel = host build = oracle, over random rule sets and random frames. The kernel's probe must give
//! the oracle's reason for each frame; the filter beside it the oracle's verdict, and in the end the
//! oracle's counts.
//!
//! The oracle scans the rules one by one and reads packets byte by byte; it shares no code with
//! the core. `XDP_FW_ORACLE_CONFIGS` sets how many rule sets a test tries, for a soak;
//! `XDP_FW_ORACLE_SEED` repeats a run: see `docs/testing.md`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config as Proptest, RngAlgorithm, TestRng, TestRunner};
use xdp_fw::config::Config;
use xdp_fw::config::print;
use xdp_fw_tests::compiled::{Compiled, INGRESS, Said};
use xdp_fw_tests::generate;
use xdp_fw_tests::in_every_shape;
use xdp_fw_tests::kernel::Kernel;
use xdp_fw_tests::shapes::TableShape;

/// Frames per rule set: loading one takes as long as some thousand frames.
const FRAMES: usize = 1200;

/// Frames that the kernel's test run does not take.
const SHORTEST: usize = 14;

/// A frame, and how it comes in.
#[derive(Debug, Clone)]
struct Arrival {
    interface: &'static str,
    frame: Vec<u8>,
    /// Bytes in its first buffer, where it has several.
    split: Option<u32>,
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let split = proptest::option::weighted(0.5, any::<u16>());
    (generate::interface(), generate::frame(), split).prop_map(|(interface, frame, split)| {
        let split = split
            .map(|at| u32::from(at) % (frame.len() as u32).max(1))
            .filter(|at| *at as usize >= SHORTEST);
        Arrival {
            interface,
            frame,
            split,
        }
    })
}

/// What host and kernel say otherwise than the oracle, if they do; else which filter it was.
fn compare(
    config: &Config,
    shape: TableShape,
    arrivals: &[Arrival],
) -> Result<&'static str, (Vec<Arrival>, String)> {
    let compiled = Rc::new(Compiled::shaped(config, shape));
    let host = compiled.host();
    let mut kernel = Kernel::of(Rc::clone(&compiled));
    let by_interface = kernel.knows_interfaces();
    let mut counts = BTreeMap::new();
    let different = arrivals.iter().find_map(|arrival| {
        let (interface, frame) = (arrival.interface, &arrival.frame[..]);
        let expected = Said::by_oracle(config, interface, frame);
        let on_host = host.judge(interface, frame);
        if on_host != expected {
            let message = format!("the host says {on_host:?}, the oracle {expected:?}");
            return Some((vec![arrival.clone()], message));
        }
        if frame.len() < SHORTEST {
            return None;
        }
        let in_kernel = kernel.ask(interface, frame, arrival.split);
        if in_kernel != expected.0 {
            let message = format!("the kernel says {in_kernel:?}, the oracle {expected:?}");
            return Some((vec![arrival.clone()], message));
        }
        let (expected, shadows) = if by_interface && interface != INGRESS {
            Said::by_oracle(config, INGRESS, frame)
        } else {
            expected
        };
        let done = kernel.run_filter(frame, arrival.split);
        if done != expected.verdict {
            let message = format!("the filter returns {done}, the oracle {expected:?}");
            return Some((vec![arrival.clone()], message));
        }
        let decided = expected.rule.unwrap_or_else(|| expected.reason.to_owned());
        for met in shadows.into_iter().chain([decided]) {
            *counts.entry(met).or_default() += 1;
        }
        None
    });
    if let Some(different) = different {
        return Err(different);
    }
    let entry_point = kernel.entry_point();
    let counted = kernel.counted();
    if counted != counts {
        let message = format!("the filter counts {counted:?}, the oracle {counts:?}");
        return Err((arrivals.to_vec(), message));
    }
    Ok(entry_point)
}

/// Fails with as few rules and frames as still show the disagreement.
fn fail(mut config: Config, shape: TableShape, mut arrivals: Vec<Arrival>, seed: u64) -> ! {
    while arrivals.len() > 1 {
        let (first, second) = arrivals.split_at(arrivals.len() / 2);
        let half = [first, second]
            .into_iter()
            .find(|it| compare(&config, shape, it).is_err());
        match half {
            Some(half) => arrivals = half.to_vec(),
            None => break,
        }
    }
    let mut index = config.rules.len();
    while index > 0 {
        index -= 1;
        let mut less = config.clone();
        less.rules.remove(index);
        if compare(&less, shape, &arrivals).is_err() {
            config = less;
        }
    }
    let message = compare(&config, shape, &arrivals)
        .err()
        .map(|found| found.1);
    panic!(
        "{}\nseed {seed}, {shape:?} tables\n{}\n{arrivals:02x?}",
        message.unwrap_or_else(|| "it did not happen again".to_owned()),
        print::config(&config)
    );
}

/// The seed that was asked for, if one was.
fn repeated() -> Option<u64> {
    let seed = std::env::var("XDP_FW_ORACLE_SEED").ok()?;
    Some(seed.parse().expect("XDP_FW_ORACLE_SEED is a number"))
}

/// The seed of this run: printed when it fails.
fn seed() -> u64 {
    repeated().unwrap_or_else(|| RandomState::new().hash_one(std::process::id()))
}

/// How many rule sets a test tries: fewer in the shapes that the product would not choose.
fn rule_sets(as_compiled: u64, shape: TableShape) -> u64 {
    let default = match shape {
        TableShape::AsCompiled => as_compiled,
        TableShape::Nodes | TableShape::Hashes => as_compiled.min(8),
    };
    let set = std::env::var("XDP_FW_ORACLE_CONFIGS").ok();
    set.map_or(default, |number| {
        number.parse().expect("XDP_FW_ORACLE_CONFIGS is a number")
    })
}

/// Values that depend on the seed alone.
fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    for (byte, value) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *byte = value;
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Proptest::default(), rng)
}

fn sample<T>(strategy: &impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    let tree = strategy.new_tree(runner).expect("no strategy rejects");
    tree.current()
}

/// Fails if no rule set has the filter `entry_point`, unless one is repeated.
fn run(
    configs: impl Strategy<Value = Config>,
    shape: TableShape,
    as_compiled: u64,
    entry_point: &str,
) {
    let rule_sets = rule_sets(as_compiled, shape);
    let seed = seed();
    let arrivals = prop::collection::vec(arrival(), FRAMES);
    let mut pairs = 0;
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    for number in 1..=rule_sets {
        let seed = seed.wrapping_add(number - 1);
        let mut runner = runner(seed);
        let config = sample(&configs, &mut runner);
        let arrivals = sample(&arrivals, &mut runner);
        match compare(&config, shape, &arrivals) {
            Ok(entry_point) => *met.entry(entry_point).or_default() += 1,
            Err((arrivals, _)) => fail(config, shape, arrivals, seed),
        }
        let taken = |arrival: &&Arrival| arrival.frame.len() >= SHORTEST;
        pairs += arrivals.iter().filter(taken).count();
        if number % 500 == 0 || number == rule_sets {
            println!("{pairs} pairs over {number} rule sets agree: {met:?}");
        }
    }
    let is_met = repeated().is_some() || met.contains_key(entry_point);
    assert!(is_met, "seed {seed}: {met:?}");
}

/// Several tests, since each is a process and CI has more than one core; and each filter is met by
/// one of them.
mod kernel_host_and_oracle_agree {
    use super::*;

    in_every_shape! {
        over_random_rules_and_frames,
        over_other_random_rules_and_frames,
        over_hundreds_of_rules,
        over_a_few_rules_for_the_simple_filters,
        over_hundreds_of_rules_for_the_simple_filter,
    }

    fn over_random_rules_and_frames(shape: TableShape) {
        run(generate::config(), shape, 32, "filter");
    }

    fn over_other_random_rules_and_frames(shape: TableShape) {
        run(generate::config(), shape, 32, "filter");
    }

    fn over_hundreds_of_rules(shape: TableShape) {
        run(generate::many_rules(), shape, 8, "filter");
    }

    fn over_a_few_rules_for_the_simple_filters(shape: TableShape) {
        let configs = generate::few_rules().prop_map(generate::basic);
        let entry_point = match shape {
            TableShape::Nodes => "filter_basic",
            TableShape::AsCompiled | TableShape::Hashes => "filter_word",
        };
        run(configs, shape, 10, entry_point);
    }

    fn over_hundreds_of_rules_for_the_simple_filter(shape: TableShape) {
        let configs = generate::many_rules().prop_map(generate::basic);
        run(configs, shape, 8, "filter_basic");
    }
}

#[test]
fn the_generators_reach_the_kernel_with_every_kind_of_verdict() {
    let mut runner = TestRunner::deterministic();
    let config = sample(&generate::config(), &mut runner);
    let arrivals = sample(&prop::collection::vec(arrival(), 2_000), &mut runner);
    let mut kernel = Kernel::load(&config);
    let long = |arrival: &&Arrival| arrival.frame.len() >= SHORTEST;
    let reasons: BTreeSet<&str> = arrivals
        .iter()
        .filter(long)
        .map(|arrival| kernel.judge(arrival.interface, &arrival.frame).reason)
        .collect();
    assert!(reasons.len() >= 8, "{reasons:?}");
}
