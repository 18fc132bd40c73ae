//! Keys that people know from other firewalls, and what to write here.
//!
//! Owns the answers where the spelling is not near to that of the key that is meant.

/// What is to be said of a key of a rule.
const OF_RULES: [(&[&str], &str); 14] = [
    (
        &[
            "state",
            "ct",
            "ctstate",
            "conntrack",
            "established",
            "connection_state",
            "keep_state",
        ],
        "xdp-fw tracks no connections: `protocol = \"tcp\"` with `tcp_flags = \"ack\"` passes packets of \
         TCP connections, and a rule on `source_port` the answers of a UDP service",
    ),
    (
        &[
            "limit",
            "rate",
            "rate_limit",
            "burst",
            "quota",
            "hashlimit",
            "meter",
            "connlimit",
        ],
        "xdp-fw limits no rates",
    ),
    (
        &["log", "log_prefix", "trace", "nflog"],
        "xdp-fw logs no packets: `shadow = true` counts what a rule matches, `xdp-fw explain --pcap` \
         shows it",
    ),
    (
        &[
            "nat",
            "snat",
            "dnat",
            "masquerade",
            "redirect_to",
            "forward_to",
            "mark",
        ],
        "xdp-fw changes no packets: it passes or drops them",
    ),
    (
        &[
            "priority", "order", "position", "index", "rule_id", "handle",
        ],
        "rules stand in the order of the file, and the first that matches decides",
    ),
    (
        &["chain", "hook", "table", "direction", "egress", "output"],
        "xdp-fw filters what arrives, and has one list of rules",
    ),
    (
        &["comment", "description", "note", "remark"],
        "write `# …` above the rule",
    ),
    (
        &["counter", "count", "counters"],
        "each rule counts by itself, see `xdp-fw stats`",
    ),
    (
        &["jump", "target", "verdict", "then", "policy"],
        "expected `action`",
    ),
    (
        &["port", "ports", "service"],
        "expected `destination_port` or `source_port`",
    ),
    (
        &[
            "ip",
            "address",
            "addresses",
            "prefix",
            "cidr",
            "network",
            "host",
            "from",
            "saddr",
        ],
        "expected `source` or `destination`",
    ),
    (&["to", "daddr"], "expected `destination`"),
    (
        &["iif", "iifname", "in_interface", "device", "nic"],
        "expected `interface`",
    ),
    (&["tos", "traffic_class", "diffserv"], "expected `dscp`"),
];

/// The same at the top of a file.
const AT_THE_TOP: [(&[&str], &str); 4] = [
    (
        &["policy", "default", "default_policy", "default_verdict"],
        "expected `default_action`",
    ),
    (
        &["iface", "ifaces", "nic", "nics", "device", "devices", "eth"],
        "expected `interfaces`",
    ),
    (
        &[
            "chain", "chains", "table", "tables", "filter", "acl", "acls", "policies",
        ],
        "expected [[rule]] for each rule",
    ),
    (
        &[
            "ipset", "ipsets", "list", "lists", "group", "groups", "alias", "aliases", "objects",
        ],
        "expected [set.NAME]",
    ),
];

/// What to say of the key of a table; `None` if it is known from nowhere.
pub(super) fn answer(table: &str, key: &str) -> Option<&'static str> {
    let answers: &[(&[&str], &str)] = match table {
        "rule" => &OF_RULES,
        "the configuration" => &AT_THE_TOP,
        _ => return None,
    };
    let key = key.to_ascii_lowercase().replace('-', "_");
    let known = answers
        .iter()
        .find(|(keys, _)| keys.contains(&key.as_str()));
    known.map(|(_, answer)| *answer)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_key_of_another_firewall_has_an_answer() {
        assert_eq!(
            answer("rule", "From"),
            Some("expected `source` or `destination`")
        );
        assert_eq!(answer("rule", "log-prefix"), answer("rule", "log"));
        assert_eq!(
            answer("the configuration", "policy"),
            Some("expected `default_action`")
        );
        assert_eq!(answer("rule", "souce"), None);
        assert_eq!(answer("set `x`", "comment"), None);
    }

    #[test]
    fn no_key_has_two_answers() {
        for answers in [&OF_RULES[..], &AT_THE_TOP[..]] {
            let all: Vec<&str> = answers
                .iter()
                .flat_map(|(keys, _)| *keys)
                .copied()
                .collect();
            let once: BTreeSet<&str> = all.iter().copied().collect();
            assert_eq!(all.len(), once.len());
        }
    }
}
