//! Rules that match, are counted, and do not decide.

use super::arrival;
use super::stack::{eth, ipv4, tcp};
use super::tables::{Plain, Recorder, default_drop, row, rule, shadow};
use crate::tables::{RULES_MAX, Rule, SHADOW_RULES_MAX};
use crate::{Decision, Dimension, Reason, Verdict, decide};

/// Rules of which the packet matches these.
fn matching(rules: Vec<Rule>, matches: &[usize]) -> Plain {
    let mut tables = Plain {
        default_action: Verdict::Pass,
        has_rules: true,
        has_shadow_rules: true,
        rows: vec![row(&[]), row(matches)],
        rules,
        ..default_drop()
    };
    tables.used[Dimension::Source as usize] = true;
    tables
}

/// Shadow rules in slots from 1000 on.
fn shadows(count: usize) -> Vec<Rule> {
    (1000..).take(count).map(shadow).collect()
}

/// The decision, and the slots that were counted beside it.
fn decided(tables: &Plain) -> (Decision, Vec<u32>) {
    let frame = (eth() / ipv4() / tcp(1, 2)).bytes();
    let mut effects = Recorder::default();
    let decision = decide(
        frame.as_slice(),
        &arrival(frame.as_slice()),
        tables,
        &mut effects,
    );
    let counted = effects.shadows.iter();
    let counted = counted.inspect(|(_, at)| assert_eq!(*at, arrival(frame.as_slice())));
    (decision, counted.map(|&(slot, _)| slot).collect())
}

#[test]
fn shadow_rules_are_counted_in_file_order_and_the_next_rule_decides() {
    let mut rules = shadows(200);
    rules[130] = rule(Verdict::Drop, 7);
    let tables = matching(rules, &[0, 5, 63, 64, 129, 130, 131]);
    let (decision, counted) = decided(&tables);
    assert_eq!(decision.rule, Some(130));
    assert_eq!((decision.verdict, decision.slot), (Verdict::Drop, 7));
    assert_eq!(counted, [1000, 1005, 1063, 1064, 1129]);
}

#[test]
fn behind_the_rule_that_decides_no_shadow_rule_is_counted() {
    let tables = matching(vec![rule(Verdict::Pass, 7), shadow(8)], &[0, 1]);
    let (decision, counted) = decided(&tables);
    assert_eq!((decision.rule, counted), (Some(0), vec![]));
}

#[test]
fn where_only_shadow_rules_match_the_default_decides() {
    let tables = matching(shadows(3), &[0, 2]);
    let (decision, counted) = decided(&tables);
    assert_eq!(decision.reason, Reason::Default);
    assert_eq!(decision.verdict, Verdict::Pass);
    assert_eq!(counted, [1000, 1002]);
}

#[test]
fn as_many_shadow_rules_as_there_may_be_are_counted_wherever_they_stand() {
    // Spread over all words, and the last rule of all decides.
    let stride = RULES_MAX / SHADOW_RULES_MAX;
    let mut rules = vec![rule(Verdict::Drop, 7); RULES_MAX];
    let mut matches: Vec<usize> = (0..SHADOW_RULES_MAX).map(|n| n * stride).collect();
    for &at in &matches {
        rules[at] = shadow(1000 + at as u32);
    }
    matches.push(RULES_MAX - 1);
    let (decision, counted) = decided(&matching(rules, &matches));
    assert_eq!(decision.rule, Some(RULES_MAX as u32 - 1));
    assert_eq!(counted.len(), SHADOW_RULES_MAX);
    assert!(counted.is_sorted());
}

#[test]
fn tables_with_more_shadow_rules_than_there_may_be_are_broken() {
    let count = SHADOW_RULES_MAX + 100;
    let matches: Vec<usize> = (0..count).collect();
    let (decision, _) = decided(&matching(shadows(count), &matches));
    assert_eq!(decision.reason, Reason::Internal);
    assert_eq!(decision.verdict, Verdict::Drop);
}

#[test]
fn rule_of_an_unknown_kind_drops_as_internal() {
    let unknown = Rule {
        kind: 2,
        ..rule(Verdict::Pass, 7)
    };
    let (decision, counted) = decided(&matching(vec![shadow(8), unknown], &[0, 1]));
    assert_eq!(decision.reason, Reason::Internal);
    assert_eq!((decision.verdict, counted), (Verdict::Drop, vec![8]));
}

#[test]
fn the_walk_past_shadows_finds_what_the_plain_walk_finds() {
    let rules = vec![rule(Verdict::Drop, 7); RULES_MAX];
    for first in [0, 1, 63, 64, 65, 2111, RULES_MAX - 1] {
        let mut tables = matching(rules.clone(), &[first, RULES_MAX - 1]);
        let (past_shadows, _) = decided(&tables);
        tables.has_shadow_rules = false;
        assert_eq!(decided(&tables).0, past_shadows);
        assert_eq!(past_shadows.rule, Some(first as u32));
    }
}

#[test]
fn without_rows_the_walk_past_shadows_does_not_end_in_the_default() {
    let mut tables = matching(shadows(3), &[]);
    tables.used = [false; Dimension::COUNT];
    let (decision, _) = decided(&tables);
    assert_eq!(decision.reason, Reason::Internal);
}
