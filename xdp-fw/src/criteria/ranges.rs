//! Sets of numbers as sorted ranges: what a list of a rule comes to.
//!
//! Owns the arithmetic, exact for numbers of up to 128 bits. Never knows what the numbers mean.

use super::NumberList;

/// A set of numbers: ranges, both ends included, in order, with a gap between any two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    /// The union of some ranges; a reversed one is empty.
    pub fn union(ranges: impl IntoIterator<Item = (u128, u128)>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|(from, to)| from <= to).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match merged.last_mut() {
                Some((_, end)) if from <= end.saturating_add(1) => *end = (*end).max(to),
                _ => merged.push((from, to)),
            }
        }
        Self(merged)
    }

    /// The plain ranges, or `everything` if there are none, without the negated ones.
    pub fn listed(
        entries: impl IntoIterator<Item = (bool, (u128, u128))>,
        everything: &[(u128, u128)],
    ) -> Self {
        let (negated, plain): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(negated, _)| *negated);
        let union =
            |entries: Vec<(bool, _)>| Self::union(entries.into_iter().map(|(_, range)| range));
        let all = if plain.is_empty() {
            Self::union(everything.iter().copied())
        } else {
            union(plain)
        };
        all.without(&union(negated))
    }

    /// What a list of numbers comes to.
    pub fn of<T: Copy + Into<u128>>(list: &NumberList<T>, everything: &[(u128, u128)]) -> Self {
        let entries = list.0.iter().map(|entry| {
            let (from, to) = (*entry.range.start(), *entry.range.end());
            (entry.negated, (from.into(), to.into()))
        });
        Self::listed(entries, everything)
    }

    /// The bytes of which `contains` holds.
    pub fn of_bytes(contains: impl Fn(u8) -> bool) -> Self {
        let bytes = (0..=u8::MAX).filter(|&byte| contains(byte));
        Self::union(bytes.map(|byte| (u128::from(byte), u128::from(byte))))
    }

    /// One number.
    pub fn one(number: impl Into<u128>) -> Self {
        let number = number.into();
        Self::union([(number, number)])
    }

    /// These numbers, but none of `other`.
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        for &(from, to) in &self.0 {
            let mut start = Some(from);
            let first = other.0.partition_point(|&(_, end)| end < from);
            for &(cut_from, cut_to) in other.0.get(first..).unwrap_or_default() {
                let Some(from) = start.filter(|_| cut_from <= to) else {
                    break;
                };
                if let Some(before) = cut_from.checked_sub(1).filter(|&before| before >= from) {
                    left.push((from, before));
                }
                start = cut_to.checked_add(1).filter(|&after| after <= to);
            }
            left.extend(start.map(|from| (from, to)));
        }
        Self(left)
    }

    /// Whether `other` has every one of these numbers.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|&range| other.has(range))
    }

    /// Whether it has every number from the one to the other.
    pub fn has(&self, (from, to): (u128, u128)) -> bool {
        let at = self.0.partition_point(|&(_, end)| end < from);
        let range = self.0.get(at);
        range.is_some_and(|&(start, end)| start <= from && to <= end)
    }

    /// Whether it has this number.
    pub fn contains(&self, number: u32) -> bool {
        let number = number.into();
        self.has((number, number))
    }

    /// The numbers that both have.
    pub fn and(&self, other: &Self) -> Self {
        self.without(&self.without(other))
    }

    /// How many ranges it takes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each range, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u128, u128)> {
        self.0.iter().copied()
    }

    /// The least and the greatest number in it.
    pub fn hull(&self) -> Option<(u128, u128)> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        Some((first.0, last.1))
    }

    /// Whether there is no number in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const MAX: u128 = 15;

    fn members(ranges: &Ranges) -> Vec<u128> {
        (0..=MAX)
            .filter(|&number| Ranges::union([(number, number)]).is_within(ranges))
            .collect()
    }

    fn some_ranges() -> impl Strategy<Value = Vec<(u128, u128)>> {
        vec((0..=MAX, 0..=MAX), 0..5)
    }

    fn is_in(ranges: &[(u128, u128)], number: u128) -> bool {
        ranges
            .iter()
            .any(|&(from, to)| (from..=to).contains(&number))
    }

    #[test]
    fn the_ends_of_128_bits_are_numbers_like_others() {
        let all = Ranges::union([(0, u128::MAX)]);
        let ends = Ranges::union([(0, 0), (u128::MAX, u128::MAX)]);
        let inner = all.without(&ends);
        assert_eq!(inner, Ranges::union([(1, u128::MAX - 1)]));
        assert!(all.without(&all).is_empty());
        assert!(ends.is_within(&all) && !all.is_within(&inner));
        assert_eq!(all.without(&inner), ends);
    }

    #[test]
    fn a_list_of_exceptions_alone_is_taken_from_everything() {
        let everything = &[(0, 65535)];
        let listed = |entries: &[(bool, u128, u128)]| {
            let entries = entries
                .iter()
                .map(|&(negated, from, to)| (negated, (from, to)));
            Ranges::listed(entries, everything)
        };
        let ends = Ranges::union([(0, 0), (65535, 65535)]);
        assert_eq!(listed(&[(true, 1, 65534)]), ends);
        let left = listed(&[(true, 3, 4), (false, 1, 9), (true, 9, 20)]);
        assert_eq!(left, Ranges::union([(1, 2), (5, 8)]));
        assert!(listed(&[(false, 22, 22), (true, 0, 65535)]).is_empty());
    }

    #[test]
    fn bytes_are_taken_one_by_one_and_joined() {
        let odd_or_high = Ranges::of_bytes(|byte| byte > 250 || byte == 7);
        assert_eq!(odd_or_high, Ranges::union([(7, 7), (251, 255)]));
        assert!(Ranges::of_bytes(|_| false).is_empty());
    }

    proptest! {
        #[test]
        fn the_arithmetic_agrees_with_the_definition(a in some_ranges(), b in some_ranges()) {
            let (one, two) = (Ranges::union(a.clone()), Ranges::union(b.clone()));
            let by_definition = |keep: fn(bool, bool) -> bool| -> Vec<u128> {
                (0..=MAX).filter(|&number| keep(is_in(&a, number), is_in(&b, number))).collect()
            };
            prop_assert_eq!(members(&one.without(&two)), by_definition(|a, b| a && !b));
            prop_assert_eq!(members(&one.and(&two)), by_definition(|a, b| a && b));
            prop_assert_eq!(one.is_within(&two), by_definition(|a, b| a && !b).is_empty());
            prop_assert_eq!(one.is_empty(), members(&one).is_empty());
            let ends = members(&one).first().copied().zip(members(&one).last().copied());
            prop_assert_eq!(one.hull(), ends);
            // Equal sets are equal values.
            let again = Ranges::union(members(&one).into_iter().map(|number| (number, number)));
            prop_assert_eq!(again, one);
        }
    }
}
