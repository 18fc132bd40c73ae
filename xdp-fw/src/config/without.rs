//! Prefixes without some addresses.
//!
//! Owns the splitting: of a prefix with such an address in it, everything else stays.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::prefixes::{Address, Prefixes, position, sort};

impl Prefixes {
    /// The same prefixes without these addresses.
    #[must_use]
    pub fn without(&self, addresses: &BTreeSet<IpAddr>) -> Self {
        let (mut v4, mut v6): (Vec<Ipv4Addr>, Vec<Ipv6Addr>) = (Vec::new(), Vec::new());
        for address in addresses {
            match address {
                IpAddr::V4(address) => v4.push(*address),
                IpAddr::V6(address) => v6.push(*address),
            }
        }
        Self {
            v4: without(&self.v4, &v4),
            v6: without(&self.v6, &v6),
        }
    }
}

fn without<A: Address>(prefixes: &[(A, u8)], addresses: &[A]) -> Vec<(A, u8)> {
    let containing = addresses.iter().flat_map(|&address| {
        (0..=A::BITS).filter_map(move |length| position(prefixes, (address.first(length), length)))
    });
    let containing: BTreeSet<usize> = containing.collect();
    let mut rest = Vec::with_capacity(prefixes.len());
    for (index, &prefix) in prefixes.iter().enumerate() {
        if containing.contains(&index) {
            split(prefix, addresses, &mut rest);
        } else {
            rest.push(prefix);
        }
    }
    sort(&mut rest);
    rest.dedup();
    rest
}

/// Halves the prefix until no part has one of the addresses.
fn split<A: Address>((first, length): (A, u8), addresses: &[A], rest: &mut Vec<(A, u8)>) {
    if !addresses.iter().any(|it| it.first(length) == first) {
        rest.push((first, length));
    } else if length < A::BITS {
        for half in [first, first.second_half(length)] {
            split((half, length + 1), addresses, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use ipnetwork::IpNetwork;
    use proptest::prelude::*;

    use super::*;

    fn without(prefixes: &str, addresses: &str) -> String {
        let prefixes: Prefixes = prefixes.split(' ').map(|it| it.parse().unwrap()).collect();
        let addresses = addresses.split(' ').map(|it| it.parse().unwrap()).collect();
        let rest = prefixes.without(&addresses);
        let shown: Vec<_> = rest.iter().map(|prefix| prefix.to_string()).collect();
        shown.join(" ")
    }

    #[test]
    fn of_a_prefix_only_the_address_is_left_out() {
        assert_eq!(
            without("192.0.2.0/29 198.51.100.0/24", "192.0.2.5"),
            "192.0.2.0/30 192.0.2.4/32 192.0.2.6/31 198.51.100.0/24"
        );
        assert_eq!(
            without("192.0.2.7/32 2001:db8::/32", "192.0.2.7"),
            "2001:db8::/32"
        );
        assert_eq!(
            without("2001:db8::4/126 192.0.2.0/24", "2001:db8::6"),
            "192.0.2.0/24 2001:db8::4/127 2001:db8::7/128"
        );
    }

    #[test]
    fn of_everything_only_the_address_is_left_out() {
        assert_eq!(without("0.0.0.0/0", "192.0.2.7").split(' ').count(), 32);
        assert_eq!(without("::/0", "2001:db8::7").split(' ').count(), 128);
    }

    proptest! {
        #[test]
        fn an_address_is_in_it_if_it_was_and_is_not_left_out(
            list in proptest::collection::vec((0u32..64, 24u8..=32), 0..8),
            out in proptest::collection::btree_set(0u32..64, 0..6),
        ) {
            let network = |(number, length): (u32, u8)| {
                IpNetwork::new(Ipv4Addr::from(number).into(), length).unwrap()
            };
            let prefixes: Prefixes = list.into_iter().map(network).collect();
            let address = |number: u32| IpAddr::from(Ipv4Addr::from(number));
            let left_out = out.iter().copied().map(address).collect();
            let rest = prefixes.without(&left_out);
            for number in 0..300 {
                let address = address(number);
                let expected = prefixes.contains(address) && !left_out.contains(&address);
                prop_assert_eq!(rest.contains(address), expected, "{}", address);
            }
        }
    }
}
