//! How a daemon ends, what it leaves, and who may take it away.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, config, passes, rule};
use xdp_fw_tests::veth::{End, Veth};
use xdp_fw_tests::wire::Wire;

fn denied() -> Packet {
    eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)
}

fn deny() -> String {
    config(&rule("deny", "drop", "source = \"192.0.2.0/24\""))
}

fn deny_and_detach() -> String {
    format!("on_stop = \"detach\"\n{}", deny())
}

/// The XDP program on the device, as `ip` shows it.
fn attached(hosts: &Hosts, device: &str) -> Option<String> {
    let shown = hosts.edge.run("ip", ["-d", "link", "show", "dev", device]);
    let program = shown.split("prog/xdp ").nth(1)?;
    Some(program.lines().next()?.trim().to_owned())
}

fn bpftool(arguments: &[&str]) {
    let output = Command::new("bpftool").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// Pins a map that is not ours.
fn pin_foreign(path: &Path, kind: &str) {
    let path = path.to_str().unwrap();
    let shape = ["key", "4", "value", "4", "entries", "1", "name", "foreign"];
    bpftool(&[&["map", "create", path, "type", kind], &shape[..]].concat());
}

fn said(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams.map(|it| String::from_utf8_lossy(it)).concat()
}

/// A second host pair of devices, filtered by a daemon of its own: as foreign as any program.
fn foreign_filter(hosts: &Hosts) -> (Veth<'_>, Daemon<'_>) {
    let cable = Veth::new(End::new(&hosts.client, "c1"), End::new(&hosts.edge, "e1"));
    let text = deny().replace(EDGE_DEVICE, "e1");
    let daemon = Daemon::start(&hosts.edge, &text);
    (cable, daemon)
}

#[test]
fn unload_and_detach_remove_all_of_our_pins_and_nothing_else() {
    for config in [deny(), deny_and_detach()] {
        let hosts = Hosts::new("nothing-else");
        let _cable = hosts.cable(1_500);
        let (_other_cable, other) = foreign_filter(&hosts);
        let others_pins = other.pin_dir().to_owned();
        let program = attached(&hosts, "e1");
        assert!(program.is_some());

        let mut daemon = Daemon::start(&hosts.edge, &config);
        let pins = daemon.pin_dir().to_owned();
        let beside = pins.parent().unwrap().join("foreign");
        pin_foreign(&beside, "array");
        let before = attached(&hosts, EDGE_DEVICE);
        assert!(before.is_some());
        if config.contains("detach") {
            assert!(daemon.stop().success());
        } else {
            let unload = daemon.cli(&["unload"]);
            assert!(unload.status.success(), "{unload:?}");
            assert!(said(&unload).starts_with("e0 is open now"), "{unload:?}");
        }
        assert!(!pins.exists());
        assert!(beside.exists());
        assert_eq!(attached(&hosts, EDGE_DEVICE), None);
        assert!(passes(&mut hosts.wire(), &denied()));

        assert_eq!(attached(&hosts, "e1"), program);
        let mut wire = Wire::new((&hosts.client, "c1"), (&hosts.edge, "e1"));
        assert!(!passes(&mut wire, &denied()));
        assert!(others_pins.join("links/0").exists());
    }
}

#[test]
fn the_directory_of_layouts_goes_with_the_last_layout() {
    let hosts = Hosts::new("layouts");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny());
    let layouts = daemon.pin_dir().parent().unwrap().to_owned();
    assert!(layouts.exists());
    daemon.stop();
    assert!(daemon.cli(&["unload"]).status.success());
    assert!(!layouts.exists());
}

#[test]
fn what_lies_among_our_pins_and_is_not_ours_is_left_alone_and_named() {
    let hosts = Hosts::new("among");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny());
    daemon.stop();
    let pins = daemon.pin_dir().to_owned();
    let foreign: Vec<PathBuf> = ["foreign", "generations/1/foreign", "links/7", "links/8"]
        .iter()
        .map(|name| pins.join(name))
        .collect();
    for path in &foreign[..2] {
        pin_foreign(path, "array");
    }
    // A map whose type has the number of an XDP link, and a program that has.
    pin_foreign(&foreign[2], "percpu_array");
    let root = pins.join("root");
    bpftool(&[
        "prog",
        "pin",
        "pinned",
        root.to_str().unwrap(),
        foreign[3].to_str().unwrap(),
    ]);

    // A daemon says so, too, and changes nothing.
    let failure = daemon.try_restart().unwrap_err();
    assert!(failure.log.contains("links/7"), "{failure}");
    assert!(!passes(&mut hosts.wire(), &denied()));

    let unload = daemon.cli(&["unload"]);
    assert!(unload.status.success(), "{unload:?}");
    assert_eq!(attached(&hosts, EDGE_DEVICE), None);
    let mut left = Vec::new();
    find_pins(&pins, &mut left);
    left.sort();
    assert_eq!(left, foreign);
    for path in &foreign {
        let line = format!("left in place: {} is not of xdp-fw\n", path.display());
        assert!(said(&unload).contains(&line), "{}", said(&unload));
    }
}

fn find_pins(directory: &Path, pins: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_pins(&path, pins);
        } else {
            pins.push(path);
        }
    }
}

#[test]
fn a_task_that_fails_ends_the_daemon_and_leaves_the_filter_whatever_on_stop_says() {
    let hosts = Hosts::new("task");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &deny_and_detach());
    daemon.arm("task.links:error");
    daemon.restart();
    let program = attached(&hosts, EDGE_DEVICE);
    assert!(program.is_some());
    // An event for the task that is to fail.
    hosts
        .edge
        .run("ip", ["link", "set", EDGE_DEVICE, "alias", "event"]);
    let end = daemon.await_end();
    // Not 0, which would tell the service manager that all is well.
    assert_eq!(end.status.unwrap().code(), Some(1), "{end}");
    assert!(end.log.contains("links ended by itself"), "{end}");
    assert_eq!(attached(&hosts, EDGE_DEVICE), program);
    assert!(!passes(&mut hosts.wire(), &denied()));

    daemon.restart();
    assert_eq!(attached(&hosts, EDGE_DEVICE), program);
    assert!(daemon.stop().success());
    assert_eq!(attached(&hosts, EDGE_DEVICE), None);
}

#[test]
fn a_service_manager_that_does_not_listen_holds_nothing_up() {
    let hosts = Hosts::new("stuck");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &config(""));
    daemon.stuff_messages();
    daemon.write_config(&deny());
    let reload = daemon.cli(&["reload"]);
    assert!(reload.status.success(), "{reload:?}");
    assert!(!passes(&mut hosts.wire(), &denied()));
    // What it had to say comes when somebody listens again, in order.
    daemon.await_reload();
    daemon.stuff_messages();
    assert!(daemon.stop().success());
}

#[test]
fn of_two_daemons_for_one_pin_directory_the_second_is_refused() {
    let hosts = Hosts::new("second");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &deny());
    let program = attached(&hosts, EDGE_DEVICE);
    let elsewhere = tempfile::tempdir().unwrap();
    for verb in ["run", "unload"] {
        let output = daemon.stranger(verb, &elsewhere.path().join(verb));
        assert_eq!(output.status.code(), Some(1), "{verb}: {output:?}");
        let said = said(&output);
        let busy = format!("{}: in use by another xdp-fw", daemon.pin_dir().display());
        assert!(said.contains(&busy), "{verb}: {said}");
        assert!(said.contains("--run-dir"), "{verb}: {said}");
    }
    // With the same run directory the daemon is named.
    let output = daemon.stranger("run", daemon.run_dir());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let pid = format!("(pid {})", daemon.pid());
    assert!(said(&output).contains(&pid), "{output:?}");

    assert_eq!(attached(&hosts, EDGE_DEVICE), program);
    assert!(!passes(&mut hosts.wire(), &denied()));
    assert!(daemon.cli(&["reload"]).status.success());
}

#[test]
fn unload_after_a_crash_says_that_systemd_may_filter_again() {
    let hosts = Hosts::new("window");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny());
    let pid = daemon.pid();
    daemon.kill9();
    let unload = daemon.cli(&["unload"]);
    assert!(unload.status.success(), "{unload:?}");
    assert!(passes(&mut hosts.wire(), &denied()));
    let said = said(&unload);
    assert!(said.contains(&format!("(pid {pid}) died")), "{said}");
    assert!(said.contains("systemctl stop xdp-fw"), "{said}");

    // As it says.
    daemon.restart();
    assert!(!passes(&mut hosts.wire(), &denied()));
    daemon.stop();
    let unload = daemon.cli(&["unload"]);
    assert!(
        self::said(&unload).starts_with("e0 is open now"),
        "{unload:?}"
    );
}
