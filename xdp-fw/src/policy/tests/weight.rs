//! What the tables take, and what is said where that is too much.

use std::net::Ipv4Addr;

use super::{addresses, config, rule, with_set};
use crate::config::{Limits, Rule};
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
    config.limits = Limits { memory };
    compile(&Policy::from_config(&config), &[])
}

#[test]
fn what_takes_more_than_is_allowed_is_refused_with_what_takes_it_and_what_to_do() {
    let limit = 2 << 20;
    assert!(compiled(60_000, Some(limit)).unwrap().bytes() < limit);
    let error = compiled(100_000, Some(limit)).unwrap_err();
    insta::assert_snapshot!(error, @"the tables take 3 MiB in the kernel, `[limits] memory` allows 2 MiB; IPv4 prefixes of `source` take 2 MiB, set `listed` has 100000 prefixes; shorten what they come from, or allow more");
    let bytes = compiled(100_000, None).unwrap().bytes();
    assert!(compiled(100_000, Some(bytes)).is_ok());
    assert!(compiled(100_000, Some(bytes - 1)).is_err());
}
