use super::*;
use crate::config::InterfaceOverride;
use crate::daemon::testing::config;
use crate::interfaces::{InterfaceName, XdpState};

const ROOT: u32 = 42;

fn interface(index: u32, name: &str) -> Interface {
    Interface {
        index,
        name: InterfaceName::from_text(name),
        flaw: None,
        ethernet: true,
        kind: None,
        up: true,
        mtu: 1500,
        controller: None,
        lower: None,
        xdp: None,
    }
}

fn running(index: u32, name: &str, mode: XdpMode, program: u32) -> Interface {
    Interface {
        xdp: Some(XdpState { mode, program }),
        ..interface(index, name)
    }
}

fn link(number: u32, interface: u32) -> Link {
    Link {
        hook: Hook::XdpIngress,
        number,
        interface: Some(interface),
        program: ROOT,
    }
}

fn scene(interfaces: Vec<Interface>, links: Vec<Link>) -> Scene {
    Scene {
        interfaces,
        links,
        foreign: BTreeMap::new(),
    }
}

fn states(plan: &Plan) -> Vec<(&str, bool, &str)> {
    let word = |state: &State| match state {
        State::Attached { .. } => "attached",
        State::OtherMode { .. } => "other mode",
        State::Detached { .. } => "detached",
        State::Missing => "missing",
        State::Unreadable { .. } => "unreadable",
        State::Unfit { .. } => "unfit",
        State::Foreign { .. } => "foreign",
    };
    let planned = plan.interfaces.iter();
    planned
        .map(|p| (p.name.as_str(), p.exact, word(&p.state)))
        .collect()
}

#[test]
fn a_name_that_is_missing_is_told_and_a_glob_without_match_is_not() {
    let plan = plan(&config(&["eth0", "wan*"]), &scene(vec![], vec![]));
    assert_eq!(states(&plan), [("eth0", true, "missing")]);
    assert!(plan.removals.is_empty());
}

#[test]
fn interfaces_come_in_the_order_of_the_patterns_each_once() {
    let interfaces = vec![
        interface(2, "eth0"),
        interface(3, "wan0"),
        interface(4, "wan1"),
    ];
    let plan = plan(
        &config(&["wan1", "wan*", "eth0", "*0"]),
        &scene(interfaces, vec![]),
    );
    assert_eq!(
        states(&plan),
        [
            ("wan1", true, "detached"),
            ("wan0", false, "detached"),
            ("eth0", true, "detached"),
        ]
    );
}

#[test]
fn a_name_that_a_glob_matched_first_is_still_exact() {
    let plan = plan(
        &config(&["eth*", "eth0"]),
        &scene(vec![interface(2, "eth0")], vec![]),
    );
    assert_eq!(states(&plan), [("eth0", true, "detached")]);
}

#[test]
fn what_is_attached_as_wanted_stays() {
    let interfaces = vec![
        running(2, "eth0", XdpMode::Native, ROOT),
        running(3, "wan0", XdpMode::Generic, ROOT),
    ];
    let mut config = config(&["eth0", "wan0"]);
    config.interface_overrides = vec![InterfaceOverride {
        pattern: "wan*".to_owned(),
        mode: Mode::Auto,
    }];
    let plan = plan(&config, &scene(interfaces, vec![link(1, 2), link(2, 3)]));
    assert_eq!(
        states(&plan),
        [("eth0", true, "attached"), ("wan0", true, "attached")]
    );
    assert!(plan.removals.is_empty());
}

#[test]
fn another_mode_than_configured_is_changed() {
    let interfaces = vec![running(2, "eth0", XdpMode::Generic, ROOT)];
    let plan = plan(&config(&["eth0"]), &scene(interfaces, vec![link(1, 2)]));
    assert_eq!(states(&plan), [("eth0", true, "other mode")]);
}

#[test]
fn the_first_override_that_matches_counts() {
    let mut config = config(&["*0", "*1"]);
    for (pattern, mode) in [("wan0", Mode::Generic), ("wan*", Mode::Auto)] {
        config.interface_overrides.push(InterfaceOverride {
            pattern: pattern.to_owned(),
            mode,
        });
    }
    let modes = ["wan0", "wan1", "eth0", "lo"].map(|name| config.mode_of(name));
    let [generic, auto, native] = [Mode::Generic, Mode::Auto, Mode::Native].map(Some);
    assert_eq!(modes, [generic, auto, native, None]);
}

#[test]
fn a_foreign_program_is_named_and_left_alone() {
    let interfaces = vec![running(2, "eth0", XdpMode::Native, 7)];
    let mut scene = scene(interfaces, vec![]);
    let theirs = Foreign {
        program: 7,
        name: Some("xdp_lb".to_owned()),
        dispatcher: false,
    };
    scene.foreign.insert(2, theirs.clone());
    let plan = plan(&config(&["eth0"]), &scene);
    assert!(matches!(
        &plan.interfaces[0].state,
        State::Foreign { program, .. } if *program == theirs
    ));
    assert!(plan.removals.is_empty());
}

#[test]
fn what_is_not_ethernet_is_refused() {
    let mut tun = interface(9, "tun0");
    tun.ethernet = false;
    let plan = plan(&config(&["tun0"]), &scene(vec![tun], vec![]));
    assert_eq!(states(&plan), [("tun0", true, "unfit")]);
}

#[test]
fn the_device_below_a_switch_is_refused_and_its_ports_are_not() {
    let mut port = interface(3, "lan1");
    port.kind = Some("dsa".to_owned());
    port.lower = Some(2);
    let plan = plan(
        &config(&["eth0", "lan1"]),
        &scene(vec![interface(2, "eth0"), port], vec![]),
    );
    assert_eq!(
        states(&plan),
        [("eth0", true, "unfit"), ("lan1", true, "detached")]
    );
}

#[test]
fn programs_of_others_are_those_that_no_link_of_ours_holds() {
    let interfaces = [
        running(2, "eth0", XdpMode::Native, ROOT),
        running(3, "wan0", XdpMode::Generic, 7),
        interface(4, "lan0"),
    ];
    assert_eq!(foreign_programs(&interfaces, &[link(1, 2)]), [(3, 7)]);
}

#[test]
fn dead_links_are_unpinned_and_the_interface_that_came_back_is_attached() {
    let dead = Link {
        hook: Hook::XdpIngress,
        number: 1,
        interface: None,
        program: ROOT,
    };
    let plan = plan(
        &config(&["eth0"]),
        &scene(vec![interface(12, "eth0")], vec![dead.clone()]),
    );
    assert_eq!(plan.removals, [Removal::Dead(dead)]);
    assert_eq!(states(&plan), [("eth0", true, "detached")]);
}

#[test]
fn an_interface_that_is_no_longer_configured_is_detached() {
    let interfaces = vec![running(2, "eth0", XdpMode::Native, ROOT)];
    let plan = plan(&config(&["wan0"]), &scene(interfaces, vec![link(1, 2)]));
    let name = "eth0".to_owned();
    assert_eq!(
        plan.removals,
        [Removal::NotConfigured {
            link: link(1, 2),
            name
        }]
    );
}

#[test]
fn a_renamed_interface_is_judged_by_its_new_name() {
    let interfaces = vec![running(2, "lan0", XdpMode::Native, ROOT)];
    let plan = plan(&config(&["eth0"]), &scene(interfaces, vec![link(1, 2)]));
    assert_eq!(states(&plan), [("eth0", true, "missing")]);
    assert_eq!(plan.removals.len(), 1);
}

#[test]
fn a_link_that_went_to_another_namespace_is_neither_ours_here_nor_removed() {
    // Number 2 means another device there; here it is one without a program.
    let plan = plan(
        &config(&["eth0"]),
        &scene(vec![interface(2, "eth0")], vec![link(1, 2)]),
    );
    assert_eq!(states(&plan), [("eth0", true, "detached")]);
    assert!(plan.removals.is_empty());
}

#[test]
fn an_interface_that_cannot_be_read_is_planned_and_keeps_its_link() {
    let flawed = Interface {
        flaw: Some("its name is absent"),
        ..running(7, "number:7", XdpMode::Native, ROOT)
    };
    let scene = scene(vec![flawed], vec![link(0, 7)]);
    let plan = plan(&config(&["eth0"]), &scene);
    assert!(plan.removals.is_empty());
    assert_eq!(
        states(&plan),
        [("eth0", true, "missing"), ("number:7", false, "unreadable")]
    );
}

#[test]
fn a_pattern_that_is_also_a_name_does_not_name_that_interface() {
    let scene = scene(vec![interface(2, "eth*")], vec![]);
    let by_glob = plan(&config(&["eth*"]), &scene);
    assert_eq!(states(&by_glob), [("eth*", false, "detached")]);
    let by_name = plan(&config(&[r"eth\*"]), &scene);
    assert_eq!(states(&by_name), [("eth*", true, "detached")]);
}
