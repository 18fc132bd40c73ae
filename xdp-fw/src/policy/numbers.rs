//! Numbers to classes.
//!
//! Owns the partition of a small domain into the classes of values that lie in the same lists.
//! Never knows which rules use a list.

use xdp_fw_common::tables::CLASS_ABSENT;

use super::criteria::{Membership, flip, words};
use super::intern::Interner;
use crate::criteria::Ranges;

/// The classes of one dimension.
#[derive(Debug)]
pub(super) struct Numbers {
    /// Class of each value.
    pub(super) classes: Vec<u16>,
    /// Per class from 1 on, the lists that its values lie in.
    pub(super) memberships: Vec<Membership>,
}

/// Classifies the values `0..domain` by the lists that they lie in; classes are numbered from 1
/// in order of their lowest value. Works from edge to edge: the cost is that of the ranges.
///
/// # Errors
/// The number of classes, if a class id does not fit 16 bits.
pub(super) fn classify(lists: &[&Ranges], domain: usize) -> Result<Numbers, usize> {
    let mut classes = vec![0; domain];
    let mut memberships = Interner::default();
    let mut inside = vec![0_u64; words(lists.len())];
    let edges = edges(lists);
    let mut edges = edges.as_slice();
    let mut at = 0;
    while at < domain {
        let (here, rest) = edges.split_at(edges.partition_point(|edge| edge.0 <= at));
        for &(_, list) in here {
            flip(&mut inside, list);
        }
        let next = rest.first().map_or(domain, |edge| edge.0.min(domain));
        let class = memberships.intern(&inside) + CLASS_ABSENT as usize + 1;
        if let Some(values) = classes.get_mut(at..next) {
            values.fill(class as u16);
        }
        (edges, at) = (rest, next);
    }
    let memberships = memberships.into_slices();
    if memberships.len() > usize::from(u16::MAX) {
        return Err(memberships.len());
    }
    Ok(Numbers {
        classes,
        memberships,
    })
}

/// Every value at which a list begins, or no longer contains its numbers, ascending. Ranges are
/// disjoint and do not touch, so each edge flips its list.
fn edges(lists: &[&Ranges]) -> Vec<(usize, usize)> {
    let of = |(list, ranges): (usize, &&Ranges)| {
        // No dimension has a number that does not fit.
        let ends = |(from, to): (u128, u128)| [(from as usize, list), (to as usize + 1, list)];
        ranges.iter().flat_map(ends).collect::<Vec<_>>()
    };
    let mut edges: Vec<_> = lists.iter().enumerate().flat_map(of).collect();
    edges.sort_unstable();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(ranges: impl IntoIterator<Item = (u16, u16)>) -> Ranges {
        Ranges::union(
            ranges
                .into_iter()
                .map(|(from, to)| (from.into(), to.into())),
        )
    }

    #[test]
    fn values_of_the_same_lists_share_a_class() {
        let lists = [ranges([(2, 5)]), ranges([(4, 5), (7, 7)])];
        let numbers = classify(&lists.each_ref(), 9).unwrap();
        assert_eq!(numbers.classes, [1, 1, 2, 2, 3, 3, 1, 4, 1]);
        let memberships = numbers.memberships.iter().map(|words| words[0]);
        assert_eq!(memberships.collect::<Vec<_>>(), [0b00, 0b01, 0b11, 0b10]);
    }

    #[test]
    fn no_value_is_in_the_class_of_absent_values() {
        let lists = [ranges([(0, 65535)])];
        let numbers = classify(&lists.each_ref(), 1 << 16).unwrap();
        assert!(numbers.classes.iter().all(|&class| class == 1));
        assert_eq!(numbers.memberships.len(), 1);
    }

    /// Lists by the binary digits of the port: no two ports lie in the same ones.
    fn digits(domain: u32) -> Vec<Ranges> {
        let set = |bit: u32| (0..domain).filter(move |port| port >> bit & 1 == 1);
        (0..16)
            .map(|bit| ranges(set(bit).map(|port| (port as u16, port as u16))))
            .collect()
    }

    #[test]
    fn as_many_classes_as_16_bits_name_fit_and_no_more() {
        let lists = digits(65_535);
        let numbers = classify(&lists.iter().collect::<Vec<_>>(), 1 << 16).unwrap();
        assert_eq!(numbers.memberships.len(), 65_535);
        assert_eq!(numbers.classes[65_534], 65_535);
        assert_eq!(numbers.classes[65_535], 1, "in no list, as port 0");

        let lists = digits(65_536);
        let error = classify(&lists.iter().collect::<Vec<_>>(), 1 << 16).unwrap_err();
        assert_eq!(error, 65_536);
    }
}
