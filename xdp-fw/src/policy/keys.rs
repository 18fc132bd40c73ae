//! Interfaces and Ethernet addresses to classes: of very many values, rules name few.
//!
//! Owns which lists a value lies in. A value that lies in the same lists as one that no rule
//! names is left out: the look-up answers [`CLASS_OUTSIDE`] for it anyway.

use std::collections::BTreeMap;

use xdp_fw_common::packet::Mac;
use xdp_fw_common::tables::CLASS_OUTSIDE;

use super::criteria::{Membership, insert, words};
use super::intern::Interner;
use super::model::List;
use crate::interfaces::matches;

/// The classes of one dimension.
#[derive(Debug)]
pub(super) struct Keys<K> {
    /// Values to classes, ascending, each once.
    pub(super) classes: Vec<(K, u32)>,
    /// Per class from [`CLASS_OUTSIDE`] on, the lists that its values lie in.
    pub(super) memberships: Vec<Membership>,
}

/// Classifies the Ethernet addresses that the lists name.
pub(super) fn macs(lists: &[&List<Mac>]) -> Keys<Mac> {
    let terms = Terms::of(lists);
    let named = terms.effects.iter();
    terms.classify(named.map(|(&&mac, effects)| (mac, vec![effects])))
}

/// Classifies the interfaces that exist by index and name; the lists hold patterns of names.
pub(super) fn interfaces(lists: &[&List<String>], existing: &[(u32, String)]) -> Keys<u32> {
    let terms = Terms::of(lists);
    let of = |(index, name): &(u32, String)| {
        let matching = terms.effects.iter().filter(|(term, _)| matches(term, name));
        (*index, matching.map(|(_, effects)| effects).collect())
    };
    terms.classify(existing.iter().map(of))
}

/// The lists that have a term, plain and negated.
#[derive(Default)]
struct Effects {
    plain: Vec<usize>,
    negated: Vec<usize>,
}

/// Every term of some lists, once.
struct Terms<'a, T> {
    effects: BTreeMap<&'a T, Effects>,
    /// The lists without plain terms, which contain all that they do not take away.
    outside: Vec<u64>,
}

impl<'a, T: Ord> Terms<'a, T> {
    fn of(lists: &[&'a List<T>]) -> Self {
        let mut effects: BTreeMap<&T, Effects> = BTreeMap::new();
        let mut outside = vec![0; words(lists.len())];
        for (number, list) in lists.iter().enumerate() {
            if list.plain.is_empty() {
                insert(&mut outside, number);
            }
            for term in &list.plain {
                effects.entry(term).or_default().plain.push(number);
            }
            for term in &list.negated {
                effects.entry(term).or_default().negated.push(number);
            }
        }
        Self { effects, outside }
    }

    /// Classifies values by the terms that match each.
    fn classify<'e, K: Ord>(&self, values: impl Iterator<Item = (K, Vec<&'e Effects>)>) -> Keys<K> {
        let mut memberships = Interner::default();
        memberships.intern(&self.outside);
        let mut classes = BTreeMap::new();
        for (value, effects) in values {
            let class = memberships.intern(&self.membership(&effects)) as u32 + CLASS_OUTSIDE;
            if class != CLASS_OUTSIDE {
                classes.insert(value, class);
            }
        }
        Keys {
            classes: classes.into_iter().collect(),
            memberships: memberships.into_slices(),
        }
    }

    /// The lists that a value lies in which these terms match.
    fn membership(&self, effects: &[&Effects]) -> Vec<u64> {
        let mut lists = self.outside.clone();
        for &list in effects.iter().flat_map(|effects| &effects.plain) {
            insert(&mut lists, list);
        }
        for &list in effects.iter().flat_map(|effects| &effects.negated) {
            remove(&mut lists, list);
        }
        lists
    }
}

/// Clears the bit of `list`; nothing happens beyond the end.
fn remove(words: &mut [u64], list: usize) {
    if let Some(word) = words.get_mut(list / 64) {
        *word &= !(1 << (list % 64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list<T: Clone>(plain: &[T], negated: &[T]) -> List<T> {
        List {
            plain: plain.to_vec(),
            negated: negated.to_vec(),
        }
    }

    fn patterns(plain: &[&str], negated: &[&str]) -> List<String> {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        list(&owned(plain), &owned(negated))
    }

    fn first_words<K>(keys: &Keys<K>) -> Vec<u64> {
        keys.memberships.iter().map(|words| words[0]).collect()
    }

    #[test]
    fn an_address_that_is_named_lies_in_the_lists_that_name_it() {
        let lists = [list(&[1, 2], &[]), list(&[2, 3], &[3]), list(&[], &[1])];
        let keys = macs(&lists.each_ref());
        assert_eq!(first_words(&keys), [0b100, 0b001, 0b111]);
        assert_eq!(keys.classes, [(1, 2), (2, 3)], "3 is as good as not named");
    }

    #[test]
    fn patterns_are_asked_of_the_interfaces_that_exist() {
        let lists = [
            patterns(&["wan*"], &["wan1"]),
            patterns(&["eth0", "wan0"], &[]),
            patterns(&[], &["wan*"]),
        ];
        let existing = ["lo", "eth0", "wan0", "wan1", "wan2"];
        let existing: Vec<_> = (1..).zip(existing.map(str::to_owned)).collect();
        let keys = interfaces(&lists.each_ref(), &existing);
        assert_eq!(first_words(&keys), [0b100, 0b110, 0b011, 0b000, 0b001]);
        assert_eq!(keys.classes, [(2, 2), (3, 3), (4, 4), (5, 5)]);
    }

    #[test]
    fn without_interfaces_there_is_the_class_of_those_that_no_rule_names() {
        let keys = interfaces(&[&patterns(&["wan*"], &[])], &[]);
        assert!(keys.classes.is_empty());
        assert_eq!(first_words(&keys), [0]);
    }
}
