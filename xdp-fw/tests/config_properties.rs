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
    Action, AddressEntry, AddressList, Addresses, FileError, Files, Loaded, NumberEntry,
    NumberList, Position, Problems, Role, Rule, load,
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

/// With ports, the protocol is one that has them.
fn rule() -> impl Strategy<Value = Rule> {
    let tcp = NumberList(vec![NumberEntry {
        negated: false,
        range: 6..=6u8,
    }]);
    let protocol = prop_oneof![Just(tcp), numbers()];
    let criteria = (
        option::of(addresses()),
        option::of(addresses()),
        option::of(protocol),
        option::of(numbers::<u16>()),
        option::of(numbers::<u16>()),
    );
    let action = prop_oneof![Just(Action::Pass), Just(Action::Drop)];
    let rule = ("[A-Za-z0-9_.:-]{1,63}", action, any::<bool>(), criteria).prop_map(
        |(
            name,
            action,
            enabled,
            (source, destination, protocol, source_port, destination_port),
        )| {
            let position = Position {
                file: PathBuf::from("fw.toml"),
                line: 0,
                column: 1,
            };
            Rule {
                name,
                action,
                enabled,
                source,
                destination,
                protocol,
                source_port,
                destination_port,
                position,
            }
        },
    );
    rule.prop_filter("ports that can match", |rule| {
        let has_ports = rule.source_port.is_some() || rule.destination_port.is_some();
        let protocol = rule.protocol.as_ref();
        !has_ports
            || protocol.is_none_or(|list| [6, 17, 33, 132, 136].iter().any(|n| list.contains(n)))
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
            "[[rule]]\nname = \"{}\"\naction = \"{action}\"\nenabled = {}",
            rule.name, rule.enabled
        );
        print_list(
            &mut text,
            "source",
            rule.source.as_ref().map(|list| list.0.iter().map(address)),
        );
        print_list(
            &mut text,
            "destination",
            rule.destination
                .as_ref()
                .map(|list| list.0.iter().map(address)),
        );
        print_list(
            &mut text,
            "protocol",
            rule.protocol.as_ref().map(|list| list.0.iter().map(number)),
        );
        print_list(
            &mut text,
            "source_port",
            rule.source_port
                .as_ref()
                .map(|list| list.0.iter().map(number)),
        );
        print_list(
            &mut text,
            "destination_port",
            rule.destination_port
                .as_ref()
                .map(|list| list.0.iter().map(number)),
        );
    }
    text
}

fn print_list(text: &mut String, key: &str, entries: Option<impl Iterator<Item = String>>) {
    if let Some(entries) = entries {
        let entries: Vec<String> = entries.collect();
        let _ = writeln!(text, "{key} = [{}]", entries.join(", "));
    }
}

fn address(entry: &AddressEntry) -> String {
    let sign = if entry.negated { "!" } else { "" };
    match &entry.addresses {
        Addresses::Prefix(prefix) => format!("\"{sign}{prefix}\""),
        Addresses::Set(name) => format!("\"{sign}@{name}\""),
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
        let main = "interfaces = \"eth0\"\nset.a.files = \"a\"".to_owned();
        let _ = load(Path::new("fw.toml"), &Memory { main, ..files });
    }

    #[test]
    fn almost_valid_text_never_panics(text in almost_toml()) {
        if let Err(problems) = parsed(text) {
            prop_assert!(!problems.0.is_empty());
        }
    }

    #[test]
    fn any_text_in_any_place_is_parsed_or_refused_on_one_line(text in "\\PC{0,20}", key in 0..8usize) {
        let quoted: String = text.chars().flat_map(char::escape_default).collect();
        let quoted = quoted.replace("\\'", "'").replace("\\u{", "\\U{");
        let quoted = unbraced(&quoted);
        let keys = ["name", "action", "enabled", "source", "destination", "protocol", "source_port", "colour"];
        let main = format!("interfaces = \"eth0\"\n[[rule]]\n{} = \"{quoted}\"\n", keys[key]);
        let Err(Problems(problems)) = parsed(main) else {
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
