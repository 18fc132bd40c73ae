//! The base: kept over commits and restarts, and back in force without the compiler.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nix::net::if_::if_nametoindex;
use xdp_fw::datapath::{self, AttachMode, Datapath, Error, Hook};
use xdp_fw_common::{Reason, Verdict};
use xdp_fw_tests::compiled::Compiled;
use xdp_fw_tests::kernel::PinDirectory;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::ruleset::{config, drop as deny};
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts};
use xdp_fw_tests::wire::Wire;

/// Rules that match everything: the first one decides. The hash is the names'.
fn commit(datapath: &mut Datapath, names: &[&str]) {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(names.concat().bytes()) {
        *to = from;
    }
    let compiled = Compiled::new(&config(names.iter().map(deny)));
    let prepared = datapath.prepare(&compiled.tables, hash).unwrap();
    datapath.commit(prepared).unwrap();
}

fn names(pins: &Path) -> Vec<String> {
    let rules = datapath::read(pins).unwrap().rules.into_iter();
    rules.map(|rule| rule.name).collect()
}

/// Everything under the pins but the links, for a comparison.
fn pinned(pins: &Path) -> Vec<String> {
    let list = |directory: &Path| -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let mut names = list(pins);
    names.extend(list(&pins.join("generations")));
    names.sort();
    names
}

fn attach(datapath: &mut Datapath, hosts: &Hosts) {
    hosts.edge.within(|| {
        let index = if_nametoindex(EDGE_DEVICE).unwrap();
        datapath
            .attach(Hook::XdpIngress, index, EDGE_DEVICE, AttachMode::Native)
            .unwrap();
    });
}

fn send(wire: &mut Wire, packets: usize) {
    let frame = (eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)).bytes();
    assert!(wire.exchange(&vec![frame; packets]).is_empty());
}

/// Drops by rules, those that are gone among them; and each rule's own.
fn counted(pins: &Path) -> (u64, BTreeMap<String, u64>) {
    let snapshot = datapath::read(pins).unwrap();
    let gone = snapshot
        .reasons
        .iter()
        .filter(|count| count.reason == Reason::Rule && count.verdict == Verdict::Drop);
    let gone: u64 = gone.map(|count| count.count.packets).sum();
    let rules: BTreeMap<_, _> = snapshot
        .rules
        .into_iter()
        .map(|rule| (rule.name, rule.count.packets))
        .collect();
    (gone + rules.values().sum::<u64>(), rules)
}

#[test]
fn the_base_comes_back_as_a_new_generation_with_the_same_programs() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    assert!(matches!(datapath.revert(), Err(Error::NoBase { .. })));
    assert!(matches!(
        datapath.keep_base(),
        Err(Error::NoGeneration { .. })
    ));
    commit(&mut datapath, &["a", "b"]);
    let id = || {
        let shown = std::process::Command::new("bpftool")
            .args(["map", "dump", "pinned"])
            .arg(pins.path().join("entry"))
            .output()
            .unwrap();
        String::from_utf8(shown.stdout).unwrap()
    };
    let before = id();
    datapath.keep_base().unwrap();
    commit(&mut datapath, &["c"]);
    assert_ne!(id(), before);
    assert_eq!(datapath.base().unwrap().number, 1);
    commit(&mut datapath, &["d"]);
    assert_eq!(datapath.base().unwrap().number, 1);
    assert_eq!(names(pins.path()), ["d"]);

    let back = datapath.revert().unwrap();
    assert_eq!((back.number, back.rules), (4, 2));
    assert_eq!(id(), before);
    assert_eq!(names(pins.path()), ["a", "b"]);
    assert!(datapath.base().is_none());
    assert_eq!(
        pinned(pins.path()),
        ["4", "counters", "entry", "generations", "links", "root"]
    );

    // What came back is a generation like any other: adopted, kept, followed.
    drop(datapath);
    let mut datapath = Datapath::open(pins.path()).unwrap();
    assert_eq!(datapath.in_force().unwrap().number, 4);
    datapath.keep_base().unwrap();
    commit(&mut datapath, &["e"]);
    assert_eq!(datapath.revert().unwrap().number, 6);
    assert_eq!(id(), before);
}

#[test]
fn the_base_outlives_its_process_and_unload_removes_it() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    commit(&mut datapath, &["a"]);
    datapath.keep_base().unwrap();
    commit(&mut datapath, &["b"]);
    drop(datapath);

    let datapath = Datapath::open(pins.path()).unwrap();
    assert_eq!(datapath.in_force().unwrap().number, 2);
    assert_eq!(datapath.base().unwrap().number, 1);
    drop(datapath);
    datapath::unload(pins.path()).unwrap();
    assert!(!pins.path().exists());
}

#[test]
fn a_base_that_is_let_go_leaves_no_pin() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    commit(&mut datapath, &["a"]);
    datapath.keep_base().unwrap();
    commit(&mut datapath, &["b"]);
    datapath.forget_base().unwrap();
    assert_eq!(
        pinned(pins.path()),
        ["2", "counters", "entry", "generations", "links", "root"]
    );
    assert_eq!(names(pins.path()), ["b"]);
}

#[test]
fn a_base_without_its_pins_is_none() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    commit(&mut datapath, &["a"]);
    datapath.keep_base().unwrap();
    commit(&mut datapath, &["b"]);
    drop(datapath);
    fs::remove_file(pins.path().join("generations/1/info")).unwrap();
    let datapath = Datapath::open(pins.path()).unwrap();
    assert!(datapath.base().is_none());
    assert_eq!(datapath.in_force().unwrap().number, 2);
    assert_eq!(
        pinned(pins.path()),
        ["2", "counters", "entry", "generations", "links", "root"]
    );
}

#[test]
fn no_total_goes_back_over_trial_edit_revert_reload_and_confirmation() {
    let hosts = Hosts::new("totals");
    let _cable = hosts.cable(1_500);
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    commit(&mut datapath, &["a", "shared"]);
    attach(&mut datapath, &hosts);
    let mut wire = hosts.wire();
    let mut sent = 0;
    let mut check = |rule: &str, expected: u64| {
        send(&mut wire, 10);
        sent += 10;
        let (total, rules) = counted(pins.path());
        assert_eq!(total, sent, "after {rule}");
        assert_eq!(rules.get(rule), Some(&expected), "{rules:?}");
    };
    check("a", 10);

    datapath.keep_base().unwrap();
    commit(&mut datapath, &["b"]);
    check("b", 10);
    commit(&mut datapath, &["shared", "c"]);
    check("shared", 10);
    // New names, in slots that neither the base nor the totals need.
    commit(&mut datapath, &["d", "e", "f"]);
    check("d", 10);
    datapath.revert().unwrap();
    check("a", 20);
    let (_, rules) = counted(pins.path());
    assert_eq!(rules.get("shared"), Some(&10));

    commit(&mut datapath, &["g", "a"]);
    check("g", 10);
    datapath.keep_base().unwrap();
    commit(&mut datapath, &["h"]);
    check("h", 10);
    datapath.forget_base().unwrap();
    check("h", 20);
    for name in ["i", "j", "k"] {
        commit(&mut datapath, &[name]);
        check(name, 10);
    }
}
