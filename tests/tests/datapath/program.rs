//! How long the program is that the kernel runs for a policy, once the verifier has removed what no
//! rule uses: a budget for each kind of policy, which holds whatever the clock says.
//!
//! A policy pays for code that it does not use in instruction cache, registers and stack. Where a
//! budget breaks, look at what `bpftool prog dump xlated` shows, and whether a simple policy still
//! gets the filter for simple policies (`docs/adr/0008`, `0018`, `0019`).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aya::programs::ProgramInfo;
use xdp_fw::config::{Config, Rule};
use xdp_fw::datapath::Datapath;
use xdp_fw_tests::compiled::Compiled;
use xdp_fw_tests::kernel::PinDirectory;
use xdp_fw_tests::ruleset::{Criteria as _, config, drop};

/// Instructions of root and filter as they are run, before the JIT.
fn length(config: &Config) -> [u32; 2] {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    let prepared = datapath
        .prepare(&Compiled::new(config).tables, [0; 32])
        .unwrap();
    datapath.commit(prepared).unwrap();
    ["root", "generations/1/filter"].map(|pin| {
        let info = ProgramInfo::from_pin(pins.path().join(pin)).unwrap();
        info.size_translated().unwrap() / 8
    })
}

fn filter(rules: impl IntoIterator<Item = Rule>) -> u32 {
    let [_, filter] = length(&config(rules));
    filter
}

fn by_source() -> Rule {
    drop("source").source("192.0.2.0/24")
}

fn basic() -> Rule {
    by_source().protocol("6").destination_port("22")
}

fn everything() -> Rule {
    basic()
        .destination("198.51.100.0/24")
        .source_port("1024-65535")
        .interface("test0")
        .family("4")
        .vlan("7")
        .tcp_flags("syn")
        .fragment("none")
        .length("0-576")
        .ttl("1-64")
        .dscp("46")
        .source_mac("02:00:00:00:00:01")
        .destination_mac("02:00:00:00:00:02")
}

/// Twice the same rules are one kind of packet, and as many rows.
fn many(rule: Rule, count: u32) -> impl Iterator<Item = Rule> {
    (0..count).map(move |number| Rule {
        name: format!("rule-{number}"),
        ..rule.clone()
    })
}

#[test]
fn a_policy_gets_a_program_within_its_budget() {
    let [root, nothing] = length(&config([]));
    let found = [
        ("the root", root, 45),
        ("no rules", nothing, 2_050),
        ("one rule on a source", filter([by_source()]), 2_400),
        (
            "64 rules by source, protocol and port",
            filter(many(basic(), 64)),
            2_550,
        ),
        ("65 of them", filter(many(basic(), 65)), 2_800),
        (
            "every criterion",
            filter([everything(), drop("ping").icmp_type("echo-request")]),
            3_500,
        ),
    ];
    for (policy, length, budget) in found {
        println!("{length:6} of {budget:6}  {policy}");
    }
    let over: Vec<_> = found
        .iter()
        .filter(|(_, length, budget)| length > budget)
        .collect();
    assert!(over.is_empty(), "(policy, instructions, budget): {over:?}");
}

#[test]
fn what_no_rule_names_is_not_in_the_program() {
    assert!(filter([]) < filter([by_source()]));
    assert!(filter([by_source()]) < filter([basic()]));
    assert_eq!(
        filter([basic()]),
        filter(many(basic(), 64)),
        "rules are data"
    );
    assert_eq!(
        filter(many(basic(), 65)),
        filter(many(basic(), 4_096)),
        "rules are data"
    );
    assert!(
        filter([basic()]) < filter(many(basic(), 65)),
        "rows of a word"
    );
    assert!(
        filter([basic()]) < filter([everything()]),
        "what only other criteria need"
    );
}
