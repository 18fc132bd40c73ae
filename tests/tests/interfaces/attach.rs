//! Interfaces come, go and change their names; some do not take the filter, and say why.

use serde_json::Value;

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::foreign::ForeignProgram;
use xdp_fw_tests::metrics::{LISTEN, sample, scrape};
use xdp_fw_tests::netns::Netns;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, config, passes, rule};
use xdp_fw_tests::veth::{End, Veth};
use xdp_fw_tests::wire::Wire;

fn denied() -> Packet {
    eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)
}

/// A configuration on these interfaces that drops what [`denied`] sends.
fn deny_on(interfaces: &str) -> String {
    config(&rule("deny", "drop", "source = \"192.0.2.0/24\""))
        .replace(&format!("[\"{EDGE_DEVICE}\"]"), interfaces)
}

/// What `ip` says of a device's program.
fn link(netns: &Netns, device: &str) -> String {
    netns.run("ip", ["-d", "link", "show", "dev", device])
}

#[test]
fn a_glob_takes_an_interface_that_appears_and_one_that_is_renamed_into_it() {
    let hosts = Hosts::new("glob");
    let mut daemon = Daemon::start(&hosts.edge, &deny_on("[\"wan*\"]"));
    assert_eq!(daemon.status()["interfaces"], serde_json::json!([]));

    let _first = Veth::new(End::new(&hosts.client, "c0"), End::new(&hosts.edge, "wan0"));
    daemon
        .await_message(|message| message.has_status("on wan0"))
        .unwrap();
    let mut wire = Wire::new((&hosts.client, "c0"), (&hosts.edge, "wan0"));
    assert!(!passes(&mut wire, &denied()));

    let _second = Veth::new(End::new(&hosts.client, "c1"), End::new(&hosts.edge, "lan0"));
    let mut wire = Wire::new((&hosts.client, "c1"), (&hosts.edge, "lan0"));
    assert!(passes(&mut wire, &denied()));
    rename(&hosts.edge, "lan0", "wan1");
    daemon
        .await_message(|message| message.has_status("wan0 native, wan1 native"))
        .unwrap();
    let mut wire = Wire::new((&hosts.client, "c1"), (&hosts.edge, "wan1"));
    assert!(!passes(&mut wire, &denied()));

    // And out of it again.
    rename(&hosts.edge, "wan1", "lan0");
    daemon
        .await_message(|message| {
            message.has_status("on wan0 native") && !message.has_status("wan1")
        })
        .unwrap();
    let mut wire = Wire::new((&hosts.client, "c1"), (&hosts.edge, "lan0"));
    assert!(passes(&mut wire, &denied()));
}

fn rename(netns: &Netns, from: &str, to: &str) {
    netns.run("ip", ["link", "set", from, "down"]);
    netns.run("ip", ["link", "set", from, "name", to]);
    netns.run("ip", ["link", "set", to, "up"]);
}

#[test]
fn a_device_here_is_filtered_though_one_of_its_number_was_moved_away() {
    let hosts = Hosts::new("moved");
    let away = Netns::new("moved-away");
    let cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny_on("[\"e0\"]"));
    let index = daemon.interface("e0")["ifindex"].to_string();
    hosts
        .edge
        .run("ip", ["link", "set", "e0", "netns", away.name()]);
    daemon
        .await_message(|message| message.has_status("degraded: e0"))
        .unwrap();
    hosts.edge.run(
        "ip",
        [
            "link", "add", "e0", "index", &index, "type", "veth", "peer", "name", "p0",
        ],
    );
    daemon
        .await_message(|message| message.has_status("on e0 native"))
        .unwrap();
    assert!(link(&hosts.edge, "e0").contains("prog/xdp"));
    // The one that was moved took its filter along.
    assert!(link(&away, "e0").contains("prog/xdp"));
    let stats = daemon.stats();
    let names: Vec<&Value> = stats["interfaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names.iter().filter(|name| **name == "e0").count(), 1);
    drop(cable);
}

#[test]
fn a_refusing_driver_is_quoted_and_the_command_it_comes_with_helps() {
    let edge = Netns::new("refused");
    edge.run(
        "ip",
        [
            "link",
            "add",
            "e0",
            "numrxqueues",
            "1",
            "numtxqueues",
            "1",
            "type",
            "veth",
            "peer",
            "name",
            "p0",
            "numrxqueues",
            "4",
            "numtxqueues",
            "4",
        ],
    );
    let mut daemon = Daemon::start(&edge, &deny_on("[\"e0\"]"));
    let said = daemon.interface_error("e0");
    assert!(
        said.contains("XDP expects number of rx queues not less than peer tx queues"),
        "{said}"
    );
    assert_eq!(daemon.cli(&["status"]).status.code(), Some(1));
    // Never in the stack instead, unless asked for.
    assert!(
        !link(&edge, "e0").contains("prog/xdp"),
        "{}",
        link(&edge, "e0")
    );

    let (_, command) = said.split_once('`').unwrap();
    let (command, _) = command.split_once('`').unwrap();
    assert_eq!(command, "ethtool -L PEER tx 1");
    edge.run("ethtool", ["-L", "p0", "tx", "1"]);
    // No event tells of this: the daemon tries again by itself.
    daemon
        .await_message(|message| message.has_status("on e0 native"))
        .unwrap();
}

/// The unit leaves the daemon the capabilities that it needs, and none to look at programs by id.
#[test]
fn with_the_units_capabilities_a_driver_is_quoted_and_a_foreign_program_told_by_its_id() {
    let hosts = Hosts::new("unit");
    let _cable = hosts.cable(1_500);
    let edge = &hosts.edge;
    edge.run("ip", ["link", "add", "br0", "type", "bridge"]);
    let theirs = ForeignProgram::attach(edge, EDGE_DEVICE, "their_filter");
    let mut daemon = Daemon::prepare(edge, &deny_on("[\"br0\", \"e0\"]"));
    daemon.confine();
    daemon.restart();
    let bridge = daemon.interface_error("br0");
    assert!(bridge.contains("does not support XDP"), "{bridge}");
    let foreign = daemon.interface_error(EDGE_DEVICE);
    assert!(foreign.contains("another XDP program, id "), "{foreign}");
    drop(theirs);
}

#[test]
fn what_is_made_of_others_is_refused_with_their_names_and_generic_takes_it() {
    let hosts = Hosts::new("stacked");
    let _cable = hosts.cable(1_500);
    let edge = &hosts.edge;
    edge.run("ip", ["link", "add", "br0", "type", "bridge"]);
    edge.run(
        "ip",
        ["link", "add", "e1", "type", "veth", "peer", "name", "p1"],
    );
    edge.run("ip", ["link", "set", "e1", "master", "br0"]);
    edge.run(
        "ip",
        [
            "link",
            "add",
            "link",
            EDGE_DEVICE,
            "name",
            "mac0",
            "type",
            "macvlan",
        ],
    );
    let mut daemon = Daemon::start(edge, &deny_on("[\"br0\", \"mac0\"]"));
    let bridge = daemon.interface_error("br0");
    assert!(
        bridge.contains("br0 is a bridge: name its ports (e1) in `interfaces`"),
        "{bridge}"
    );
    let mac = daemon.interface_error("mac0");
    assert!(mac.contains("mac0 is macvlan on e0: name e0"), "{mac}");
    for device in ["br0", "mac0"] {
        assert!(!link(edge, device).contains("prog/xdp"), "native is meant");
    }

    let text = format!(
        "{}\n[interface.br0]\nmode = \"generic\"\n",
        deny_on("[\"br0\", \"mac0\"]")
    );
    daemon.edit(&text);
    let bridge = daemon.interface("br0");
    assert_eq!(
        (&bridge["mode"], &bridge["error"]),
        (&"generic".into(), &Value::Null)
    );
    assert!(link(edge, "br0").contains("xdpgeneric"));
    assert_eq!(daemon.interface("mac0")["attached"], false);
}

#[test]
fn auto_takes_what_it_gets_and_says_what_that_is() {
    let edge = Netns::new("auto");
    edge.run("ip", ["link", "add", "br0", "type", "bridge"]);
    edge.run(
        "ip",
        ["link", "add", "e0", "type", "veth", "peer", "name", "p0"],
    );
    let text = format!("mode = \"auto\"\n{}", deny_on("[\"br0\", \"e0\"]"));
    let daemon = Daemon::start(&edge, &text);
    assert_eq!(daemon.interface("br0")["mode"], "generic");
    assert_eq!(daemon.interface("e0")["mode"], "native");
    daemon.await_log(0, "trying generic");
}

#[test]
fn a_foreign_program_is_told_by_its_name() {
    let hosts = Hosts::new("named");
    let _cable = hosts.cable(1_500);
    let theirs = ForeignProgram::attach(&hosts.edge, EDGE_DEVICE, "their_filter");
    let before = link(&hosts.edge, EDGE_DEVICE);
    let mut daemon = Daemon::start(&hosts.edge, &deny_on("[\"e0\"]"));
    let said = daemon.interface_error(EDGE_DEVICE);
    assert!(said.contains("`their_filter` (id "), "{said}");
    assert_eq!(link(&hosts.edge, EDGE_DEVICE), before);
    let attach = daemon.cli(&["attach", EDGE_DEVICE]);
    assert_eq!(attach.status.code(), Some(1), "{attach:?}");
    assert_eq!(link(&hosts.edge, EDGE_DEVICE), before);

    drop(theirs);
    daemon
        .await_message(|message| message.has_status("on e0 native"))
        .unwrap();
}

#[test]
fn an_interface_run_by_libxdp_is_told_with_the_commands_of_xdp_loader() {
    let hosts = Hosts::new("libxdp");
    let _cable = hosts.cable(1_500);
    let _theirs = ForeignProgram::attach(&hosts.edge, EDGE_DEVICE, "xdp_dispatcher");
    let daemon = Daemon::start(&hosts.edge, &deny_on("[\"e0\"]"));
    let said = daemon.interface_error(EDGE_DEVICE);
    assert!(said.contains("libxdp"), "{said}");
    assert!(said.contains("`xdp-loader status e0`"), "{said}");
    assert!(said.contains("`xdp-loader unload e0 --all`"), "{said}");
}

#[test]
fn a_start_leaves_the_mode_that_it_finds_and_a_reload_changes_it() {
    let hosts = Hosts::new("found");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(
        &hosts.edge,
        &format!("mode = \"generic\"\n{}", deny_on("[\"e0\"]")),
    );
    daemon.stop();
    daemon.write_config(&deny_on("[\"e0\"]"));
    daemon.restart();
    assert!(link(&hosts.edge, EDGE_DEVICE).contains("xdpgeneric"));
    let said = daemon.interface_error(EDGE_DEVICE);
    assert!(said.contains("`xdp-fw reload` changes it"), "{said}");
    assert!(!passes(&mut hosts.wire(), &denied()));
    assert!(!daemon.log().contains("changing mode"), "{}", daemon.log());

    let reload = daemon.cli(&["reload"]);
    assert!(reload.status.success(), "{reload:?}");
    assert_eq!(daemon.interface(EDGE_DEVICE)["mode"], "native");
    daemon.await_log(0, "changing mode");
    assert!(!passes(&mut hosts.wire(), &denied()));
}

#[test]
fn a_mode_that_cannot_be_had_is_tried_once_and_the_old_one_comes_back() {
    let edge = Netns::new("once");
    edge.run("ip", ["link", "add", "br0", "type", "bridge"]);
    let native = deny_on("[\"br0\"]");
    let mut daemon = Daemon::start(&edge, &format!("mode = \"generic\"\n{native}"));
    daemon.edit(&native);
    let said = daemon.interface_error("br0");
    assert!(said.ends_with("; it stays generic"), "{said}");
    assert!(link(&edge, "br0").contains("xdpgeneric"));
    // Neither an edit of something else nor an event opens the interface again.
    daemon.edit(&format!(
        "{native}\n[[rule]]\nname = \"more\"\naction = \"drop\"\n"
    ));
    edge.run("ip", ["link", "set", "br0", "mtu", "1400"]);
    daemon.edit(&native);
    assert_eq!(
        daemon.log().matches("changing mode").count(),
        1,
        "{}",
        daemon.log()
    );
    assert_eq!(daemon.cli(&["status"]).status.code(), Some(1));
}

/// What udev runs for a device; how it ended, and what it printed.
fn udev(daemon: &Daemon<'_>, device: &str) -> (Option<i32>, String) {
    let output = daemon.cli(&["attach", "--configured", device]);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.code(), said)
}

fn silent() -> (Option<i32>, String) {
    (Some(0), String::new())
}

#[test]
fn udev_attaches_what_is_configured_as_configured_and_nothing_else() {
    let hosts = Hosts::new("udev");
    let _cable = hosts.cable(1_500);
    let text = deny_on("[\"e*\", \"br0\"]") + "\n[interface.e2]\nmode = \"generic\"\n";
    let mut daemon = Daemon::prepare(&hosts.edge, &text);
    // Nothing is loaded: the first start will see to it.
    assert_eq!(udev(&daemon, "e0"), silent());
    assert!(!link(&hosts.edge, "e0").contains("prog/xdp"));
    daemon.restart();
    daemon.stop();

    let edge = &hosts.edge;
    for (device, peer) in [("e1", "p1"), ("e2", "p2"), ("lan0", "p3")] {
        edge.run(
            "ip",
            ["link", "add", device, "type", "veth", "peer", "name", peer],
        );
        assert_eq!(udev(&daemon, device), silent(), "{device}");
    }
    assert!(link(edge, "e1").contains("prog/xdp"));
    assert!(link(edge, "e2").contains("xdpgeneric"));
    assert!(!link(edge, "lan0").contains("prog/xdp"));

    // A configured one that cannot be filtered is a failed event, with the reason.
    edge.run("ip", ["link", "add", "br0", "type", "bridge"]);
    let (code, said) = udev(&daemon, "br0");
    assert_eq!(code, Some(1));
    assert!(said.contains("br0 is a bridge"), "{said}");

    // A broken file does not open what is plugged in meanwhile.
    edge.run("ip", ["link", "del", "e1"]);
    daemon.write_config("interfaces = [\n");
    edge.run(
        "ip",
        ["link", "add", "e1", "type", "veth", "peer", "name", "p1"],
    );
    assert_eq!(udev(&daemon, "e1"), silent());
    assert!(link(edge, "e1").contains("prog/xdp"));
}

#[test]
fn udev_asks_a_running_daemon() {
    let hosts = Hosts::new("udev-daemon");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &deny_on("[\"e*\", \"br0\"]"));
    let edge = &hosts.edge;
    edge.run(
        "ip",
        ["link", "add", "e1", "type", "veth", "peer", "name", "lan0"],
    );
    assert_eq!(udev(&daemon, "e1"), silent());
    assert_eq!(daemon.interface("e1")["mode"], "native");
    assert_eq!(udev(&daemon, "lan0"), silent());
    assert!(!link(edge, "lan0").contains("prog/xdp"));
    edge.run("ip", ["link", "add", "br0", "type", "bridge"]);
    let (code, said) = udev(&daemon, "br0");
    assert_eq!(code, Some(1));
    assert!(said.contains("br0 is a bridge"), "{said}");
}

#[test]
fn a_failed_attach_is_counted_and_says_when_it_is_tried_again() {
    let edge = Netns::new("counted");
    edge.run("ip", ["link", "add", "br0", "type", "bridge"]);
    let text = deny_on("[\"br0\"]").replace("= false", &format!("= \"{LISTEN}\""));
    let daemon = Daemon::start(&edge, &text);
    let bridge = daemon.interface("br0");
    assert!(bridge["failures"].as_u64().unwrap() >= 1, "{bridge}");
    assert!(bridge["next_attempt"].is_string(), "{bridge}");
    let metrics = scrape(&edge);
    let failures = "xdp_fw_interface_attach_failures_total{interface=\"br0\"}";
    assert!(sample(&metrics, failures) >= 1.0, "{metrics}");
    let attached = "xdp_fw_interface_attached{interface=\"br0\",mode=\"\"}";
    assert_eq!(sample(&metrics, attached), 0.0);
}
