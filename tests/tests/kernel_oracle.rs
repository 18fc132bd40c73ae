//! Kernel = host build = oracle, over random rule sets and random frames.
//!
//! The oracle scans the rules one by one and reads packets byte by byte; it shares no code with
//! the core. `XDP_FW_ORACLE_CONFIGS` sets how many rule sets a test tries, for a soak;
//! `XDP_FW_ORACLE_SEED` repeats a run: see `docs/testing.md`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config as Proptest, RngAlgorithm, TestRng, TestRunner};
use xdp_fw::config::Config;
use xdp_fw::config::print;
use xdp_fw_tests::compiled::{Compiled, Said};
use xdp_fw_tests::generate;
use xdp_fw_tests::kernel::Kernel;

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

/// What host and kernel say otherwise than the oracle, if they do.
fn disagreement(config: &Config, arrivals: &[Arrival]) -> Option<(Arrival, String)> {
    let compiled = Rc::new(Compiled::new(config));
    let host = compiled.host();
    let mut kernel = Kernel::of(Rc::clone(&compiled));
    arrivals.iter().find_map(|arrival| {
        let (interface, frame) = (arrival.interface, &arrival.frame[..]);
        let expected = Said::by_oracle(config, interface, frame);
        let on_host = host.judge(interface, frame);
        if on_host != expected {
            let message = format!("the host says {on_host:?}, the oracle {expected:?}");
            return Some((arrival.clone(), message));
        }
        if frame.len() < SHORTEST {
            return None;
        }
        let in_kernel = match arrival.split {
            None => kernel.judge(interface, frame),
            split => kernel.judge_split(interface, frame, split),
        };
        (in_kernel != expected.0).then(|| {
            let message = format!("the kernel says {in_kernel:?}, the oracle {expected:?}");
            (arrival.clone(), message)
        })
    })
}

/// Fails with as few rules as still show the disagreement.
fn fail(mut config: Config, arrival: Arrival, seed: u64) -> ! {
    let arrivals = [arrival];
    let mut index = config.rules.len();
    while index > 0 {
        index -= 1;
        let mut less = config.clone();
        less.rules.remove(index);
        if disagreement(&less, &arrivals).is_some() {
            config = less;
        }
    }
    let message = disagreement(&config, &arrivals).map(|found| found.1);
    let [arrival] = arrivals;
    panic!(
        "{}\nseed {seed}\n{}\n{arrival:02x?}",
        message.unwrap_or_else(|| "it did not happen again".to_owned()),
        print::config(&config)
    );
}

/// The seed of this run: printed when it fails.
fn seed() -> u64 {
    match std::env::var("XDP_FW_ORACLE_SEED") {
        Ok(seed) => seed.parse().expect("XDP_FW_ORACLE_SEED is a number"),
        Err(_) => RandomState::new().hash_one(std::process::id()),
    }
}

fn rule_sets(default: u64) -> u64 {
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

fn run(configs: impl Strategy<Value = Config>, rule_sets: u64) {
    let seed = seed();
    let arrivals = prop::collection::vec(arrival(), FRAMES);
    let mut pairs = 0;
    for number in 1..=rule_sets {
        let seed = seed.wrapping_add(number - 1);
        let mut runner = runner(seed);
        let config = sample(&configs, &mut runner);
        let arrivals = sample(&arrivals, &mut runner);
        if let Some((arrival, _)) = disagreement(&config, &arrivals) {
            fail(config, arrival, seed);
        }
        let taken = |arrival: &&Arrival| arrival.frame.len() >= SHORTEST;
        pairs += arrivals.iter().filter(taken).count();
        if number % 500 == 0 || number == rule_sets {
            println!("{pairs} pairs over {number} rule sets agree");
        }
    }
}

/// Two tests of the same, since each is a process and CI has more than one core.
mod kernel_host_and_oracle_agree {
    use super::*;

    #[test]
    fn over_random_rules_and_frames() {
        run(generate::config(), rule_sets(40));
    }

    #[test]
    fn over_other_random_rules_and_frames() {
        run(generate::config(), rule_sets(40));
    }

    #[test]
    fn over_hundreds_of_rules() {
        run(generate::many_rules(), rule_sets(10));
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
