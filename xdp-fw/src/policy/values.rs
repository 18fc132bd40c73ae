//! What the criteria say in words, as sets of the values that the core reads from a packet.
//!
//! Owns the meaning of ICMP types, flag combinations, kinds of fragments and VLAN ids. A list that
//! only takes away is taken from every value that a packet can have: untagged frames are in
//! `!7`, packets that are no fragment in `!first`. What a packet does not have at all, a TCP flag
//! of a UDP packet, is in no list: that is the core's work.

use std::ops::RangeInclusive;

use xdp_fw_common::Dimension;
use xdp_fw_common::packet::Mac;
#[cfg(doc)]
use xdp_fw_common::packet::fragment;
use xdp_fw_common::tables::{Domain, icmp_value};

use super::model::List;
use super::rule::Ask;
use crate::criteria::{
    FragmentKind, FragmentList, IcmpTypeList, InterfaceList, MacList, NumberList, Ranges, Spec,
    TcpFlags, Value, ValueKind,
};

/// What the list of a criterion asks; `None` of addresses, which the policy numbers itself.
pub(super) fn ask(spec: &Spec, value: &Value<'_>) -> Option<Ask> {
    Some(Ask::Numbers(match value {
        Value::Numbers(list) if matches!(spec.kind, ValueKind::IcmpCodes) => icmp_codes(list),
        Value::Numbers(list) => numbers(list, spec.dimension),
        Value::IcmpTypes(list) => icmp_types(list),
        Value::Flags(list) => tcp_flags(list),
        Value::Fragments(list) => fragments(list),
        Value::Interfaces(list) => return Some(Ask::Interfaces(interfaces(list))),
        Value::Macs(list) => return Some(Ask::Macs(macs(list))),
        Value::Addresses(_) => return None,
    }))
}

/// Numbers out of all that the dimension has.
fn numbers(list: &NumberList<u32>, dimension: Dimension) -> Ranges {
    let last = match dimension.domain() {
        Domain::Numbers(count) => count.saturating_sub(1),
        Domain::Address | Domain::Key => u32::MAX,
    };
    Ranges::of(list, &[(0, last.into())])
}

/// Bytes of TCP flags that one of the combinations describes.
fn tcp_flags(combinations: &[TcpFlags]) -> Ranges {
    Ranges::of_bytes(|flags| combinations.iter().any(|of| of.fits(flags)))
}

/// Bits of [`mod@fragment`] of the named kinds.
fn fragments(list: &FragmentList) -> Ranges {
    Ranges::of_bytes(|bits| list.contains(FragmentKind::of_bits(bits)))
}

/// Every type and code of either family, as [`icmp_value`] packs them.
const ICMP: (u128, u128) = (
    icmp_value(false, 0, 0) as u128,
    icmp_value(true, u8::MAX, u8::MAX) as u128,
);

/// Codes of every type in both families.
fn icmp_codes(list: &NumberList<u32>) -> Ranges {
    let codes = Ranges::of(list, &[(0, u8::MAX.into())]);
    let kinds = (ICMP.0..=ICMP.1).step_by(1 << 8);
    let of_kind = |kind: u128| codes.iter().map(move |(from, to)| (kind | from, kind | to));
    Ranges::union(kinds.flat_map(of_kind))
}

/// Types by family, with every code.
fn icmp_types(IcmpTypeList(entries): &IcmpTypeList) -> Ranges {
    let of_family = |v6: bool, types: &RangeInclusive<u8>| {
        let first = icmp_value(v6, *types.start(), 0);
        let last = icmp_value(v6, *types.end(), u8::MAX);
        (u128::from(first), u128::from(last))
    };
    let terms = entries.iter().flat_map(|entry| {
        let families = [(false, &entry.v4), (true, &entry.v6)];
        families.into_iter().filter_map(move |(v6, types)| {
            let types = types.as_ref().filter(|types| !types.is_empty())?;
            Some((entry.negated, of_family(v6, types)))
        })
    });
    let (negated, plain): (Vec<_>, Vec<_>) = terms.partition(|(negated, _)| *negated);
    let union = |terms: Vec<(bool, _)>| Ranges::union(terms.into_iter().map(|(_, range)| range));
    let whole = entries.iter().all(|entry| entry.negated);
    let plain = if whole {
        Ranges::union([ICMP])
    } else {
        union(plain)
    };
    plain.without(&union(negated))
}

/// Patterns of interface names.
fn interfaces(InterfaceList(entries): &InterfaceList) -> List<String> {
    let entries = entries.iter();
    List::of(entries.map(|entry| (entry.negated, entry.pattern.clone())))
}

/// Ethernet addresses as a packet has them.
fn macs(MacList(entries): &MacList) -> List<Mac> {
    let entries = entries.iter();
    List::of(entries.map(|entry| (entry.negated, mac(entry.address))))
}

/// The first byte is the most significant of 48 bits.
const fn mac([a, b, c, d, e, f]: [u8; 6]) -> Mac {
    Mac::from_be_bytes([0, 0, a, b, c, d, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criteria::{FragmentEntry, IcmpTypeEntry, NumberEntry};

    /// What a rule with these types and codes asks.
    fn icmp(types: Option<&IcmpTypeList>, codes: Option<&NumberList<u32>>) -> Ranges {
        match (types.map(icmp_types), codes.map(icmp_codes)) {
            (Some(types), Some(codes)) => types.and(&codes),
            (types, codes) => types.or(codes).unwrap_or_default(),
        }
    }

    fn vlans(list: &NumberList<u32>) -> Ranges {
        numbers(list, Dimension::Vlan)
    }

    fn types(entries: &[(bool, Option<u8>, Option<u8>)]) -> IcmpTypeList {
        let one = |kind: u8| kind..=kind;
        let entry = |&(negated, v4, v6): &(bool, Option<u8>, Option<u8>)| IcmpTypeEntry {
            negated,
            v4: v4.map(one),
            v6: v6.map(one),
        };
        IcmpTypeList(entries.iter().map(entry).collect())
    }

    fn codes(negated: bool, range: RangeInclusive<u32>) -> NumberList<u32> {
        NumberList(vec![NumberEntry { negated, range }])
    }

    fn of(ranges: &Ranges) -> Vec<RangeInclusive<u32>> {
        let ranges = ranges.iter();
        ranges.map(|(from, to)| from as u32..=to as u32).collect()
    }

    #[test]
    fn an_icmp_type_without_codes_has_all_of_them() {
        let echo = icmp(Some(&types(&[(false, Some(8), Some(128))])), None);
        assert_eq!(of(&echo), [0x0800..=0x08ff, 0x1_8000..=0x1_80ff]);
    }

    #[test]
    fn an_icmp_code_without_types_is_that_of_every_type_in_both_families() {
        let code = icmp(None, Some(&codes(false, 4..=4)));
        assert_eq!(code.iter().count(), 512);
        assert!(code.contains(icmp_value(false, 3, 4)) && code.contains(icmp_value(true, 255, 4)));
        assert!(!code.contains(icmp_value(true, 1, 3)));
    }

    #[test]
    fn icmp_types_and_codes_are_multiplied() {
        let list = types(&[(false, Some(3), None), (false, None, Some(1))]);
        let both = icmp(Some(&list), Some(&codes(true, 1..=254)));
        let ends = [0x0300..=0x0300, 0x03ff..=0x03ff, 0x1_0100..=0x1_0100];
        assert_eq!(of(&both)[..3], ends);
        assert_eq!(of(&both).len(), 4);
    }

    #[test]
    fn a_negated_icmp_name_takes_its_number_from_each_family_that_has_it() {
        let all_but_echo = icmp(Some(&types(&[(true, Some(8), Some(128))])), None);
        for (value, inside) in [
            (icmp_value(false, 8, 0), false),
            (icmp_value(true, 128, 255), false),
            (icmp_value(true, 8, 0), true),
            (icmp_value(false, 128, 0), true),
            (icmp_value(false, 0, 0), true),
            (icmp_value(true, 255, 255), true),
        ] {
            assert_eq!(all_but_echo.contains(value), inside, "{value:#x}");
        }
    }

    #[test]
    fn flags_that_are_not_named_may_be_anything() {
        let syn_not_ack = TcpFlags { set: 2, clear: 16 };
        let rst = TcpFlags { set: 4, clear: 0 };
        let flags = tcp_flags(&[syn_not_ack, rst]);
        for (byte, inside) in [
            (2, true),
            (0xc2, true),
            (18, false),
            (22, true),
            (16, false),
        ] {
            assert_eq!(flags.contains(byte), inside, "{byte}");
        }
        assert!(tcp_flags(&[]).is_empty());
    }

    #[test]
    fn fragment_kinds_cover_every_byte_once() {
        use FragmentKind::{Atomic, First, Later, None};
        let list = |negated, kinds: &[FragmentKind]| {
            let kinds = kinds.to_vec();
            fragments(&FragmentList(vec![FragmentEntry { negated, kinds }]))
        };
        for (kind, bits) in [(None, 0), (Atomic, 1), (First, 3), (Later, 5), (Later, 7)] {
            for of in [None, Atomic, First, Later] {
                assert_eq!(list(false, &[of]).contains(bits), of == kind, "{bits}");
                assert_eq!(list(true, &[of]).contains(bits), of != kind, "{bits}");
            }
        }
        assert_eq!(of(&list(true, &[])), [0..=255]);
    }

    #[test]
    fn a_vlan_list_that_only_takes_away_keeps_untagged_frames() {
        let entry = |negated, id| NumberEntry {
            negated,
            range: id..=id,
        };
        let all_but_7 = vlans(&NumberList(vec![entry(true, 7)]));
        assert!(
            all_but_7.contains(u32::from(xdp_fw_common::tables::VLAN_NONE))
                && !all_but_7.contains(7)
        );
        let tagged = vlans(&NumberList(vec![entry(
            true,
            xdp_fw_common::tables::VLAN_NONE.into(),
        )]));
        assert_eq!(of(&tagged), [0..=4095]);
    }

    #[test]
    fn an_ethernet_address_reads_from_left_to_right() {
        assert_eq!(mac([2, 0, 0, 0, 0, 0x1f]), 0x0200_0000_001f);
    }
}
