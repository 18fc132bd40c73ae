//! `xdp-fw doctor` on real devices: what is wrong is found, with what mends it, and nothing else.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};

use serde_json::Value;

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::foreign::ForeignProgram;
use xdp_fw_tests::metrics::LISTEN;
use xdp_fw_tests::netns::Netns;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, config};

/// Its report and its exit code.
fn doctor(daemon: &Daemon<'_>) -> (Value, Option<i32>) {
    let output = daemon.cli(&["doctor", "--json"]);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (report, output.status.code())
}

/// The findings of a level as lines of what was found and what to do.
fn findings(report: &Value, level: &str) -> Vec<String> {
    let findings = report.pointer("/findings").and_then(Value::as_array);
    let text = |finding: &Value, key: &str| {
        let text = finding.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    findings
        .into_iter()
        .flatten()
        .filter(|finding| text(finding, "level") == level)
        .map(|finding| format!("{} => {}", text(finding, "what"), text(finding, "fix")))
        .collect()
}

#[track_caller]
fn assert_problem(report: &Value, what: &str, fix: &str) {
    let problems = findings(report, "problem");
    let found = problems.iter().any(|problem| {
        let (found, remedy) = problem.split_once(" => ").unwrap_or_default();
        found.contains(what) && remedy.contains(fix)
    });
    assert!(found, "no {what:?} with {fix:?} in {problems:#?}");
}

#[test]
fn a_host_that_filters_is_ready() {
    let hosts = Hosts::new("doctor");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &config(""));
    let (report, code) = doctor(&daemon);
    assert_eq!(findings(&report, "problem"), [""; 0]);
    assert_eq!(findings(&report, "unknown"), [""; 0]);
    assert_eq!((&report["ready"], code), (&Value::Bool(true), Some(0)));
    let fine = findings(&report, "ok").join("\n");
    for what in [
        "Linux ",
        "compiles programs",
        "e0: veth, MTU 1500, filtered in native mode",
        "the daemon runs: version ",
        "the last reload put the file into force",
    ] {
        assert!(fine.contains(what), "no {what:?} in\n{fine}");
    }

    // Nobody looks after it any more: that is worth a word, and no problem.
    daemon.stop();
    let (report, code) = doctor(&daemon);
    assert_eq!(code, Some(0));
    let warnings = findings(&report, "warning").join("\n");
    assert!(warnings.contains("no daemon looks after it"), "{warnings}");
}

#[test]
fn what_is_wrong_with_interfaces_is_found_before_a_start() {
    let edge = Netns::new("doctor-ill");
    let add = |arguments: &[&str]| {
        edge.run("ip", [&["link", "add"], arguments].concat());
    };
    add(&["e0", "type", "veth", "peer", "name", "p0"]);
    add(&["e1", "type", "veth", "peer", "name", "p1"]);
    add(&[
        "e2",
        "numrxqueues",
        "1",
        "numtxqueues",
        "1",
        "type",
        "veth",
        "peer",
        "name",
        "p2",
        "numrxqueues",
        "4",
        "numtxqueues",
        "4",
    ]);
    add(&["br0", "type", "bridge"]);
    edge.run("ip", ["link", "set", "p0", "master", "br0"]);
    let _theirs = ForeignProgram::attach(&edge, "e0", "their_filter");
    let _libxdp = ForeignProgram::attach(&edge, "e1", "xdp_dispatcher");
    let interfaces = "[\"e0\", \"e1\", \"e2\", \"br0\", \"gone\", \"lo\"]";
    let text = config("").replace(&format!("[\"{EDGE_DEVICE}\"]"), interfaces);
    let daemon = Daemon::prepare(&edge, &text);
    let (report, code) = doctor(&daemon);
    assert_eq!(code, Some(1));
    assert_eq!(report["ready"], false);
    assert_problem(
        &report,
        "e0: another XDP program, `their_filter`",
        "`bpftool",
    );
    assert_problem(&report, "e1: run by libxdp", "`xdp-loader unload e1 --all`");
    assert_problem(&report, "e2: veth", "`ethtool -L PEER tx 1`");
    assert_problem(&report, "br0: ", "name its ports (p0) in `interfaces`");
    assert_problem(&report, "gone: no such interface", "`ip -br link`");
    assert_problem(&report, "lo: not an Ethernet interface", "remove it");
    assert_eq!(findings(&report, "problem").len(), 6, "{report}");
}

#[test]
fn files_that_others_write_and_a_port_that_is_taken_are_found() {
    let hosts = Hosts::new("doctor-files");
    let _cable = hosts.cable(1_500);
    let text = config("").replace("= false", &format!("= \"{LISTEN}\""));
    let daemon = Daemon::prepare(&hosts.edge, &text);
    let open = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(daemon.config_path(), 0o666);
    open(daemon.state_dir(), 0o777);
    chown(daemon.run_dir(), Some(65_534), None).unwrap();
    let (report, _) = doctor(&daemon);
    let file = daemon.config_path().display();
    let refused = format!("{file}: is writable by group or others");
    assert_problem(&report, &refused, &format!("`chmod go-w {file}`"));
    open(daemon.config_path(), 0o644);
    let _taken = hosts.edge.within(|| TcpListener::bind(LISTEN)).unwrap();
    let (report, code) = doctor(&daemon);
    assert_eq!(code, Some(1));
    let state = daemon.state_dir().display();
    assert_problem(
        &report,
        "others may write there",
        &format!("`chmod go-w {state}`"),
    );
    let run = daemon.run_dir().display();
    assert_problem(
        &report,
        "owned by uid 65534",
        &format!("`chown root {run}`"),
    );
    assert_problem(&report, &format!("cannot listen on {LISTEN}"), "`ss -ltnp");
    assert_eq!(findings(&report, "problem").len(), 3, "{report}");
}

#[test]
fn a_mistake_in_the_configuration_is_a_finding_with_its_place() {
    let hosts = Hosts::new("doctor-text");
    let daemon = Daemon::prepare(&hosts.edge, "interfaces = [\"e0\"]\nmodus = 1\n");
    let (report, code) = doctor(&daemon);
    assert_eq!(code, Some(1));
    assert_problem(&report, "xdp-fw.toml:2:1: ", "`xdp-fw check ");
}

#[test]
fn what_is_wrong_with_the_daemon_is_found() {
    let hosts = Hosts::new("doctor-daemon");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &config(""));
    daemon.edit("interfaces = [\n");
    let (report, _) = doctor(&daemon);
    assert_problem(&report, "the last reload failed: ", "save");
    daemon.edit(&config("").replace("e0", "e9"));
    let (report, _) = doctor(&daemon);
    assert_problem(
        &report,
        "degraded: not filtered as configured: e9",
        "`xdp-fw status`",
    );
}

#[test]
fn without_root_it_says_what_it_could_not_look_at() {
    let hosts = Hosts::new("doctor-nobody");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &config(""));
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let mut command = hosts.edge.command("setpriv");
    command
        .args(nobody)
        .arg("--inh-caps=-all")
        .arg(daemon.binary());
    command
        .args(["doctor", "--json", "--config"])
        .arg(daemon.config_path());
    command.arg("--pin-dir").arg(daemon.pin_dir());
    command.arg("--run-dir").arg(daemon.run_dir());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let unknown = findings(&report, "unknown").join("\n");
    for what in [
        "CAP_BPF",
        "whose, was not looked at",
        "does not talk to this user",
    ] {
        assert!(unknown.contains(what), "no {what:?} in\n{unknown}");
    }
    assert!(unknown.contains("`sudo xdp-fw doctor`"), "{unknown}");
}
