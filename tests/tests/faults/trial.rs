//! A configuration on trial: confirmed, or taken back by itself, whatever happens to the daemon.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use nix::sys::signal::Signal;
use serde_json::Value;
use xdp_fw_tests::daemon::{Daemon, Message};
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{Hosts, config, packets, passes, rule};
use xdp_fw_tests::wire::Wire;

/// Nobody waits for this one to pass.
const LONG: &str = "1h";
/// The shortest that there is.
const SHORT: &str = "5s";

fn udp4(port: u16) -> Packet {
    eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, port)
}

fn deny(port: u16) -> String {
    config(&rule(
        &format!("deny-{port}"),
        "drop",
        &format!("protocol = \"udp\"\ndestination_port = {port}"),
    ))
}

/// Whether exactly the packets to this port of 1 to 5 are denied.
fn is_denied(wire: &mut Wire, port: u16) -> bool {
    (1..=5).all(|other| passes(wire, &udp4(other)) != (other == port))
}

/// A daemon that reloads only when it is asked to: the watcher takes no turn before a command.
fn start<'a>(hosts: &'a Hosts, text: &str) -> Daemon<'a> {
    let mut daemon = Daemon::prepare(&hosts.edge, text);
    daemon.without_watches();
    daemon.restart();
    daemon
}

/// Edits as an operator does who asks to be asked: the edit and the reload in one go.
fn try_out(daemon: &Daemon<'_>, text: &str, time: &str) -> Output {
    daemon.forget_messages();
    daemon.write_config(text);
    command(daemon, &["reload", "--confirm", time])
}

fn command(daemon: &Daemon<'_>, arguments: &[&str]) -> Output {
    daemon.forget_messages();
    daemon.cli(arguments)
}

/// Puts an edit into force by a command.
#[track_caller]
fn reload(daemon: &Daemon<'_>, wire: &mut Wire, text: &str, port: u16) -> String {
    daemon.write_config(text);
    let told = succeeds(&command(daemon, &["reload"]));
    assert!(is_denied(wire, port));
    told
}

/// Saves an edit, which comes into force.
#[track_caller]
fn save(daemon: &mut Daemon<'_>, wire: &mut Wire, text: &str, port: u16) -> Message {
    let message = daemon.edit(text);
    assert!(is_denied(wire, port));
    message
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    said(output)
}

/// Nothing is left of a trial among the pins: one generation, and no base.
#[track_caller]
fn assert_clean(daemon: &Daemon<'_>) {
    let names = |directory: &str| -> Vec<String> {
        let entries = fs::read_dir(daemon.pin_dir().join(directory)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("generations").len(), 1);
    let shared = ["counters", "entry", "generations", "links", "root"];
    assert_eq!(names(""), shared);
    assert_eq!(daemon.status().get("trial"), Some(&Value::Null));
}

fn last_error(daemon: &Daemon<'_>) -> String {
    let status = daemon.status();
    status.pointer("/last_reload/error").unwrap().to_string()
}

fn base(daemon: &Daemon<'_>) -> Option<u64> {
    daemon.status().pointer("/trial/base")?.as_u64()
}

#[test]
fn what_is_not_confirmed_is_taken_back_at_the_deadline_and_refused_from_then_on() {
    let hosts = Hosts::new("trial");
    let _cable = hosts.cable(1_500);
    let mut daemon = start(&hosts, &deny(1));
    let mut wire = hosts.wire();
    assert!(is_denied(&mut wire, 1));
    let before = daemon.generation();

    daemon.forget_messages();
    let told = succeeds(&try_out(&daemon, &deny(2), SHORT));
    assert!(told.contains("on trial"), "{told}");
    assert!(told.contains("xdp-fw confirm"), "{told}");
    assert_eq!(base(&daemon), Some(before));
    assert!(is_denied(&mut wire, 2));
    let trial = daemon.generation();
    let status = daemon.status();
    assert!(
        status
            .pointer("/trial/seconds_left")
            .unwrap()
            .as_u64()
            .unwrap()
            <= 5
    );
    assert!(status.pointer("/trial/until").unwrap().is_string());
    assert!(succeeds(&command(&daemon, &["status"])).contains("ON TRIAL"));

    // The reload ends with a message, and so does the end of the trial.
    let back = daemon.await_message(|message| {
        message.has("READY", "1") && message.has_status("running the last good")
    });
    back.unwrap();
    assert!(is_denied(&mut wire, 1));
    assert!(daemon.generation() > trial);
    assert_clean(&daemon);
    let status = daemon.status();
    assert_eq!(status.pointer("/last_reload/ok").unwrap(), false);
    let error = status.pointer("/last_reload/error").unwrap().to_string();
    assert!(error.contains("not confirmed in time"), "{error}");

    // The same content again, by the watcher: refused. Asked for: in force.
    daemon.kill9();
    daemon.with_watches();
    daemon.restart();
    let message = daemon.edit(&deny(2));
    assert!(message.has_status("last reload failed"), "{message:?}");
    assert!(is_denied(&mut wire, 1));
    assert!(last_error(&daemon).contains("rolled back"));
    succeeds(&command(&daemon, &["reload"]));
    assert!(is_denied(&mut wire, 2));
    assert_clean(&daemon);
}

#[test]
fn confirm_keeps_what_is_on_trial_also_over_a_restart() {
    let hosts = Hosts::new("confirm");
    let _cable = hosts.cable(1_500);
    let mut daemon = start(&hosts, &deny(1));
    let mut wire = hosts.wire();
    let refused = command(&daemon, &["confirm"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        said(&refused).contains("nothing is on trial"),
        "{refused:?}"
    );

    succeeds(&try_out(&daemon, &deny(2), LONG));
    assert!(succeeds(&command(&daemon, &["confirm"])).contains("confirmed"));
    assert_clean(&daemon);
    assert!(is_denied(&mut wire, 2));
    let again = succeeds(&command(&daemon, &["reload", "--confirm", LONG]));
    assert!(again.contains("NOT on trial"), "{again}");

    daemon.kill9();
    daemon.write_config("broken");
    daemon.restart();
    assert!(is_denied(&mut wire, 2));
    assert_clean(&daemon);
}

#[test]
fn rollback_goes_back_at_once_on_trial_and_without_one() {
    let hosts = Hosts::new("rollback");
    let _cable = hosts.cable(1_500);
    let mut daemon = start(&hosts, &deny(1));
    let mut wire = hosts.wire();
    let refused = command(&daemon, &["rollback"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        said(&refused).contains("no configuration to go back to"),
        "{refused:?}"
    );

    succeeds(&try_out(&daemon, &deny(2), LONG));
    let told = succeeds(&command(&daemon, &["rollback"]));
    assert!(told.contains("is refused until it is edited"), "{told}");
    assert!(is_denied(&mut wire, 1));
    assert_clean(&daemon);

    // To stay, and taken back all the same; over a restart, too.
    reload(&daemon, &mut wire, &deny(3), 3);
    reload(&daemon, &mut wire, &deny(4), 4);
    succeeds(&command(&daemon, &["rollback"]));
    assert!(is_denied(&mut wire, 3));
    assert_clean(&daemon);
    daemon.kill9();
    daemon.restart();
    assert!(is_denied(&mut wire, 3));
    assert!(last_error(&daemon).contains("rolled back"));
    // Once more: they change places.
    succeeds(&command(&daemon, &["rollback"]));
    assert!(is_denied(&mut wire, 4));
    daemon.kill9();
    daemon.restart();
    assert!(is_denied(&mut wire, 4));
    assert_eq!(daemon.status().pointer("/last_reload/ok").unwrap(), true);
}

#[test]
fn rollback_of_what_could_not_be_stored_goes_back_one_step_and_not_two() {
    let hosts = Hosts::new("one-step");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny(1));
    let mut wire = hosts.wire();
    let store = daemon.state_dir().join("last-good");
    let mode = |mode| fs::set_permissions(&store, fs::Permissions::from_mode(mode)).unwrap();
    save(&mut daemon, &mut wire, &deny(2), 2);
    mode(0o777);
    save(&mut daemon, &mut wire, &deny(3), 3);
    mode(0o700);
    succeeds(&command(&daemon, &["rollback"]));
    assert!(is_denied(&mut wire, 2));
    daemon.kill9();
    daemon.restart();
    assert!(is_denied(&mut wire, 2));
    assert!(last_error(&daemon).contains("rolled back"));
    succeeds(&command(&daemon, &["rollback"]));
    assert!(is_denied(&mut wire, 1));
}

#[test]
fn a_killed_daemon_takes_the_trial_up_again() {
    let hosts = Hosts::new("resume");
    let _cable = hosts.cable(1_500);
    let mut daemon = start(&hosts, &deny(1));
    let mut wire = hosts.wire();
    let before = daemon.generation();
    succeeds(&try_out(&daemon, &deny(2), LONG));
    daemon.kill9();
    assert!(is_denied(&mut wire, 2));
    daemon.restart();
    assert!(is_denied(&mut wire, 2));
    assert_eq!(base(&daemon), Some(before));

    // A file that was edited meanwhile is on trial until the same moment.
    let until = |daemon: &Daemon<'_>| daemon.status().pointer("/trial/until").cloned();
    let deadline = until(&daemon);
    daemon.kill9();
    daemon.write_config(&deny(3));
    daemon.restart();
    assert!(is_denied(&mut wire, 3));
    assert_eq!(until(&daemon), deadline);
    // One with mistakes: what was on trial stays so.
    daemon.kill9();
    daemon.write_config("broken");
    daemon.restart();
    assert!(is_denied(&mut wire, 3));
    assert_eq!(until(&daemon), deadline);
    assert_eq!(daemon.status().get("config_source").unwrap(), "trial");

    succeeds(&command(&daemon, &["rollback"]));
    assert!(is_denied(&mut wire, 1));
    assert_clean(&daemon);
}

#[test]
fn a_deadline_that_passes_while_the_daemon_is_dead_is_met_at_its_start() {
    let hosts = Hosts::new("late");
    let _cable = hosts.cable(1_500);
    let mut daemon = start(&hosts, &deny(1));
    let mut wire = hosts.wire();
    succeeds(&try_out(&daemon, &deny(2), LONG));
    daemon.kill9();
    pass_the_deadline(&daemon);
    assert!(is_denied(&mut wire, 2));
    daemon.restart();
    assert!(is_denied(&mut wire, 1));
    assert_clean(&daemon);
    assert!(last_error(&daemon).contains("rolled back"));
    // Refused for good, not only at this start.
    daemon.kill9();
    daemon.restart();
    assert!(is_denied(&mut wire, 1));
    reload(&daemon, &mut wire, &deny(3), 3);
}

/// As if the time of the trial were over: moves the deadline in the index of the state directory to
/// the moment of boot.
fn pass_the_deadline(daemon: &Daemon<'_>) {
    let path = daemon.state_dir().join("last-good/index");
    let text = fs::read_to_string(&path).unwrap();
    let seal = text.trim_end().rfind('\n').unwrap() + 1;
    let mut lines: Vec<String> = text[..seal].lines().map(str::to_owned).collect();
    let until = lines
        .iter_mut()
        .find(|line| line.starts_with("until "))
        .unwrap();
    let boot = until.rsplit(' ').next().unwrap();
    *until = format!("until 1 1 {boot}");
    let body = lines.join("\n") + "\n";
    let seal = std::process::Command::new("sh")
        .args(["-c", "printf %s \"$0\" | sha256sum | cut -d' ' -f1", &body])
        .output()
        .unwrap();
    fs::write(&path, body + &String::from_utf8(seal.stdout).unwrap()).unwrap();
}

#[test]
fn a_reboot_ends_a_trial_with_the_last_good_configuration() {
    let hosts = Hosts::new("reboot");
    let _cable = hosts.cable(1_500);
    let mut daemon = start(&hosts, &deny(1));
    let mut wire = hosts.wire();
    succeeds(&try_out(&daemon, &deny(2), LONG));
    daemon.kill9();
    // Neither links nor pins live on over a reboot.
    xdp_fw::datapath::unload(daemon.pin_dir()).unwrap();
    assert!(passes(&mut wire, &udp4(2)));
    daemon.restart();
    assert!(is_denied(&mut wire, 1));
    assert_clean(&daemon);
    assert_eq!(daemon.status().pointer("/last_reload/ok").unwrap(), false);
    daemon.signal(Signal::SIGHUP);
    daemon.await_reload();
    assert!(is_denied(&mut wire, 2));
}

#[test]
fn edits_during_a_trial_are_on_trial_too_and_none_of_them_becomes_the_base() {
    let hosts = Hosts::new("edits");
    let _cable = hosts.cable(1_500);
    let daemon = start(&hosts, &deny(1));
    let mut wire = hosts.wire();
    let before = daemon.generation();
    succeeds(&try_out(&daemon, &deny(2), LONG));
    let told = reload(&daemon, &mut wire, &deny(3), 3);
    assert!(told.contains("on trial"), "{told}");
    assert_eq!(base(&daemon), Some(before));
    // Mistakes change nothing.
    daemon.write_config("broken");
    let refused = command(&daemon, &["reload"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(is_denied(&mut wire, 3));
    // Another time to confirm restarts the clock.
    let told = succeeds(&try_out(&daemon, &deny(4), "2h"));
    assert!(told.contains("71"), "7200 seconds or a few less: {told}");
    assert_eq!(base(&daemon), Some(before));
    succeeds(&command(&daemon, &["rollback"]));
    assert!(is_denied(&mut wire, 1));
    assert_clean(&daemon);

    // Back to what was in force before by an edit: nothing is left to confirm, or to refuse.
    succeeds(&try_out(&daemon, &deny(5), LONG));
    reload(&daemon, &mut wire, &deny(1), 1);
    assert_clean(&daemon);
    assert_eq!(daemon.status().pointer("/last_reload/ok").unwrap(), true);
    reload(&daemon, &mut wire, &deny(5), 5);
}

#[test]
fn saved_edits_are_on_trial_where_the_configuration_says_so() {
    let hosts = Hosts::new("key");
    let _cable = hosts.cable(1_500);
    let asks = |port| format!("confirm = \"1h\"\n{}", deny(port));
    let mut daemon = Daemon::start(&hosts.edge, &asks(1));
    let mut wire = hosts.wire();
    assert_clean(&daemon);
    save(&mut daemon, &mut wire, &asks(2), 2);
    assert!(base(&daemon).is_some());
    succeeds(&command(&daemon, &["confirm"]));
    // Without the key from now on: this edit itself is still on trial.
    save(&mut daemon, &mut wire, &deny(3), 3);
    assert!(base(&daemon).is_some());
    succeeds(&command(&daemon, &["confirm"]));
    save(&mut daemon, &mut wire, &deny(4), 4);
    assert_clean(&daemon);
}

#[test]
fn a_stop_that_detaches_leaves_nothing_and_the_trial_has_failed() {
    let hosts = Hosts::new("detach");
    let _cable = hosts.cable(1_500);
    let detach = |port| format!("on_stop = \"detach\"\n{}", deny(port));
    let mut daemon = start(&hosts, &detach(1));
    let mut wire = hosts.wire();
    succeeds(&try_out(&daemon, &detach(2), LONG));
    assert!(daemon.stop().success());
    assert!(!daemon.pin_dir().exists());
    assert!(passes(&mut wire, &udp4(2)));
    daemon.restart();
    assert!(is_denied(&mut wire, 1));
    succeeds(&try_out(&daemon, &detach(3), LONG));
    succeeds(&command(&daemon, &["unload"]));
    assert!(!daemon.pin_dir().exists());
    assert!(passes(&mut wire, &udp4(3)));
}

#[test]
fn no_count_goes_back_over_a_trial() {
    let hosts = Hosts::new("counts");
    let _cable = hosts.cable(1_500);
    let mut daemon = start(&hosts, &deny(1));
    let mut wire = hosts.wire();
    // Of each five packets exactly one is dropped, by whichever rule.
    let asked = Cell::new(0);
    let mut is_denied = |port| {
        asked.set(asked.get() + 1);
        is_denied(&mut wire, port)
    };
    assert!(is_denied(1));
    succeeds(&try_out(&daemon, &deny(2), LONG));
    assert!(is_denied(2));
    daemon.write_config(&deny(3));
    succeeds(&command(&daemon, &["reload"]));
    assert!(is_denied(3));
    daemon.kill9();
    daemon.restart();
    assert!(is_denied(3));
    succeeds(&command(&daemon, &["rollback"]));
    assert!(is_denied(1));
    assert_eq!(packets(&daemon.stats(), "deny-1"), 2);
    assert_eq!(dropped_by_rules(&daemon), asked.get());
    succeeds(&command(&daemon, &["reload"]));
    assert!(is_denied(3));
    assert_eq!(dropped_by_rules(&daemon), asked.get());
}

/// By those that are gone, too.
fn dropped_by_rules(daemon: &Daemon<'_>) -> u64 {
    let stats = daemon.stats();
    let rows = |name: &str| stats.get(name).and_then(Value::as_array).unwrap().clone();
    let is = |row: &Value, key: &str, value: &str| row.get(key).unwrap() == value;
    let gone = rows("reasons")
        .into_iter()
        .filter(|row| is(row, "verdict", "drop") && is(row, "reason", "rule"));
    let counts = rows("rules").into_iter().chain(gone);
    counts
        .map(|row| row.get("packets").and_then(Value::as_u64).unwrap())
        .sum()
}

#[test]
fn times_that_make_no_sense_are_refused_with_the_bounds() {
    let hosts = Hosts::new("times");
    let _cable = hosts.cable(1_500);
    let daemon = start(&hosts, &deny(1));
    for time in ["1s", "2d", "60"] {
        let refused = try_out(&daemon, &deny(1), time);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
    assert_clean(&daemon);
}
