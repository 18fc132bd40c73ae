//! The verifier takes every combination of dimensions that rules can use, and within a budget.
//!
//! A dimension that no rule uses is dead code to the verifier: each combination is a program of
//! its own. `--nocapture` shows what each one cost, filter and probe, where the kernel tells.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::{env, fs};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use xdp_fw::config::{self, Action, Config, Essentials, Rule};
use xdp_fw_tests::compiled::Compiled;
use xdp_fw_tests::kernel::Kernel;
use xdp_fw_tests::ruleset::{Criteria as _, config, drop};

/// Instructions that the verifier may walk through for one program: a third of what it allows
/// (`BPF_COMPLEXITY_LIMIT_INSNS`, a million), since other kernels count other states.
const BUDGET: u32 = 300_000;

/// Random subsets that are loaded besides the systematic ones, unless [`SUBSETS_WANTED`] says
/// otherwise.
const SUBSETS: usize = 20;

/// The environment variable with another number: for slow machines, and for long runs.
const SUBSETS_WANTED: &str = "XDP_FW_VERIFIER_SUBSETS";

/// The first kernel that tells what the verifier walked through.
const TELLS: [u32; 2] = [5, 16];

/// A key of a rule, and a rule with it.
type Criterion = (&'static str, fn(Rule) -> Rule);

/// Each criterion, by the key that it is written with.
const CRITERIA: [Criterion; 18] = [
    ("source", |rule| rule.source("192.0.2.0/24, 2001:db8::/32")),
    ("destination", |rule| rule.destination("!198.51.100.0/24")),
    ("protocol", |rule| rule.protocol("6")),
    ("source_port", |rule| rule.source_port("1024-65535")),
    ("destination_port", |rule| rule.destination_port("22, 443")),
    ("interface", |rule| rule.interface("test0")),
    ("family", |rule| rule.family("4")),
    ("vlan", |rule| rule.vlan("none, 7")),
    ("icmp_type", |rule| rule.icmp_type("echo-request")),
    ("icmp_code", |rule| rule.icmp_code("0")),
    ("tcp_flags", |rule| rule.tcp_flags("syn !ack")),
    ("fragment", |rule| rule.fragment("any")),
    ("length", |rule| rule.length("0-576")),
    ("ttl", |rule| rule.ttl("!255")),
    ("dscp", |rule| rule.dscp("46")),
    ("ecn", |rule| rule.ecn("3")),
    ("source_mac", |rule| rule.source_mac("02:00:00:00:00:01")),
    ("destination_mac", |rule| {
        rule.destination_mac("!ff:ff:ff:ff:ff:ff")
    }),
];

/// Which criteria are in use, and everything else that the program is specialised for.
#[derive(Debug, Clone)]
struct Used {
    criteria: Vec<usize>,
    shadow: bool,
    /// Passed on to rules, which makes more paths than dropping at once.
    malformed: Action,
    essentials: bool,
}

impl Used {
    fn only(criteria: impl IntoIterator<Item = usize>) -> Self {
        Self {
            criteria: criteria.into_iter().collect(),
            shadow: false,
            malformed: Action::Drop,
            essentials: true,
        }
    }

    /// What costs the most: nothing is decided early.
    fn at_worst(self) -> Self {
        Self {
            shadow: true,
            malformed: Action::Pass,
            ..self
        }
    }

    /// A rule per criterion, and one of all of them.
    fn config(&self) -> Config {
        let criteria = || {
            self.criteria
                .iter()
                .filter_map(|index| CRITERIA.get(*index))
        };
        let all = criteria().fold(drop("all"), |rule, (_, add)| add(rule));
        let each = criteria().map(|(name, add)| Rule {
            shadow: self.shadow,
            ..add(drop(name))
        });
        Config {
            malformed: self.malformed,
            essentials: if self.essentials {
                Essentials::ALL
            } else {
                Essentials::NONE
            },
            ..config(each.chain([all]))
        }
    }

    /// Loads it, prints what that cost, and returns what is wrong with that.
    fn verify(&self) -> Option<String> {
        let compiled = Rc::new(Compiled::new(&self.config()));
        let names = self
            .criteria
            .iter()
            .filter_map(|index| CRITERIA.get(*index));
        let names: Vec<&str> = names.map(|(name, _)| *name).collect();
        let what = format!(
            "{}{}{}{}",
            names.join(" "),
            if self.shadow { " +shadow" } else { "" },
            if self.malformed == Action::Pass {
                " +malformed"
            } else {
                ""
            },
            if self.essentials { "" } else { " -essentials" },
        );
        match Kernel::try_of(compiled) {
            Err(error) => {
                println!("refused: {what}");
                Some(format!("refused: {what}: {error}"))
            }
            Ok(kernel) => match kernel.verified_instructions() {
                Some([filter, probe]) => {
                    println!("{filter:7} {probe:7}  {what}");
                    let most = filter.max(probe);
                    (most > BUDGET).then(|| format!("{most} instructions: {what}"))
                }
                None if running_kernel() < TELLS.to_vec() => {
                    println!("      ?       ?  {what}");
                    None
                }
                None => Some(format!(
                    "the kernel does not tell the instructions of: {what}"
                )),
            },
        }
    }
}

/// The numbers in the version of the kernel that all this is loaded into.
fn running_kernel() -> Vec<u32> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let numbers = release.split(|it: char| !it.is_ascii_digit());
    numbers.map_while(|it| it.parse().ok()).collect()
}

fn all() -> Used {
    Used::only(0..CRITERIA.len())
}

/// Every one is loaded before the first complaint.
fn verify_all(used: impl IntoIterator<Item = Used>) {
    let complaints: Vec<String> = used.into_iter().filter_map(|used| used.verify()).collect();
    assert!(
        complaints.is_empty(),
        "the budget is {BUDGET} instructions\n{}",
        complaints.join("\n")
    );
}

#[test]
fn no_criterion_and_every_single_one_is_within_the_budget() {
    let single = (0..CRITERIA.len()).map(|index| Used::only([index]));
    verify_all(single.chain([Used::only([])]));
}

#[test]
fn every_single_criterion_is_within_the_budget_at_worst() {
    let single = (0..CRITERIA.len()).map(|index| Used::only([index]).at_worst());
    verify_all(single);
}

#[test]
fn all_criteria_at_once_are_within_the_budget() {
    verify_all([
        all(),
        Used {
            shadow: true,
            ..all()
        },
        Used {
            malformed: Action::Pass,
            ..all()
        },
        Used {
            essentials: false,
            ..all()
        },
        all().at_worst(),
        Used {
            essentials: false,
            ..all().at_worst()
        },
    ]);
}

#[test]
fn random_subsets_of_criteria_are_within_the_budget() {
    let every: Vec<usize> = (0..CRITERIA.len()).collect();
    let subset = prop::sample::subsequence(every, 1..CRITERIA.len());
    let malformed = prop::sample::select(vec![Action::Pass, Action::Drop]);
    let used = (subset, any::<bool>(), malformed, any::<bool>()).prop_map(
        |(criteria, shadow, malformed, essentials)| Used {
            criteria,
            shadow,
            malformed,
            essentials,
        },
    );
    let number = env::var(SUBSETS_WANTED).map_or(SUBSETS, |wanted| wanted.parse().unwrap());
    let mut runner = TestRunner::default();
    let subsets = prop::collection::vec(used, number).new_tree(&mut runner);
    let Ok(subsets) = subsets else {
        panic!("no strategy rejects");
    };
    verify_all(subsets.current());
}

mod without_root {
    use super::*;

    #[test]
    fn every_criterion_of_the_configuration_is_loaded_here() {
        let known: BTreeSet<&str> = CRITERIA.iter().map(|(name, _)| *name).collect();
        let sections = config::reference();
        let rule = sections.iter().find(|section| section.header == "[[rule]]");
        let keys = rule.map_or(&[][..], |rule| &rule.keys);
        for key in keys {
            let is_criterion = !["name", "action", "enabled", "shadow"].contains(&key.name);
            assert!(!is_criterion || known.contains(key.name), "{}", key.name);
        }
        assert!(keys.len() > 5);
    }
}
