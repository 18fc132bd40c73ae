//! An upgrade that changes the layout of the pins: filtering goes on, and so do the counters.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use nix::fcntl::{Flock, FlockArg};
use xdp_fw::fault::Point;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::former::{self, Former};
use xdp_fw_tests::packet::*;
use xdp_fw_tests::stream::{Sent, Stream};
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, bytes, config, packets, passes, rule, totals};
use xdp_fw_tests::veth::{End, Veth};

fn from(source: &str) -> Packet {
    eth() / ipv4(source, "198.51.100.1") / udp(1, 2)
}

/// Of the two rules that the old filter has, the new one keeps the first.
fn keep_one() -> String {
    let kept = rule(former::DENY, "drop", "source = \"192.0.2.1\"");
    config(&(kept + &rule("new", "drop", "source = \"192.0.2.9\"")))
}

fn during<T>(hosts: &Hosts, work: impl FnOnce() -> T) -> (T, Sent) {
    let stream = Stream {
        passing: &[from("192.0.2.3")],
        dropped: &[from("192.0.2.1")],
        // The old filter drops it.
        either: &[from("192.0.2.2")],
    };
    stream.during(hosts, work)
}

/// A host as an earlier version left it: filtered, and counting.
struct Upgrade<'a> {
    former: Former,
    daemon: Daemon<'a>,
    /// What was sent, by what had to become of it.
    sent: Sent,
}

impl<'a> Upgrade<'a> {
    fn new(hosts: &'a Hosts) -> Self {
        let daemon = Daemon::prepare(&hosts.edge, &keep_one());
        let directory = daemon.pin_dir().with_file_name("v0");
        let former = Former::attach(&directory, &hosts.edge, &[EDGE_DEVICE]);
        let mut upgrade = Self {
            former,
            daemon,
            sent: Sent::default(),
        };
        upgrade.during(hosts, |_| ());
        assert!(!passes(&mut hosts.wire(), &from("192.0.2.2")));
        // And the marker behind it.
        upgrade.sent.passing += 1;
        upgrade.sent.either += 1;
        upgrade
    }

    fn during(&mut self, hosts: &Hosts, work: impl FnOnce(&mut Daemon<'a>)) {
        let ((), sent) = during(hosts, || work(&mut self.daemon));
        self.sent += sent;
    }

    /// What must be so once it is over, however often it was interrupted.
    fn finish(mut self, hosts: &Hosts) {
        self.during(hosts, |_| ());
        assert!(
            passes(&mut hosts.wire(), &from("192.0.2.2")),
            "the new filter"
        );
        self.sent.passing += 1;
        self.sent.either += 1;

        assert!(!self.former.directory().exists());
        let pins: Vec<PathBuf> = fs::read_dir(self.daemon.pin_dir())
            .unwrap()
            .map(|pin| pin.unwrap().path())
            .collect();
        let left = |name: &&PathBuf| name.to_string_lossy().contains("carried");
        assert_eq!(pins.iter().find(left), None);

        let stats = self.daemon.stats();
        let [passed, dropped] = totals(&stats);
        let Sent {
            passing,
            dropped: denied,
            either,
            ..
        } = self.sent;
        assert_eq!(passed + dropped, passing + denied + either, "{stats}");
        assert!(dropped >= denied && passed >= passing, "{stats}");
        // What was counted between copy and switch is in the totals, but not under the rule.
        let deny = packets(&stats, former::DENY);
        assert!(deny <= denied, "{deny} of {denied}");
        assert!(self.daemon.stop().success());
        assert!(self.daemon.cli(&["unload"]).status.success());
        assert!(passes(&mut hosts.wire(), &from("192.0.2.1")));
    }
}

#[test]
fn an_upgrade_takes_over_links_and_counters_without_an_unfiltered_instant() {
    let hosts = Hosts::new("upgrade");
    let _cable = hosts.cable(1_500);
    let mut upgrade = Upgrade::new(&hosts);
    let before = upgrade.sent;
    upgrade.during(&hosts, Daemon::restart);
    upgrade.daemon.await_log(0, "taken over from");
    let stats = upgrade.daemon.stats();
    let frame = (from("192.0.2.1") / payload_bytes(&[0; 8])).bytes().len() as u64;
    assert!(packets(&stats, former::DENY) >= before.dropped, "{stats}");
    assert!(
        bytes(&stats, former::DENY) >= before.dropped * frame,
        "{stats}"
    );
    assert_eq!(packets(&stats, "new"), 0);
    upgrade.finish(&hosts);
}

#[test]
fn an_interrupted_migration_goes_on_at_the_next_start() {
    let points = [
        Point::MigrationCarried,
        Point::MigrationMovedOne,
        Point::MigrationMoved,
        Point::MigrationAligned,
        Point::MigrationAccounted,
        Point::MigrationRemoved,
    ];
    let all = Point::ALL
        .iter()
        .filter(|it| it.name().starts_with("migration."));
    assert_eq!(all.count(), points.len());
    for point in points {
        for effect in ["kill", "error"] {
            let hosts = Hosts::new("interrupted");
            let _cable = hosts.cable(1_500);
            let mut upgrade = Upgrade::new(&hosts);
            println!("{}:{effect}", point.name());
            upgrade.during(&hosts, |daemon| {
                daemon.arm(format!("{}:{effect}", point.name()));
                let started = daemon.try_restart();
                daemon.await_log(0, "fault point");
                // Before the commit an error ends the start; after it the daemon goes on.
                let goes_on = effect == "error" && point != Point::MigrationCarried;
                assert_eq!(started.is_ok(), goes_on, "{started:?}");
                if goes_on {
                    daemon.kill9();
                }
                daemon.restart();
            });
            upgrade.finish(&hosts);
        }
    }
}

#[test]
fn a_migration_that_failed_is_tried_again_with_the_next_reload() {
    let hosts = Hosts::new("reload");
    let _cable = hosts.cable(1_500);
    let mut upgrade = Upgrade::new(&hosts);
    upgrade.during(&hosts, |daemon| {
        daemon.arm("migration.moved-one:error");
        daemon.restart();
        daemon.await_log(0, "still in force");
        let renamed = keep_one().replace("name = \"new\"", "name = \"newer\"");
        daemon.edit(&renamed);
        daemon.await_log(0, "taken over");
    });
    upgrade.finish(&hosts);
}

#[test]
fn every_interface_moves_and_one_that_is_not_configured_any_more_is_detached() {
    let hosts = Hosts::new("moves");
    let _cable = hosts.cable(1_500);
    let _other = Veth::new(End::new(&hosts.client, "c1"), End::new(&hosts.edge, "e1"));
    let mut daemon = Daemon::prepare(&hosts.edge, &keep_one());
    let directory = daemon.pin_dir().with_file_name("v0");
    let _former = Former::attach(&directory, &hosts.edge, &[EDGE_DEVICE, "e1"]);
    daemon.restart();
    assert!(!directory.exists());
    assert!(!passes(&mut hosts.wire(), &from("192.0.2.1")));
    let shown = hosts.edge.run("ip", ["link", "show", "dev", "e1"]);
    assert!(!shown.contains("prog/xdp"), "{shown}");
}

#[test]
fn an_earlier_layout_that_is_in_use_or_open_to_others_is_refused_by_name() {
    let hosts = Hosts::new("in-use");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &keep_one());
    let directory = daemon.pin_dir().with_file_name("v0");
    let _former = Former::attach(&directory, &hosts.edge, &[EDGE_DEVICE]);

    // As an earlier daemon holds it that still runs.
    let handle = File::open(&directory).unwrap();
    let lock = Flock::lock(handle, FlockArg::LockExclusiveNonblock).unwrap();
    let failure = daemon.try_restart().unwrap_err();
    let busy = format!("{}: in use by another xdp-fw", directory.display());
    assert!(failure.log.contains(&busy), "{failure}");
    drop(lock);

    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let failure = daemon.try_restart().unwrap_err();
    let open = format!("{}: open to others", directory.display());
    assert!(failure.log.contains(&open), "{failure}");
    // It filters on.
    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &from("192.0.2.1")));
    assert!(!passes(&mut wire, &from("192.0.2.2")));
}

#[test]
fn unload_ends_a_half_done_migration_too() {
    for point in ["migration.carried", "migration.moved-one"] {
        let hosts = Hosts::new("half");
        let _cable = hosts.cable(1_500);
        let mut upgrade = Upgrade::new(&hosts);
        upgrade.daemon.arm(format!("{point}:kill"));
        upgrade.daemon.try_restart().unwrap_err();
        let unload = upgrade.daemon.cli(&["unload"]);
        assert!(unload.status.success(), "{unload:?}");
        let said = String::from_utf8_lossy(&unload.stdout);
        assert!(said.contains("nothing is filtered"), "{said}");
        assert!(passes(&mut hosts.wire(), &from("192.0.2.1")));
        assert!(!upgrade.daemon.pin_dir().parent().unwrap().exists());
    }
}
