//! Without descriptors: nobody is advised to remove what nobody could look at, and nothing is
//! removed, replaced or forgotten.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::descriptors::{limit, limit_command};
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, config, passes, rule};

fn denied() -> Packet {
    eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)
}

fn deny(name: &str) -> String {
    config(&rule(name, "drop", "source = \"192.0.2.0/24\""))
}

/// What claims to know what is there, or tells someone to remove it.
const UNFOUNDED: [&str; 8] = [
    "rm /",
    "`rm ",
    "not a link of ours",
    "not a map",
    "is not ours",
    "not ours,",
    "chown",
    "xdp-fw unload` with",
];

fn assert_founded(what: &str, said: &str) {
    for words in UNFOUNDED {
        assert!(!said.contains(words), "{what} says {words:?}:\n{said}");
    }
    assert!(!said.contains("panicked"), "{what}:\n{said}");
}

/// Every pin below a directory, and which object each is.
fn pins(directory: &Path) -> BTreeSet<(PathBuf, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let metadata = entry.path().symlink_metadata().unwrap();
        found.insert((entry.path(), metadata.ino()));
        if metadata.is_dir() {
            found.extend(pins(&entry.path()));
        }
    }
    found
}

#[test]
fn a_daemon_without_descriptors_calls_nothing_foreign() {
    let hosts = Hosts::new("fd-daemon");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &deny("deny"));
    daemon.without_watches();
    daemon.restart();
    let mut wire = hosts.wire();
    let before = pins(daemon.pin_dir());
    for more in 0..=6 {
        limit(daemon.pid(), more);
        let log = daemon.log().len();
        // An event makes it look at its links; a command, at everything.
        hosts.edge.run("ip", ["link", "set", "lo", "down"]);
        hosts.edge.run("ip", ["link", "set", "lo", "up"]);
        let reload = daemon.cli(&["reload"]);
        daemon.forget_messages();
        let said = String::from_utf8_lossy(&reload.stderr).into_owned();
        assert_founded(&format!("the answer with {more} left"), &said);
        let log = daemon.log().get(log..).unwrap_or_default().to_owned();
        assert_founded(&format!("the log with {more} left"), &log);
    }
    limit(daemon.pid(), 1_000);
    assert!(daemon.cli(&["reload"]).status.success());
    assert_eq!(pins(daemon.pin_dir()), before);
    assert!(!passes(&mut wire, &denied()));
    assert_founded("the status", &daemon.status().to_string());
}

#[test]
fn a_command_without_descriptors_calls_nothing_foreign() {
    let hosts = Hosts::new("fd-command");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny("deny"));
    daemon.stop();
    let before = pins(daemon.pin_dir());
    let mut succeeded = 0;
    for (number, verb) in
        (6..=16).flat_map(|number| [(number, "stats"), (number, "attach"), (number, "doctor")])
    {
        let mut command: Command = hosts.edge.command(daemon.binary());
        command.arg(verb).arg("--pin-dir").arg(daemon.pin_dir());
        command.arg("--config").arg(daemon.config_path());
        command.arg("--run-dir").arg(daemon.run_dir());
        command.arg("--state-dir").arg(daemon.state_dir());
        if verb == "attach" {
            command.arg(EDGE_DEVICE);
        }
        limit_command(&mut command, number);
        let output = command.output().unwrap();
        let said = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
        assert_founded(&format!("{verb} with {number}"), &said.concat());
        succeeded += u32::from(output.status.success());
    }
    assert!(succeeded > 0, "the last ones have enough");
    assert_eq!(pins(daemon.pin_dir()), before);
}

#[test]
fn a_start_without_descriptors_leaves_pins_and_the_base_as_they_are() {
    let hosts = Hosts::new("fd-start");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &deny("deny"));
    daemon.without_watches();
    daemon.restart();
    daemon.write_config(&deny("other"));
    let tried = daemon.cli(&["reload", "--confirm", "600s"]);
    assert!(tried.status.success(), "{tried:?}");
    daemon.kill9();
    let base = fs::read_link(daemon.pin_dir().join("base")).unwrap();
    let before = pins(daemon.pin_dir());
    let mut wire = hosts.wire();
    let mut failed = 0;
    for number in (12..60).step_by(2) {
        daemon.limit_descriptors(number, number);
        match daemon.try_restart() {
            Ok(()) => {
                daemon.kill9();
                assert_founded(&format!("a start with {number}"), &daemon.log());
                break;
            }
            // With a few more it can read what is on trial and not load it: then it goes back.
            Err(failure) if failure.log.contains("HAS FAILED: going back") => {
                assert_founded(&format!("a start with {number}"), &failure.log);
                break;
            }
            Err(failure) => {
                assert_founded(&format!("a start with {number}"), &failure.log);
                let left = fs::read_link(daemon.pin_dir().join("base"));
                assert_eq!(left.unwrap(), base, "{failure}");
                assert!(before.is_subset(&pins(daemon.pin_dir())), "{failure}");
                failed += 1;
            }
        }
        assert!(!passes(&mut wire, &denied()), "{number}");
    }
    assert!(failed > 0, "the first ones have too few");
    daemon.unlimit_descriptors();
    daemon.restart();
    assert!(!passes(&mut wire, &denied()), "one of the two is in force");
}

#[test]
fn what_was_looked_at_and_is_foreign_is_still_called_so() {
    let hosts = Hosts::new("fd-foreign");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &deny("deny"));
    let foreign = daemon.pin_dir().join("links/77");
    let path = foreign.to_str().unwrap();
    let shape = [
        "type", "array", "key", "4", "value", "4", "entries", "1", "name", "foreign",
    ];
    let made = Command::new("bpftool")
        .args([&["map", "create", path], &shape[..]].concat())
        .status();
    assert!(made.unwrap().success());
    let stats = daemon.cli(&["stats"]);
    let said = String::from_utf8_lossy(&stats.stderr).into_owned();
    assert!(said.contains("not a link of ours but a map"), "{said}");
    assert!(said.contains(&format!("`rm {path}`")), "{said}");
    fs::remove_file(&foreign).unwrap();
    fs::create_dir(&foreign).unwrap();
    let stats = daemon.cli(&["stats"]);
    let said = String::from_utf8_lossy(&stats.stderr).into_owned();
    assert!(
        said.contains("not a link of ours but a directory"),
        "{said}"
    );
    fs::remove_dir(&foreign).unwrap();
}
