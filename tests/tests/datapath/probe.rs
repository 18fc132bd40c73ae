//! The probe: what is in force and what nobody else has, asked by several at once, without a trace.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use aya::maps::MapInfo;
use aya::programs::ProgramInfo;
use xdp_fw::config::Config;
use xdp_fw::datapath::{self, Datapath, Error, Probe};
use xdp_fw_common::{Reason, Verdict};
use xdp_fw_tests::compiled::Compiled;
use xdp_fw_tests::kernel::PinDirectory;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::ruleset::{Criteria as _, config, drop as dropping, pass};

/// Tells two sources apart.
fn two_sources() -> Config {
    config([
        dropping("bad").source("192.0.2.1"),
        pass("good").source("192.0.2.2"),
    ])
}

fn put_into_force(pins: &PinDirectory, config: &Config) -> Datapath {
    let mut datapath = Datapath::open(pins.path()).unwrap();
    let prepared = datapath
        .prepare(&Compiled::new(config).tables, [7; 32])
        .unwrap();
    datapath.commit(prepared).unwrap();
    datapath
}

/// The names of the maps that a pinned program refers to, as the kernel has them.
fn maps_of(pins: &PinDirectory, program: &str) -> BTreeSet<String> {
    let program = ProgramInfo::from_pin(pins.path().join(program)).unwrap();
    let ids = program.map_ids().unwrap().unwrap();
    let maps = ids.into_iter().map(|id| MapInfo::from_id(id).unwrap());
    maps.map(|map| map.name_as_str().unwrap().to_owned())
        .collect()
}

/// What the filter writes to, or a commit; `RULES` and the like are written before it.
const LIVE: [&str; 2] = ["COUNTERS", "ENTRY"];

#[test]
fn probe_program_refers_to_no_live_map() {
    let pins = PinDirectory::new();
    let _datapath = put_into_force(&pins, &two_sources());
    let live = |program| {
        let maps = maps_of(&pins, program);
        LIVE.map(|name| maps.contains(name))
    };
    assert_eq!(live("root"), [true, true]);
    assert_eq!(live("generations/1/filter"), [true, false]);
    assert_eq!(live("generations/1/probe"), [false, false]);
    // Its own answer is the one map that the filter has not.
    let [probe, filter] = ["probe", "filter"].map(|it| format!("generations/1/{it}"));
    let [probe, filter] = [probe, filter].map(|it| maps_of(&pins, &it));
    assert!(probe.contains("PROBE") && !filter.contains("PROBE"));
}

fn from(source: &str) -> Vec<u8> {
    (eth() / ipv4(source, "198.51.100.1") / udp(1, 2)).bytes()
}

#[test]
fn what_is_in_force_is_asked_without_a_daemon_and_counts_nothing() {
    let pins = PinDirectory::new();
    let nothing = datapath::probe_in_force(pins.path());
    assert!(matches!(nothing, Err(Error::NoGeneration { .. })));
    drop(put_into_force(&pins, &two_sources()));

    let before = datapath::read(pins.path()).unwrap();
    let mut in_force = datapath::probe_in_force(pins.path()).unwrap();
    assert_eq!(in_force.generation.config, [7; 32]);
    assert_eq!(in_force.rules, ["bad", "good"]);
    let bad = in_force.probe.run(&from("192.0.2.1"), None, 0).unwrap();
    assert_eq!(
        (bad.verdict, bad.reason, bad.rule),
        (Verdict::Drop, Some(Reason::Rule), Some(0))
    );
    let other = in_force.probe.run(&from("192.0.2.3"), None, 0).unwrap();
    assert_eq!(
        (other.verdict, other.reason, other.rule),
        (Verdict::Pass, Some(Reason::Default), None)
    );
    assert_eq!(datapath::read(pins.path()).unwrap(), before);
}

#[test]
fn a_probe_of_its_own_pins_nothing_and_touches_nothing() {
    let pins = PinDirectory::new();
    let _datapath = put_into_force(&pins, &two_sources());
    let before = datapath::read(pins.path()).unwrap();
    let entries = || fs::read_dir(pins.path()).unwrap().count();
    let pinned = entries();

    let reversed = Compiled::new(&config([pass("bad").source("192.0.2.1")]));
    let mut private = Probe::load(&reversed.tables).unwrap();
    let probed = private.run(&from("192.0.2.1"), None, 0).unwrap();
    assert_eq!((probed.verdict, probed.rule), (Verdict::Pass, Some(0)));
    assert_eq!(entries(), pinned);
    assert_eq!(datapath::read(pins.path()).unwrap(), before);
}

#[test]
fn two_who_ask_at_once_get_each_their_own_answer() {
    let pins = PinDirectory::new();
    let _datapath = put_into_force(&pins, &two_sources());
    let ask = |source: &'static str, rule: u32| {
        let path = pins.path().to_owned();
        move || {
            let mut probe = datapath::probe_in_force(&path).unwrap().probe;
            let frame = from(source);
            for _ in 0..20_000 {
                let probed = probe.run(&frame, None, 0).unwrap();
                assert_eq!(probed.rule, Some(rule), "{source}");
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(ask("192.0.2.1", 0));
        scope.spawn(ask("192.0.2.2", 1));
    });
}

#[test]
fn whoever_holds_the_probe_and_does_not_let_go_is_told_of() {
    let pins = PinDirectory::new();
    let _datapath = put_into_force(&pins, &two_sources());
    let mut probe = datapath::probe_in_force(pins.path()).unwrap().probe;
    let directory = fs::File::open(pins.path().join("generations")).unwrap();
    directory.lock().unwrap();
    let error = probe.run(&from("192.0.2.1"), None, 0).unwrap_err();
    assert!(error.to_string().contains("xdp-fw explain"), "{error}");
    directory.unlock().unwrap();
    assert!(probe.run(&from("192.0.2.1"), None, 0).is_ok());
}
