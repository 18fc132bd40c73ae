//! What holds for every configuration: a printed one parses to itself, and nothing panics.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use xdp_fw::config::{
    Action, AddressEntry, AddressList, Addresses, FileError, Files, FragmentEntry, FragmentKind,
    FragmentList, IcmpTypeEntry, IcmpTypeList, InterfaceEntry, InterfaceList, Loaded, MacEntry,
    MacList, NumberEntry, NumberList, Position, Problem, Problems, Role, Rule, TcpFlags, VLAN_NONE,
    icmp, load, reference,
};

/// The sets that a printed configuration defines; each reaches both families.
const SETS: [&str; 2] = ["office", "a.b:c-d_1"];

/// A main file and the one answer for all set files.
struct Memory {
    main: String,
    set: Vec<u8>,
}

impl Files for Memory {
    fn read(&self, _: &Path, role: Role) -> Result<String, FileError> {
        match role {
            Role::Main => Ok(self.main.clone()),
            Role::Set => Ok(String::from_utf8_lossy(&self.set).into_owned()),
        }
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(vec![
            pattern.with_file_name("a"),
            pattern.with_file_name("b"),
        ])
    }
}

fn parsed(main: String) -> Result<Loaded, Problems> {
    load(
        Path::new("fw.toml"),
        &Memory {
            main,
            set: b"192.0.2.0/24".to_vec(),
        },
    )
}

fn prefix() -> impl Strategy<Value = IpNetwork> {
    let v4 = (any::<u32>(), 0..=32u8).prop_map(|(bits, length)| {
        let network = Ipv4Network::new_checked(Ipv4Addr::from(bits), length).expect("a length");
        Ipv4Network::new_checked(network.network(), length)
            .expect("a length")
            .into()
    });
    let v6 = (any::<u128>(), 0..=128u8).prop_map(|(bits, length)| {
        let network = Ipv6Network::new_checked(Ipv6Addr::from(bits), length).expect("a length");
        Ipv6Network::new_checked(network.network(), length)
            .expect("a length")
            .into()
    });
    prop_oneof![v4, v6]
}

/// Begins with a set of both families, so that two lists always can meet; /0 is never negated.
fn addresses() -> impl Strategy<Value = AddressList> {
    let set = prop::sample::select(&SETS[..]).prop_map(|name| Addresses::Set(name.to_owned()));
    let entry = (
        any::<bool>(),
        prop_oneof![prefix().prop_map(Addresses::Prefix), set.clone()],
    )
        .prop_map(|(negated, addresses)| {
            let is_whole = matches!(&addresses, Addresses::Prefix(prefix) if prefix.prefix() == 0);
            AddressEntry {
                negated: negated && !is_whole,
                addresses,
            }
        });
    (set, vec(entry, 0..5)).prop_map(|(first, rest)| {
        let first = AddressEntry {
            negated: false,
            addresses: first,
        };
        AddressList(std::iter::once(first).chain(rest).collect())
    })
}

fn numbers<T: Arbitrary + Copy + Ord + std::fmt::Debug>() -> impl Strategy<Value = NumberList<T>> {
    let entry = (any::<bool>(), any::<T>(), any::<T>()).prop_map(|(negated, a, b)| NumberEntry {
        negated,
        range: a.min(b)..=a.max(b),
    });
    vec(entry, 1..6).prop_map(NumberList)
}

fn list<T: std::fmt::Debug>(entry: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    vec(entry, 1..5)
}

fn small_numbers(range: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = NumberList<u8>> {
    let entry = (any::<bool>(), range.clone(), range).prop_map(|(negated, a, b)| NumberEntry {
        negated,
        range: a.min(b)..=a.max(b),
    });
    list(entry).prop_map(NumberList)
}

fn vlans() -> impl Strategy<Value = NumberList<u16>> {
    let ids = (1..=4094u16, 1..=4094u16).prop_map(|(a, b)| a.min(b)..=a.max(b));
    let range = prop_oneof![3 => ids, 1 => Just(VLAN_NONE..=VLAN_NONE)];
    let entry = (any::<bool>(), range).prop_map(|(negated, range)| NumberEntry { negated, range });
    list(entry).prop_map(NumberList)
}

fn families() -> impl Strategy<Value = NumberList<u8>> {
    let entry = |(negated, family)| NumberEntry {
        negated,
        range: family..=family,
    };
    list((any::<bool>(), prop_oneof![Just(4), Just(6)]).prop_map(entry)).prop_map(NumberList)
}

fn interfaces() -> impl Strategy<Value = InterfaceList> {
    let entry = |(negated, pattern)| InterfaceEntry { negated, pattern };
    let pattern = "[a-z][a-z0-9_.+-]{0,8}[*?]{0,2}"
        .prop_filter("a word that means every one", |text| {
            text != "any" && text != "all"
        });
    list((any::<bool>(), pattern).prop_map(entry)).prop_map(InterfaceList)
}

/// Names for some, numbers of both families for others.
fn icmp_types() -> impl Strategy<Value = IcmpTypeList> {
    let named = prop::sample::select(icmp::type_names().collect::<Vec<_>>()).prop_map(|name| {
        let types = icmp::types(name).expect("it is in the table");
        (
            types.v4.map(|number| number..=number),
            types.v6.map(|number| number..=number),
        )
    });
    let numbered = (any::<u8>(), any::<u8>()).prop_map(|(a, b)| {
        let range = a.min(b)..=a.max(b);
        (Some(range.clone()), Some(range))
    });
    let entry = (any::<bool>(), prop_oneof![named, numbered])
        .prop_map(|(negated, (v4, v6))| IcmpTypeEntry { negated, v4, v6 });
    list(entry).prop_map(IcmpTypeList)
}

fn tcp_flags() -> impl Strategy<Value = Vec<TcpFlags>> {
    let flags = (any::<u8>(), any::<u8>())
        .prop_filter("some flag", |(set, clear)| set | clear != 0)
        .prop_map(|(set, clear)| TcpFlags {
            set,
            clear: clear & !set,
        });
    list(flags)
}

fn fragments() -> impl Strategy<Value = FragmentList> {
    let words = [
        vec![FragmentKind::None],
        vec![
            FragmentKind::Atomic,
            FragmentKind::First,
            FragmentKind::Later,
        ],
        vec![FragmentKind::First],
        vec![FragmentKind::Later],
        vec![FragmentKind::Atomic],
    ];
    let entry = (any::<bool>(), prop::sample::select(words.to_vec()))
        .prop_map(|(negated, kinds)| FragmentEntry { negated, kinds });
    list(entry).prop_map(FragmentList)
}

/// Never of a group, so that they may be sources.
fn macs() -> impl Strategy<Value = MacList> {
    let entry = |(negated, [first, rest @ ..]): (bool, [u8; 6])| {
        let [a, b, c, d, e] = rest;
        MacEntry {
            negated,
            address: [first & !1, a, b, c, d, e],
        }
    };
    list((any::<bool>(), any::<[u8; 6]>()).prop_map(entry)).prop_map(MacList)
}

/// Everything but what only makes sense with a certain protocol.
fn common_criteria() -> impl Strategy<Value = Rule> {
    let of_addresses = (
        option::of(addresses()),
        option::of(addresses()),
        option::of(interfaces()),
        option::of(families()),
        option::of(vlans()),
        option::of(macs()),
        option::of(macs()),
    );
    let of_headers = (
        option::of(numbers::<u8>()),
        option::of(fragments()),
        option::of(numbers::<u16>()),
        option::of(numbers::<u8>()),
        option::of(small_numbers(0..=63)),
    );
    (of_addresses, of_headers).prop_map(|(of_addresses, of_headers)| {
        let (source, destination, interface, family, vlan, source_mac, destination_mac) =
            of_addresses;
        let (protocol, fragment, length, ttl, dscp) = of_headers;
        let position = Position {
            file: PathBuf::from("fw.toml"),
            line: 0,
            column: 1,
        };
        Rule {
            source,
            destination,
            interface,
            family,
            vlan,
            source_mac,
            destination_mac,
            protocol,
            fragment,
            length,
            ttl,
            dscp,
            ..Rule::without_criteria(String::new(), Action::Drop, position)
        }
    })
}

/// What needs a certain protocol: ports and flags, or types and codes.
fn transport_criteria() -> impl Strategy<Value = Rule> {
    let ports = (
        option::of(numbers::<u16>()),
        option::of(numbers::<u16>()),
        option::of(tcp_flags()),
    );
    let icmp = (option::of(icmp_types()), option::of(numbers::<u8>()));
    let tcp = NumberList(vec![NumberEntry {
        negated: false,
        range: 6..=6u8,
    }]);
    (common_criteria(), ports, icmp, 0..3u8).prop_map(move |(rule, ports, icmp, kind)| {
        let (source_port, destination_port, tcp_flags) = ports;
        let (icmp_type, icmp_code) = icmp;
        match kind {
            0 => Rule {
                protocol: None,
                icmp_type,
                icmp_code,
                ..rule
            },
            1 => Rule {
                protocol: Some(tcp.clone()),
                source_port,
                destination_port,
                tcp_flags,
                ..rule
            },
            _ => Rule {
                source_port,
                destination_port,
                ..rule
            },
        }
    })
}

/// A rule that the parser does not refuse as one that can never match.
fn rule() -> impl Strategy<Value = Rule> {
    let action = prop_oneof![Just(Action::Pass), Just(Action::Drop)];
    let name = "[A-Za-z0-9_.:-]{1,63}";
    (
        name,
        action,
        any::<bool>(),
        any::<bool>(),
        transport_criteria(),
    )
        .prop_map(|(name, action, enabled, shadow, rule)| Rule {
            name,
            action,
            enabled,
            shadow,
            ..rule
        })
        .prop_filter("it can match", |rule| {
            let result = parsed(printed(std::slice::from_ref(rule)));
            let never = |problem: &Problem| problem.message.contains("can never match");
            result.map_or_else(|problems| !problems.problems.iter().all(never), |_| true)
        })
}

fn printed(rules: &[Rule]) -> String {
    let mut text = String::from("interfaces = [\"eth0\"]\n");
    for set in SETS {
        let _ = writeln!(
            text,
            "[set.\"{set}\"]\nprefixes = [\"192.0.2.0/24\", \"2001:db8::/32\"]"
        );
    }
    for rule in rules {
        let action = if rule.action == Action::Pass {
            "pass"
        } else {
            "drop"
        };
        let _ = writeln!(
            text,
            "[[rule]]\nname = \"{}\"\naction = \"{action}\"\nenabled = {}\nshadow = {}",
            rule.name, rule.enabled, rule.shadow
        );
        print_rule(&mut text, rule);
    }
    text
}

fn print_rule(text: &mut String, rule: &Rule) {
    let r = rule;
    let mut print = |key: &str, entries: Option<Vec<String>>| {
        if let Some(entries) = entries {
            let _ = writeln!(text, "{key} = [{}]", entries.join(", "));
        }
    };
    print(
        "source",
        r.source.as_ref().map(|list| each(&list.0, address)),
    );
    print(
        "destination",
        r.destination.as_ref().map(|list| each(&list.0, address)),
    );
    print(
        "interface",
        r.interface.as_ref().map(|list| each(&list.0, interface)),
    );
    print(
        "family",
        r.family.as_ref().map(|list| each(&list.0, family)),
    );
    print("vlan", r.vlan.as_ref().map(|list| each(&list.0, vlan)));
    print(
        "protocol",
        r.protocol.as_ref().map(|list| each(&list.0, number)),
    );
    print(
        "source_port",
        r.source_port.as_ref().map(|list| each(&list.0, number)),
    );
    print(
        "destination_port",
        r.destination_port
            .as_ref()
            .map(|list| each(&list.0, number)),
    );
    print(
        "icmp_type",
        r.icmp_type.as_ref().map(|list| each(&list.0, icmp_type)),
    );
    print(
        "icmp_code",
        r.icmp_code.as_ref().map(|list| each(&list.0, number)),
    );
    print(
        "tcp_flags",
        r.tcp_flags.as_ref().map(|list| each(list, flags)),
    );
    print(
        "fragment",
        r.fragment.as_ref().map(|list| each(&list.0, fragment)),
    );
    print(
        "length",
        r.length.as_ref().map(|list| each(&list.0, number)),
    );
    print("ttl", r.ttl.as_ref().map(|list| each(&list.0, number)));
    print("dscp", r.dscp.as_ref().map(|list| each(&list.0, number)));
    print(
        "source_mac",
        r.source_mac.as_ref().map(|list| each(&list.0, mac)),
    );
    print(
        "destination_mac",
        r.destination_mac.as_ref().map(|list| each(&list.0, mac)),
    );
}

fn each<T>(entries: &[T], print: fn(&T) -> String) -> Vec<String> {
    entries.iter().map(print).collect()
}

fn quoted(negated: bool, text: impl std::fmt::Display) -> String {
    let sign = if negated { "!" } else { "" };
    format!("\"{sign}{text}\"")
}

fn interface(entry: &InterfaceEntry) -> String {
    quoted(entry.negated, &entry.pattern)
}

fn family(entry: &NumberEntry<u8>) -> String {
    quoted(entry.negated, format!("ipv{}", entry.range.start()))
}

fn vlan(entry: &NumberEntry<u16>) -> String {
    if entry.range == (VLAN_NONE..=VLAN_NONE) {
        return quoted(entry.negated, "none");
    }
    number(entry)
}

/// By name where the families differ, else by number.
fn icmp_type(entry: &IcmpTypeEntry) -> String {
    let start =
        |range: &Option<std::ops::RangeInclusive<u8>>| range.as_ref().map(|range| *range.start());
    if let (Some(v4), Some(v6)) = (&entry.v4, &entry.v6)
        && v4 == v6
    {
        return number(&NumberEntry {
            negated: entry.negated,
            range: v4.clone(),
        });
    }
    let types = icmp::TypeName {
        v4: start(&entry.v4),
        v6: start(&entry.v6),
    };
    let name = icmp::type_names().find(|name| icmp::types(name) == Some(types));
    quoted(entry.negated, name.expect("it came from a name"))
}

fn flags(flags: &TcpFlags) -> String {
    let names = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
    let words = names.iter().enumerate().flat_map(|(bit, name)| {
        let set = (flags.set >> bit & 1 == 1).then(|| (*name).to_owned());
        let clear = (flags.clear >> bit & 1 == 1).then(|| format!("!{name}"));
        set.into_iter().chain(clear)
    });
    quoted(false, words.collect::<Vec<_>>().join(","))
}

fn fragment(entry: &FragmentEntry) -> String {
    let word = match entry.kinds[..] {
        [FragmentKind::None] => "none",
        [FragmentKind::Atomic] => "atomic",
        [FragmentKind::First] => "first",
        [FragmentKind::Later] => "later",
        _ => "any",
    };
    quoted(entry.negated, word)
}

fn mac(entry: &MacEntry) -> String {
    let bytes = entry.address.map(|byte| format!("{byte:02x}"));
    quoted(entry.negated, bytes.join(":"))
}

fn address(entry: &AddressEntry) -> String {
    match &entry.addresses {
        Addresses::Prefix(prefix) => quoted(entry.negated, prefix),
        Addresses::Set(name) => quoted(entry.negated, format!("@{name}")),
    }
}

fn number<T: std::fmt::Display + PartialEq>(entry: &NumberEntry<T>) -> String {
    let (start, end) = (entry.range.start(), entry.range.end());
    match (entry.negated, start == end) {
        (false, true) => start.to_string(),
        (true, true) => format!("\"!{start}\""),
        (false, false) => format!("\"{start}-{end}\""),
        (true, false) => format!("\"!{start}-{end}\""),
    }
}

/// Text that looks enough like a configuration to get far into the parser.
fn almost_toml() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "interfaces",
        "rule",
        "set",
        "[[rule]]",
        "[set.a]",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ",",
        ".",
        "\"",
        "'",
        "\"\"\"",
        "'''",
        "\n",
        "\r\n",
        "#",
        "source",
        "protocol",
        "destination_port",
        "files",
        "prefixes",
        "name",
        "action",
        "\"eth0\"",
        "\"@a\"",
        "\"!@a\"",
        "\"drop\"",
        "\"6-\"",
        "\"\"",
        "192.0.2.0/24",
        "080",
        "0x",
        "+1",
        "1e",
        "1979-05-27T07:32:00.",
        "true",
        "nan",
        "\\u",
        "ø",
        "\u{feff}",
        " ",
        "listen",
        "[metrics]",
        "interface",
        "a.b",
        "a",
        "\"10/8\"",
        "\"fe80::1%e\"",
        "include",
        "\"x*\"",
        "\"@b\"",
        "[set.b]",
        "icmp_type",
        "icmp_code",
        "tcp_flags",
        "vlan",
        "source_mac",
        "\"port-unreachable\"",
        "\"syn,!\"",
        "\"!none\"",
        "\"echo-request\"",
        "\"02:00\"",
    ]);
    let piece =
        prop_oneof![8 => word.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn printed_rules_parse_to_themselves(rules in btree_map("[a-z]{1,8}", rule(), 0..12)) {
        let rules: Vec<Rule> = rules
            .into_iter()
            .enumerate()
            .map(|(index, (name, rule))| Rule { name: format!("{index}{name}"), ..rule })
            .collect();
        let loaded = parsed(printed(&rules)).map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        let mut again = loaded.config.rules;
        for rule in &mut again {
            rule.position.line = 0;
        }
        prop_assert_eq!(again, rules);
    }

    #[test]
    fn arbitrary_bytes_never_panic(main in vec(any::<u8>(), 0..400), set in vec(any::<u8>(), 0..400)) {
        let files = Memory { main: String::from_utf8_lossy(&main).into_owned(), set };
        let _ = load(Path::new("fw.toml"), &files);
        let main = "include = \"x*\"\ninterfaces = \"eth0\"\nset.a.files = [\"a\", \"*\"]".to_owned();
        let _ = load(Path::new("fw.toml"), &Memory { main, ..files });
    }

    #[test]
    fn almost_valid_text_never_panics(text in almost_toml()) {
        if let Err(problems) = parsed(text) {
            prop_assert!(!problems.problems.is_empty());
        }
    }

    #[test]
    fn any_text_in_any_place_is_parsed_or_refused_on_one_line(text in "\\PC{0,20}", key in 0..100usize) {
        let quoted: String = text.chars().flat_map(char::escape_default).collect();
        let quoted = quoted.replace("\\'", "'").replace("\\u{", "\\U{");
        let quoted = unbraced(&quoted);
        let sections = reference();
        let rule = sections.iter().find(|section| section.header == "[[rule]]").expect("rules");
        let keys: Vec<_> = rule.keys.iter().map(|key| key.name).chain(["colour"]).collect();
        let key = keys[key % keys.len()];
        let main = format!("interfaces = \"eth0\"\n[[rule]]\n{key} = \"{quoted}\"\n");
        let Err(Problems { problems, .. }) = parsed(main) else {
            return Err(TestCaseError::fail("a rule without name and action was accepted"));
        };
        for problem in problems {
            prop_assert_eq!(problem.to_string().lines().count(), 1);
        }
    }
}

/// Rust's `\U{41}` as TOML's `\U00000041`.
fn unbraced(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\U{") {
        let (digits, tail) = after.split_once('}').unwrap_or((after, ""));
        let _ = write!(out, "{before}\\U{digits:0>8}");
        rest = tail;
    }
    out + rest
}
