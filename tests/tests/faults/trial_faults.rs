//! A daemon that dies, or fails, at any step of a trial: it begins, is confirmed or taken back as a
//! whole, at the next start at the latest.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Output;

use serde_json::Value;
use xdp_fw::fault::Point;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{Hosts, config, passes, rule};
use xdp_fw_tests::wire::Wire;

fn udp4(port: u16) -> Packet {
    eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, port)
}

fn deny(port: u16) -> String {
    let criteria = format!("protocol = \"udp\"\ndestination_port = {port}");
    config(&rule(&format!("deny-{port}"), "drop", &criteria))
}

/// The one port of 1 to 5 whose packets are denied.
fn denied(wire: &mut Wire) -> u16 {
    let denied: Vec<u16> = (1..=5).filter(|port| !passes(wire, &udp4(*port))).collect();
    assert_eq!(denied.len(), 1, "{denied:?}");
    denied.into_iter().next().unwrap()
}

fn try_out(daemon: &Daemon<'_>, port: u16) -> Output {
    daemon.write_config(&deny(port));
    command(daemon, &["reload", "--confirm", "1h"])
}

fn command(daemon: &Daemon<'_>, arguments: &[&str]) -> Output {
    daemon.forget_messages();
    daemon.cli(arguments)
}

fn is_on_trial(daemon: &Daemon<'_>) -> bool {
    daemon.status().get("trial").is_some_and(Value::is_object)
}

fn last_error(daemon: &Daemon<'_>) -> String {
    let status = daemon.status();
    status.pointer("/last_reload/error").unwrap().to_string()
}

/// Nothing is left of a trial among the pins.
#[track_caller]
fn assert_clean(daemon: &Daemon<'_>) {
    assert!(!is_on_trial(daemon));
    let generations = fs::read_dir(daemon.pin_dir().join("generations")).unwrap();
    assert_eq!(generations.count(), 1);
    assert!(fs::symlink_metadata(daemon.pin_dir().join("base")).is_err());
}

/// A daemon that denies port 1, has its fault before it, and reloads only when it is asked to: the
/// turns of a fault are counted.
fn armed<'a>(hosts: &'a Hosts, point: Point, effect: &str, turn: u32) -> Daemon<'a> {
    let mut daemon = Daemon::prepare(&hosts.edge, &deny(1));
    daemon.without_watches();
    arm(daemon, point, effect, turn)
}

fn arm<'a>(mut daemon: Daemon<'a>, point: Point, effect: &str, turn: u32) -> Daemon<'a> {
    println!("{}:{effect}:{turn}", point.name());
    daemon.arm(format!("{}:{effect}:{turn}", point.name()));
    daemon.restart();
    daemon
}

/// It dies of what it was armed with, and is started again.
fn dies_and_starts_again(daemon: &mut Daemon<'_>, outcome: &Output) {
    assert!(!outcome.status.success(), "{outcome:?}");
    let end = daemon.await_end();
    assert_eq!(end.status.unwrap().code(), None, "killed: {end}");
    daemon.restart();
}

// The index is written by the start, then twice for a trial.
const BEGIN: [(Point, u32); 6] = [
    (Point::IndexReplaced, 2),
    (Point::GenerationPinned, 2),
    (Point::IndexReplaced, 3),
    (Point::BaseKept, 1),
    (Point::CommitReady, 2),
    (Point::CommitWritten, 2),
];

#[test]
fn a_trial_that_was_wanted_is_one_whenever_the_daemon_dies() {
    for (point, turn) in BEGIN {
        let hosts = Hosts::new("begin");
        let _cable = hosts.cable(1_500);
        let mut daemon = armed(&hosts, point, "kill", turn);
        let mut wire = hosts.wire();
        let outcome = try_out(&daemon, 2);
        dies_and_starts_again(&mut daemon, &outcome);
        assert_eq!(denied(&mut wire), 2);
        assert!(is_on_trial(&daemon));
        assert!(command(&daemon, &["rollback"]).status.success());
        assert_eq!(denied(&mut wire), 1);
        assert_clean(&daemon);
    }
}

#[test]
fn a_second_edit_on_trial_that_dies_keeps_the_base_and_the_deadline() {
    // One commit and three writes more than for the first.
    for (point, turn) in [
        (Point::IndexReplaced, 4),
        (Point::GenerationPinned, 3),
        (Point::IndexReplaced, 5),
        (Point::CommitReady, 3),
        (Point::CommitWritten, 3),
    ] {
        let hosts = Hosts::new("second");
        let _cable = hosts.cable(1_500);
        let mut daemon = armed(&hosts, point, "kill", turn);
        let mut wire = hosts.wire();
        assert!(try_out(&daemon, 2).status.success());
        let outcome = try_out(&daemon, 3);
        dies_and_starts_again(&mut daemon, &outcome);
        assert_eq!(denied(&mut wire), 3);
        assert!(is_on_trial(&daemon));
        assert!(command(&daemon, &["rollback"]).status.success());
        assert_eq!(denied(&mut wire), 1);
        assert_clean(&daemon);
    }
}

#[test]
fn a_second_edit_that_never_was_in_force_is_not_taken_for_the_first() {
    for (point, turn) in [
        (Point::IndexReplaced, 4),
        (Point::GenerationPinned, 3),
        (Point::CommitReady, 3),
    ] {
        let hosts = Hosts::new("never");
        let _cable = hosts.cable(1_500);
        let mut daemon = armed(&hosts, point, "kill", turn);
        let mut wire = hosts.wire();
        assert!(try_out(&daemon, 2).status.success());
        try_out(&daemon, 3);
        daemon.await_end();
        // As if the second were refused by now: what was in force stays so, over two starts.
        daemon.write_config("broken");
        for _ in 0..2 {
            daemon.restart();
            assert_eq!(denied(&mut wire), 2);
            assert!(is_on_trial(&daemon));
            daemon.kill9();
        }
        daemon.restart();
        assert!(command(&daemon, &["rollback"]).status.success());
        assert_eq!(denied(&mut wire), 1);
        assert_clean(&daemon);
    }
}

#[test]
fn a_confirmation_holds_once_it_is_written_and_not_before() {
    for (point, turn, holds) in [
        (Point::IndexWritten, 4, false),
        (Point::IndexReplaced, 4, true),
        (Point::BaseForgotten, 1, true),
    ] {
        let hosts = Hosts::new("confirm");
        let _cable = hosts.cable(1_500);
        let mut daemon = armed(&hosts, point, "kill", turn);
        let mut wire = hosts.wire();
        assert!(try_out(&daemon, 2).status.success());
        let outcome = command(&daemon, &["confirm"]);
        dies_and_starts_again(&mut daemon, &outcome);
        assert_eq!(denied(&mut wire), 2);
        assert_eq!(is_on_trial(&daemon), !holds);
        let rollback = command(&daemon, &["rollback"]);
        assert!(rollback.status.success(), "{rollback:?}");
        assert_eq!(denied(&mut wire), 1);
        assert_clean(&daemon);
    }
}

#[test]
fn going_back_is_finished_at_the_next_start() {
    for (point, turn) in [
        (Point::IndexReplaced, 4),
        (Point::RevertReady, 1),
        (Point::BaseForgotten, 1),
        (Point::IndexWritten, 5),
        (Point::IndexReplaced, 5),
    ] {
        let hosts = Hosts::new("back");
        let _cable = hosts.cable(1_500);
        let mut daemon = armed(&hosts, point, "kill", turn);
        let mut wire = hosts.wire();
        assert!(try_out(&daemon, 2).status.success());
        let outcome = command(&daemon, &["rollback"]);
        dies_and_starts_again(&mut daemon, &outcome);
        assert_eq!(denied(&mut wire), 1);
        assert!(last_error(&daemon).contains("rolled back"));
        assert_clean(&daemon);
    }
}

#[test]
fn a_base_that_could_not_come_back_at_a_start_is_not_that_of_the_next_trial() {
    let hosts = Hosts::new("stale");
    let _cable = hosts.cable(1_500);
    let mut daemon = armed(&hosts, Point::RevertReady, "kill", 1);
    let mut wire = hosts.wire();
    assert!(try_out(&daemon, 2).status.success());
    command(&daemon, &["rollback"]);
    daemon.await_end();
    daemon.write_config(&deny(3));
    daemon.arm(format!("{}:error:1", Point::RevertReady.name()));
    daemon.restart();
    assert_eq!(denied(&mut wire), 3);
    assert!(try_out(&daemon, 4).status.success());
    assert!(command(&daemon, &["rollback"]).status.success());
    assert_eq!(denied(&mut wire), 3);
    assert_clean(&daemon);
}

#[test]
fn a_trial_that_cannot_begin_is_refused_and_can_be_tried_again() {
    for (point, turn) in [
        (Point::IndexWritten, 2),
        (Point::GenerationPinned, 2),
        (Point::IndexWritten, 3),
        (Point::BaseKept, 1),
        (Point::CommitReady, 2),
    ] {
        let hosts = Hosts::new("refused");
        let _cable = hosts.cable(1_500);
        let daemon = Daemon::prepare(&hosts.edge, &deny(1));
        let mut daemon = arm(daemon, point, "error", turn);
        let mut wire = hosts.wire();
        let refused = try_out(&daemon, 2);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        // Nor does the watcher put it into force to stay, which sees it a moment later.
        daemon.await_reload();
        daemon.await_reload();
        assert_eq!(denied(&mut wire), 1);
        assert!(last_error(&daemon).contains("could not be put on trial"));
        assert_clean(&daemon);
        assert!(try_out(&daemon, 3).status.success());
        assert_eq!(denied(&mut wire), 3);
        assert!(is_on_trial(&daemon));
        daemon.kill9();
        daemon.restart();
        assert!(is_on_trial(&daemon));
        assert!(command(&daemon, &["rollback"]).status.success());
        assert_eq!(denied(&mut wire), 1);
        assert_clean(&daemon);
    }
}

#[test]
fn a_second_edit_that_fails_leaves_the_trial_as_it_was() {
    for (point, turn) in [(Point::IndexWritten, 5), (Point::CommitReady, 3)] {
        let hosts = Hosts::new("keep");
        let _cable = hosts.cable(1_500);
        let mut daemon = armed(&hosts, point, "error", turn);
        let mut wire = hosts.wire();
        assert!(try_out(&daemon, 2).status.success());
        assert_eq!(try_out(&daemon, 3).status.code(), Some(1));
        assert_eq!(denied(&mut wire), 2);
        // What was on trial is still stored whole: a start with a broken file takes it up again.
        daemon.kill9();
        daemon.write_config("broken");
        daemon.restart();
        assert_eq!(denied(&mut wire), 2);
        assert!(is_on_trial(&daemon));
        assert!(command(&daemon, &["rollback"]).status.success());
        assert_eq!(denied(&mut wire), 1);
        assert_clean(&daemon);
    }
}

#[test]
fn a_base_that_the_index_does_not_name_yet_is_stored_when_a_trial_begins() {
    let hosts = Hosts::new("unnamed");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::prepare(&hosts.edge, &deny(1));
    let mut daemon = arm(daemon, Point::IndexWritten, "error", 2);
    let mut wire = hosts.wire();
    daemon.edit(&deny(2));
    assert_eq!(denied(&mut wire), 2);
    assert!(try_out(&daemon, 3).status.success());
    daemon.kill9();
    // A reboot: what comes back is what was stored.
    xdp_fw::datapath::unload(daemon.pin_dir()).unwrap();
    daemon.restart();
    assert_eq!(denied(&mut wire), 2);
    assert_clean(&daemon);
}

#[test]
fn a_full_disk_keeps_a_confirmation_from_being_one_and_nothing_from_going_back() {
    let hosts = Hosts::new("full");
    let _cable = hosts.cable(1_500);
    let mut wire = hosts.wire();
    let daemon = armed(&hosts, Point::IndexWritten, "error", 4);
    assert!(try_out(&daemon, 2).status.success());
    let refused = command(&daemon, &["confirm"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(is_on_trial(&daemon));
    assert!(command(&daemon, &["confirm"]).status.success());
    assert_clean(&daemon);
    drop(daemon);

    for (point, turn) in [(Point::IndexWritten, 4), (Point::RevertReady, 1)] {
        let daemon = armed(&hosts, point, "error", turn);
        assert!(try_out(&daemon, 2).status.success());
        let rollback = command(&daemon, &["rollback"]);
        assert!(rollback.status.success(), "{rollback:?}");
        assert_eq!(denied(&mut wire), 1);
        assert_clean(&daemon);
    }
}
