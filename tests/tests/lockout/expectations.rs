//! `[[expect]]`: what a configuration says must become of a packet, held to before it is in force.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use serde_json::Value;
use xdp_fw::config::{self, Disk};
use xdp_fw::state::{self, Content, Index};
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{Hosts, config, packets, passes, rule};

fn ssh(source: &str) -> Packet {
    eth() / ipv4(source, "198.51.100.1") / tcp(40_000, 22).syn()
}

/// SSH from one host, and what is expected of two.
fn guarded(admitted: &str) -> String {
    let port = "protocol = \"tcp\"\ndestination_port = 22";
    let rules = [
        rule("ssh", "pass", &format!("source = \"{admitted}\"\n{port}")),
        rule("no-ssh", "drop", port),
    ];
    let expectations = "\
[[expect]]
packet = \"tcp 192.0.2.1:40000 > 198.51.100.1:22 syn\"
verdict = \"pass\"
rule = \"ssh\"

[[expect]]
packet = \"tcp 203.0.113.9:40000 > 198.51.100.1:22 syn\"
verdict = \"drop\"
";
    config(&(rules.concat() + expectations))
}

/// The hash of what a start would fall back to.
fn last_good(daemon: &Daemon<'_>) -> [u8; 32] {
    let index = state::read(daemon.state_dir()).unwrap();
    index.last_good.unwrap().hash
}

#[test]
fn an_expectation_that_fails_refuses_the_reload_and_everyone_says_which() {
    let hosts = Hosts::new("expect");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &guarded("192.0.2.1"));
    let stats = daemon.stats();
    assert_eq!((packets(&stats, "ssh"), packets(&stats, "no-ssh")), (0, 0));
    let mut wire = hosts.wire();
    let generation = daemon.generation();
    let remembered = last_good(&daemon);

    daemon.edit(&guarded("203.0.113.9"));
    assert_eq!(daemon.generation(), generation);
    assert!(passes(&mut wire, &ssh("192.0.2.1")));
    assert!(!passes(&mut wire, &ssh("203.0.113.9")));

    let status = daemon.status();
    let problems = status.pointer("/last_reload/problems").unwrap();
    let lines: Vec<_> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.pointer("/line"))
        .collect();
    assert_eq!(lines, [Some(&Value::from(14)), Some(&Value::from(19))]);
    let error = status
        .pointer("/last_reload/error")
        .unwrap()
        .as_str()
        .unwrap();
    let first = "is dropped by rule `no-ssh` (line 9); expected pass by rule `ssh`, but there source 192.0.2.1 is not in 203.0.113.9";
    let second = "passes by rule `ssh` (line 3); expected drop";
    assert!(error.contains(first) && error.contains(second), "{error}");
    daemon.await_log(0, &format!("{first}\n{second}"));
    let reload = daemon.cli(&["reload"]);
    assert_eq!(reload.status.code(), Some(2), "{reload:?}");
    assert!(
        String::from_utf8_lossy(&reload.stderr).contains(second),
        "{reload:?}"
    );
    assert_eq!(last_good(&daemon), remembered);

    daemon.edit(&guarded("192.0.2.0/25"));
    assert_eq!(daemon.status().pointer("/last_reload/ok").unwrap(), true);
    assert_eq!(packets(&daemon.stats(), "ssh"), 1);
}

#[test]
fn a_start_with_a_failing_expectation_runs_the_last_good_configuration_or_none() {
    let hosts = Hosts::new("expect-start");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &guarded("203.0.113.9"));
    let failure = daemon.try_restart().unwrap_err();
    assert_eq!(
        failure.status.and_then(|it| it.code()),
        Some(2),
        "{failure}"
    );
    assert!(
        failure.log.contains("expected pass by rule `ssh`"),
        "{failure}"
    );

    daemon.write_config(&guarded("192.0.2.1"));
    daemon.restart();
    daemon.stop();
    daemon.write_config(&guarded("203.0.113.9"));
    daemon.restart();
    let status = daemon.status();
    assert_eq!(status.pointer("/config_source").unwrap(), "last-good");
    assert!(passes(&mut hosts.wire(), &ssh("192.0.2.1")));
}

#[test]
fn a_last_good_configuration_that_fails_its_expectations_filters_all_the_same_and_says_so() {
    let hosts = Hosts::new("expect-fallen");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &guarded("203.0.113.9"));
    // As if an earlier version had found that it does what it expects.
    let loaded = config::load(daemon.config_path(), &Disk).unwrap();
    let index = Index::default().in_force(Content::of(&loaded));
    state::write_contents(
        daemon.state_dir(),
        &loaded,
        &index,
        &state::Whole::default(),
        &|| false,
    )
    .unwrap();
    state::write_index(daemon.state_dir(), &index).unwrap();
    daemon.write_config("nonsense");
    daemon.restart();
    let status = daemon.status();
    assert_eq!(status.pointer("/config_source").unwrap(), "last-good");
    let errors = status.pointer("/errors").unwrap().to_string();
    assert!(
        errors.contains("expectations: ") && errors.contains("expected drop"),
        "{errors}"
    );
    let mut wire = hosts.wire();
    assert!(passes(&mut wire, &ssh("203.0.113.9")));
    assert!(!passes(&mut wire, &ssh("192.0.2.1")));

    daemon.edit(&guarded("192.0.2.1"));
    assert_eq!(
        daemon.status().pointer("/errors").unwrap().to_string(),
        "[]"
    );
}

#[test]
fn an_interface_that_is_not_there_is_expected_by_name() {
    let hosts = Hosts::new("expect-name");
    let _cable = hosts.cable(1_500);
    let wan = rule("wan", "drop", "interface = \"wan*\"");
    let expectation = |interface: &str, verdict: &str| {
        format!(
            "[[expect]]\npacket = \"gre 192.0.2.1 > 192.0.2.2 in {interface}\"\nverdict = \"{verdict}\"\n"
        )
    };
    let daemon = Daemon::start(
        &hosts.edge,
        &config(&[wan, expectation("wan7", "drop"), expectation("e0", "pass")].concat()),
    );
    assert_eq!(daemon.status().pointer("/last_reload/ok").unwrap(), true);
}

#[test]
fn check_runs_expectations_on_the_host_and_with_kernel_in_the_kernel() {
    let hosts = Hosts::new("expect-check");
    let daemon = Daemon::prepare(&hosts.edge, &guarded("192.0.2.1"));
    let said = |arguments: &[&str]| {
        let output = daemon.cli(arguments);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, text) = said(&["check"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("2 expectations met on the host"), "{text}");
    let (code, text) = said(&["check", "--kernel"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("2 expectations met in the kernel"), "{text}");
    assert!(!daemon.pin_dir().exists());

    daemon.write_config(&guarded("203.0.113.9"));
    let (code, on_host) = said(&["check"]);
    assert_eq!(code, Some(2), "{on_host}");
    assert_eq!(on_host.lines().count(), 2, "{on_host}");
    assert!(
        on_host.contains("xdp-fw.toml:14:1: `tcp 192.0.2.1:40000"),
        "{on_host}"
    );
    assert_eq!(said(&["check", "--kernel"]), (Some(2), on_host));

    daemon.write_config(&config(&rule("all", "pass", "")));
    let (code, text) = said(&["check", "--kernel"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("loaded in the kernel"), "{text}");
    refused_without_rights(&hosts, daemon.binary(), daemon.config_path());
}

fn refused_without_rights(hosts: &Hosts, binary: &Path, config: &Path) {
    let mut command = hosts.edge.command(binary);
    command.arg("check").arg("--kernel").arg(config);
    let drop_all = || {
        for capability in 0..64 {
            // SAFETY: takes two numbers; it is refused for numbers that are no capability.
            unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls alone.
    unsafe { command.pre_exec(drop_all) };
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(fs::read(config).is_ok());
}
