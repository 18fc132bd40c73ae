//! What the criteria say in words, as sets of the values that the core reads from a packet.
//!
//! Owns the meaning of ICMP types, flag combinations, kinds of fragments and VLAN ids. A list that
//! only takes away is taken from every value that a packet can have: untagged frames are in
//! `!7`, packets that are no fragment in `!first`. What a packet does not have at all, a TCP flag
//! of a UDP packet, is in no list: that is the core's work.

use std::ops::RangeInclusive;

use xdp_fw_common::packet::{Mac, fragment};
use xdp_fw_common::tables::{VLAN_NONE, icmp_value};

use super::model::List;
use super::ranges::Ranges;
use crate::config::{
    FragmentKind, FragmentList, IcmpTypeEntry, IcmpTypeList, InterfaceList, MacList, NumberList,
    TcpFlags,
};

/// Numbers of 8 bits.
pub(super) fn bytes(list: &NumberList<u8>) -> Ranges {
    Ranges::of(list, 0..=u32::from(u8::MAX))
}

/// Numbers of 16 bits.
pub(super) fn words(list: &NumberList<u16>) -> Ranges {
    Ranges::of(list, 0..=u32::from(u16::MAX))
}

/// VLAN ids, and [`VLAN_NONE`].
pub(super) fn vlans(list: &NumberList<u16>) -> Ranges {
    Ranges::of(list, 0..=u32::from(VLAN_NONE))
}

/// Bytes of TCP flags that one of the combinations describes.
pub(super) fn tcp_flags(combinations: &[TcpFlags]) -> Ranges {
    Ranges::of_bytes(|flags| {
        let fits = |of: &TcpFlags| flags & of.set == of.set && flags & of.clear == 0;
        combinations.iter().any(fits)
    })
}

/// Bits of [`mod@fragment`] of the named kinds.
pub(super) fn fragments(FragmentList(entries): &FragmentList) -> Ranges {
    let names = |negated, kind| {
        let mut entries = entries.iter().filter(move |entry| entry.negated == negated);
        entries.any(|entry| entry.kinds.contains(&kind))
    };
    let only_takes_away = entries.iter().all(|entry| entry.negated);
    Ranges::of_bytes(|bits| {
        let kind = fragment_kind(bits);
        (only_takes_away || names(false, kind)) && !names(true, kind)
    })
}

/// Later is what has no transport header: of nested fragment headers, if any says so.
const fn fragment_kind(bits: u8) -> FragmentKind {
    if bits & fragment::LATER != 0 {
        FragmentKind::Later
    } else if bits & fragment::MORE != 0 {
        FragmentKind::First
    } else if bits & fragment::FRAGMENT != 0 {
        FragmentKind::Atomic
    } else {
        FragmentKind::None
    }
}

/// Families, types and codes of ICMP; `None` if neither types nor codes are asked for.
pub(super) fn icmp(types: Option<&IcmpTypeList>, codes: Option<&NumberList<u8>>) -> Option<Ranges> {
    if types.is_none() && codes.is_none() {
        return None;
    }
    let every_code = || Ranges::of(&NumberList::<u8>(Vec::new()), 0..=u32::from(u8::MAX));
    let codes = codes.map_or_else(every_code, bytes);
    let types = icmp_types(types.map_or(&[], |list| &list.0));
    let of_type = |kind: u32| {
        let range = move |codes: &RangeInclusive<u32>| {
            (false, kind << 8 | codes.start()..=kind << 8 | codes.end())
        };
        codes.iter().map(range)
    };
    let types = types.iter().cloned().flatten();
    Some(Ranges::from_terms(types.flat_map(of_type)))
}

/// Families and types of ICMP: an [`icmp_value`] without the code.
fn icmp_types(entries: &[IcmpTypeEntry]) -> Ranges {
    let of_family = |v6: bool, types: &RangeInclusive<u8>| {
        icmp_value(v6, *types.start(), 0) >> 8..=icmp_value(v6, *types.end(), 0) >> 8
    };
    let terms = entries.iter().flat_map(|entry| {
        let families = [(false, &entry.v4), (true, &entry.v6)];
        families.into_iter().filter_map(move |(v6, types)| {
            let types = types.as_ref().filter(|types| !types.is_empty())?;
            Some((entry.negated, of_family(v6, types)))
        })
    });
    let whole = entries.iter().all(|entry| entry.negated);
    let everything = 0..=icmp_value(true, u8::MAX, 0) >> 8;
    Ranges::from_terms(terms.chain(whole.then_some((false, everything))))
}

/// Patterns of interface names.
pub(super) fn interfaces(InterfaceList(entries): &InterfaceList) -> List<String> {
    let entries = entries.iter();
    List::of(entries.map(|entry| (entry.negated, entry.pattern.clone())))
}

/// Ethernet addresses as a packet has them.
pub(super) fn macs(MacList(entries): &MacList) -> List<Mac> {
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
    use crate::config::{FragmentEntry, NumberEntry};

    fn types(entries: &[(bool, Option<u8>, Option<u8>)]) -> IcmpTypeList {
        let one = |kind: u8| kind..=kind;
        let entry = |&(negated, v4, v6): &(bool, Option<u8>, Option<u8>)| IcmpTypeEntry {
            negated,
            v4: v4.map(one),
            v6: v6.map(one),
        };
        IcmpTypeList(entries.iter().map(entry).collect())
    }

    fn codes(negated: bool, range: RangeInclusive<u8>) -> NumberList<u8> {
        NumberList(vec![NumberEntry { negated, range }])
    }

    fn of(ranges: &Ranges) -> Vec<RangeInclusive<u32>> {
        ranges.iter().cloned().collect()
    }

    #[test]
    fn an_icmp_type_without_codes_has_all_of_them() {
        let echo = icmp(Some(&types(&[(false, Some(8), Some(128))])), None).unwrap();
        assert_eq!(of(&echo), [0x0800..=0x08ff, 0x1_8000..=0x1_80ff]);
    }

    #[test]
    fn an_icmp_code_without_types_is_that_of_every_type_in_both_families() {
        let code = icmp(None, Some(&codes(false, 4..=4))).unwrap();
        assert_eq!(code.iter().count(), 512);
        assert!(code.contains(icmp_value(false, 3, 4)) && code.contains(icmp_value(true, 255, 4)));
        assert!(!code.contains(icmp_value(true, 1, 3)));
    }

    #[test]
    fn icmp_types_and_codes_are_multiplied() {
        let list = types(&[(false, Some(3), None), (false, None, Some(1))]);
        let both = icmp(Some(&list), Some(&codes(true, 1..=254))).unwrap();
        let ends = [0x0300..=0x0300, 0x03ff..=0x03ff, 0x1_0100..=0x1_0100];
        assert_eq!(of(&both)[..3], ends);
        assert_eq!(of(&both).len(), 4);
    }

    #[test]
    fn a_negated_icmp_name_takes_its_number_from_each_family_that_has_it() {
        let all_but_echo = icmp(Some(&types(&[(true, Some(8), Some(128))])), None).unwrap();
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
    fn icmp_without_types_and_codes_is_no_criterion() {
        assert_eq!(icmp(None, None), None);
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
        assert!(all_but_7.contains(u32::from(VLAN_NONE)) && !all_but_7.contains(7));
        let tagged = vlans(&NumberList(vec![entry(true, VLAN_NONE)]));
        assert_eq!(of(&tagged), [0..=4095]);
    }

    #[test]
    fn an_ethernet_address_reads_from_left_to_right() {
        assert_eq!(mac([2, 0, 0, 0, 0, 0x1f]), 0x0200_0000_001f);
    }
}
