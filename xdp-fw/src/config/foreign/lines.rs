//! Formats of text, by the lines that are no prefixes.

use std::net::IpAddr;

use super::Format;
use super::programs;
use super::tables::{address, separated};

/// What has such lines, which were taken from one file in their order.
pub(in crate::config) fn of_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Format> {
    let lines: Vec<&str> = lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    // The first line shows it, or most of them do: one odd line among others is no format.
    let first = lines.first().copied().unwrap_or_default();
    let is_shown = |has: fn(&str) -> bool| {
        has(first) || lines.iter().filter(|line| has(line)).count() * 2 > lines.len()
    };
    let mut signs = programs::SIGNS.iter().chain(SIGNS);
    let by_line = signs
        .find(|(has, ..)| is_shown(*has))
        .map(|(_, name, remedy)| Format::new(name, *remedy));
    by_line
        .or_else(|| separated(&lines))
        .or_else(|| worded(&lines))
}

pub(super) type Sign = (fn(&str) -> bool, &'static str, &'static str);

pub(super) const ONE_PER_LINE: &str = "expected one prefix per line";

/// How a line of each format looks; the first one that fits is meant.
const SIGNS: &[Sign] = &[
    (
        |line| line.starts_with("-----BEGIN "),
        "a key or a certificate",
        ONE_PER_LINE,
    ),
    (is_json, "JSON", "`jq -r '.. | strings' FILE > NEW`"),
    (
        is_item,
        "a list in quotes, perhaps a part of JSON",
        "`tr -d '\", ' < FILE > NEW`",
    ),
    (
        |line| {
            line.strip_prefix('<').is_some_and(|tag| {
                tag.starts_with(|first: char| first.is_ascii_alphabetic() || "!?/".contains(first))
            })
        },
        "HTML or XML, perhaps an error page",
        "look at what the server answered, and use a plain-text list",
    ),
    (
        is_ipset,
        "what `ipset save` prints",
        "`ipset save NAME | awk '$1 == \"add\" { print $3 }' > NEW`",
    ),
    (
        is_nft,
        "a ruleset of nftables",
        "`nft -j list set FAMILY TABLE SET | jq -r '.nftables[].set?.elem[]? | .elem?.val? // . | \
         if type == \"string\" then . elif .prefix then \"\\(.prefix.addr)/\\(.prefix.len)\" else \
         .range | join(\"-\") end' > NEW`",
    ),
    (
        |line| {
            begins_with(
                line,
                &[
                    "-A ", "-I ", "*filter", "*nat", "*raw", "*mangle", ":INPUT ",
                ],
            ) || begins_with(line, &["iptables ", "ip6tables ", ":FORWARD ", ":OUTPUT "])
        },
        "a ruleset of iptables",
        "`grep -oP -- '-s \\K[^ ]+' FILE > NEW`",
    ),
    (
        |line| is_pf(line),
        "a ruleset of pf",
        "`pfctl -t TABLE -T show > NEW`",
    ),
    (
        |line| {
            begins_with(
                line,
                &[
                    "access-list ",
                    "ip access-list ",
                    "ip prefix-list ",
                    "ip route ",
                ],
            ) || begins_with(line, &["permit ", "deny ip ", "deny tcp ", "deny udp "])
        },
        "a router's access list",
        ONE_PER_LINE,
    ),
    (
        |line| begins_with(line, &["deny ", "allow "]),
        "an access list of a web server",
        "`awk '$1 == \"deny\" { sub(\";\", \"\", $2); print $2 }' FILE > NEW`",
    ),
    (
        |line| {
            begins_with(
                line,
                &["route:", "route6:", "inetnum:", "inet6num:", "aut-num:"],
            )
        },
        "what whois answers",
        "`awk '/^route6?:/ { print $2 }' FILE > NEW`",
    ),
    (
        |line| line.starts_with("$TTL") || line.starts_with("$ORIGIN") || line.contains(" IN SOA "),
        "a DNS zone",
        ONE_PER_LINE,
    ),
    (
        |line| line.starts_with("||") || line.starts_with("@@||"),
        "a list for ad blockers",
        "names are not resolved; expected one prefix per line",
    ),
    (
        |line| begins_with(line, &["http://", "https://", "hxxp://"]),
        "a list of URLs",
        "names are not resolved; expected one prefix per line",
    ),
    (
        |line| {
            line == "---"
                || line
                    .strip_prefix("- ")
                    .is_some_and(|item| address(item).is_some())
        },
        "YAML",
        "`sed -n 's/^ *- *//p' FILE > NEW`",
    ),
    (
        is_hosts,
        "a hosts file, an address and its names on each line",
        "names are not resolved; `awk '{ print $1 }' FILE > NEW` prints the addresses",
    ),
    (
        is_peer_guardian,
        "a P2P list with a name before each range",
        "`sed 's/.*://' FILE > NEW`",
    ),
    (is_setting, "a configuration of a program", ONE_PER_LINE),
];

pub(super) fn begins_with(line: &str, signs: &[&str]) -> bool {
    signs.iter().any(|sign| line.starts_with(sign))
}

fn is_json(line: &str) -> bool {
    let opens = line.starts_with('{')
        || line.strip_prefix('[').is_some_and(|rest| {
            let next = rest.trim_start();
            next.is_empty() || next.starts_with(['"', '[', '{', ']'])
        });
    opens || line.starts_with('"') && line.contains("\": ")
}

/// `"192.0.2.0/24",`
fn is_item(line: &str) -> bool {
    let item = line.strip_suffix(',').map(|item| item.trim_matches('"'));
    line.starts_with('"') && item.is_some_and(|item| item.parse::<ipnetwork::IpNetwork>().is_ok())
}

fn is_ipset(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("create"), Some(_), Some(kind)) => kind.contains(':'),
        (Some("add"), Some(_), Some(entry)) => address(entry).is_some(),
        _ => false,
    }
}

fn is_nft(line: &str) -> bool {
    let families = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some("table"), Some(family)) => families.contains(&family),
        (Some("add" | "flush" | "delete" | "create"), Some(what)) => {
            ["element", "set", "table", "rule", "chain", "ruleset"].contains(&what)
        }
        (Some("elements"), Some("=")) => true,
        (Some("set"), Some(_)) => line.ends_with('{'),
        (Some("define"), Some(_)) => line.contains('=') && !line.ends_with('['),
        _ => line.contains("/nft -f"),
    }
}

fn is_pf(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some("table"), Some(name)) => name.starts_with('<'),
        (Some("block" | "pass" | "match"), Some(next)) => {
            ["in", "out", "drop", "return", "quick", "log", "from"].contains(&next)
                && line.contains(" from ")
        }
        _ => false,
    }
}

fn is_hosts(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let is_address = words
        .next()
        .is_some_and(|word| word.parse::<IpAddr>().is_ok());
    let name = words.next().filter(|name| is_name(name));
    is_address && name.is_some()
}

fn is_peer_guardian(line: &str) -> bool {
    let range = line
        .rsplit_once(':')
        .and_then(|(_, range)| range.split_once('-'));
    range.is_some_and(|(from, to)| v4(from) && v4(to))
}

fn v4(text: &str) -> bool {
    text.trim().parse::<std::net::Ipv4Addr>().is_ok()
}

/// `[section]`, or `key = value` and `key: value`.
fn is_setting(line: &str) -> bool {
    let section = line
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_word = |word: &str| {
        let word = word.trim();
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let key = line.split_once('=').or_else(|| line.split_once(": "));
    section.is_some_and(|name| is_word(name.trim_matches('[')))
        || key.is_some_and(|(key, _)| is_word(key))
}

/// Names or prose, if most lines are.
fn worded(lines: &[&str]) -> Option<Format> {
    let most = |is: fn(&str) -> bool| {
        let count = lines.iter().filter(|line| is(line)).count();
        count > 0 && count * 2 > lines.len()
    };
    if lines.len() > 1 && most(is_name) {
        let remedy = "names are not resolved; expected one prefix per line";
        return Some(Format::new("a list of names", remedy));
    }
    let is_prose = |line: &str| {
        let words = line.split_ascii_whitespace();
        let is_word =
            |word: &str| word.chars().filter(|char| char.is_alphabetic()).count() * 2 > word.len();
        let (words, all) = (
            words.clone().filter(|word| is_word(word)).count(),
            words.count(),
        );
        words >= 2 && words * 2 > all
    };
    most(is_prose).then(|| Format::new("prose", ONE_PER_LINE))
}

fn is_name(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_alphabetic())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> String {
        of_lines(text.lines()).map_or_else(|| "unknown".into(), |format| format.to_string())
    }

    #[test]
    fn formats_of_text_are_known_by_a_line() {
        for (text, expected) in [
            ("{\"cidr\": \"192.0.2.0/24\"}", "is JSON; "),
            ("[\n  \"192.0.2.0/24\",\n", "is JSON; "),
            ("[\"192.0.2.0/24\"]", "is JSON; "),
            ("  \"prefixes\": [", "is JSON; "),
            ("<!DOCTYPE html>", "is HTML or XML"),
            (
                "create bad hash:net family inet\nadd bad 192.0.2.0/24",
                "`ipset save` prints",
            ),
            ("add bad 192.0.2.0/24 timeout 5", "`ipset save` prints"),
            ("add bad 192.0.2.0,tcp:80", "`ipset save` prints"),
            ("table inet fw {\n set bad {\n type ipv4_addr", "nftables"),
            ("elements = { 192.0.2.1,", "nftables"),
            ("add element inet fw bad { 192.0.2.1 }", "nftables"),
            (
                "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.1/32 -j DROP",
                "iptables",
            ),
            ("iptables -A INPUT -s 192.0.2.1 -j DROP", "iptables"),
            (
                "table <bad> persist { 192.0.2.1 }\nblock in from <bad>",
                "pf",
            ),
            ("block in quick from 192.0.2.1 to any", "pf"),
            ("access-list 10 deny 192.0.2.0 0.0.0.255", "router"),
            ("deny 192.0.2.1;\ndeny 192.0.2.2;", "web server"),
            ("route:          192.0.2.0/24\norigin:  AS64496", "whois"),
            ("$TTL 3600", "DNS zone"),
            ("||ads.example.com^", "ad blockers"),
            ("https://ads.example.com/x", "list of URLs"),
            ("- 192.0.2.1\n- 192.0.2.2", "YAML"),
            ("127.0.0.1 localhost", "hosts file"),
            ("0.0.0.0\tads.example.com", "hosts file"),
            ("::1 ip6-localhost ip6-loopback", "hosts file"),
            ("Bad people:192.0.2.1-192.0.2.9", "P2P"),
            ("[Interface]\nPrivateKey = x", "configuration of a program"),
            ("-----BEGIN PRIVATE KEY-----", "key or a certificate"),
            ("a.example.com\nb.example.com", "list of names"),
            (
                "Please log in to see this list.\nThank you very much.",
                "prose",
            ),
            ("root:$6$abc$def:19000:0:99999:7:::", "unknown"),
            (
                "daemon:*:19000:0:99999:7:::\nbin:*:19000:0:99999:7:::",
                "unknown",
            ),
        ] {
            let said = named(text);
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
