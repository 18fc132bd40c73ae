//! What happens to the filter when the daemon dies, stops, restarts, or finds things it cannot use.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, config, packets, passes, rule};
use xdp_fw_tests::veth::{End, Veth};
use xdp_fw_tests::wire::Wire;

fn denied() -> Packet {
    eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)
}

fn deny() -> String {
    config(&rule("deny", "drop", "source = \"192.0.2.0/24\""))
}

fn is_attached(hosts: &Hosts) -> bool {
    hosts
        .edge
        .run("ip", ["link", "show", "dev", EDGE_DEVICE])
        .contains("prog/xdp")
}

#[test]
fn kill_9_leaves_the_filter_and_a_restart_adopts_it_with_its_counters() {
    let hosts = Hosts::new("kill");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny());
    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &denied()));
    let program = hosts
        .edge
        .run("ip", ["-d", "link", "show", "dev", EDGE_DEVICE]);

    daemon.kill9();
    assert!(!passes(&mut wire, &denied()));
    // The kernel alone knows the counts.
    assert_eq!(packets(&daemon.stats(), "deny"), 2);

    daemon.restart();
    assert!(!passes(&mut wire, &denied()));
    assert_eq!(packets(&daemon.stats(), "deny"), 3);
    // The very same program is attached: there was no instant without one.
    assert_eq!(
        hosts
            .edge
            .run("ip", ["-d", "link", "show", "dev", EDGE_DEVICE]),
        program
    );
}

#[test]
fn a_stop_keeps_the_filter_and_unload_removes_it() {
    let hosts = Hosts::new("keep");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny());
    let mut wire = hosts.wire();
    assert!(daemon.stop().success());
    assert!(daemon.log().contains("xdp-fw unload"), "{}", daemon.log());
    assert!(!passes(&mut wire, &denied()));

    let unload = daemon.cli(&["unload"]);
    assert!(unload.status.success(), "{unload:?}");
    assert!(passes(&mut wire, &denied()));
    assert!(!is_attached(&hosts));
    assert!(!daemon.pin_dir().exists());
}

#[test]
fn on_stop_detach_removes_the_filter_at_a_stop() {
    let hosts = Hosts::new("detach");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &format!("on_stop = \"detach\"\n{}", deny()));
    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &denied()));
    assert!(daemon.stop().success());
    assert!(passes(&mut wire, &denied()));
    assert!(!is_attached(&hosts));
    assert!(!daemon.pin_dir().exists());
}

#[test]
fn unload_goes_through_a_running_daemon() {
    let hosts = Hosts::new("unload");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &deny());
    let mut wire = hosts.wire();
    let unload = daemon.cli(&["unload"]);
    assert!(unload.status.success(), "{unload:?}");
    assert!(passes(&mut wire, &denied()));
    assert!(!is_attached(&hosts));
}

#[test]
fn attach_puts_the_filter_on_another_interface_without_the_daemon() {
    let hosts = Hosts::new("attach");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny());
    daemon.stop();
    let _other = Veth::new(End::new(&hosts.client, "c1"), End::new(&hosts.edge, "e1"));
    let mut wire = Wire::new((&hosts.client, "c1"), (&hosts.edge, "e1"));
    assert!(passes(&mut wire, &denied()));
    let attach = daemon.cli(&["attach", "e1"]);
    assert!(attach.status.success(), "{attach:?}");
    assert!(!passes(&mut wire, &denied()));
    // Attached already: said, and fine.
    assert!(daemon.cli(&["attach", "e1"]).status.success());
    let interfaces = daemon.stats().pointer("/interfaces").unwrap().to_string();
    assert!(interfaces.contains("\"e1\""), "{interfaces}");
}

#[test]
fn a_foreign_program_is_named_and_left_alone() {
    let hosts = Hosts::new("foreign");
    let _cable = hosts.cable(1_500);
    // Another xdp-fw, with pins of its own, is as foreign as any other.
    let first = Daemon::start(&hosts.edge, &deny());
    let before = hosts
        .edge
        .run("ip", ["-d", "link", "show", "dev", EDGE_DEVICE]);
    let id = before
        .split("id ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();

    let second = Daemon::start(&hosts.edge, &config("default_action = \"drop\""));
    let status = second.cli(&["status", "--json"]);
    assert_eq!(status.status.code(), Some(1), "{status:?}");
    let error = second
        .status()
        .pointer("/interfaces/0/error")
        .unwrap()
        .to_string();
    assert!(error.contains(&id), "id {id}: {error}");
    assert_eq!(
        second.status().pointer("/interfaces/0/attached").unwrap(),
        false
    );
    assert_eq!(
        hosts
            .edge
            .run("ip", ["-d", "link", "show", "dev", EDGE_DEVICE]),
        before
    );

    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &denied()));
    assert_eq!(packets(&first.stats(), "deny"), 1);
}

#[test]
fn a_cold_boot_with_a_broken_file_starts_on_the_last_good_one() {
    let hosts = Hosts::new("boot");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny());
    daemon.stop();
    assert!(daemon.cli(&["unload"]).status.success());
    daemon.write_config("interfaces = [\n");
    daemon.restart();

    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &denied()));
    daemon.await_log(0, "RUNNING THE LAST GOOD CONFIGURATION");
    let status = daemon.status();
    assert_eq!(status.pointer("/last_reload/ok").unwrap(), false);
    assert!(
        status
            .pointer("/last_reload/error")
            .unwrap()
            .to_string()
            .contains("xdp-fw.toml")
    );

    daemon.edit(&config(""));
    assert!(passes(&mut wire, &denied()));
}

#[test]
fn a_first_start_with_a_broken_file_ends_with_every_problem_and_exit_2() {
    let hosts = Hosts::new("broken");
    let _cable = hosts.cable(1_500);
    let text = config("default_action = \"maybe\"\nmalformed = 3\n");
    let mut daemon = Daemon::prepare(&hosts.edge, &text);
    let failure = daemon.try_restart().unwrap_err();
    assert_eq!(failure.status.unwrap().code(), Some(2), "{failure}");
    for position in ["xdp-fw.toml:3:", "xdp-fw.toml:4:"] {
        assert!(failure.log.contains(position), "{failure}");
    }
    assert!(!is_attached(&hosts));
}

#[test]
fn a_pin_directory_of_another_user_is_refused_by_name() {
    let hosts = Hosts::new("owner");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &deny());
    fs::create_dir_all(daemon.pin_dir()).unwrap();
    fs::set_permissions(daemon.pin_dir(), fs::Permissions::from_mode(0o700)).unwrap();
    chown(daemon.pin_dir(), Some(65_534), None).unwrap();
    let failure = daemon.try_restart().unwrap_err();
    assert!(!failure.status.unwrap().success());
    assert!(failure.log.contains("uid 65534"), "{failure}");
    assert!(
        failure.log.contains(daemon.pin_dir().to_str().unwrap()),
        "{failure}"
    );
}

#[test]
fn an_interface_that_is_made_again_is_attached_again() {
    let hosts = Hosts::new("again");
    let cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny());
    assert!(!passes(&mut hosts.wire(), &denied()));
    drop(cable);
    daemon
        .await_message(|message| message.has_status("degraded: e0"))
        .unwrap();

    let _cable = Veth::new(
        End::new(&hosts.client, "c0"),
        End::new(&hosts.edge, EDGE_DEVICE),
    );
    daemon
        .await_message(|message| message.has_status("on e0"))
        .unwrap();
    assert!(!passes(&mut hosts.wire(), &denied()));
    let links = fs::read_dir(daemon.pin_dir().join("links"))
        .unwrap()
        .count();
    assert_eq!(links, 1, "the dead link is unpinned");
}

#[test]
fn an_interface_that_is_not_ethernet_is_refused_by_name() {
    let hosts = Hosts::new("tun");
    let _cable = hosts.cable(1_500);
    hosts
        .edge
        .run("ip", ["tuntap", "add", "dev", "tun9", "mode", "tun"]);
    let text = deny().replace("[\"e0\"]", "[\"e0\", \"tun9\"]");
    let daemon = Daemon::start(&hosts.edge, &text);
    let status = daemon.status().to_string();
    assert!(status.contains("tun9"), "{status}");
    assert!(status.contains("Ethernet"), "{status}");
    assert_eq!(daemon.cli(&["status"]).status.code(), Some(1));
    // What can be attached is attached.
    assert!(!passes(&mut hosts.wire(), &denied()));
}

#[test]
fn without_privilege_every_verb_that_needs_some_says_which_and_exits_3() {
    let hosts = Hosts::new("nobody");
    let daemon = Daemon::prepare(&hosts.edge, &deny());
    for verb in ["run", "stats", "unload"] {
        let output = hosts
            .edge
            .command("setpriv")
            .args([
                "--reuid",
                "65534",
                "--regid",
                "65534",
                "--clear-groups",
                "--inh-caps=-all",
            ])
            .arg(daemon.binary())
            .arg(verb)
            .arg("--config")
            .arg(daemon.config_path())
            .arg("--pin-dir")
            .arg(daemon.pin_dir())
            .arg("--run-dir")
            .arg(daemon.run_dir())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{verb}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("CAP_BPF") && said.contains("CAP_NET_ADMIN"),
            "{verb}: {said}"
        );
    }
}

#[test]
fn restart_under_the_rights_of_the_unit_adopts_the_filter() {
    let hosts = Hosts::new("restart-unit");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &deny());
    daemon.confine();
    daemon.restart();
    let generation = daemon.generation();
    let attached = daemon.status()["interfaces"].clone();
    for _ in 0..2 {
        daemon.stop();
        daemon.restart();
        assert_eq!(daemon.status()["interfaces"], attached);
        daemon.kill9();
        daemon.restart();
    }
    assert!(daemon.generation() >= generation);
    assert!(!passes(&mut hosts.wire(), &denied()));
}
