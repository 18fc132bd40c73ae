//! The names of the types and codes of ICMP and ICMPv6.
//!
//! Owns IANA's "ICMP Type Numbers" and "ICMPv6 type Numbers" registries, in lower case with
//! dashes, and the other names that nft uses. A name that both families have stands for the
//! number of each.

/// What a name of a type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeName {
    /// Its type of ICMP.
    pub v4: Option<u8>,
    /// Its type of ICMPv6.
    pub v6: Option<u8>,
}

/// A code, in one type of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Whether it is of ICMPv6.
    pub v6: bool,
    /// The type that it belongs to.
    pub kind: u8,
    /// Its number.
    pub code: u8,
}

/// What programs and people call some types.
pub(crate) const OTHER_WORDS: &[(&str, &str)] = &[
    ("ping", "echo-request"),
    ("pong", "echo-reply"),
    ("unreachable", "destination-unreachable"),
    ("ttl-exceeded", "time-exceeded"),
];

/// The types of a name, whatever its case.
#[must_use]
pub fn types(name: &str) -> Option<TypeName> {
    let (_, v4, v6) = TYPES
        .iter()
        .find(|(names, _, _)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))?;
    Some(TypeName { v4: *v4, v6: *v6 })
}

/// The usual name of a type.
#[must_use]
pub fn type_name(v6: bool, kind: u8) -> Option<&'static str> {
    TYPES
        .iter()
        .find(|(_, in_v4, in_v6)| *(if v6 { in_v6 } else { in_v4 }) == Some(kind))
        .and_then(|(names, _, _)| names.first().copied())
}

/// Every name of a type, the usual one before its others.
pub fn type_names() -> impl Iterator<Item = &'static str> {
    TYPES.iter().flat_map(|(names, _, _)| names.iter().copied())
}

/// Every code that has this name, whatever its case.
pub fn codes(name: &str) -> impl Iterator<Item = Code> {
    CODES
        .iter()
        .filter(move |(names, _)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
        .map(|(_, code)| *code)
}

/// Every name of a code; some repeat.
pub fn code_names() -> impl Iterator<Item = &'static str> {
    CODES.iter().flat_map(|(names, _)| names.iter().copied())
}

type TypeRow = (&'static [&'static str], Option<u8>, Option<u8>);

/// The first name of each is the usual one. British and American spellings are both there.
const TYPES: &[TypeRow] = &[
    (&["echo-request"], Some(8), Some(128)),
    (&["echo-reply"], Some(0), Some(129)),
    (&["destination-unreachable"], Some(3), Some(1)),
    (&["packet-too-big"], None, Some(2)),
    (&["time-exceeded"], Some(11), Some(3)),
    (&["parameter-problem"], Some(12), Some(4)),
    (&["redirect"], Some(5), Some(137)),
    (&["nd-redirect"], None, Some(137)),
    (&["router-advertisement"], Some(9), Some(134)),
    (&["nd-router-advert"], None, Some(134)),
    (&["router-solicitation"], Some(10), Some(133)),
    (&["nd-router-solicit"], None, Some(133)),
    (
        &[
            "neighbor-solicitation",
            "neighbour-solicitation",
            "nd-neighbor-solicit",
        ],
        None,
        Some(135),
    ),
    (
        &[
            "neighbor-advertisement",
            "neighbour-advertisement",
            "nd-neighbor-advert",
        ],
        None,
        Some(136),
    ),
    (
        &["multicast-listener-query", "mld-listener-query"],
        None,
        Some(130),
    ),
    (
        &["multicast-listener-report", "mld-listener-report"],
        None,
        Some(131),
    ),
    (
        &[
            "multicast-listener-done",
            "mld-listener-done",
            "mld-listener-reduction",
        ],
        None,
        Some(132),
    ),
    (
        &[
            "version-2-multicast-listener-report",
            "mld2-listener-report",
        ],
        None,
        Some(143),
    ),
    (&["source-quench"], Some(4), None),
    (&["alternate-host-address"], Some(6), None),
    (&["timestamp-request", "timestamp"], Some(13), None),
    (&["timestamp-reply"], Some(14), None),
    (&["information-request", "info-request"], Some(15), None),
    (&["information-reply", "info-reply"], Some(16), None),
    (&["address-mask-request"], Some(17), None),
    (&["address-mask-reply"], Some(18), None),
    (&["traceroute"], Some(30), None),
    (&["datagram-conversion-error"], Some(31), None),
    (&["mobile-host-redirect"], Some(32), None),
    (&["where-are-you"], Some(33), None),
    (&["i-am-here"], Some(34), None),
    (&["mobile-registration-request"], Some(35), None),
    (&["mobile-registration-reply"], Some(36), None),
    (&["domain-name-request"], Some(37), None),
    (&["domain-name-reply"], Some(38), None),
    (&["skip"], Some(39), None),
    (&["photuris"], Some(40), None),
    (&["experimental-mobility"], Some(41), Some(150)),
    (&["extended-echo-request"], Some(42), Some(160)),
    (&["extended-echo-reply"], Some(43), Some(161)),
    (&["router-renumbering"], None, Some(138)),
    (&["node-information-query"], None, Some(139)),
    (&["node-information-response"], None, Some(140)),
    (
        &[
            "inverse-neighbor-discovery-solicitation",
            "ind-neighbor-solicit",
        ],
        None,
        Some(141),
    ),
    (
        &[
            "inverse-neighbor-discovery-advertisement",
            "ind-neighbor-advert",
        ],
        None,
        Some(142),
    ),
    (&["home-agent-address-discovery-request"], None, Some(144)),
    (&["home-agent-address-discovery-reply"], None, Some(145)),
    (&["mobile-prefix-solicitation"], None, Some(146)),
    (&["mobile-prefix-advertisement"], None, Some(147)),
    (&["certification-path-solicitation"], None, Some(148)),
    (&["certification-path-advertisement"], None, Some(149)),
    (&["multicast-router-advertisement"], None, Some(151)),
    (&["multicast-router-solicitation"], None, Some(152)),
    (&["multicast-router-termination"], None, Some(153)),
    (&["fmipv6"], None, Some(154)),
    (&["rpl-control"], None, Some(155)),
    (&["ilnpv6-locator-update"], None, Some(156)),
    (&["duplicate-address-request"], None, Some(157)),
    (&["duplicate-address-confirmation"], None, Some(158)),
    (&["mpl-control"], None, Some(159)),
];

const fn v4(kind: u8, code: u8) -> Code {
    Code {
        v6: false,
        kind,
        code,
    }
}

const fn v6(kind: u8, code: u8) -> Code {
    Code {
        v6: true,
        kind,
        code,
    }
}

const CODES: &[(&[&str], Code)] = &[
    (&["network-unreachable", "net-unreachable"], v4(3, 0)),
    (&["host-unreachable"], v4(3, 1)),
    (&["protocol-unreachable", "prot-unreachable"], v4(3, 2)),
    (&["port-unreachable"], v4(3, 3)),
    (&["fragmentation-needed", "frag-needed"], v4(3, 4)),
    (&["source-route-failed"], v4(3, 5)),
    (&["network-unknown"], v4(3, 6)),
    (&["host-unknown"], v4(3, 7)),
    (&["source-host-isolated"], v4(3, 8)),
    (&["network-prohibited", "net-prohibited"], v4(3, 9)),
    (&["host-prohibited"], v4(3, 10)),
    (&["network-tos-unreachable"], v4(3, 11)),
    (&["host-tos-unreachable"], v4(3, 12)),
    (&["communication-prohibited", "admin-prohibited"], v4(3, 13)),
    (&["host-precedence-violation"], v4(3, 14)),
    (&["precedence-cutoff"], v4(3, 15)),
    (&["network-redirect"], v4(5, 0)),
    (&["host-redirect"], v4(5, 1)),
    (&["tos-network-redirect"], v4(5, 2)),
    (&["tos-host-redirect"], v4(5, 3)),
    (&["ttl-exceeded", "hop-limit-exceeded"], v4(11, 0)),
    (
        &["reassembly-time-exceeded", "reassembly-exceeded"],
        v4(11, 1),
    ),
    (&["pointer-error"], v4(12, 0)),
    (&["required-option-missing"], v4(12, 1)),
    (&["bad-length"], v4(12, 2)),
    (&["no-route"], v6(1, 0)),
    (&["communication-prohibited", "admin-prohibited"], v6(1, 1)),
    (&["beyond-scope"], v6(1, 2)),
    (&["address-unreachable", "addr-unreachable"], v6(1, 3)),
    (&["port-unreachable"], v6(1, 4)),
    (&["source-policy-failed", "policy-fail"], v6(1, 5)),
    (&["reject-route"], v6(1, 6)),
    (&["source-routing-error"], v6(1, 7)),
    (&["headers-too-long"], v6(1, 8)),
    (&["ttl-exceeded", "hop-limit-exceeded"], v6(3, 0)),
    (
        &["reassembly-time-exceeded", "reassembly-exceeded"],
        v6(3, 1),
    ),
    (&["erroneous-header"], v6(4, 0)),
    (&["unknown-next-header"], v6(4, 1)),
    (&["unknown-option"], v6(4, 2)),
    (&["incomplete-header-chain"], v6(4, 3)),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_of_a_type_repeats_and_all_are_in_lower_case() {
        let mut seen = BTreeSet::new();
        for name in type_names() {
            assert!(seen.insert(name), "{name}");
        }
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        for name in type_names().chain(code_names()) {
            assert!(name.bytes().all(fits), "{name}");
            assert!(!name.bytes().all(|byte| byte.is_ascii_digit()), "{name}");
        }
    }

    #[test]
    fn a_name_stands_for_the_number_of_each_family() {
        for (name, v4, v6) in [
            ("echo-request", Some(8), Some(128)),
            ("Echo-Reply", Some(0), Some(129)),
            ("redirect", Some(5), Some(137)),
            ("packet-too-big", None, Some(2)),
            ("timestamp", Some(13), None),
            ("neighbour-solicitation", None, Some(135)),
        ] {
            assert_eq!(types(name), Some(TypeName { v4, v6 }), "{name}");
        }
        assert_eq!((types("ping"), types("")), (None, None));
        assert_eq!(type_name(true, 137), Some("redirect"));
        assert_eq!(type_name(false, 200), None);
    }

    #[test]
    fn a_code_belongs_to_a_type_that_has_a_name_and_has_one_name_there() {
        let mut seen = BTreeSet::new();
        for (names, code) in CODES {
            assert!(type_name(code.v6, code.kind).is_some(), "{code:?}");
            assert!(seen.insert((code.v6, code.kind, code.code)), "{code:?}");
            assert!(!names.is_empty(), "{code:?}");
        }
        let of = |name| codes(name).collect::<Vec<_>>();
        assert_eq!(of("port-unreachable"), [v4(3, 3), v6(1, 4)]);
        assert_eq!(of("Fragmentation-Needed"), [v4(3, 4)]);
        assert_eq!(of("nonsense"), []);
    }
}
