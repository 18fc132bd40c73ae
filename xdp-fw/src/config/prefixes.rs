//! Many prefixes of both families, in little room.
//!
//! Owns their form, their order, and the merging of those that add nothing. Never joins neighbours:
//! that would be another list than the operator's.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

use super::meter::Amount;

/// Prefixes without host bits, sorted by address and length, each once.
///
/// A million of IPv4 weigh 5 MB, and as many of IPv6 17 MB; an [`IpNetwork`] of either is 18 bytes.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Prefixes {
    pub(super) v4: Vec<(Ipv4Addr, u8)>,
    pub(super) v6: Vec<(Ipv6Addr, u8)>,
}

impl Prefixes {
    /// Those of IPv4, as addresses and lengths.
    #[must_use]
    pub fn v4(&self) -> &[(Ipv4Addr, u8)] {
        &self.v4
    }

    /// Those of IPv6.
    #[must_use]
    pub fn v6(&self) -> &[(Ipv6Addr, u8)] {
        &self.v6
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Each of them, those of IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = IpNetwork> + '_ {
        let v4 = self.v4.iter();
        let v4 = v4.filter_map(|&(address, length)| Ipv4Network::new(address, length).ok());
        let v6 = self.v6.iter();
        let v6 = v6.filter_map(|&(address, length)| Ipv6Network::new(address, length).ok());
        v4.map(IpNetwork::V4).chain(v6.map(IpNetwork::V6))
    }

    /// Whether one of them has this address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => any_contains(&self.v4, address),
            IpAddr::V6(address) => any_contains(&self.v6, address),
        }
    }
}

impl fmt::Debug for Prefixes {
    /// As they are written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.iter().map(|prefix| prefix.to_string());
        f.debug_list().entries(written).finish()
    }
}

impl FromIterator<IpNetwork> for Prefixes {
    fn from_iter<I: IntoIterator<Item = IpNetwork>>(prefixes: I) -> Self {
        let mut unsorted = Unsorted::default();
        prefixes
            .into_iter()
            .for_each(|prefix| unsorted.push(prefix));
        let Unsorted { mut v4, mut v6 } = unsorted;
        sort(&mut v4);
        sort(&mut v6);
        v4.dedup();
        v6.dedup();
        Self { v4, v6 }
    }
}

/// Prefixes in whatever order, on their way to [`Prefixes`].
#[derive(Debug, Default)]
pub(super) struct Unsorted {
    pub(super) v4: Vec<(Ipv4Addr, u8)>,
    pub(super) v6: Vec<(Ipv6Addr, u8)>,
}

impl Unsorted {
    pub(super) fn push(&mut self, prefix: IpNetwork) {
        match prefix {
            IpNetwork::V4(prefix) => self.v4.push((prefix.network(), prefix.prefix())),
            IpNetwork::V6(prefix) => self.v6.push((prefix.network(), prefix.prefix())),
        }
    }

    pub(super) fn amount(&self) -> Amount {
        Amount {
            v4: self.v4.len() as u64,
            v6: self.v6.len() as u64,
        }
    }

    /// Sorts, and leaves out what is there twice or lies inside another.
    pub(super) fn merged(self) -> Merged {
        let mut repeated = Repeated::default();
        let v4 = merged(self.v4, &mut repeated);
        let v6 = merged(self.v6, &mut repeated);
        Merged {
            prefixes: Arc::new(Prefixes { v4, v6 }),
            repeated,
        }
    }
}

/// Prefixes of which none lies inside another, and what was left out for that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) prefixes: Arc<Prefixes>,
    pub(super) repeated: Repeated,
}

impl Merged {
    /// All of these in one: the only one that has prefixes is shared, not copied.
    pub(super) fn union(parts: &[Self]) -> Self {
        let repeated = parts.iter().map(|part| part.repeated);
        let repeated = repeated.fold(Repeated::default(), Repeated::and);
        let mut filled = parts.iter().filter(|part| !part.prefixes.is_empty());
        let union = match (filled.next(), filled.next()) {
            (None, _) => Self::default(),
            (Some(only), None) => Self {
                repeated: Repeated::default(),
                ..only.clone()
            },
            _ => {
                let prefixes = || parts.iter().map(|part| &*part.prefixes);
                let v4: Vec<_> = prefixes().map(Prefixes::v4).collect();
                let v6: Vec<_> = prefixes().map(Prefixes::v6).collect();
                let (v4, v6) = (v4.concat(), v6.concat());
                Unsorted { v4, v6 }.merged()
            }
        };
        Self {
            repeated: repeated.and(union.repeated),
            ..union
        }
    }
}

/// How many prefixes of a list add nothing to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Repeated {
    pub(super) duplicates: usize,
    /// Those that lie inside another, and are not the same.
    pub(super) inside: usize,
}

impl Repeated {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            duplicates: self.duplicates + other.duplicates,
            inside: self.inside + other.inside,
        }
    }
}

/// An address of either family.
pub(super) trait Address: Copy + Eq {
    type Key: Ord;

    /// A number for each prefix that orders it behind those that contain it.
    fn key(self, length: u8) -> Self::Key;

    /// The first address that shares the first `length` bits.
    fn first(self, length: u8) -> Self;

    /// The first address of the second half of a prefix of this length, of which it is the first.
    fn second_half(self, length: u8) -> Self;

    /// How many bits it has.
    const BITS: u8;
}

impl Address for Ipv4Addr {
    type Key = u64;

    fn key(self, length: u8) -> u64 {
        u64::from(self.to_bits()) << 8 | u64::from(length)
    }

    fn first(self, length: u8) -> Self {
        let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
        Self::from_bits(self.to_bits() & !host)
    }

    fn second_half(self, length: u8) -> Self {
        let bit = 1_u32.rotate_right(u32::from(length) + 1);
        Self::from_bits(self.to_bits() | bit)
    }

    const BITS: u8 = 32;
}

impl Address for Ipv6Addr {
    type Key = (u128, u8);

    fn key(self, length: u8) -> (u128, u8) {
        (self.to_bits(), length)
    }

    fn first(self, length: u8) -> Self {
        let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
        Self::from_bits(self.to_bits() & !host)
    }

    fn second_half(self, length: u8) -> Self {
        let bit = 1_u128.rotate_right(u32::from(length) + 1);
        Self::from_bits(self.to_bits() | bit)
    }

    const BITS: u8 = 128;
}

/// Lists that are sorted in parts, as those of several files, are merged in one go.
pub(super) fn sort<A: Address>(prefixes: &mut [(A, u8)]) {
    let key = |&(address, length): &(A, u8)| address.key(length);
    if !prefixes.is_sorted_by_key(key) {
        prefixes.sort_by_key(key);
    }
}

/// What lies inside a prefix follows it, with nothing in between that does not.
fn merged<A: Address>(mut prefixes: Vec<(A, u8)>, repeated: &mut Repeated) -> Vec<(A, u8)> {
    // Room to grow is given back before the sort takes half as much again.
    prefixes.shrink_to_fit();
    sort(&mut prefixes);
    prefixes.dedup_by(|next, kept| {
        let is_same = next == kept;
        let is_inside = !is_same && next.0.first(kept.1) == kept.0;
        repeated.duplicates += usize::from(is_same);
        repeated.inside += usize::from(is_inside);
        is_same || is_inside
    });
    prefixes.shrink_to_fit();
    prefixes
}

fn any_contains<A: Address>(prefixes: &[(A, u8)], address: A) -> bool {
    (0..=A::BITS).any(|length| position(prefixes, (address.first(length), length)).is_some())
}

/// Where a prefix stands among others.
pub(super) fn position<A: Address>(prefixes: &[(A, u8)], prefix: (A, u8)) -> Option<usize> {
    let key = |&(address, length): &(A, u8)| address.key(length);
    prefixes.binary_search_by_key(&key(&prefix), key).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefixes(text: &str) -> Prefixes {
        text.split(' ').map(|text| text.parse().unwrap()).collect()
    }

    fn shown(prefixes: &Prefixes) -> String {
        let shown: Vec<_> = prefixes.iter().map(|prefix| prefix.to_string()).collect();
        shown.join(" ")
    }

    #[test]
    fn a_prefix_weighs_what_it_says() {
        assert_eq!(size_of::<(Ipv4Addr, u8)>(), 5);
        assert_eq!(size_of::<(Ipv6Addr, u8)>(), 17);
    }

    #[test]
    fn they_are_sorted_without_host_bits_and_each_once() {
        let prefixes =
            prefixes("2001:db8::/32 10.1.0.0/16 10.1.2.3/8 10.0.0.0/8 9.0.0.0/32 2001:db8::/32");
        let expected = "9.0.0.0/32 10.0.0.0/8 10.1.0.0/16 2001:db8::/32";
        assert_eq!(shown(&prefixes), expected);
        assert_eq!(prefixes.len(), 4);
    }

    proptest! {
        #[test]
        fn an_address_is_in_what_contains_it(
            few in proptest::collection::vec((0u32..64, 24u8..=32), 0..8),
            wide: u128,
            address in 0u32..64,
        ) {
            let network = |(number, length): (u32, u8)| {
                IpNetwork::new(Ipv4Addr::from(number).into(), length).unwrap()
            };
            let mut list: Vec<_> = few.into_iter().map(network).collect();
            list.push(IpNetwork::new(Ipv6Addr::from(wide).into(), 127).unwrap());
            let prefixes: Prefixes = list.iter().copied().collect();
            for address in [IpAddr::V4(address.into()), IpAddr::V6((wide ^ 1).into()), IpAddr::V6((wide ^ 2).into())] {
                let expected = list.iter().any(|prefix| prefix.contains(address));
                prop_assert_eq!(prefixes.contains(address), expected);
            }
        }
    }
}
