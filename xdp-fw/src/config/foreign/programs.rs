//! What other programs write or read: routers, registries, mail servers, version control.
//!
//! Owns their signs. They come before those of general formats, which some of them resemble.

use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::lines::{ONE_PER_LINE, Sign, begins_with};

/// How a line of each looks; the first one that fits is meant.
pub(super) const SIGNS: &[Sign] = &[
    (
        |line| line.starts_with("<<<<<<< "),
        "a file with conflicts that git left",
        "resolve them, so that one list remains",
    ),
    (
        |line| line.starts_with("version https://git-lfs"),
        "a pointer of Git LFS",
        "`git lfs pull`",
    ),
    (
        |line| line.starts_with("{\\rtf"),
        "a document of a word processor",
        "save it as plain text",
    ),
    (
        |line| begins_with(line, &["ExitNode ", "ExitAddress "]),
        "the list of Tor's exits",
        "`awk '$1 == \"ExitAddress\" { print $2 }' FILE > NEW`",
    ),
    (
        is_delegation,
        "a delegation file of a registry",
        "`awk -F'|' '$4 == \"*\" { next } $3 == \"ipv6\" { print $4 \"/\" $5 } $3 == \"ipv4\" \
         { print $4 \"/\" (32 - log($5) / log(2)) }' FILE > NEW`",
    ),
    (
        is_ip_filter,
        "an ipfilter.dat, a range, a level and a name on each line",
        "`sed -E 's/ *,.*//; s/\\b0+([0-9])/\\1/g' FILE > NEW`",
    ),
    (
        |line| range_in_words(line).is_some(),
        "a list of ranges in words",
        "`sed -E 's/ +to +|[.][.]+/-/' FILE > NEW`",
    ),
    (
        is_postfix,
        "an access table of a mail server",
        "`awk '$2 == \"REJECT\" { print $1 }' FILE > NEW`",
    ),
    (
        |line| begins_with(line, &["/ip firewall", "/ipv6 firewall", "add address="]),
        "an export of a router",
        "`grep -oP '\\baddress=\\K[^ ]+' FILE > NEW`",
    ),
    (
        |line| {
            begins_with(line, &["set policy-options ", "policy-options {"])
                || begins_with(line, &["prefix-list ", "announce route "])
                || line.starts_with("define ") && line.ends_with('[')
        },
        "a configuration of a router",
        ONE_PER_LINE,
    ),
    (
        |line| begins_with(line, &["blackhole ", "unreachable ", "default via "]) || is_route(line),
        "what `ip route` prints",
        ONE_PER_LINE,
    ),
    (
        |line| {
            let actions = ["alert ", "drop ", "reject ", "pass "];
            begins_with(line, &actions) && line.contains(" -> ")
        },
        "a ruleset of Suricata or Snort",
        ONE_PER_LINE,
    ),
    (
        |line| begins_with(line, &["Deny from ", "Allow from ", "Require "]),
        "an access list of Apache",
        ONE_PER_LINE,
    ),
    (
        |line| line.starts_with("acl "),
        "a configuration of a program",
        ONE_PER_LINE,
    ),
    (
        is_several,
        "a list with several addresses on a line",
        "`tr -s ', \\t' '\\n' < FILE > NEW`",
    ),
];

/// `ripencc|FR|ipv4|192.0.2.0|256|…`: the fifth field is how many addresses there are.
fn is_delegation(line: &str) -> bool {
    let mut fields = line.split('|').skip(2);
    let kind = fields.next().unwrap_or_default();
    ["ipv4", "ipv6", "asn"].contains(&kind) && fields.count() >= 3
}

/// `000.000.000.000 - 000.255.255.255 , 000 , a name`.
fn is_ip_filter(line: &str) -> bool {
    let is_address = |text: &str| {
        let octets = text.trim().split('.');
        octets.clone().count() == 4 && octets.into_iter().all(|octet| octet.parse::<u8>().is_ok())
    };
    let range = line.split_once(',').map(|(range, _)| range);
    range
        .and_then(|range| range.split_once('-'))
        .is_some_and(|(from, to)| is_address(from) && is_address(to))
}

fn range_in_words(line: &str) -> Option<()> {
    let (from, to) = line.split_once(" to ").or_else(|| line.split_once(".."))?;
    let ends = (
        from.trim().parse::<IpAddr>(),
        to.trim_start_matches('.').trim().parse::<IpAddr>(),
    );
    matches!(ends, (Ok(_), Ok(_))).then_some(())
}

fn is_postfix(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let is_address = words.next().is_some_and(is_prefix);
    is_address
        && words
            .next()
            .is_some_and(|word| ["REJECT", "DISCARD", "OK", "DUNNO"].contains(&word))
}

/// `192.0.2.0/24 via 198.51.100.1 dev eth0`.
fn is_route(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    words.next().is_some_and(is_prefix)
        && words
            .next()
            .is_some_and(|word| word == "via" || word == "dev")
}

/// Three or more; two are perhaps the ends of a range.
fn is_several(line: &str) -> bool {
    let words = line.split([',', ' ', '\t']).filter(|word| !word.is_empty());
    words.clone().count() > 2 && words.into_iter().all(is_prefix)
}

fn is_prefix(word: &str) -> bool {
    word.parse::<IpNetwork>().is_ok()
}

#[cfg(test)]
mod tests {
    use crate::config::foreign::of_lines;

    fn named(text: &str) -> String {
        of_lines(text.lines()).map_or_else(|| "unknown".into(), |format| format.to_string())
    }

    #[test]
    fn what_programs_write_is_known_by_a_line() {
        for (text, expected) in [
            ("<<<<<<< HEAD\n=======\n>>>>>>> x", "conflicts"),
            (
                "version https://git-lfs.github.com/spec/v1",
                "`git lfs pull`",
            ),
            ("{\\rtf1\\ansi 192.0.2.1\\par", "word processor"),
            (
                "ExitNode 0011\nPublished 2026\nExitAddress 192.0.2.1",
                "Tor",
            ),
            (
                "2|ripencc|1|2|3|4|+0\nripencc|FR|ipv4|192.0.2.0|256|2010|allocated\n\
                 ripencc|FR|ipv6|2001:db8::|32|1999|allocated",
                "registry",
            ),
            ("192.000.002.000 - 192.000.002.255 , 100 , Bad", "ipfilter"),
            ("192.0.2.0 - 192.0.2.255 , 100 , Bad", "ipfilter"),
            ("192.0.2.0 to 192.0.2.255", "ranges in words"),
            ("192.0.2.0..192.0.2.255", "ranges in words"),
            ("192.0.2.1 REJECT\n192.0.2.0/24 REJECT spam", "mail server"),
            ("add address=192.0.2.0/24 list=bad", "export of a router"),
            ("set policy-options prefix-list A 192.0.2.0/24", "router"),
            ("define BAD = [\n192.0.2.0/24+,", "router"),
            ("blackhole 192.0.2.0/24", "`ip route`"),
            ("192.0.2.0/24 via 198.51.100.1 dev eth0", "`ip route`"),
            ("drop ip [192.0.2.0/24] any -> any any (sid:1;)", "Suricata"),
            ("Require not ip 192.0.2.0/24", "Apache"),
            ("192.0.2.1, 192.0.2.2, 192.0.2.3", "several addresses"),
            ("192.0.2.1 192.0.2.0/24 2001:db8::1", "several addresses"),
        ] {
            let said = named(text);
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
