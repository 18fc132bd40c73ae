//! What the daemon logs, how important it is, and which signals it outlives.

use std::process::Command;

use nix::sys::signal::Signal;

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{Hosts, config, passes, rule};

fn denied() -> Packet {
    eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)
}

fn deny(name: &str) -> String {
    config(&rule(name, "drop", "source = \"192.0.2.0/24\""))
}

/// A daemon whose log passes for the journal's.
fn journalled<'a>(hosts: &'a Hosts, text: &str) -> Daemon<'a> {
    let mut daemon = Daemon::prepare(&hosts.edge, text);
    daemon.log_to_journal();
    daemon
}

/// The lines of a priority.
fn lines(log: &str, priority: u8) -> Vec<&str> {
    let front = format!("<{priority}>");
    log.lines()
        .filter_map(|line| line.strip_prefix(&front))
        .collect()
}

fn assert_every_line_has_a_priority(log: &str) {
    let has = |line: &str| {
        ["<3>", "<4>", "<6>", "<7>"]
            .iter()
            .any(|it| line.starts_with(it))
    };
    assert!(!log.is_empty() && log.lines().all(has), "{log}");
}

#[test]
fn a_refused_reload_is_an_error_in_the_journal() {
    let hosts = Hosts::new("log-refused");
    let _cable = hosts.cable(1_500);
    let mut daemon = journalled(&hosts, &deny("deny"));
    daemon.restart();
    let path = daemon.config_path().display().to_string();
    daemon.edit("interfaces = 1\nnonsense = 2\n");
    let log = daemon.log();
    assert_every_line_has_a_priority(&log);
    let errors = lines(&log, 3);
    assert_eq!(
        errors.first(),
        Some(&"reload refused, the former configuration stays in force"),
        "{log}"
    );
    assert_eq!(errors.len(), 3, "each problem has a line: {log}");
    let told = lines(&log, 6);
    assert!(
        told.contains(&format!("reloading: {path} changed").as_str()),
        "{log}"
    );
}

#[test]
fn a_reload_says_which_rules_are_new() {
    let hosts = Hosts::new("log-change");
    let _cable = hosts.cable(1_500);
    let mut daemon = journalled(&hosts, &deny("web"));
    daemon.restart();
    let first = daemon.generation();
    let ban = rule("ban", "drop", "source = \"203.0.113.0/24\"");
    let web = rule("web", "pass", "source = \"192.0.2.0/24\"");
    daemon.edit(&config(&format!("{ban}{web}")));
    let expected = format!(
        "in force: generation {} (+1 rule ban, ~1 rule web, 2 prefixes, before 1)",
        first + 1
    );
    daemon.await_log(0, &expected);
    daemon.edit(&deny("web"));
    daemon.await_log(0, "-1 rule ban");
    let log = daemon.log();
    assert_every_line_has_a_priority(&log);
    assert!(!log.contains("force="), "{log}");
    assert!(!log.contains("generation="), "{log}");
    assert!(!log.contains("owner:"), "{log}");
}

#[test]
fn a_failed_start_is_an_error_before_the_end() {
    let hosts = Hosts::new("log-start");
    let _cable = hosts.cable(1_500);
    let mut daemon = journalled(&hosts, "interfaces = 1\n");
    let failure = daemon.try_restart().unwrap_err();
    assert_eq!(
        failure.status.and_then(|it| it.code()),
        Some(2),
        "{failure}"
    );
    assert_every_line_has_a_priority(&failure.log);
    let first = failure.log.find("<3>").unwrap();
    assert!(first < failure.log.find("ended").unwrap(), "{failure}");
    assert_eq!(
        failure.log.matches("xdp-fw.toml:1:").count(),
        1,
        "{failure}"
    );
}

#[test]
fn a_second_daemon_is_an_error_in_the_journal() {
    let hosts = Hosts::new("log-second");
    let _cable = hosts.cable(1_500);
    let first = Daemon::start(&hosts.edge, &deny("deny"));
    let other = tempfile::tempdir().unwrap();
    let second = first.stranger("run", other.path());
    let log = String::from_utf8(second.stderr).unwrap();
    assert!(
        log.lines()
            .any(|line| line.contains("ERROR") && line.contains("in use")),
        "{log}"
    );
}

#[test]
fn a_trial_that_expires_is_an_error_in_the_journal() {
    let hosts = Hosts::new("log-trial");
    let _cable = hosts.cable(1_500);
    let mut daemon = journalled(&hosts, &deny("deny"));
    daemon.without_watches();
    daemon.restart();
    daemon.write_config(&deny("other"));
    let tried = daemon.cli(&["reload", "--confirm", "5s"]);
    assert!(tried.status.success(), "{tried:?}");
    daemon.await_log(0, "<3>NOT CONFIRMED IN TIME\n(as before the trial)");
    assert_every_line_has_a_priority(&daemon.log());
}

#[test]
fn a_journal_that_is_not_ours_gets_no_priorities() {
    let hosts = Hosts::new("log-inherited");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::prepare(&hosts.edge, "interfaces = 1\n");
    let other = tempfile::tempdir().unwrap();
    let output = Command::new(daemon.binary())
        .env("JOURNAL_STREAM", "1:1")
        .arg("run")
        .arg("--config")
        .arg(daemon.config_path())
        .arg("--pin-dir")
        .arg(daemon.pin_dir())
        .arg("--run-dir")
        .arg(other.path())
        .arg("--state-dir")
        .arg(other.path())
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.lines().all(|line| line.starts_with("20")), "{log}");
    assert!(log.contains(" ERROR "), "{log}");
}

#[test]
fn signals_that_mean_nothing_are_logged_and_end_nothing() {
    let hosts = Hosts::new("signals");
    let _cable = hosts.cable(1_500);
    let text = format!("on_stop = \"detach\"\n{}", deny("deny"));
    let mut daemon = Daemon::start(&hosts.edge, &text);
    let mut wire = hosts.wire();
    let pid = nix::unistd::Pid::from_raw(daemon.pid() as i32);
    for signal in [
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGALRM,
        Signal::SIGVTALRM,
        Signal::SIGPROF,
        Signal::SIGTRAP,
        Signal::SIGSTKFLT,
        Signal::SIGIO,
        Signal::SIGPWR,
        Signal::SIGXCPU,
        Signal::SIGXFSZ,
    ] {
        let before = daemon.log().len();
        daemon.signal(signal);
        daemon.await_log(before, &format!("{}: ignored", signal.as_str()));
    }
    for offset in [0, 1, libc::SIGRTMAX() - libc::SIGRTMIN()] {
        let before = daemon.log().len();
        // SAFETY: the call takes two numbers and touches no memory.
        let sent = unsafe { libc::kill(pid.as_raw(), libc::SIGRTMIN() + offset) };
        assert_eq!(sent, 0);
        daemon.await_log(before, "SIGRTMIN");
    }
    daemon.signal(Signal::SIGPIPE);
    assert!(!passes(&mut wire, &denied()), "still in force");
    assert_eq!(daemon.status()["state"], "running");
    // A signal to stop does what it did.
    assert!(daemon.stop().success());
    assert!(passes(&mut wire, &denied()));
}
