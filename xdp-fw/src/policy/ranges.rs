//! Sets of numbers: ports, protocols, flags and all else that has a small domain.
//!
//! Owns the canonical form, so that equal sets are equal values however they were written. Never
//! knows what the numbers mean.

use std::ops::RangeInclusive;

use crate::config::NumberList;

/// A set of numbers as disjoint ranges, ascending, that do not touch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ranges(Vec<RangeInclusive<u32>>);

/// Where a written range begins or ends; ends are one past the last number.
struct Edge {
    at: u32,
    negated: bool,
    step: i32,
}

impl Ranges {
    /// The union of the plain ranges (all of `domain` if there are none) minus the union of the
    /// negated ones.
    pub fn of<T: Copy + Into<u32>>(list: &NumberList<T>, domain: RangeInclusive<u32>) -> Self {
        let ranges = list.0.iter().map(|entry| {
            let range = (*entry.range.start()).into()..=(*entry.range.end()).into();
            (entry.negated, range)
        });
        let whole = list.0.iter().all(|entry| entry.negated);
        Self::from_terms(ranges.chain(whole.then_some((false, domain))))
    }

    /// The union of the plain ranges minus the union of the negated ones, which are marked `true`.
    /// No number is the largest of its type.
    pub(super) fn from_terms(terms: impl Iterator<Item = (bool, RangeInclusive<u32>)>) -> Self {
        let mut edges = Vec::with_capacity(terms.size_hint().0 * 2);
        for (negated, range) in terms.filter(|(_, range)| !range.is_empty()) {
            for (at, step) in [(*range.start(), 1), (*range.end() + 1, -1)] {
                edges.push(Edge { at, negated, step });
            }
        }
        edges.sort_unstable_by_key(|edge| edge.at);
        Self(sweep(&edges))
    }

    /// The bytes of which `contains` holds.
    pub(super) fn of_bytes(contains: impl Fn(u8) -> bool) -> Self {
        let bytes = (0..=u8::MAX).filter(|&byte| contains(byte));
        Self::from_terms(bytes.map(|byte| (false, u32::from(byte)..=u32::from(byte))))
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &RangeInclusive<u32>> {
        self.0.iter()
    }

    /// Whether `value` is in the set.
    pub fn contains(&self, value: u32) -> bool {
        let next = self.0.partition_point(|range| *range.end() < value);
        self.0.get(next).is_some_and(|range| range.contains(&value))
    }

    /// Whether nothing is in the set: a rule with such a criterion matches no packet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The numbers that lie in a plain range and in no negated one, from edges in ascending order.
fn sweep(edges: &[Edge]) -> Vec<RangeInclusive<u32>> {
    let mut ranges = Vec::new();
    let (mut plain, mut negated) = (0, 0);
    let mut first = None;
    for edges in edges.chunk_by(|a, b| a.at == b.at) {
        for edge in edges {
            *(if edge.negated {
                &mut negated
            } else {
                &mut plain
            }) += edge.step;
        }
        let at = edges.first().map_or(0, |edge| edge.at);
        match (first, plain > 0 && negated == 0) {
            (None, true) => first = Some(at),
            (Some(begin), false) => {
                ranges.push(begin..=at - 1);
                first = None;
            }
            _ => {}
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NumberEntry;

    fn list<T: Copy>(entries: &[(bool, T, T)]) -> NumberList<T> {
        let entry = |&(negated, first, last)| NumberEntry {
            negated,
            range: first..=last,
        };
        NumberList(entries.iter().map(entry).collect())
    }

    const PORTS: RangeInclusive<u32> = 0..=65_535;

    fn ports(entries: &[(bool, u16, u16)]) -> Vec<RangeInclusive<u32>> {
        Ranges::of(&list(entries), PORTS).0
    }

    #[test]
    fn overlapping_and_touching_ranges_become_one() {
        assert_eq!(
            ports(&[
                (false, 5, 9),
                (false, 1, 5),
                (false, 10, 10),
                (false, 12, 12)
            ]),
            [1..=10, 12..=12]
        );
    }

    #[test]
    fn negated_ranges_are_taken_away_wherever_they_stand() {
        assert_eq!(
            ports(&[(true, 3, 4), (false, 1, 9), (true, 9, 20)]),
            [1..=2, 5..=8]
        );
    }

    #[test]
    fn only_negated_ranges_are_taken_from_everything() {
        assert_eq!(ports(&[(true, 1, 65534)]), [0..=0, 65535..=65535]);
        let not_tcp = Ranges::of(&list(&[(true, 6_u8, 6)]), 0..=255);
        assert_eq!(not_tcp.0, [0..=5, 7..=255]);
    }

    #[test]
    fn the_ends_of_the_domain_belong_to_it() {
        assert_eq!(ports(&[(false, 0, 65535)]), [0..=65535]);
        assert_eq!(ports(&[(false, 65535, 65535), (false, 0, 0)]).len(), 2);
    }

    #[test]
    fn what_takes_everything_away_leaves_nothing() {
        let nothing = Ranges::of(&list(&[(false, 22_u16, 22), (true, 0, 65535)]), PORTS);
        assert!(nothing.is_empty());
        assert!(!nothing.contains(22));
    }

    #[test]
    fn containment_is_inclusive_at_both_ends() {
        let ranges = Ranges::of(&list(&[(false, 10_u8, 20), (false, 30, 30)]), PORTS);
        for (value, inside) in [(9, false), (10, true), (20, true), (21, false), (30, true)] {
            assert_eq!(ranges.contains(value), inside, "{value}");
        }
    }

    #[test]
    fn the_same_set_written_differently_is_the_same_value() {
        assert_eq!(
            ports(&[(false, 1, 4), (false, 5, 9)]),
            ports(&[(false, 0, 9), (true, 0, 0)])
        );
    }
    #[test]
    fn bytes_are_taken_one_by_one_and_joined() {
        let odd_or_high = Ranges::of_bytes(|byte| byte > 250 || byte == 7);
        assert_eq!(odd_or_high.0, [7..=7, 251..=255]);
        assert!(Ranges::of_bytes(|_| false).is_empty());
    }
}
