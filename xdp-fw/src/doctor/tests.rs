//! What is made of facts; no test here looks at the host.

use std::io;
use std::path::PathBuf;

use super::*;
use crate::config::Mode;
use crate::daemon::control::client;
use crate::daemon::testing::{status, trial};
use crate::daemon::{LastReload, Source};
use crate::datapath::{Error, Feature, Foreign};
use crate::interfaces::{Channels, Device, Interface, XdpFeatures, XdpMode};
use crate::lockout::LoginSource;

fn told(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| {
        let fix = finding.fix.as_deref().unwrap_or("-");
        format!("{:?}: {}\n  {fix}\n", finding.level, finding.what)
    });
    lines.collect()
}

fn kernel(release: &str) -> kernel::Kernel {
    let feature = |name, since, without, present| Feature {
        name,
        since,
        without,
        present,
    };
    kernel::Kernel {
        release: release.to_owned(),
        features: vec![
            feature("XDP programs", "4.8", None, Some(true)),
            feature("xdp.frags", "5.18", Some("small MTU only"), Some(true)),
        ],
        jit: kernel::Setting::Is(1),
        compiles: None,
        harden: kernel::Setting::Is(0),
        statistics: kernel::Setting::Absent,
    }
}

#[test]
fn a_kernel_with_all_we_use_is_fine() {
    for release in ["5.10.0-30-amd64", "6.18.44", "10.0", "6.1-rc3"] {
        let findings = kernel::check(&kernel(release));
        assert!(
            findings.iter().all(|finding| finding.level == Level::Ok),
            "{}",
            told(&findings)
        );
    }
}

#[test]
fn what_a_kernel_lacks_is_said_by_name() {
    let mut old = kernel("5.4.0-42-generic");
    for (feature, present) in old.features.iter_mut().zip([Some(false), Some(false)]) {
        feature.present = present;
    }
    old.jit = kernel::Setting::Is(0);
    let mut slow = kernel("6.18.44");
    slow.harden = kernel::Setting::Is(2);
    slow.statistics = kernel::Setting::Is(1);
    slow.jit = kernel::Setting::Is(2);
    let mut hidden = kernel("6.18.44");
    for feature in &mut hidden.features {
        feature.present = None;
    }
    hidden.jit = kernel::Setting::Hidden;
    let mut interpreting = kernel("6.18.44");
    interpreting.jit = kernel::Setting::Absent;
    interpreting.compiles = Some(false);
    let all = [old, slow, hidden, interpreting].map(|kernel| told(&kernel::check(&kernel)));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn rights_are_all_there_or_named() {
    let rights = |missing, memlock, charged| {
        told(&rights::check(&rights::Rights {
            missing,
            memlock,
            charged,
        }))
    };
    let all = [
        rights(vec![], Some(65_536), false),
        rights(vec![], Some(65_536), true),
        rights(vec![], None, true),
        rights(vec!["CAP_BPF", "CAP_NET_ADMIN"], None, false),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

/// What those are told who may not look at a pin.
fn hidden() -> Error {
    Error::Kernel {
        action: "look at /sys/fs/bpf/xdp-fw/v1/entry".to_owned(),
        cause: "permission denied".to_owned(),
        errno: None,
        remedy: "run this as root".to_owned(),
    }
}

#[test]
fn the_pins_are_ours_or_the_command_makes_them_so() {
    let pins = PathBuf::from("/sys/fs/bpf/xdp-fw/v1");
    let found = |checked, loaded: Result<bool, ()>, open: Option<&str>| {
        told(&bpffs::check(&bpffs::Bpffs {
            pins: pins.clone(),
            checked,
            loaded: loaded.map_err(|()| hidden()),
            privileged: true,
            open: open.map(PathBuf::from),
        }))
    };
    let foreign = Error::Pin {
        path: pins.clone(),
        problem: "owned by uid 1000, not by us".to_owned(),
        remedy: "if nothing foreign is in it: `chown root /sys/fs/bpf/xdp-fw/v1`".to_owned(),
    };
    let all = [
        found(Ok(()), Ok(true), None),
        found(Ok(()), Ok(false), Some("/sys/fs/bpf")),
        found(Ok(()), Err(()), None),
        found(Err(Error::NotBpffs { path: pins.clone() }), Ok(false), None),
        found(Err(foreign), Ok(true), None),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn mistakes_are_problems_with_the_command_if_there_is_one() {
    let facts = configuration::Configuration {
        path: PathBuf::from("/etc/xdp-fw.toml"),
        summary: Err(vec![
            "/etc/xdp-fw.toml:3:1: unknown key `rul`; did you mean `rule`?".to_owned(),
            "/etc/drop.txt: is writable by group or others (mode 0666); run `chmod go-w /etc/drop.txt`"
                .to_owned(),
        ]),
        warnings: vec!["/etc/xdp-fw.toml:9:1: rule `b` is never reached".to_owned()],
        config: None,
    };
    insta::assert_snapshot!(told(&configuration::check(&facts)));
}

#[test]
fn an_expectation_that_is_not_met_is_a_problem() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fw.toml");
    let expect = |verdict: &str| {
        format!("[[expect]]\npacket = \"gre 192.0.2.1 > 192.0.2.2\"\nverdict = \"{verdict}\"\n")
    };
    let expectations = [expect("drop"), expect("pass"), expect("drop")].concat();
    std::fs::write(&path, format!("interfaces = \"eth0\"\n{expectations}")).unwrap();
    let found = told(&configuration::check(&configuration::look(&path)));
    let here = format!("{}/", directory.path().display());
    insta::assert_snapshot!(found.replace(&here, ""));
}

fn seen(name: &str, driver: &str) -> interfaces::Seen {
    interfaces::Seen {
        interface: Interface {
            index: 2,
            name: crate::names::InterfaceName::from_text(name),
            flaw: None,
            ethernet: true,
            kind: None,
            up: true,
            mtu: 1_500,
            controller: None,
            lower: None,
            xdp: None,
        },
        exact: true,
        wanted: Mode::Native,
        unfit: None,
        advice: None,
        features: Some(XdpFeatures {
            native: true,
            several_buffers: false,
        }),
        device: Device {
            driver: Some(driver.to_owned()),
            lro: false,
            channels: Some(Channels {
                max_combined: 8,
                combined: 4,
                ..Channels::default()
            }),
        },
        program: interfaces::Program::Nobodys,
        tags: Ok(None),
        vlan_rules: false,
        follows: Vec::new(),
    }
}

fn interfaces_told(found: Vec<interfaces::Seen>) -> String {
    let missing = Vec::new();
    told(&interfaces::check(&interfaces::Interfaces::Named {
        missing,
        found,
    }))
}

#[test]
fn an_interface_that_would_take_the_filter_is_fine() {
    let found = ["ena", "ixgbe", "virtio_net"].map(|driver| seen("eth0", driver));
    insta::assert_snapshot!(interfaces_told(found.into()));
}

#[test]
fn what_keeps_a_driver_from_the_filter_comes_with_the_command() {
    let mut large = seen("large", "ena");
    large.interface.mtu = 9_001;
    let mut buffers = seen("buffers", "mlx5_core");
    buffers.interface.mtu = 9_000;
    buffers.features = Some(XdpFeatures {
        native: true,
        several_buffers: true,
    });
    let mut joined = seen("joined", "mlx5_core");
    joined.device.lro = true;
    let mut full = seen("full", "ena");
    full.device.channels = full.device.channels.map(|channels| Channels {
        combined: 8,
        ..channels
    });
    let mut old = seen("old", "tg3");
    old.features = Some(XdpFeatures {
        native: false,
        several_buffers: false,
    });
    let mut relaxed = seen("auto", "tg3");
    relaxed.wanted = Mode::Auto;
    relaxed.features = old.features;
    let mut in_stack = seen("stack", "tg3");
    in_stack.wanted = Mode::Generic;
    in_stack.features = old.features;
    let mut queues = seen("veth0", "veth");
    queues.features = old.features;
    let mut bond = seen("bond0", "bonding");
    bond.features = old.features;
    bond.advice = Some("bond0 is a bond: name its members (eth0, eth1) …".to_owned());
    let found = vec![
        large, buffers, joined, full, old, relaxed, in_stack, queues, bond,
    ];
    insta::assert_snapshot!(interfaces_told(found));
}

#[test]
fn programs_on_interfaces_are_told_apart() {
    use interfaces::Program;
    let with = |name, program| interfaces::Seen {
        program,
        ..seen(name, "virtio_net")
    };
    let foreign = |name: &str, dispatcher| Foreign {
        program: 57,
        name: Some(name.to_owned()),
        dispatcher,
    };
    let found = vec![
        with("ours", Program::Ours(XdpMode::Native)),
        with("other", Program::Ours(XdpMode::Generic)),
        with("theirs", Program::Foreign(foreign("xdp_lb", false))),
        with("many", Program::Foreign(foreign("xdp_dispatcher", true))),
        with("unseen", Program::Unknown(57)),
    ];
    insta::assert_snapshot!(interfaces_told(found));
}

#[test]
fn tags_that_are_taken_off_matter_to_rules_on_vlan() {
    let stripping = |vlan_rules| {
        let mut seen = seen("eth0", "ixgbe");
        seen.tags = Ok(Some(
            "leave them on with `ethtool -K eth0 rxvlan off`".to_owned(),
        ));
        seen.vlan_rules = vlan_rules;
        seen
    };
    let mut silent = seen("eth1", "ixgbe");
    silent.tags = Err(io::Error::from(io::ErrorKind::OutOfMemory));
    let found = vec![stripping(false), stripping(true), silent];
    insta::assert_snapshot!(interfaces_told(found));
}

#[test]
fn what_is_not_there_or_cannot_be_filtered_is_said() {
    let why = "not an Ethernet interface; remove it from `interfaces`".to_owned();
    let lo = |exact| interfaces::Seen {
        unfit: Some(why.clone()),
        exact,
        ..seen("lo", "")
    };
    let named = interfaces::Interfaces::Named {
        missing: vec!["eth9".to_owned(), "wan*".to_owned()],
        found: vec![lo(true), lo(false)],
    };
    let all = [named, interfaces::Interfaces::NotNamed]
        .map(|interfaces| told(&interfaces::check(&interfaces)));
    insta::assert_snapshot!(all.join("\n"));
}

fn service(daemon: Result<crate::daemon::Status, client::Error>) -> service::Service {
    service::Service {
        daemon,
        loaded: Ok(true),
        port: None,
        unit: Some("enabled".to_owned()),
        udev: true,
    }
}

#[test]
fn a_daemon_that_is_well_is_fine() {
    let findings = service::check(&service(Ok(status())));
    assert!(
        findings.iter().all(|finding| finding.level == Level::Ok),
        "{}",
        told(&findings)
    );
}

#[test]
fn what_the_daemon_says_of_itself_is_passed_on() {
    let mut unwell = status();
    unwell.version = "0.0.9".to_owned();
    unwell.degraded = true;
    unwell.config_source = Source::LastGood;
    unwell.interfaces[1].error = Some("wan0: cannot attach".to_owned());
    unwell.errors = [
        "watcher: too many watches; edits are not noticed",
        "expectations: `gre 192.0.2.1 > 192.0.2.2` is passed; expected drop by rule `a`",
        "trial: no alarm (out of memory); end it with `xdp-fw confirm` or `xdp-fw rollback`",
    ]
    .map(str::to_owned)
    .into();
    unwell.metrics.error = Some("127.0.0.1:9798 is taken".to_owned());
    unwell.last_reload = Some(LastReload {
        ok: false,
        error: Some("/etc/xdp-fw.toml:3:1: unknown key\nand more".to_owned()),
        ..unwell.last_reload.clone().unwrap()
    });
    insta::assert_snapshot!(told(&service::check(&service(Ok(unwell)))));
}

#[test]
fn a_trial_is_told_with_what_ends_it() {
    let mut trying = status();
    trying.trial = Some(trial());
    trying.config_source = Source::Trial;
    insta::assert_snapshot!(told(&service::check(&service(Ok(trying)))));
}

#[test]
fn without_a_daemon_it_is_said_how_to_get_one() {
    let absent = || Err(client::Error::NotRunning(PathBuf::from("/run/xdp-fw/x")));
    let taken = io::Error::from(io::ErrorKind::AddrInUse);
    let address = ([127, 0, 0, 1], 9798).into();
    let filtering = service::Service {
        port: Some((address, Some(taken))),
        unit: Some("disabled".to_owned()),
        udev: false,
        ..service(absent())
    };
    let fresh = service::Service {
        loaded: Ok(false),
        port: Some((address, None)),
        unit: None,
        ..service(absent())
    };
    let not_installed = service::Service {
        unit: Some("not-found".to_owned()),
        ..service(Err(client::Error::NotPermitted(PathBuf::from("/run/x"))))
    };
    let unseen = service::Service {
        loaded: Err(hidden()),
        ..service(absent())
    };
    let all =
        [filtering, fresh, not_installed, unseen].map(|service| told(&service::check(&service)));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn directories_are_roots_and_have_room() {
    use directories::Entry;
    let found = |entry, free| {
        told(&directories::check(&directories::Directory {
            what: "state",
            path: PathBuf::from("/var/lib/xdp-fw"),
            entry,
            free,
        }))
    };
    let is = |user, mode| Entry::Is { user, mode };
    let all = [
        found(is(0, 0o700), Some(1 << 30)),
        found(is(0, 0o700), Some(3 << 20)),
        found(is(0, 0o777), None),
        found(is(1000, 0o700), None),
        found(Entry::Missing, None),
        found(Entry::NoDirectory, None),
        found(Entry::Hidden, None),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_host_is_ready_if_all_was_looked_at_and_nothing_is_wrong() {
    let report = |level| Report::of(vec![Group("x").finding(level, "y", None)]);
    let ready = [Level::Ok, Level::Warning, Level::Unknown, Level::Problem]
        .map(|level| report(level).ready);
    assert_eq!(ready, [true, true, false, false]);
}

fn guard_of(source: LoginSource) -> guard::Guard {
    guard::Guard {
        is_on: true,
        source,
        is_of_daemon: true,
        left_out: Vec::new(),
    }
}

#[test]
fn the_list_of_logins_is_named_with_what_it_means() {
    let found = |guard: &guard::Guard| told(&guard::check(guard));
    let mut spared = guard_of(LoginSource::Logind);
    spared.left_out = vec!["set feed: 192.0.2.7 is left out; `xdp-fw reload --force`".to_owned()];
    let off = guard::Guard {
        is_on: false,
        ..guard_of(LoginSource::None)
    };
    let all = [
        found(&spared),
        found(&guard_of(LoginSource::Utmp)),
        found(&guard_of(LoginSource::None)),
        found(&off),
    ];
    insta::assert_snapshot!(all.concat(), @r"
    Ok: the daemon sees in logind's list who is logged in from where: they are not locked out
      -
    Warning: set feed: 192.0.2.7 is left out
      `xdp-fw reload --force`
    Ok: the daemon sees in utmp who is logged in from where, as logind does not run: they are not locked out
      -
    Warning: the daemon finds neither logind nor utmp (login source: none): no SSH session is protected from being locked out
      run systemd-logind with pam_systemd; or try each edit with `xdp-fw reload --confirm 60s`
    Ok: the lock-out guard is off (`guard = false`): no session is protected
      -
    ");
}

#[test]
fn routes_in_packets_are_followed_where_both_settings_are_on() {
    let directory = tempfile::tempdir().unwrap();
    let set = |family: &str, whose: &str, key: &str, value: &str| {
        let conf = directory.path().join(family).join("conf").join(whose);
        std::fs::create_dir_all(&conf).unwrap();
        std::fs::write(conf.join(key), format!("{value}\n")).unwrap();
    };
    let name = crate::names::InterfaceName::from_text("wan0");
    let followed = || source_routes::look_in(directory.path(), &name);
    assert_eq!(followed(), []);
    for (family, key) in [
        ("ipv4", "accept_source_route"),
        ("ipv6", "seg6_enabled"),
        ("ipv6", "rpl_seg_enabled"),
    ] {
        set(family, "wan0", key, "1");
        set(family, "all", key, "0");
    }
    assert_eq!(followed(), []);
    set("ipv6", "all", "seg6_enabled", "1");
    assert_eq!(followed(), [source_routes::SETTINGS[1]]);
    set("ipv6", "wan0", "seg6_enabled", "0");
    assert_eq!(followed(), []);
}

#[test]
fn a_followed_route_is_a_warning_with_its_setting() {
    let found = interfaces::Seen {
        follows: source_routes::SETTINGS.to_vec(),
        ..seen("wan0", "ena")
    };
    let told = interfaces_told(vec![found]);
    for setting in [
        "ipv4.conf.all.accept_source_route",
        "ipv6.conf.all.seg6_enabled",
    ] {
        assert!(
            told.contains(&format!("`sysctl -w net.{setting}=0`")),
            "{told}"
        );
    }
}
