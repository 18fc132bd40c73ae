//! `xdp-fw diff`: what a file would change against what is in force, and what that has counted.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, rule};

fn config(rules: &[String]) -> String {
    let head = format!("interfaces = [\"{EDGE_DEVICE}\"]\nmetrics.listen = false\n");
    head + &rules.concat()
}

fn diff(daemon: &Daemon<'_>, file: &Path) -> Value {
    let file = file.to_str().expect("a path of ours");
    let output = daemon.cli(&["diff", "--json", file]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_file_is_compared_with_what_is_in_force_and_nothing_changes() {
    let hosts = Hosts::new("diff");
    let _cable = hosts.cable(1_500);
    let gone = rule("gone", "drop", "source = \"192.0.2.0/24\"");
    let kept = rule("kept", "pass", "destination_port = 22\nprotocol = \"tcp\"");
    let mut daemon = Daemon::start(&hosts.edge, &config(&[gone.clone(), kept.clone()]));
    let denied = (eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)).bytes();
    hosts.wire().exchange(&vec![denied; 3]);

    let directory = tempfile::tempdir().expect("a directory");
    let new = directory.path().join("new.toml");
    let added = rule("added", "drop", "protocol = \"gre\"");
    fs::write(&new, config(&[kept, added])).expect("written");
    let generation = daemon.generation();
    let said = diff(&daemon, &new);
    assert_eq!(said.get("changed"), Some(&json!(true)));
    assert_eq!(said.get("generation"), Some(&json!(generation)));
    let rules = said.get("rules").and_then(Value::as_array).expect("rules");
    let told: Vec<_> = rules
        .iter()
        .map(|rule| (&rule["name"], &rule["before"], &rule["after"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("gone"), &json!(1), &Value::Null),
            (&json!("added"), &Value::Null, &json!(2))
        ]
    );
    assert_eq!(said.pointer("/counted/gone/packets"), Some(&json!(3)));
    assert_eq!(daemon.generation(), generation);

    // The text in force is known without the daemon, too.
    daemon.stop();
    let said = diff(&daemon, daemon.config_path());
    assert_eq!(said.get("changed"), Some(&json!(false)));
}

#[test]
fn a_refused_file_is_compared_with_what_stayed_in_force() {
    let hosts = Hosts::new("diffref");
    let _cable = hosts.cable(1_500);
    let first = rule("first", "drop", "source = \"192.0.2.0/24\"");
    let mut daemon = Daemon::start(&hosts.edge, &config(std::slice::from_ref(&first)));
    daemon.edit("interfaces = 7\n");
    let output = daemon.cli(&["diff"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let directory = tempfile::tempdir().expect("a directory");
    let new = directory.path().join("new.toml");
    fs::write(&new, config(&[first])).expect("written");
    assert_eq!(diff(&daemon, &new).get("changed"), Some(&json!(false)));
}

#[test]
fn without_anything_in_force_there_is_nothing_to_compare_with() {
    let hosts = Hosts::new("diffnone");
    let daemon = Daemon::prepare(&hosts.edge, &config(&[]));
    let output = daemon.cli(&["diff"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no filter is in force here"), "{said}");
}
