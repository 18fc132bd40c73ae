//! Ranges of addresses, `192.0.2.1 - 192.0.2.9`, as the prefixes that they consist of.
//!
//! Owns the arithmetic. Only set files have such ranges: lists come so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;

/// Why a text is not a range of addresses.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// It does not look like one.
    NotARange,
    /// One end is of IPv4, the other of IPv6.
    Mixed,
    /// The ends, the greater one first.
    Reversed(IpAddr, IpAddr),
}

/// The fewest prefixes that cover a range, both ends included. Spaces around the dash are fine.
pub(super) fn prefixes(text: &str) -> Result<Vec<IpNetwork>, Bad> {
    let (from, to) = text.split_once('-').ok_or(Bad::NotARange)?;
    let end = |text: &str| text.trim_ascii().parse().map_err(|_| Bad::NotARange);
    let (from, to): (IpAddr, IpAddr) = (end(from)?, end(to)?);
    // One end in ::ffff:0:0/96 and the other outside is half a range of IPv4.
    let (from, to) = (from.to_canonical(), to.to_canonical());
    let (first, last, bits) = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => (from.to_bits().into(), to.to_bits().into(), 32),
        (IpAddr::V6(from), IpAddr::V6(to)) => (from.to_bits(), to.to_bits(), 128),
        _ => return Err(Bad::Mixed),
    };
    if first > last {
        return Err(Bad::Reversed(from, to));
    }
    Ok(cover(first, last, bits))
}

/// The prefixes from `first` to `last`, which are numbers of so many bits.
fn cover(first: u128, last: u128, bits: u8) -> Vec<IpNetwork> {
    let mut prefixes = Vec::new();
    let mut at = first;
    loop {
        // As many low bits as are clear in `at` and as fit before the end.
        let aligned = at.trailing_zeros().min(bits.into());
        let fits = (last - at).checked_add(1).map_or(128, u128::ilog2);
        let free = aligned.min(fits);
        prefixes.extend(network(at, bits, free));
        let span = 1u128.checked_shl(free).map_or(u128::MAX, |span| span - 1);
        match at.saturating_add(span) {
            end if end >= last => return prefixes,
            end => at = end + 1,
        }
    }
}

fn network(address: u128, bits: u8, free: u32) -> Option<IpNetwork> {
    let address = match u32::try_from(address) {
        Ok(address) if bits == 32 => IpAddr::V4(Ipv4Addr::from_bits(address)),
        _ => IpAddr::V6(Ipv6Addr::from_bits(address)),
    };
    let length = bits.checked_sub(u8::try_from(free).ok()?)?;
    IpNetwork::new(address, length).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_of_mapped_addresses_is_of_ipv4() {
        for text in [
            "::ffff:192.0.2.1 - ::ffff:192.0.2.3",
            "::ffff:c000:201-192.0.2.3",
        ] {
            assert_eq!(covered(text), ["192.0.2.1/32", "192.0.2.2/31"], "{text}");
        }
    }

    #[test]
    fn a_range_that_ends_among_mapped_addresses_is_mixed() {
        for text in [
            "::1 - ::ffff:192.0.2.3",
            "::ffff:255.255.255.0 - ::1:0:0:0",
            "10.0.0.1 - ::1:0:0:0",
        ] {
            assert_eq!(prefixes(text), Err(Bad::Mixed), "{text}");
        }
        // All of them, and more: it stays a range of IPv6.
        let around = covered("::fffe:ffff:ffff - ::1:0:0:0");
        assert_eq!(
            around,
            ["::fffe:ffff:ffff/128", "::ffff:0.0.0.0/96", "::1:0:0:0/128"]
        );
    }

    fn covered(text: &str) -> Vec<String> {
        let prefixes = prefixes(text).unwrap();
        prefixes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_range_is_the_fewest_prefixes() {
        assert_eq!(
            covered("192.0.2.1 - 192.0.2.9"),
            [
                "192.0.2.1/32",
                "192.0.2.2/31",
                "192.0.2.4/30",
                "192.0.2.8/31"
            ]
        );
        assert_eq!(covered("10.0.0.0-10.255.255.255"), ["10.0.0.0/8"]);
        assert_eq!(covered("10.0.0.7\t-\t10.0.0.7"), ["10.0.0.7/32"]);
        assert_eq!(covered("0.0.0.0-255.255.255.255"), ["0.0.0.0/0"]);
        assert_eq!(
            covered("255.255.255.254-255.255.255.255"),
            ["255.255.255.254/31"]
        );
        assert_eq!(covered("2001:db8::-2001:db8::ffff"), ["2001:db8::/112"]);
        assert_eq!(
            covered("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ["::/0"]
        );
        assert_eq!(
            covered("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").len(),
            128
        );
        // A small number is not an address of IPv4.
        assert_eq!(covered("::1-::2"), ["::1/128", "::2/128"]);
    }

    #[test]
    fn what_is_no_range_is_told_apart() {
        assert_eq!(prefixes("10.0.0.1-::1"), Err(Bad::Mixed));
        let ends = ["10.0.0.2", "10.0.0.1"].map(|end| end.parse().unwrap());
        assert_eq!(
            prefixes("10.0.0.2 - 10.0.0.1"),
            Err(Bad::Reversed(ends[0], ends[1]))
        );
        for text in [
            "",
            "-",
            "10.0.0.1",
            "10.0.0.1-",
            "10.0.0.1-2",
            "10.0.0.0/8-10.0.0.1",
            "a-b",
        ] {
            assert_eq!(prefixes(text), Err(Bad::NotARange), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_prefixes_are_the_range_without_gaps(a: u32, b: u32) {
            let (from, to) = (Ipv4Addr::from(a.min(b)), Ipv4Addr::from(a.max(b)));
            let mut next = u64::from(a.min(b));
            for prefix in prefixes(&format!("{from}-{to}")).unwrap() {
                let IpNetwork::V4(prefix) = prefix else {
                    return Err(TestCaseError::fail("of IPv6"));
                };
                prop_assert_eq!(u64::from(prefix.network().to_bits()), next);
                prop_assert_eq!(prefix.network(), prefix.ip());
                next = u64::from(prefix.broadcast().to_bits()) + 1;
            }
            prop_assert_eq!(next, u64::from(a.max(b)) + 1);
        }
    }
}
