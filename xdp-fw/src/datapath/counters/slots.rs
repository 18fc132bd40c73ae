//! Which counter belongs to which rule.
//!
//! Pure: a rule keeps its slot as long as its name exists, a new one takes a slot that nobody
//! refers to.

use std::collections::{BTreeSet, HashMap};

use xdp_fw_common::wire::{COUNTER_SLOTS, REASON_SLOTS};

use crate::datapath::error::Error;

/// Assigns a slot to each of `names`. `held` are the slots of the generation in force, by name;
/// `barred` are others that must not be handed out yet.
pub(in crate::datapath) fn assign<'a>(
    names: impl IntoIterator<Item = &'a str>,
    held: &HashMap<String, u32>,
    barred: &BTreeSet<u32>,
) -> Result<Vec<u32>, Error> {
    let taken: BTreeSet<u32> = held
        .values()
        .copied()
        .chain(barred.iter().copied())
        .collect();
    let mut free = (REASON_SLOTS..COUNTER_SLOTS).filter(|slot| !taken.contains(slot));
    names
        .into_iter()
        .map(|name| match held.get(name) {
            Some(slot) => Ok(*slot),
            None => free.next().ok_or_else(|| Error::Slots {
                rule: name.to_owned(),
                in_use: taken.len(),
                total: (COUNTER_SLOTS - REASON_SLOTS) as usize,
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(pairs: &[(&str, u32)]) -> HashMap<String, u32> {
        pairs.iter().map(|(n, s)| ((*n).to_owned(), *s)).collect()
    }

    #[test]
    fn a_rule_keeps_its_slot_wherever_it_moves() {
        let held = held(&[("a", 200), ("b", 300)]);
        let slots = assign(["new", "b", "a"], &held, &BTreeSet::new()).unwrap();
        assert_eq!(slots, [REASON_SLOTS, 300, 200]);
    }

    #[test]
    fn a_new_rule_never_gets_a_slot_that_is_referred_to() {
        let held = held(&[("a", REASON_SLOTS)]);
        let barred = BTreeSet::from([REASON_SLOTS + 1]);
        let slots = assign(["b", "c"], &held, &barred).unwrap();
        assert_eq!(slots, [REASON_SLOTS + 2, REASON_SLOTS + 3]);
    }

    #[test]
    fn three_whole_generations_of_rules_fit() {
        let first: Vec<String> = (0..4096).map(|i| format!("a{i}")).collect();
        let second: Vec<String> = (0..4096).map(|i| format!("b{i}")).collect();
        let slots = assign(
            first.iter().map(String::as_str),
            &HashMap::new(),
            &BTreeSet::new(),
        );
        let in_force: HashMap<String, u32> = first.into_iter().zip(slots.unwrap()).collect();
        let gone: BTreeSet<u32> = (12_000..16_096).collect();
        assert!(assign(second.iter().map(String::as_str), &in_force, &gone).is_ok());
    }

    #[test]
    fn running_out_of_slots_names_the_rule() {
        let barred: BTreeSet<u32> = (REASON_SLOTS..COUNTER_SLOTS).collect();
        let error = assign(["late"], &HashMap::new(), &barred).unwrap_err();
        assert!(error.to_string().contains("`late`"), "{error}");
    }
}
