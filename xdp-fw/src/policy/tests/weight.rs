//! What the tables take, and what is said where that is too much.

use std::net::Ipv4Addr;

use super::{addresses, config, rule, with_set};
use crate::config::{COMPILED_V4, COMPILED_V6, KEPT_V4, KEPT_V6, Limits, Rule};
use crate::policy::{CompileError, Policy, Tables, compile};

/// A set of so many hosts behind one rule, and a list in another one.
fn compiled(hosts: u32, memory: Option<u64>) -> Result<Tables, CompileError> {
    let hosts: Vec<String> = (0..hosts)
        .map(|host| Ipv4Addr::from_bits(0x0a00_0000 + host * 7).to_string())
        .collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let rules = vec![
        Rule {
            source: addresses(&["@listed"]),
            ..rule("listed")
        },
        Rule {
            destination: addresses(&["2001:db8::/32"]),
            ..rule("other")
        },
    ];
    let mut config = with_set(config(rules), "listed", &hosts);
    config.limits = Limits {
        prefixes: None,
        memory,
    };
    compile(&Policy::from_config(&config), &[])
}

#[test]
fn what_takes_more_than_is_allowed_is_refused_with_what_takes_it_and_what_to_do() {
    let limit = 5 << 20;
    assert!(compiled(60_000, Some(limit)).unwrap().bytes() < limit);
    let error = compiled(100_000, Some(limit)).unwrap_err();
    insta::assert_snapshot!(error);
    let host = 100_000 * (KEPT_V4 + COMPILED_V4) + KEPT_V6 + COMPILED_V6;
    let bytes = compiled(100_000, None).unwrap().bytes() + host;
    assert!(compiled(100_000, Some(bytes)).is_ok());
    assert!(compiled(100_000, Some(bytes - 1)).is_err());
}

#[test]
fn what_the_host_has_no_room_to_compile_is_refused_before_it_is_compiled() {
    let error = compiled(100_000, Some(3 << 20)).unwrap_err();
    insta::assert_snapshot!(error);
}

/// As many rules as there are networks, each over all networks around its own and a host in it: each
/// prefix is a kind of its own.
#[test]
fn kinds_of_addresses_are_counted_while_they_are_told_apart() {
    let rules: Vec<Rule> = (0..24)
        .map(|rule_number| {
            let bits: Vec<String> = (0..1_024u32)
                .filter(|network| network >> (rule_number % 10) & 1 == 1)
                .map(|network| {
                    Ipv4Addr::from_bits(network << 16 | 1 << 8 | rule_number).to_string()
                })
                .chain(
                    (0..1_024)
                        .filter(|network| network >> (rule_number % 10) & 1 == 1)
                        .map(|network| format!("{}/16", Ipv4Addr::from_bits(network << 16))),
                )
                .collect();
            let bits: Vec<&str> = bits.iter().map(String::as_str).collect();
            Rule {
                source: addresses(&bits),
                ..rule(&format!("rule-{rule_number}"))
            }
        })
        .collect();
    let mut config = config(rules);
    let mut compiled = |memory| {
        config.limits.memory = memory;
        compile(&Policy::from_config(&config), &[])
    };
    assert!(compiled(Some(64 << 20)).is_ok());
    let error = compiled(Some(2 << 20)).unwrap_err();
    assert_eq!(error, CompileError::Kinds { limit: 2 });
    insta::assert_snapshot!(error);
}
