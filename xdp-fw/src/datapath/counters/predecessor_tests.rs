//! What generations take over from each other, with and without a base.

use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use xdp_fw_common::Verdict;
use xdp_fw_common::tables::RuleKind;

use super::*;
use crate::datapath::Generation;

fn rules(rules: &[(&str, bool)]) -> Vec<NamedRule> {
    let rule = |&(name, shadow): &(&str, bool)| NamedRule {
        name: name.to_owned(),
        verdict: Verdict::Drop,
        kind: if shadow {
            RuleKind::CountsOnly
        } else {
            RuleKind::Decides
        },
    };
    rules.iter().map(rule).collect()
}

fn described(rules: Vec<Slot>, gone: Vec<Slot>, retired: u64) -> Described {
    let retired = Counter {
        packets: retired,
        ..Counter::default()
    };
    Described {
        generation: Generation {
            number: 0,
            created: UNIX_EPOCH,
            config: [0; 32],
            rules: 0,
            prefixes: 0,
            default_action: Verdict::Drop,
            malformed: Verdict::Drop,
            non_ip: Verdict::Drop,
            essentials: true,
        },
        retired: [Counter::default(), retired],
        rules,
        gone,
    }
}

fn slots_of(rules: &[Slot]) -> Vec<u32> {
    rules.iter().map(|rule| rule.slot).collect()
}

/// The counters, and the generations that are in force one after the other.
#[derive(Default)]
struct Course {
    counters: BTreeMap<u32, u64>,
    in_force: Option<Described>,
    base: Option<Described>,
}

impl Course {
    fn predecessor(&self) -> Predecessor<'_> {
        Predecessor {
            last: 0,
            in_force: self.in_force.as_ref(),
            base: self.base.as_ref(),
        }
    }

    fn sum(&self, slots: &[Slot]) -> u64 {
        let slots = slots.iter().filter(|rule| !rule.kind.is_shadow());
        slots
            .map(|rule| self.counters.get(&rule.slot).copied().unwrap_or_default())
            .sum()
    }

    fn enter(&mut self, slots: Vec<Slot>) {
        let before = self.predecessor();
        let gone = before.gone(&slots);
        let retired = before.retired()[1].packets + self.sum(&before.retiring());
        for slot in before.fresh(&slots) {
            self.counters.insert(slot, 0);
        }
        self.in_force = Some(described(slots, gone, retired));
    }

    fn commit(&mut self, new: &[(&str, bool)]) {
        let slots = self.predecessor().assign(&rules(new)).unwrap();
        self.enter(slots);
    }

    fn keep_base(&mut self) {
        self.base = self.base.take().or_else(|| self.in_force.clone());
    }

    fn revert(&mut self) {
        if let Some(base) = &self.base {
            self.enter(base.rules.clone());
        }
        self.base = None;
    }

    /// One packet for each rule in force.
    fn count(&mut self) {
        for rule in self.in_force.iter().flat_map(|described| &described.rules) {
            *self.counters.entry(rule.slot).or_default() += 1;
        }
    }

    fn total(&self) -> u64 {
        let in_force = self.in_force.as_ref().unwrap();
        in_force.retired[1].packets + self.sum(&in_force.gone) + self.sum(&in_force.rules)
    }

    fn by_name(&self, of: &Described) -> BTreeMap<(String, bool), u64> {
        let rules = of.rules.iter();
        rules
            .map(|rule| {
                (
                    (rule.name.clone(), rule.kind.is_shadow()),
                    self.counters[&rule.slot],
                )
            })
            .collect()
    }
}

#[test]
fn a_rule_that_becomes_a_shadow_rule_or_ceases_to_be_one_takes_a_new_slot() {
    let mut course = Course::default();
    course.commit(&[("a", false), ("b", true), ("c", true)]);
    let [a, b, c] = slots_of(&course.in_force.as_ref().unwrap().rules)[..] else {
        panic!("three rules");
    };
    course.commit(&[("c", true), ("b", false), ("a", true)]);
    let second = course.in_force.as_ref().unwrap();
    assert_eq!(slots_of(&second.rules), [c, c + 1, c + 2]);
    assert_eq!(slots_of(&second.gone), [a, b]);
}

#[test]
fn a_name_that_the_base_has_takes_its_slot_again() {
    let mut course = Course::default();
    course.commit(&[("a", false), ("b", false)]);
    let base = slots_of(&course.in_force.as_ref().unwrap().rules);
    course.keep_base();
    course.commit(&[("c", false)]);
    course.commit(&[("d", false), ("a", true)]);
    course.commit(&[("b", false), ("a", false)]);
    assert_eq!(
        slots_of(&course.in_force.as_ref().unwrap().rules),
        [base[1], base[0]]
    );
}

#[test]
fn what_the_base_counts_is_not_retired_before_it_is_let_go() {
    let mut course = Course::default();
    course.commit(&[("a", false)]);
    course.count();
    let base = slots_of(&course.in_force.as_ref().unwrap().rules);
    course.keep_base();
    for name in ["b", "c", "d"] {
        course.commit(&[(name, false)]);
        course.count();
        let in_force = course.in_force.as_ref().unwrap();
        assert!(slots_of(&in_force.gone).contains(&base[0]));
    }
    assert_eq!(course.total(), 4);
    course.base = None;
    course.commit(&[("e", false)]);
    course.commit(&[("f", false)]);
    let in_force = course.in_force.as_ref().unwrap();
    assert!(!slots_of(&in_force.gone).contains(&base[0]));
    assert_eq!(course.total(), 4);
}

#[derive(Debug, Clone)]
enum Step {
    Commit(BTreeSet<(usize, bool)>),
    KeepBase,
    Revert,
    ForgetBase,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rules = prop::collection::btree_map(0..6_usize, any::<bool>(), 0..6);
    let step = prop_oneof![
        4 => rules.prop_map(|rules| Step::Commit(rules.into_iter().collect())),
        2 => Just(Step::KeepBase),
        1 => Just(Step::Revert),
        1 => Just(Step::ForgetBase),
    ];
    prop::collection::vec(step, 1..24)
}

proptest! {
    /// Whatever the order: no total goes back, and no rule's that stays in force or comes back.
    #[test]
    fn nothing_that_was_counted_is_forgotten(steps in steps()) {
        const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
        let mut course = Course::default();
        course.commit(&[("a", false)]);
        let mut kept = None;
        for step in steps {
            course.count();
            let before = course.in_force.clone().unwrap();
            let (total, counts) = (course.total(), course.by_name(&before));
            match step {
                Step::Commit(rules) => {
                    let rules: Vec<_> = rules.iter().map(|(n, s)| (NAMES[*n], *s)).collect();
                    course.commit(&rules);
                }
                Step::KeepBase => {
                    course.keep_base();
                    kept.get_or_insert_with(|| counts.clone());
                }
                Step::Revert => {
                    course.revert();
                    if let Some(counts) = kept.take() {
                        let now = course.by_name(course.in_force.as_ref().unwrap());
                        for (name, count) in counts {
                            prop_assert!(now[&name] >= count, "{name:?}");
                        }
                    }
                }
                Step::ForgetBase => {
                    course.base = None;
                    kept = None;
                }
            }
            prop_assert_eq!(course.total(), total);
            let now = course.by_name(course.in_force.as_ref().unwrap());
            for (name, count) in now {
                if let Some(before) = counts.get(&name) {
                    prop_assert!(count >= *before, "{name:?}");
                }
            }
            let slots = slots_of(&course.in_force.as_ref().unwrap().rules);
            prop_assert_eq!(slots.iter().collect::<BTreeSet<_>>().len(), slots.len());
        }
    }
}
