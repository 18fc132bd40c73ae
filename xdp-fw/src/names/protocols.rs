//! The names of the Internet protocol numbers.
//!
//! Owns IANA's "Assigned Internet Protocol Numbers" registry, in lower case, with the other
//! names that Linux uses. Never looks at /etc/protocols: a rule must mean the same on every host.

/// ICMP, of IPv4.
pub const ICMP: u8 = 1;

/// TCP.
pub const TCP: u8 = 6;

/// ICMP of IPv6.
pub const ICMPV6: u8 = 58;

/// The protocols with ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
pub const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

/// The number of a protocol by its name, whatever its case.
#[must_use]
pub fn number(name: &str) -> Option<u8> {
    let is_it = |known: &str| known.eq_ignore_ascii_case(name);
    NAMES
        .iter()
        .find(|(_, names)| names.iter().any(|known| is_it(known)))
        .map(|(number, _)| *number)
}

/// The usual name of a protocol, if it has one.
#[must_use]
pub fn name(number: u8) -> Option<&'static str> {
    NAMES
        .iter()
        .find(|(known, _)| *known == number)
        .and_then(|(_, names)| names.first().copied())
}

/// Every name, the usual one of each protocol before its others.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().flat_map(|(_, names)| names.iter().copied())
}

/// By number; the first name of each is the one that is printed.
const NAMES: &[(u8, &[&str])] = &[
    (0, &["hopopt"]),
    (1, &["icmp"]),
    (2, &["igmp"]),
    (3, &["ggp"]),
    // IANA's own IPIP is 94; what Linux calls ipip, and sends, is 4.
    (4, &["ipencap", "ipv4", "ip-encap", "ipip"]),
    (5, &["st"]),
    (6, &["tcp"]),
    (7, &["cbt"]),
    (8, &["egp"]),
    (9, &["igp"]),
    (10, &["bbn-rcc-mon"]),
    (11, &["nvp-ii"]),
    (12, &["pup"]),
    (13, &["argus"]),
    (14, &["emcon"]),
    (15, &["xnet"]),
    (16, &["chaos"]),
    (17, &["udp"]),
    (18, &["mux"]),
    (19, &["dcn-meas"]),
    (20, &["hmp"]),
    (21, &["prm"]),
    (22, &["xns-idp"]),
    (23, &["trunk-1"]),
    (24, &["trunk-2"]),
    (25, &["leaf-1"]),
    (26, &["leaf-2"]),
    (27, &["rdp"]),
    (28, &["irtp"]),
    (29, &["iso-tp4"]),
    (30, &["netblt"]),
    (31, &["mfe-nsp"]),
    (32, &["merit-inp"]),
    (33, &["dccp"]),
    (34, &["3pc"]),
    (35, &["idpr"]),
    (36, &["xtp"]),
    (37, &["ddp"]),
    (38, &["idpr-cmtp"]),
    (39, &["tp++"]),
    (40, &["il"]),
    (41, &["ipv6", "ipv6-encap"]),
    (42, &["sdrp"]),
    (43, &["ipv6-route"]),
    (44, &["ipv6-frag"]),
    (45, &["idrp"]),
    (46, &["rsvp"]),
    (47, &["gre"]),
    (48, &["dsr"]),
    (49, &["bna"]),
    (50, &["esp", "ipsec-esp"]),
    (51, &["ah", "ipsec-ah"]),
    (52, &["i-nlsp"]),
    (53, &["swipe"]),
    (54, &["narp"]),
    (55, &["min-ipv4", "mobile"]),
    (56, &["tlsp"]),
    (57, &["skip"]),
    (58, &["icmpv6", "ipv6-icmp"]),
    (59, &["ipv6-nonxt"]),
    (60, &["ipv6-opts"]),
    (62, &["cftp"]),
    (64, &["sat-expak"]),
    (65, &["kryptolan"]),
    (66, &["rvd"]),
    (67, &["ippc"]),
    (69, &["sat-mon"]),
    (70, &["visa"]),
    (71, &["ipcv"]),
    (72, &["cpnx"]),
    (73, &["cphb", "rspf"]),
    (74, &["wsn"]),
    (75, &["pvp"]),
    (76, &["br-sat-mon"]),
    (77, &["sun-nd"]),
    (78, &["wb-mon"]),
    (79, &["wb-expak"]),
    (80, &["iso-ip"]),
    (81, &["vmtp"]),
    (82, &["secure-vmtp"]),
    (83, &["vines"]),
    (84, &["iptm", "ttp"]),
    (85, &["nsfnet-igp"]),
    (86, &["dgp"]),
    (87, &["tcf"]),
    (88, &["eigrp"]),
    (89, &["ospf", "ospfigp"]),
    (90, &["sprite-rpc"]),
    (91, &["larp"]),
    (92, &["mtp"]),
    (93, &["ax.25"]),
    (95, &["micp"]),
    (96, &["scc-sp"]),
    (97, &["etherip"]),
    (98, &["encap"]),
    (100, &["gmtp"]),
    (101, &["ifmp"]),
    (102, &["pnni"]),
    (103, &["pim"]),
    (104, &["aris"]),
    (105, &["scps"]),
    (106, &["qnx"]),
    (107, &["a/n"]),
    (108, &["ipcomp"]),
    (109, &["snp"]),
    (110, &["compaq-peer"]),
    (111, &["ipx-in-ip"]),
    (112, &["vrrp", "carp"]),
    (113, &["pgm"]),
    (115, &["l2tp"]),
    (116, &["ddx"]),
    (117, &["iatp"]),
    (118, &["stp"]),
    (119, &["srp"]),
    (120, &["uti"]),
    (121, &["smp"]),
    (122, &["sm"]),
    (123, &["ptp"]),
    (124, &["isis"]),
    (125, &["fire"]),
    (126, &["crtp"]),
    (127, &["crudp"]),
    (128, &["sscopmce"]),
    (129, &["iplt"]),
    (130, &["sps"]),
    (131, &["pipe"]),
    (132, &["sctp"]),
    (133, &["fc"]),
    (134, &["rsvp-e2e-ignore"]),
    (135, &["mobility-header"]),
    (136, &["udplite", "udp-lite"]),
    (137, &["mpls-in-ip"]),
    (138, &["manet"]),
    (139, &["hip"]),
    (140, &["shim6"]),
    (141, &["wesp"]),
    (142, &["rohc"]),
    (143, &["ethernet"]),
    (144, &["aggfrag"]),
    (145, &["nsh"]),
    (146, &["homa"]),
    (147, &["bit-emu"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_ascend_and_no_name_repeats() {
        assert!(NAMES.is_sorted_by(|(a, _), (b, _)| a < b));
        let mut seen = BTreeSet::new();
        assert!(names().all(|name| seen.insert(name)));
        assert!(names().all(|name| name == name.to_lowercase()));
    }

    #[test]
    fn names_are_found_in_any_case() {
        for (name, expected) in [
            ("icmp", 1),
            ("igmp", 2),
            ("ipencap", 4),
            ("tcp", 6),
            ("TCP", 6),
            ("egp", 8),
            ("udp", 17),
            ("dccp", 33),
            ("ipv6", 41),
            ("gre", 47),
            ("esp", 50),
            ("ah", 51),
            ("icmpv6", 58),
            ("IPv6-ICMP", 58),
            ("eigrp", 88),
            ("ospf", 89),
            ("pim", 103),
            ("vrrp", 112),
            ("l2tp", 115),
            ("sctp", 132),
            ("UDPLite", 136),
            ("MPLS-in-IP", 137),
        ] {
            assert_eq!(number(name), Some(expected), "{name}");
        }
        assert_eq!((number("ip"), number(""), number("94")), (None, None, None));
    }

    #[test]
    fn the_usual_name_comes_first() {
        assert_eq!(
            [name(58), name(89), name(4), name(200)],
            [Some("icmpv6"), Some("ospf"), Some("ipencap"), None]
        );
    }

    #[test]
    fn the_table_agrees_with_the_operating_system() {
        let Ok(protocols) = std::fs::read_to_string("/etc/protocols") else {
            return;
        };
        for line in protocols.lines() {
            let mut words = line
                .split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace();
            let (Some(name), Some(Ok(theirs))) = (words.next(), words.next().map(str::parse::<u8>))
            else {
                continue;
            };
            // `ip` is a pseudo protocol there; `ipip` is explained at its row.
            if let Some(ours) = number(name)
                && name != "ipip"
            {
                assert_eq!(ours, theirs, "{name}");
            }
        }
    }
}
