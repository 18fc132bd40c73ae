//! A new file with an error, for each kind of error: the old rules stay, and the exit code, the
//! log, `status` and the metric agree on it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod kinds;

use std::process::Output;

use kinds::Kind;
use serde_json::Value;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::metrics::{LISTEN, sample, scrape};
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, passes, rule};
use xdp_fw_tests::wire::Wire;

const SUCCESSFUL: &str = "xdp_fw_config_last_reload_successful";

/// A configuration with metrics; `rest` is what follows.
fn config(rest: &str) -> String {
    format!("interfaces = [\"{EDGE_DEVICE}\"]\nmetrics.listen = \"{LISTEN}\"\n{rest}")
}

/// The rule that every mistake leaves in force; the number makes the file another one.
fn good(number: usize) -> String {
    config(&rule("deny", "drop", "source = \"192.0.2.0/24\"")) + &format!("# {number}\n")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What was said of a reload in each of the places where one may look.
fn refused_everywhere(daemon: &Daemon<'_>, hosts: &Hosts, kind: &Kind, log_before: usize) {
    let Kind { name, says, .. } = kind;
    let reload = daemon.cli(&["reload"]);
    let problems = said(&reload);
    assert_eq!(reload.status.code(), Some(2), "{name}: {reload:?}");
    assert!(problems.contains(says), "{name}: {problems}");
    assert!(problems.len() < 16_384, "{name}: {} bytes", problems.len());

    let status = daemon.status();
    assert_eq!(
        status.pointer("/last_reload/ok"),
        Some(&false.into()),
        "{name}"
    );
    let error = status.pointer("/last_reload/error").and_then(Value::as_str);
    assert_eq!(
        error,
        Some(problems.trim_end()),
        "{name}: status and reload"
    );

    daemon.await_log(log_before, &problems);
    assert_eq!(sample(&scrape(&hosts.edge), SUCCESSFUL), 0.0, "{name}");

    let check = daemon.cli(&["check"]);
    assert_eq!(said(&check), problems, "{name}: check and reload");
    // Whether a file is in order that it may not read, `check` does not know.
    let denied = problems.contains("permission denied");
    assert_eq!(
        check.status.code(),
        Some(if denied { 3 } else { 2 }),
        "{name}"
    );
}

/// The rule of [`good`] decides, and none else.
fn filters(wire: &mut Wire, name: &str) {
    let from = |source| eth() / ipv4(source, "198.51.100.1") / udp(40_000, 7);
    assert!(!passes(wire, &from("192.0.2.7")), "{name}");
    assert!(passes(wire, &from("203.0.113.7")), "{name}");
}

#[test]
fn each_kind_of_mistake_leaves_the_old_rules_and_all_say_the_same_of_it() {
    let hosts = Hosts::new("refusals");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &good(0));
    let path = daemon.config_path().to_owned();
    let mut wire = hosts.wire();
    let kinds = kinds::all();
    for (number, kind) in (1..).zip(&kinds) {
        let generation = daemon.generation();
        let log_before = daemon.log().len();
        (kind.make)(&path);
        refused_everywhere(&daemon, &hosts, kind, log_before);
        daemon.forget_messages();
        assert_eq!(daemon.generation(), generation, "{}", kind.name);
        filters(&mut wire, kind.name);

        kinds::clear(&path);
        daemon.write_config(&good(number));
        let reload = daemon.cli(&["reload"]);
        assert!(reload.status.success(), "after {}: {reload:?}", kind.name);
        daemon.forget_messages();
        assert_eq!(
            sample(&scrape(&hosts.edge), SUCCESSFUL),
            1.0,
            "{}",
            kind.name
        );
        filters(&mut wire, kind.name);
    }
    println!("{} kinds of mistakes were refused", kinds.len());
}
