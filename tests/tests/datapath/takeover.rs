//! An upgrade that changes the layout of the pins: filtering goes on, and so do the counters. The
//! next layout is one that only tests have: a pin directory `v2` beside `v1`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;
use xdp_fw::fault::Point;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::stream::{Sent, Stream};
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, bytes, config, packets, passes, rule, totals};
use xdp_fw_tests::veth::{End, Veth};

/// The rule that both filters have.
const DENY: &str = "deny";

fn from(source: &str) -> Packet {
    eth() / ipv4(source, "198.51.100.1") / udp(1, 2)
}

fn drop_from(name: &str, last: u8) -> String {
    rule(name, "drop", &format!("source = \"192.0.2.{last}\""))
}

/// The old filter, and last a rule that only this generation of it has.
fn old(last: &str) -> String {
    config(&(drop_from(DENY, 1) + &drop_from("deny-too", 2) + &drop_from(last, 4)))
}

/// The new filter: of the old rules it has the first.
fn new() -> String {
    config(&(drop_from(DENY, 1) + &drop_from("new", 9)))
}

/// A host as layout 1 left it: filtered, and counting.
struct Upgrade<'a> {
    daemon: Daemon<'a>,
    former: PathBuf,
    /// What was sent, by what had to become of it.
    sent: Sent,
}

impl<'a> Upgrade<'a> {
    /// The counts of one rule are in the totals, those of another are about to be, and the old
    /// daemon has died.
    fn new(hosts: &'a Hosts) -> Self {
        let daemon = Daemon::start(&hosts.edge, &old("retired"));
        let mut upgrade = Self {
            former: daemon.pin_dir().to_owned(),
            daemon,
            sent: Sent::default(),
        };
        upgrade.expect(hosts, "192.0.2.4", false);
        upgrade.daemon.edit(&old("gone"));
        upgrade.expect(hosts, "192.0.2.4", false);
        upgrade.daemon.edit(&old("in-force"));
        upgrade.during(hosts, |_| ());
        upgrade.expect(hosts, "192.0.2.2", false);
        upgrade.daemon.kill9();
        upgrade.daemon.upgrade_layout();
        upgrade.daemon.write_config(&new());
        upgrade
    }

    fn expect(&mut self, hosts: &Hosts, source: &str, passing: bool) {
        assert_eq!(
            passes(&mut hosts.wire(), &from(source)),
            passing,
            "{source}"
        );
        // And the marker behind it.
        self.sent.passing += 1;
        self.sent.either += 1;
    }

    fn during(&mut self, hosts: &Hosts, work: impl FnOnce(&mut Daemon<'a>)) {
        let stream = Stream {
            passing: &[from("192.0.2.3"), eth() / arp("192.0.2.3", "198.51.100.1")],
            dropped: &[from("192.0.2.1")],
            // The old filter drops it.
            either: &[from("192.0.2.2")],
        };
        let ((), sent) = stream.during(hosts, || work(&mut self.daemon));
        self.sent += sent;
    }

    /// What must be so once it is over, however often it was interrupted.
    fn finish(mut self, hosts: &Hosts) {
        self.during(hosts, |_| ());
        self.expect(hosts, "192.0.2.2", true);

        assert!(!self.former.exists());
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
            ..
        } = self.sent;
        assert_eq!(passed + dropped, self.sent.all(), "{stats}");
        assert!(dropped >= denied && passed >= passing, "{stats}");
        // What was counted between copy and switch is in the totals, but not under the rule.
        let deny = packets(&stats, DENY);
        assert!(deny <= denied, "{deny} of {denied}");
        assert!(self.daemon.stop().success());
        assert!(self.daemon.cli(&["unload"]).status.success());
        assert!(passes(&mut hosts.wire(), &from("192.0.2.1")));
    }
}

/// Requests by ARP in `xdp-fw stats --json`, packets.
fn requests(stats: &Value) -> u64 {
    let kinds = stats.pointer("/essentials").and_then(Value::as_array);
    let mut kinds = kinds.into_iter().flatten();
    let found = kinds.find(|kind| kind.get("kind").is_some_and(|it| it == "arp"));
    found
        .and_then(|kind| kind.get("packets")?.as_u64())
        .unwrap()
}

#[test]
fn an_upgrade_takes_over_links_and_counters() {
    let hosts = Hosts::new("upgrade");
    let _cable = hosts.cable(1_500);
    let mut upgrade = Upgrade::new(&hosts);
    let before = upgrade.sent;
    upgrade.during(&hosts, Daemon::restart);
    upgrade.daemon.await_log(0, "taken over from");
    let stats = upgrade.daemon.stats();
    let frame = (from("192.0.2.1") / payload_bytes(&[0; 8])).bytes().len() as u64;
    assert!(packets(&stats, DENY) >= before.dropped, "{stats}");
    assert!(bytes(&stats, DENY) >= before.dropped * frame, "{stats}");
    assert!(requests(&stats) >= before.dropped, "{stats}");
    assert_eq!(packets(&stats, "new"), 0);
    upgrade.finish(&hosts);
}

/// Interrupts a take-over, and lets the next start go on with it.
fn interrupt(point: Point, effect: &str) {
    let hosts = Hosts::new("interrupted");
    let _cable = hosts.cable(1_500);
    let mut upgrade = Upgrade::new(&hosts);
    upgrade.during(&hosts, |daemon| {
        daemon.arm(format!("{}:{effect}", point.name()));
        let started = daemon.try_restart();
        daemon.await_log(0, "fault point");
        // After an error before the commit, the last good configuration takes over.
        assert_eq!(started.is_ok(), effect == "error", "{started:?}");
        if started.is_ok() {
            daemon.kill9();
        }
        daemon.restart();
    });
    upgrade.finish(&hosts);
}

macro_rules! interruptions {
    ($($point:path => $killed:ident, $failed:ident;)+) => {
        const INTERRUPTED: &[Point] = &[$($point),+];
        $(
            #[test]
            fn $killed() {
                interrupt($point, "kill");
            }

            #[test]
            fn $failed() {
                interrupt($point, "error");
            }
        )+
    };
}

interruptions! {
    Point::TakeoverCarried => next_start_goes_on_after_a_kill_when_carried, next_start_goes_on_after_an_error_when_carried;
    Point::TakeoverMovedOne => next_start_goes_on_after_a_kill_in_moving, next_start_goes_on_after_an_error_in_moving;
    Point::TakeoverMoved => next_start_goes_on_after_a_kill_when_moved, next_start_goes_on_after_an_error_when_moved;
    Point::TakeoverAligned => next_start_goes_on_after_a_kill_when_aligned, next_start_goes_on_after_an_error_when_aligned;
    Point::TakeoverAccounted => next_start_goes_on_after_a_kill_when_counted, next_start_goes_on_after_an_error_when_counted;
    Point::TakeoverRemoved => next_start_goes_on_after_a_kill_in_removing, next_start_goes_on_after_an_error_in_removing;
}

#[test]
fn failed_takeover_is_tried_again_with_the_next_reload() {
    let hosts = Hosts::new("reload");
    let _cable = hosts.cable(1_500);
    let mut upgrade = Upgrade::new(&hosts);
    upgrade.during(&hosts, |daemon| {
        daemon.arm("takeover.moved-one:error");
        daemon.restart();
        daemon.await_log(0, "still in force");
        daemon.edit(&new().replace("name = \"new\"", "name = \"newer\""));
        daemon.await_log(0, "taken over");
    });
    upgrade.finish(&hosts);
}

#[test]
fn takeover_detaches_an_interface_that_is_left_out() {
    let hosts = Hosts::new("moves");
    let _cable = hosts.cable(1_500);
    let _other = Veth::new(End::new(&hosts.client, "c1"), End::new(&hosts.edge, "e1"));
    let both = format!("[\"{EDGE_DEVICE}\", \"e1\"]");
    let only = format!("[\"{EDGE_DEVICE}\"]");
    let mut daemon = Daemon::start(&hosts.edge, &new().replace(&only, &both));
    let shown = || hosts.edge.run("ip", ["link", "show", "dev", "e1"]);
    assert!(shown().contains("prog/xdp"), "{}", shown());
    daemon.kill9();
    let former = daemon.pin_dir().to_owned();
    daemon.upgrade_layout();
    daemon.write_config(&new());
    daemon.restart();
    assert!(!former.exists());
    assert!(!passes(&mut hosts.wire(), &from("192.0.2.1")));
    assert!(!shown().contains("prog/xdp"), "{}", shown());
}

#[test]
fn earlier_layout_in_use_or_open_to_others_is_refused() {
    let hosts = Hosts::new("in-use");
    let _cable = hosts.cable(1_500);
    let Upgrade {
        mut daemon, former, ..
    } = Upgrade::new(&hosts);

    // As an earlier daemon holds it that still runs.
    let handle = File::open(&former).unwrap();
    let lock = Flock::lock(handle, FlockArg::LockExclusiveNonblock).unwrap();
    let failure = daemon.try_restart().unwrap_err();
    let busy = format!("{}: in use by another xdp-fw", former.display());
    assert!(failure.log.contains(&busy), "{failure}");
    drop(lock);

    fs::set_permissions(&former, fs::Permissions::from_mode(0o755)).unwrap();
    let failure = daemon.try_restart().unwrap_err();
    let open = format!("{}: open to others", former.display());
    assert!(failure.log.contains(&open), "{failure}");
    // It filters on.
    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &from("192.0.2.1")));
    assert!(!passes(&mut wire, &from("192.0.2.2")));
}

#[test]
fn unload_ends_a_half_done_takeover_too() {
    for point in ["takeover.carried", "takeover.moved-one"] {
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

mod without_root {
    use super::*;

    #[test]
    fn every_point_of_a_takeover_is_interrupted() {
        let all = Point::ALL.iter().copied();
        let all: Vec<Point> = all
            .filter(|point| point.name().starts_with("takeover."))
            .collect();
        assert_eq!(all, INTERRUPTED);
    }
}
