//! Rules on `vlan` where the device takes tags off frames: refused, or told, and cured by the
//! command that the refusal names.

use serde_json::Value;

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::netns::Netns;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, config, passes, rule};
use xdp_fw_tests::veth::{End, Veth};

fn tagged() -> Packet {
    eth() / vlan(7) / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)
}

fn untagged() -> Packet {
    eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)
}

fn deny_tagged() -> String {
    config(&rule("tagged", "drop", "vlan = 7"))
}

fn deny_nothing() -> String {
    config(&rule("nothing", "drop", "ttl = 1"))
}

/// The command that a sentence names in backticks for a device.
fn remedy<'a>(sentence: &'a str, device: &str) -> Option<&'a str> {
    let mut quoted = sentence.split('`').skip(1).step_by(2);
    let wanted = format!("ethtool -K {device} ");
    quoted.find(|it| it.starts_with(&wanted))
}

fn show_tags(netns: &Netns, device: &str) {
    let arguments = [
        "-K",
        device,
        "rxvlan",
        "off",
        "rx-vlan-stag-hw-parse",
        "off",
    ];
    netns.run("ethtool", arguments);
}

fn last_error(daemon: &Daemon<'_>) -> String {
    let status = daemon.status();
    let error = status.pointer("/last_reload/error").and_then(Value::as_str);
    error.unwrap_or_default().to_owned()
}

#[test]
fn a_rule_on_vlan_is_refused_with_the_command_after_which_it_is_not() {
    let hosts = Hosts::new("refused");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny_nothing());
    let generation = daemon.generation();
    let message = daemon.edit(&deny_tagged());
    assert!(message.has_status("last reload failed"), "{message:?}");
    assert_eq!(daemon.generation(), generation);
    let error = last_error(&daemon);
    let place = format!("{}:3:1: rule `tagged` asks", daemon.config_path().display());
    assert!(error.starts_with(&place), "{error}");
    let problems = daemon.status()["last_reload"]["problems"].clone();
    assert_eq!(problems[0]["line"], 3, "{problems}");
    let refused = daemon.cli(&["reload"]);
    assert!(!refused.status.success());
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains(&error),
        "{refused:?}"
    );

    let remedy = remedy(&error, EDGE_DEVICE).unwrap();
    hosts.edge.run("sh", ["-c", remedy]);
    let accepted = daemon.cli(&["reload"]);
    assert!(accepted.status.success(), "{accepted:?}");
    assert_eq!(daemon.generation(), generation + 1);
    assert_eq!(daemon.interface_error(EDGE_DEVICE), "");
    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &tagged()));
    assert!(passes(&mut wire, &untagged()));
}

#[test]
fn service_tags_are_taken_off_by_an_offload_of_their_own() {
    let hosts = Hosts::new("service");
    let _cable = hosts.cable(1_500);
    hosts
        .edge
        .run("ethtool", ["-K", EDGE_DEVICE, "rxvlan", "off"]);
    let mut daemon = Daemon::start(&hosts.edge, &deny_nothing());
    daemon.edit(&deny_tagged());
    let error = last_error(&daemon);
    let command = format!("`ethtool -K {EDGE_DEVICE} rx-vlan-stag-hw-parse off`");
    assert!(error.contains(&command), "{error}");
}

#[test]
fn an_interface_that_comes_to_hide_tags_stays_filtered_and_is_reported_until_it_shows_them() {
    let hosts = Hosts::new("later");
    let _cable = hosts.cable(1_500);
    show_tags(&hosts.edge, EDGE_DEVICE);
    let mut daemon = Daemon::start(&hosts.edge, &deny_tagged());
    assert_eq!(daemon.status()["degraded"], false);

    daemon.forget_messages();
    hosts
        .edge
        .run("ethtool", ["-K", EDGE_DEVICE, "rxvlan", "on"]);
    daemon
        .await_message(|message| message.has_status(&format!("degraded: {EDGE_DEVICE}")))
        .unwrap();
    let interface = daemon.interface(EDGE_DEVICE);
    assert_eq!(interface["attached"], true);
    let error = daemon.interface_error(EDGE_DEVICE);
    assert!(error.contains("rule `tagged` asks for `vlan`"), "{error}");
    assert_eq!(daemon.cli(&["status"]).status.code(), Some(1));
    daemon.await_log(0, &error);
    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &tagged()), "what it does see it filters");

    daemon.forget_messages();
    let remedy = remedy(&error, EDGE_DEVICE).unwrap();
    hosts.edge.run("sh", ["-c", remedy]);
    daemon
        .await_message(|message| message.has_status("on e0 native") && !message.has_status("degr"))
        .unwrap();
    assert_eq!(daemon.interface_error(EDGE_DEVICE), "");
}

#[test]
fn an_interface_that_appears_and_hides_tags_is_attached_and_reported() {
    let hosts = Hosts::new("appears");
    let _cable = hosts.cable(1_500);
    show_tags(&hosts.edge, EDGE_DEVICE);
    let both = deny_tagged().replace(
        &format!("[\"{EDGE_DEVICE}\"]"),
        &format!("[\"{EDGE_DEVICE}\", \"wan*\"]"),
    );
    let mut daemon = Daemon::start(&hosts.edge, &both);
    daemon.forget_messages();
    let _second = Veth::new(End::new(&hosts.client, "c1"), End::new(&hosts.edge, "wan0"));
    daemon
        .await_message(|message| message.has_status("degraded: wan0"))
        .unwrap();
    assert_eq!(daemon.interface("wan0")["attached"], true);
    assert!(
        daemon
            .interface_error("wan0")
            .contains("ethtool -K wan0 rxvlan off")
    );
    assert_eq!(daemon.interface_error(EDGE_DEVICE), "");
}

#[test]
fn a_rule_for_interfaces_that_show_tags_is_not_refused_for_the_others() {
    let hosts = Hosts::new("others");
    let _cable = hosts.cable(1_500);
    let _second = Veth::new(End::new(&hosts.client, "c1"), End::new(&hosts.edge, "wan0"));
    show_tags(&hosts.edge, "wan0");
    let rule = rule("tagged", "drop", "vlan = 7\ninterface = \"wan*\"");
    let both = config(&rule).replace("[\"e0\"]", "[\"e0\", \"wan0\"]");
    let daemon = Daemon::start(&hosts.edge, &both);
    assert_eq!(daemon.status()["degraded"], false);
}

#[test]
fn a_first_start_is_refused_and_a_later_one_takes_the_last_good_configuration() {
    let hosts = Hosts::new("boot");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &deny_tagged());
    let failure = daemon.try_restart().unwrap_err();
    assert!(
        failure.log.contains("rule `tagged` asks for `vlan`"),
        "{failure}"
    );

    show_tags(&hosts.edge, EDGE_DEVICE);
    daemon.restart();
    daemon.stop();
    // As after a boot, which forgets what ethtool has set.
    hosts
        .edge
        .run("ethtool", ["-K", EDGE_DEVICE, "rxvlan", "on"]);
    daemon.cli(&["unload"]);
    daemon.restart();
    let status = daemon.status();
    assert_eq!(status["config_source"], "last-good", "{status}");
    assert_eq!(status["degraded"], true, "{status}");
    assert_eq!(daemon.interface(EDGE_DEVICE)["attached"], true);
}
