//! A configuration that is too much for the host: what the daemon does that reads it, that dies of it,
//! and that is to stop meanwhile.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{Hosts, config, passes, rule};

fn from(last: u8) -> Packet {
    let source = format!("192.0.2.{last}");
    eth() / ipv4(source.as_str(), "198.51.100.1") / udp(1, 2)
}

/// Drops what comes from 192.0.2.N, with a set file.
fn deny(daemon: &Daemon<'_>, last: u8) -> String {
    let set = daemon.config_path().with_file_name("set.txt");
    fs::write(set, format!("192.0.2.{last}\n")).unwrap();
    config(&format!(
        "[set.a]\nfiles = \"set.txt\"\n{}",
        rule("deny", "drop", "source = \"@a\"")
    ))
}

fn text(status: &Value, key: &str) -> String {
    status.pointer(key).unwrap_or(&Value::Null).to_string()
}

/// A daemon with a last good configuration that drops what comes from 192.0.2.1, not running; the file
/// asks for 192.0.2.2, and a process has died of that at this point.
fn dead_of<'a>(hosts: &'a Hosts, fault: &str) -> Daemon<'a> {
    let mut daemon = Daemon::prepare(&hosts.edge, "");
    let first = deny(&daemon, 1);
    daemon.write_config(&first);
    daemon.restart();
    assert!(daemon.stop().success());
    let second = deny(&daemon, 2) + "# another\n";
    daemon.write_config(&second);
    daemon.arm(fault);
    let failure = daemon.try_restart().unwrap_err();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&failure.status.unwrap()),
        Some(libc::SIGKILL),
        "{failure}"
    );
    daemon
}

/// The next start has the last good configuration in force, and says why and what to do.
fn begins_from_last_good(hosts: &Hosts, fault: &str, stage: &str) {
    let _cable = hosts.cable(1_500);
    let mut daemon = dead_of(hosts, fault);
    let mut wire = hosts.wire();
    for _ in 0..2 {
        daemon.restart();
        assert!(!passes(&mut wire, &from(1)) && passes(&mut wire, &from(2)));
        let status = daemon.status();
        assert_eq!(text(&status, "/config_source"), "\"last-good\"");
        assert_eq!(text(&status, "/last_reload/ok"), "false");
        let errors = text(&status, "/errors");
        assert!(
            errors.contains(stage) && errors.contains("xdp-fw reload"),
            "{errors}"
        );
        assert!(
            daemon
                .log()
                .contains(&format!("the daemon died while it {stage}")),
            "{}",
            daemon.log()
        );
        assert!(daemon.stop().success());
    }
    // Who asks for it has it tried.
    daemon.restart();
    let reload = daemon.cli(&["reload"]);
    assert!(reload.status.success(), "{reload:?}");
    assert!(passes(&mut wire, &from(1)) && !passes(&mut wire, &from(2)));
    let status = daemon.status();
    assert_eq!(text(&status, "/errors"), "[]");
    assert!(daemon.stop().success());
    daemon.restart();
    assert_eq!(text(&daemon.status(), "/config_source"), "\"file\"");
}

#[test]
fn a_start_after_a_death_in_the_middle_of_reading_begins_from_last_good() {
    begins_from_last_good(&Hosts::new("died-read"), "read.file:kill:2", "read");
}

#[test]
fn a_start_after_a_death_in_the_compiler_begins_from_last_good() {
    begins_from_last_good(
        &Hosts::new("died-compile"),
        "compile.begun:kill",
        "compiled",
    );
}

#[test]
fn a_content_of_which_a_process_died_is_tried_again_once_it_changes() {
    let hosts = Hosts::new("died-edit");
    let _cable = hosts.cable(1_500);
    let mut daemon = dead_of(&hosts, "read.file:kill:2");
    let mut wire = hosts.wire();
    daemon.restart();
    assert!(passes(&mut wire, &from(3)));
    // The set file alone is another: the daemon notices, and the main file is as it was.
    daemon.forget_messages();
    let set = daemon.config_path().with_file_name("set.txt");
    fs::write(set, "192.0.2.3\n").unwrap();
    daemon.await_reload();
    assert!(!passes(&mut wire, &from(3)));
    assert_eq!(text(&daemon.status(), "/config_source"), "\"file\"");
}

#[test]
fn without_last_good_a_content_that_kills_is_not_tried_for_ever() {
    let hosts = Hosts::new("died-first");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, "");
    let only = deny(&daemon, 1);
    daemon.write_config(&only);
    for _ in 0..2 {
        daemon.arm("read.file:kill:2");
        daemon.try_restart().unwrap_err();
    }
    // It would work now; nobody knows.
    let failure = daemon.try_restart().unwrap_err();
    assert_eq!(failure.status.unwrap().code(), Some(1), "{failure}");
    assert!(
        failure.log.contains("a start tries it again in"),
        "{failure}"
    );
    assert!(failure.log.contains("nothing to fall back to"), "{failure}");
    // An edit is another content.
    daemon.write_config(&(only + "# shorter\n"));
    daemon.restart();
    assert!(!passes(&mut hosts.wire(), &from(1)));
}

fn stored(daemon: &Daemon<'_>) -> usize {
    let directory = daemon.state_dir().join("last-good");
    fs::read_dir(directory).unwrap().count()
}

/// So many set files, in a configuration that drops what is in them.
fn many(config_path: &Path, files: u32) -> String {
    let lists = config_path.with_file_name("lists");
    fs::create_dir(&lists).unwrap();
    for number in 0..files {
        let address = Ipv4Addr::from_bits(0xc633_6400 + number);
        fs::write(lists.join(format!("{number}.txt")), format!("{address}\n")).unwrap();
    }
    config(&format!(
        "[set.a]\nfiles = \"lists/*.txt\"\n{}",
        rule("deny", "drop", "source = \"@a\"")
    ))
}

#[test]
fn a_stop_in_the_middle_of_storing_ends_it_and_leaves_the_former_state() {
    const FILES: u32 = 3_000;
    let hosts = Hosts::new("stop-store");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, "");
    let first = deny(&daemon, 1);
    daemon.write_config(&first);
    daemon.restart();
    assert!(daemon.stop().success());
    let before = stored(&daemon);
    let index = fs::read(daemon.state_dir().join("last-good/index")).unwrap();

    daemon.write_config(&many(daemon.config_path(), FILES));
    daemon.arm("store.content:stop:100");
    let pid = daemon.start_without_waiting();
    daemon.await_stop();
    let pid = Pid::from_raw(pid.try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    let end = daemon.await_end();
    assert!(end.status.unwrap().success(), "{end}");
    // Hardly anything was stored after the signal, and nothing that was there before is gone.
    let left = stored(&daemon);
    assert!(left < before + 1_500, "{left} of {FILES}");
    assert_eq!(
        fs::read(daemon.state_dir().join("last-good/index")).unwrap(),
        index
    );

    daemon.restart();
    assert_eq!(stored(&daemon), before + 1 + FILES as usize);
    assert_eq!(text(&daemon.status(), "/config_source"), "\"file\"");
}

#[test]
fn a_stop_in_the_middle_of_reading_ends_it_and_leaves_no_note() {
    let hosts = Hosts::new("stop-read");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, "");
    daemon.write_config(&many(daemon.config_path(), 500));
    daemon.arm("read.file:stop:100");
    let pid = daemon.start_without_waiting();
    daemon.await_stop();
    let pid = Pid::from_raw(pid.try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    let end = daemon.await_end();
    assert!(end.status.unwrap().success(), "{end}");
    assert!(!daemon.state_dir().join("attempt").exists());
    daemon.restart();
    assert_eq!(text(&daemon.status(), "/config_source"), "\"file\"");
}
