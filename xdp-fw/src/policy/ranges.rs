//! Sets of numbers: ports and protocols.
//!
//! Owns the canonical form, so that equal sets are equal values however they were written. Never
//! knows what the numbers mean.

use std::ops::RangeInclusive;

use crate::config::NumberList;

/// A set of numbers as disjoint ranges, ascending, that do not touch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ranges(Vec<RangeInclusive<u16>>);

/// Where a written range begins or ends; ends are one past the last number.
struct Edge {
    at: u32,
    negated: bool,
    step: i32,
}

impl Ranges {
    /// The union of the plain ranges (all of `domain` if there are none) minus the union of the
    /// negated ones.
    pub fn of<T: Copy + PartialOrd + Into<u16>>(
        list: &NumberList<T>,
        domain: RangeInclusive<T>,
    ) -> Self {
        let mut edges = Vec::with_capacity(list.0.len() * 2 + 2);
        for entry in &list.0 {
            push_edges(&mut edges, &entry.range, entry.negated);
        }
        if list.0.iter().all(|entry| entry.negated) {
            push_edges(&mut edges, &domain, false);
        }
        edges.sort_unstable_by_key(|edge| edge.at);
        Self(sweep(&edges))
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &RangeInclusive<u16>> {
        self.0.iter()
    }

    /// Whether `value` is in the set.
    pub fn contains(&self, value: u16) -> bool {
        let next = self.0.partition_point(|range| *range.end() < value);
        self.0.get(next).is_some_and(|range| range.contains(&value))
    }

    /// Whether nothing is in the set: a rule with such a criterion matches no packet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn push_edges<T: Copy + PartialOrd + Into<u16>>(
    edges: &mut Vec<Edge>,
    range: &RangeInclusive<T>,
    negated: bool,
) {
    if range.is_empty() {
        return;
    }
    let first: u16 = (*range.start()).into();
    let last: u16 = (*range.end()).into();
    for (at, step) in [(u32::from(first), 1), (u32::from(last) + 1, -1)] {
        edges.push(Edge { at, negated, step });
    }
}

/// The numbers that lie in a plain range and in no negated one, from edges in ascending order.
fn sweep(edges: &[Edge]) -> Vec<RangeInclusive<u16>> {
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
            // Ends are at most 65,536 and after a beginning, so this fits.
            (Some(begin), false) => {
                ranges.push(begin as u16..=(at - 1) as u16);
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

    fn ports(entries: &[(bool, u16, u16)]) -> Vec<RangeInclusive<u16>> {
        Ranges::of(&list(entries), 0..=u16::MAX).0
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
        let not_tcp = Ranges::of(&list(&[(true, 6_u8, 6)]), 0..=u8::MAX);
        assert_eq!(not_tcp.0, [0..=5, 7..=255]);
    }

    #[test]
    fn the_ends_of_the_domain_belong_to_it() {
        assert_eq!(ports(&[(false, 0, 65535)]), [0..=65535]);
        assert_eq!(ports(&[(false, 65535, 65535), (false, 0, 0)]).len(), 2);
    }

    #[test]
    fn what_takes_everything_away_leaves_nothing() {
        let nothing = Ranges::of(&list(&[(false, 22, 22), (true, 0, 65535)]), 0..=u16::MAX);
        assert!(nothing.is_empty());
        assert!(!nothing.contains(22));
    }

    #[test]
    fn containment_is_inclusive_at_both_ends() {
        let ranges = Ranges::of(&list(&[(false, 10, 20), (false, 30, 30)]), 0..=u16::MAX);
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
}
