//! The rules before one, found by what they may cover.
//!
//! Owns the search: a rule is compared with the few before it that have something in common with it,
//! not with all of them. Never says itself what covers what.

use std::collections::{BTreeSet, HashMap};

use super::criteria::{Criteria, Order};
use super::values::Values;

/// Rules by number, each in one place: with those that share a block of values of one criterion.
#[derive(Debug, Default)]
pub(super) struct Earlier<'a> {
    rules: Vec<&'a Criteria>,
    places: HashMap<Place, Vec<usize>>,
    /// How large the blocks of a criterion and a family are that there are, in bits.
    sizes: HashMap<(usize, usize), BTreeSet<u32>>,
    /// How many rules were compared so far.
    pub(super) compared: usize,
}

/// The values from `base << bits` on that differ in the last `bits` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    criterion: usize,
    /// Of addresses, 0 for IPv4 and 1 for IPv6.
    family: usize,
    bits: u32,
    base: u128,
}

impl<'a> Earlier<'a> {
    /// Adds a rule that has a criterion, and something left of each.
    pub(super) fn add(&mut self, rule: &'a Criteria, values: &Values<'_>) {
        // Where there are fewest: the protocol of most rules is the same.
        let crowd = |places: &Vec<Place>| {
            let crowds = places.iter().filter_map(|place| self.places.get(place));
            crowds.map(Vec::len).max().unwrap_or(0)
        };
        let places = rule.asked().map(|(criterion, value)| {
            let hulls = values.hull(value).into_iter().enumerate();
            let hulls = hulls.filter(|(_, (from, to))| from <= to);
            let place = |(family, (from, to))| Place::around(criterion, family, from, to);
            hulls.map(place).collect::<Vec<_>>()
        });
        for place in places.min_by_key(crowd).unwrap_or_default() {
            let sizes = self.sizes.entry((place.criterion, place.family));
            sizes.or_default().insert(place.bits);
            self.places.entry(place).or_default().push(self.rules.len());
        }
        self.rules.push(rule);
    }

    /// The number of the first of them that matches everything that `rule` does.
    pub(super) fn covering(
        &mut self,
        rule: &Criteria,
        order: &Order,
        values: &mut Values<'_>,
    ) -> Option<usize> {
        let mut first: Option<usize> = None;
        // What covers it asks only what it asks, and has its least value of each family.
        for (criterion, value) in rule.asked() {
            let hulls = values.hull(value).into_iter().enumerate();
            let Some((family, (least, _))) = hulls.into_iter().find(|(_, (from, to))| from <= to)
            else {
                continue;
            };
            for &bits in self.sizes.get(&(criterion, family)).into_iter().flatten() {
                let place = Place {
                    criterion,
                    family,
                    bits,
                    base: least.checked_shr(bits).unwrap_or(0),
                };
                for &number in self.places.get(&place).into_iter().flatten() {
                    if first.is_some_and(|first| first <= number) {
                        break;
                    }
                    self.compared += 1;
                    let earlier = self.rules.get(number);
                    if earlier.is_some_and(|earlier| earlier.cover(rule, order, values)) {
                        first = Some(number);
                    }
                }
            }
        }
        first
    }
}

impl Place {
    /// The smallest block that has both values.
    fn around(criterion: usize, family: usize, from: u128, to: u128) -> Self {
        let bits = u128::BITS - (from ^ to).leading_zeros();
        Self {
            criterion,
            family,
            bits,
            base: from.checked_shr(bits).unwrap_or(0),
        }
    }
}
