//! What the rules ask of one dimension, and the rows that answer.
//!
//! Owns the distinct lists of a dimension and which rules use them. Never knows what a list
//! contains: that is `addresses`' and `numbers`' work.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use xdp_fw_common::tables::Row;

/// A set of list numbers: bit `l % 64` of word `l / 64` belongs to list `l`.
pub(super) type Membership = Arc<[u64]>;

/// The criteria of all rules on one dimension.
#[derive(Debug)]
pub(super) struct Criteria<'a, L> {
    /// The distinct lists, in order of first use.
    pub(super) lists: Vec<&'a L>,
    /// Per list, the rules that use it.
    rules: Vec<Vec<usize>>,
    /// The rules that have no criterion on the dimension.
    without: Row,
}

impl<'a, L: Eq + Hash> Criteria<'a, L> {
    /// Collects the criteria of all rules in file order; `None` if there is none, in which case
    /// the dimension is not in use.
    pub(super) fn collect(criteria: impl Iterator<Item = Option<&'a L>>) -> Option<Self> {
        let mut numbers = HashMap::new();
        let mut collected = Self {
            lists: Vec::new(),
            rules: Vec::new(),
            without: Row::EMPTY,
        };
        for (rule, list) in criteria.enumerate() {
            let Some(list) = list else {
                collected.without.insert(rule);
                continue;
            };
            let number = *numbers.entry(list).or_insert(collected.lists.len());
            match collected.rules.get_mut(number) {
                Some(rules) => rules.push(rule),
                None => {
                    collected.lists.push(list);
                    collected.rules.push(vec![rule]);
                }
            }
        }
        (!collected.lists.is_empty()).then_some(collected)
    }

    /// The rows of the dimension by class: first the class of absent values, then one per
    /// membership. A row costs as many steps as it has rules with a criterion.
    pub(super) fn rows<'m>(
        &'m self,
        memberships: &'m [Membership],
    ) -> impl Iterator<Item = Row> + use<'m, 'a, L> {
        let of = |membership: &Membership| {
            let mut row = self.without;
            for list in members(membership) {
                for &rule in self.rules.get(list).map_or(&[][..], Vec::as_slice) {
                    row.insert(rule);
                }
            }
            row
        };
        std::iter::once(self.without).chain(memberships.iter().map(of))
    }
}

/// Words of a set of that many lists.
pub(super) const fn words(lists: usize) -> usize {
    lists.div_ceil(64)
}

/// Flips the bit of `list`; nothing happens beyond the end.
pub(super) fn flip(words: &mut [u64], list: usize) {
    if let Some(word) = words.get_mut(list / 64) {
        *word ^= 1 << (list % 64);
    }
}

/// Sets the bit of `list`; nothing happens beyond the end.
pub(super) fn insert(words: &mut [u64], list: usize) {
    if let Some(word) = words.get_mut(list / 64) {
        *word |= 1 << (list % 64);
    }
}

/// The lists of a set, ascending.
fn members(words: &[u64]) -> impl Iterator<Item = usize> {
    words.iter().enumerate().flat_map(|(index, &word)| {
        let rest = |&word: &u64| Some(word & (word - 1)).filter(|&word| word != 0);
        std::iter::successors(Some(word).filter(|&word| word != 0), rest)
            .map(move |word| index * 64 + word.trailing_zeros() as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_criteria_are_one_list() {
        let criteria = [Some(&"a"), None, Some(&"b"), Some(&"a")];
        let criteria = Criteria::collect(criteria.into_iter()).unwrap();
        assert_eq!(criteria.lists, [&"a", &"b"]);
        let rows: Vec<Row> = criteria.rows(&[[0b01].into(), [0b10].into()]).collect();
        let rules = |row: &Row| (0..4).filter(|&r| row.contains(r)).collect::<Vec<_>>();
        let rules: Vec<_> = rows.iter().map(rules).collect();
        assert_eq!(rules, [vec![1], vec![0, 1, 3], vec![1, 2]]);
    }

    #[test]
    fn a_dimension_without_criteria_is_not_in_use() {
        assert!(Criteria::<u8>::collect([None, None].into_iter()).is_none());
        assert!(Criteria::<u8>::collect(std::iter::empty()).is_none());
    }

    #[test]
    fn members_come_back_as_they_went_in() {
        let mut set = vec![0; words(130)];
        for list in [0, 63, 64, 129] {
            insert(&mut set, list);
        }
        assert_eq!(members(&set).collect::<Vec<_>>(), [0, 63, 64, 129]);
        flip(&mut set, 63);
        insert(&mut set, 4096);
        assert_eq!(members(&set).collect::<Vec<_>>(), [0, 64, 129]);
    }
}
