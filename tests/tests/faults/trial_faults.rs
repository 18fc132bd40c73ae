//! A daemon that dies, or fails, at any step of a trial: it begins, is confirmed or taken back as a
//! whole, at the next start at the latest.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Output;

use nix::sys::signal::Signal;
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

/// A test of each row: the case with the row's values. A row's name is its point and turn.
macro_rules! each_row {
    ($case:ident { $($name:ident: $($value:expr),+;)+ }) => {
        mod $case {
            use super::*;

            $(
                #[test]
                fn $name() {
                    super::$case($($value),+);
                }
            )+
        }
    };
}

each_row! {
    requested_trial_begins_whenever_the_daemon_dies {
        // The index is written by the start, then twice for a trial.
        at_index_replaced_2: Point::IndexReplaced, 2;
        at_generation_pinned_2: Point::GenerationPinned, 2;
        at_index_replaced_3: Point::IndexReplaced, 3;
        at_base_kept_1: Point::BaseKept, 1;
        at_commit_ready_2: Point::CommitReady, 2;
        at_commit_written_2: Point::CommitWritten, 2;
    }
}

fn requested_trial_begins_whenever_the_daemon_dies(point: Point, turn: u32) {
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

each_row! {
    second_edit_that_dies_keeps_target_and_deadline {
        // One commit and three writes more than for the first.
        at_index_replaced_4: Point::IndexReplaced, 4;
        at_generation_pinned_3: Point::GenerationPinned, 3;
        at_index_replaced_5: Point::IndexReplaced, 5;
        at_commit_ready_3: Point::CommitReady, 3;
        at_commit_written_3: Point::CommitWritten, 3;
    }
}

fn second_edit_that_dies_keeps_target_and_deadline(point: Point, turn: u32) {
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

each_row! {
    second_edit_that_never_was_active_is_not_the_first {
        at_index_replaced_4: Point::IndexReplaced, 4;
        at_generation_pinned_3: Point::GenerationPinned, 3;
        at_commit_ready_3: Point::CommitReady, 3;
    }
}

fn second_edit_that_never_was_active_is_not_the_first(point: Point, turn: u32) {
    let hosts = Hosts::new("never");
    let _cable = hosts.cable(1_500);
    let mut daemon = armed(&hosts, point, "kill", turn);
    let mut wire = hosts.wire();
    assert!(try_out(&daemon, 2).status.success());
    try_out(&daemon, 3);
    daemon.await_end();
    // The second is refused: the active configuration stays active over two starts.
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

each_row! {
    confirmation_holds_once_written_and_not_before {
        at_index_written_4: Point::IndexWritten, 4, false;
        at_index_replaced_4: Point::IndexReplaced, 4, true;
        at_base_forgotten_1: Point::BaseForgotten, 1, true;
    }
}

fn confirmation_holds_once_written_and_not_before(point: Point, turn: u32, holds: bool) {
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

each_row! {
    rollback_is_completed_at_the_next_start {
        at_index_replaced_4: Point::IndexReplaced, 4;
        at_revert_ready_1: Point::RevertReady, 1;
        at_base_forgotten_1: Point::BaseForgotten, 1;
        at_index_written_5: Point::IndexWritten, 5;
        at_index_replaced_5: Point::IndexReplaced, 5;
    }
}

fn rollback_is_completed_at_the_next_start(point: Point, turn: u32) {
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

#[test]
fn unrestored_target_is_not_that_of_the_next_trial() {
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

each_row! {
    trial_that_cannot_begin_can_be_tried_again {
        at_index_written_2: Point::IndexWritten, 2;
        at_generation_pinned_2: Point::GenerationPinned, 2;
        at_index_written_3: Point::IndexWritten, 3;
        at_base_kept_1: Point::BaseKept, 1;
        at_commit_ready_2: Point::CommitReady, 2;
    }
}

fn trial_that_cannot_begin_can_be_tried_again(point: Point, turn: u32) {
    let hosts = Hosts::new("refused");
    let _cable = hosts.cable(1_500);
    let mut daemon = armed(&hosts, point, "error", turn);
    let mut wire = hosts.wire();
    let refused = try_out(&daemon, 2);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(denied(&mut wire), 1);
    assert!(last_error(&daemon).contains("fault point"));
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

/// Asks for a trial of a new file, and has the request reach the daemon together with the event of
/// the file: the watcher waits for quiet, so that it comes second on a machine however busy.
fn try_out_before_the_watcher(daemon: &Daemon<'_>, port: u16) -> String {
    daemon.forget_messages();
    daemon.signal(Signal::SIGSTOP);
    daemon.await_stop();
    daemon.write_config(&deny(port));
    let mut control = UnixStream::connect(daemon.run_dir().join("control.sock")).unwrap();
    let body = r#"{"confirm":3600}"#;
    let length = body.len();
    let head = format!("POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n");
    let request = format!("{head}Connection: close\r\n\r\n{body}");
    control.write_all(request.as_bytes()).unwrap();
    daemon.signal(Signal::SIGCONT);
    let mut answer = String::new();
    control.read_to_string(&mut answer).unwrap();
    answer
}

each_row! {
    watcher_does_not_apply_what_was_refused_on_trial {
        at_index_written_2: Point::IndexWritten, 2;
        at_generation_pinned_2: Point::GenerationPinned, 2;
        at_index_written_3: Point::IndexWritten, 3;
        at_base_kept_1: Point::BaseKept, 1;
        at_commit_ready_2: Point::CommitReady, 2;
    }
}

fn watcher_does_not_apply_what_was_refused_on_trial(point: Point, turn: u32) {
    let hosts = Hosts::new("watcher");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::prepare(&hosts.edge, &deny(1));
    let mut daemon = arm(daemon, point, "error", turn);
    let answer = try_out_before_the_watcher(&daemon, 2);
    assert!(answer.contains("fault point"), "{answer}");
    // The first was asked for, the second is the watcher's.
    daemon.await_reload();
    daemon.await_reload();
    assert_eq!(denied(&mut hosts.wire()), 1);
    assert!(last_error(&daemon).contains("could not be put on trial"));
    assert_clean(&daemon);
}

each_row! {
    failed_second_edit_leaves_the_trial_as_it_was {
        at_index_written_5: Point::IndexWritten, 5;
        at_commit_ready_3: Point::CommitReady, 3;
    }
}

fn failed_second_edit_leaves_the_trial_as_it_was(point: Point, turn: u32) {
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

#[test]
fn unstored_target_is_stored_when_a_trial_begins() {
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
fn confirmation_that_cannot_be_stored_is_refused() {
    let hosts = Hosts::new("full");
    let _cable = hosts.cable(1_500);
    let daemon = armed(&hosts, Point::IndexWritten, "error", 4);
    assert!(try_out(&daemon, 2).status.success());
    let refused = command(&daemon, &["confirm"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(is_on_trial(&daemon));
    assert!(command(&daemon, &["confirm"]).status.success());
    assert_clean(&daemon);
}

each_row! {
    failed_step_does_not_keep_a_rollback_from_ending {
        at_index_written_4: Point::IndexWritten, 4;
        at_revert_ready_1: Point::RevertReady, 1;
    }
}

fn failed_step_does_not_keep_a_rollback_from_ending(point: Point, turn: u32) {
    let hosts = Hosts::new("full-back");
    let _cable = hosts.cable(1_500);
    let mut wire = hosts.wire();
    let daemon = armed(&hosts, point, "error", turn);
    assert!(try_out(&daemon, 2).status.success());
    let rollback = command(&daemon, &["rollback"]);
    assert!(rollback.status.success(), "{rollback:?}");
    assert_eq!(denied(&mut wire), 1);
    assert_clean(&daemon);
}
