//! A list of addresses that is one long set, less some of it.
//!
//! Owns the comparisons with it, over the set as it is: ranges of a million prefixes would be several
//! times its size. Says no where yes would take long to find out.

use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::config::prefixes::Prefixes;
use crate::criteria::Ranges;

/// The set, and what is taken away of IPv4 and of IPv6.
#[derive(Debug)]
pub(super) struct Large {
    pub(super) set: Arc<Prefixes>,
    pub(super) without: (Ranges, Ranges),
}

/// The same set is the same place in memory, which is found out at once.
impl PartialEq for Large {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.set, &other.set) && self.without == other.without
    }
}

impl Eq for Large {}

impl Hash for Large {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.set).hash(state);
        self.without.hash(state);
    }
}

impl Large {
    /// Whether every address in it is one of these.
    pub(super) fn is_within(&self, v4: &Ranges, v6: &Ranges) -> bool {
        all_within(self.set.v4(), v4) && all_within(self.set.v6(), v6)
    }

    /// Whether all of these are in it.
    pub(super) fn has(&self, v4: &Ranges, v6: &Ranges) -> bool {
        let (without_v4, without_v6) = &self.without;
        has_all(self.set.v4(), v4)
            && has_all(self.set.v6(), v6)
            && v4.and(without_v4).is_empty()
            && v6.and(without_v6).is_empty()
    }

    /// Whether every address in it is in `other`.
    pub(super) fn is_within_large(&self, other: &Self) -> bool {
        let (without_v4, without_v6) = &other.without;
        if Arc::ptr_eq(&self.set, &other.set) {
            let (own_v4, own_v6) = &self.without;
            return without_v4.is_within(own_v4) && without_v6.is_within(own_v6);
        }
        let (v4, v6) = (self.set.v4(), self.set.v6());
        !meets(v4, without_v4)
            && !meets(v6, without_v6)
            && v4.iter().all(|prefix| has(other.set.v4(), prefix.ends()))
            && v6.iter().all(|prefix| has(other.set.v6(), prefix.ends()))
    }

    /// The least and the greatest address of either family.
    pub(super) fn hull(&self) -> [Option<(u128, u128)>; 2] {
        [hull(self.set.v4()), hull(self.set.v6())]
    }
}

/// A prefix as its first and its last address.
trait Ends: Copy {
    fn ends(self) -> (u128, u128);
}

impl Ends for (Ipv4Addr, u8) {
    fn ends(self) -> (u128, u128) {
        let host = u32::MAX.checked_shr(self.1.into()).unwrap_or(0);
        let first = self.0.to_bits();
        (first.into(), (first | host).into())
    }
}

impl Ends for (Ipv6Addr, u8) {
    fn ends(self) -> (u128, u128) {
        let host = u128::MAX.checked_shr(self.1.into()).unwrap_or(0);
        let first = self.0.to_bits();
        (first, first | host)
    }
}

// The prefixes of a set are sorted, and none lies inside another: their last addresses ascend, too.

/// Where the first is that does not end before this address.
fn not_before<P: Ends>(prefixes: &[P], address: u128) -> usize {
    prefixes.partition_point(|prefix| prefix.ends().1 < address)
}

fn has<P: Ends>(prefixes: &[P], (from, to): (u128, u128)) -> bool {
    let behind = prefixes.get(not_before(prefixes, from)..);
    let mut next = from;
    for prefix in behind.unwrap_or_default() {
        let (start, end) = prefix.ends();
        if start > next {
            return false;
        }
        if end >= to {
            return true;
        }
        next = end + 1;
    }
    false
}

fn has_all<P: Ends>(prefixes: &[P], ranges: &Ranges) -> bool {
    ranges.iter().all(|range| has(prefixes, range))
}

fn all_within<P: Ends>(prefixes: &[P], ranges: &Ranges) -> bool {
    prefixes.iter().all(|prefix| ranges.has(prefix.ends()))
}

fn meets<P: Ends>(prefixes: &[P], ranges: &Ranges) -> bool {
    let mut ranges = ranges.iter();
    ranges.any(|(from, to)| {
        let first = prefixes.get(not_before(prefixes, from));
        first.is_some_and(|prefix| prefix.ends().0 <= to)
    })
}

fn hull<P: Ends>(prefixes: &[P]) -> Option<(u128, u128)> {
    Some((prefixes.first()?.ends().0, prefixes.last()?.ends().1))
}

#[cfg(test)]
mod tests {
    use ipnetwork::IpNetwork;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::config::prefixes::Unsorted;

    /// A few prefixes at the beginning of both families, none inside another.
    fn set() -> impl Strategy<Value = Arc<Prefixes>> {
        vec((any::<bool>(), 0u8..32, 0u8..=4), 0..12).prop_map(|prefixes| {
            let mut unsorted = Unsorted::default();
            for (v6, address, free) in prefixes {
                let text = if v6 {
                    format!("::{address:x}/{}", 128 - free)
                } else {
                    format!("0.0.0.{address}/{}", 32 - free)
                };
                unsorted.push(text.parse::<IpNetwork>().unwrap());
            }
            unsorted.merged().prefixes
        })
    }

    fn ranges() -> impl Strategy<Value = Ranges> {
        vec((0u128..32, 0u128..32), 0..4).prop_map(Ranges::union)
    }

    fn large() -> impl Strategy<Value = Large> {
        (set(), ranges(), ranges()).prop_map(|(set, v4, v6)| Large {
            set,
            without: (v4, v6),
        })
    }

    /// The same written out.
    fn written(large: &Large) -> (Ranges, Ranges) {
        let v4 = Ranges::union(large.set.v4().iter().map(|prefix| prefix.ends()));
        let v6 = Ranges::union(large.set.v6().iter().map(|prefix| prefix.ends()));
        (v4.without(&large.without.0), v6.without(&large.without.1))
    }

    proptest! {
        #[test]
        fn what_is_said_of_a_long_set_is_so(
            one in large(),
            other in large(),
            shared: bool,
            v4 in ranges(),
            v6 in ranges(),
        ) {
            let other = if shared { Large { set: Arc::clone(&one.set), ..other } } else { other };
            let ((a, b), (c, d)) = (written(&one), written(&other));
            // Exact, as far as addresses are asked for in a list.
            prop_assert_eq!(one.has(&v4, &v6), v4.is_within(&a) && v6.is_within(&b));
            prop_assert!(!one.is_within(&v4, &v6) || a.is_within(&v4) && b.is_within(&v6));
            prop_assert!(!one.is_within_large(&other) || a.is_within(&c) && b.is_within(&d));
            let whole = Large { without: Default::default(), ..one };
            let (a, b) = written(&whole);
            prop_assert_eq!(whole.is_within(&v4, &v6), a.is_within(&v4) && b.is_within(&v6));
            prop_assert_eq!(whole.hull(), [a.hull(), b.hull()]);
        }
    }
}
