//! A fault at any point of the daemon's work: it dies, or a step fails. The old or the new rules are in
//! force as a whole, no packet meets another fate, none is lost from a total, and the next start or
//! reload leaves nothing behind. A stream of numbered packets runs throughout.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use aya::maps::{MapData, MapInfo};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use xdp_fw::fault::Point;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::stream::{Sent, Stream};
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, config, packets, passes, rule, totals};
use xdp_fw_tests::veth::{End, Veth};

/// What the daemon is about when it comes to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Its first start on a host that is not filtered.
    FirstStart,
    /// A start that adopts what another has left.
    Restart,
    Reload,
    /// An interface is not configured any more.
    Detach,
    Unload,
    /// A reload on trial.
    Trial,
    /// What is on trial is taken back, or stays.
    EndOfTrial,
    /// In the tests of what it belongs to.
    Elsewhere,
}

/// Every point is exercised: one that is new does not compile before it says where.
fn work(point: Point) -> Work {
    match point {
        Point::RootPinned | Point::LinkMade | Point::LinkPinned => Work::FirstStart,
        Point::Adopted => Work::Restart,
        Point::TablesTaken
        | Point::TablesPinned
        | Point::GenerationLoaded
        | Point::ProgramsPinned
        | Point::GenerationPinned
        | Point::CountersZeroed
        | Point::CommitReady
        | Point::CommitWritten
        | Point::ContentStored
        | Point::ContentsStored
        | Point::IndexWritten
        | Point::IndexReplaced => Work::Reload,
        Point::LinkDetached => Work::Detach,
        Point::UnloadedLinks | Point::UnloadedShared => Work::Unload,
        Point::BaseKept => Work::Trial,
        Point::RevertReady | Point::BaseForgotten => Work::EndOfTrial,
        // `daemon::end`, `daemon::limits`, and `datapath::migration`.
        Point::LinksTask
        | Point::FileRead
        | Point::Compiling
        | Point::MigrationCarried
        | Point::MigrationMovedOne
        | Point::MigrationMoved
        | Point::MigrationAligned
        | Point::MigrationAccounted
        | Point::MigrationRemoved => Work::Elsewhere,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Kill,
    Error,
}

/// Every point of this work with both effects.
fn each(wanted: Work, case: impl Fn(Point, Effect)) {
    let points = Point::ALL.iter().filter(|point| work(**point) == wanted);
    let mut cases = 0;
    for point in points {
        for effect in [Effect::Kill, Effect::Error] {
            println!("{}: {effect:?}", point.name());
            case(*point, effect);
            cases += 1;
        }
    }
    assert_ne!(cases, 0, "{wanted:?} has no point");
}

/// Two rule sets. Both pass 192.0.2.3 and drop 192.0.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// Drops 192.0.2.2, too.
    Old,
    /// Drops 192.0.2.4, too.
    New,
}

impl Rules {
    fn text(self) -> String {
        let deny = |name, source| rule(name, "drop", &format!("source = \"192.0.2.{source}\""));
        let second = match self {
            Self::Old => deny("old", 2),
            Self::New => deny("new", 4),
        };
        config(&(second + &deny("both", 1)))
    }
}

fn from(last: u8) -> Packet {
    let source = format!("192.0.2.{last}");
    eth() / ipv4(source.as_str(), "198.51.100.1") / udp(1, 2)
}

/// A filtered host, and everything that was ever sent to it.
struct Host<'a> {
    hosts: &'a Hosts,
    daemon: Daemon<'a>,
    sent: Sent,
}

impl<'a> Host<'a> {
    fn prepare(hosts: &'a Hosts) -> Self {
        Self {
            hosts,
            daemon: Daemon::prepare(&hosts.edge, &Rules::Old.text()),
            sent: Sent::default(),
        }
    }

    /// Does this while packets come in, of which each must meet its fate.
    fn during(&mut self, work: impl FnOnce(&mut Daemon<'a>)) {
        let stream = Stream {
            passing: &[from(3)],
            dropped: &[from(1)],
            either: &[from(2), from(4)],
        };
        let ((), sent) = stream.during(self.hosts, || work(&mut self.daemon));
        self.sent += sent;
    }

    /// Which rules are in force, asked by packets.
    fn rules(&mut self) -> Rules {
        let frames = [from(2).bytes(), from(4).bytes()];
        let arrived = self.hosts.wire().exchange(&frames);
        self.sent.either += 2;
        self.sent.passing += 1;
        let [two, four] = frames.map(|frame| arrived.contains(&frame));
        match (two, four) {
            (false, true) => Rules::Old,
            (true, false) => Rules::New,
            _ => panic!("neither rule set: 2 passes: {two}, 4 passes: {four}"),
        }
    }

    /// Whatever happened to the daemon, the kernel knows of every packet.
    fn assert_counted(&self) {
        let stats = self.daemon.stats();
        let [passed, dropped] = totals(&stats);
        assert_eq!(passed + dropped, self.sent.all(), "{stats}");
        assert_eq!(packets(&stats, "both"), self.sent.dropped, "{stats}");
    }

    /// One generation, one link, and nothing half-made.
    fn assert_clean(&self) {
        let pins = self.daemon.pin_dir();
        let shared = ["counters", "entry", "generations", "links", "root"];
        assert_eq!(names(pins), shared);
        assert_eq!(names(&pins.join("links")).len(), 1);
        let generation = self.daemon.generation().to_string();
        let generations = pins.join("generations");
        assert_eq!(names(&generations), *std::slice::from_ref(&generation));
        let (maps, pieces): (Vec<_>, Vec<_>) = names(&generations.join(generation))
            .into_iter()
            .partition(|name| name.starts_with(char::is_uppercase));
        let all = [
            "filter", "gone", "info", "probe", "result", "rules", "tables",
        ];
        assert_eq!(pieces, all);
        assert_eq!(maps.len(), 8, "{maps:?}");
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// As it is armed: at the `turn`-th time.
fn armed(point: Point, effect: Effect, turn: u32) -> String {
    let effect = match effect {
        Effect::Kill => "kill",
        Effect::Error => "error",
    };
    format!("{}:{effect}:{turn}", point.name())
}

/// The daemon has met its fault, and died of it if that was meant.
fn assert_met(daemon: &mut Daemon<'_>, effect: Effect) {
    if effect == Effect::Kill {
        let end = daemon.await_end();
        assert_eq!(end.status.unwrap().code(), None, "{end}");
    }
    daemon.await_log(0, "fault point");
}

/// The last good configuration is whole, and the one that is in force.
fn assert_last_good(host: &mut Host<'_>, rules: Rules) {
    host.during(|daemon| {
        daemon.write_config("broken");
        daemon.restart();
    });
    assert_eq!(host.rules(), rules, "the last good configuration");
    host.assert_counted();
    host.assert_clean();
}

#[test]
fn a_fault_in_a_reload_leaves_the_old_or_the_new_rules() {
    each(Work::Reload, |point, effect| {
        let hosts = Hosts::new("fault");
        let _cable = hosts.cable(1_500);
        let mut host = Host::prepare(&hosts);
        // The first time is the start's.
        host.daemon.arm(armed(point, effect, 2));
        host.daemon.restart();
        host.during(|daemon| {
            daemon.forget_messages();
            daemon.write_config(&Rules::New.text());
            if effect == Effect::Error {
                daemon.await_reload();
            }
            assert_met(daemon, effect);
        });
        let stores = [
            Point::ContentStored,
            Point::ContentsStored,
            Point::IndexWritten,
            Point::IndexReplaced,
        ];
        let expected = match point {
            Point::CommitWritten => Rules::New,
            point if stores.contains(&point) => Rules::New,
            _ => Rules::Old,
        };
        assert_eq!(host.rules(), expected);
        host.assert_counted();
        if effect == Effect::Kill {
            // The new ones may be in force before anybody has stored them.
            let stored = match point {
                Point::IndexReplaced => Rules::New,
                _ => Rules::Old,
            };
            assert_last_good(&mut host, stored);
        } else {
            let ok = host.daemon.status().pointer("/last_reload/ok").cloned();
            assert_eq!(ok.unwrap(), expected == Rules::New);
        }
        host.during(|daemon| {
            daemon.write_config(&Rules::New.text());
            let reload = daemon.cli(&["reload"]);
            assert!(reload.status.success(), "{reload:?}");
            // Twice: what was left over is swept by a commit.
            daemon.write_config(&Rules::Old.text());
            assert!(daemon.cli(&["reload"]).status.success());
        });
        assert_eq!(host.rules(), Rules::Old);
        host.assert_counted();
        host.assert_clean();
    });
}

#[test]
fn a_fault_in_a_first_start_is_healed_by_the_next() {
    each(Work::FirstStart, |point, effect| {
        let hosts = Hosts::new("first");
        let _cable = hosts.cable(1_500);
        let mut host = Host::prepare(&hosts);
        host.daemon.arm(armed(point, effect, 1));
        let started = host.daemon.try_restart();
        host.daemon.await_log(0, "fault point");
        let log = host.daemon.log();
        match started {
            // It goes on, and attaches when it tries again.
            Ok(()) => {
                assert_eq!(effect, Effect::Error);
                if !log.contains("attached e0") && point != Point::LinkPinned {
                    let filtered = host.daemon.await_message(|it| it.has_status("on e0"));
                    filtered.unwrap();
                }
            }
            Err(_) => host.daemon.restart(),
        }
        host.during(|_| ());
        assert_eq!(host.rules(), Rules::Old);
        host.assert_counted();
        host.assert_clean();
    });
}

#[test]
fn a_fault_in_a_restart_leaves_the_filter_in_force() {
    // What a start does to a filter that is in force, a reload does too; here both happen at once.
    let points = [
        Point::Adopted,
        Point::GenerationLoaded,
        Point::GenerationPinned,
        Point::CommitReady,
        Point::CommitWritten,
    ];
    for (point, effect) in points
        .into_iter()
        .flat_map(|point| [Effect::Kill, Effect::Error].map(|effect| (point, effect)))
    {
        println!("{}: {effect:?}", point.name());
        let hosts = Hosts::new("restart");
        let _cable = hosts.cable(1_500);
        let mut host = Host::prepare(&hosts);
        host.daemon.restart();
        host.during(|daemon| {
            daemon.kill9();
            daemon.write_config(&Rules::New.text());
            daemon.arm(armed(point, effect, 1));
            let started = daemon.try_restart();
            daemon.await_log(0, "fault point");
            if started.is_ok() {
                daemon.kill9();
            }
        });
        // One whose file was refused has taken the last good configuration.
        let expected = match point {
            Point::CommitWritten => Rules::New,
            _ => Rules::Old,
        };
        assert_eq!(host.rules(), expected);
        host.assert_counted();
        host.during(Daemon::restart);
        assert_eq!(host.rules(), Rules::New);
        host.assert_counted();
        host.assert_clean();
    }
}

#[test]
fn a_fault_while_an_interface_is_given_up_leaves_the_others_filtered() {
    each(Work::Detach, |point, effect| {
        let hosts = Hosts::new("giveup");
        let _cable = hosts.cable(1_500);
        let _other = Veth::new(End::new(&hosts.client, "c1"), End::new(&hosts.edge, "e1"));
        let mut host = Host::prepare(&hosts);
        let both = Rules::Old.text().replace("[\"e0\"]", "[\"e0\", \"e1\"]");
        host.daemon.write_config(&both);
        host.daemon.arm(armed(point, effect, 1));
        host.daemon.restart();
        host.during(|daemon| {
            daemon.write_config(&Rules::New.text());
            if effect == Effect::Error {
                daemon.await_reload();
            }
            assert_met(daemon, effect);
            if effect == Effect::Error {
                // With the next event, or the next start.
                daemon.kill9();
            }
            daemon.restart();
        });
        assert_eq!(host.rules(), Rules::New);
        host.assert_counted();
        host.assert_clean();
        let shown = hosts.edge.run("ip", ["link", "show", "dev", "e1"]);
        assert!(!shown.contains("prog/xdp"), "{shown}");
    });
}

#[test]
fn a_fault_in_an_unload_is_told_and_the_next_one_finishes() {
    each(Work::Unload, |point, effect| {
        let hosts = Hosts::new("unload");
        let _cable = hosts.cable(1_500);
        let mut host = Host::prepare(&hosts);
        host.daemon.arm(armed(point, effect, 1));
        host.daemon.restart();
        let unload = host.daemon.cli(&["unload"]);
        assert_eq!(unload.status.code(), Some(1), "{unload:?}");
        if effect == Effect::Kill {
            let said = String::from_utf8_lossy(&unload.stderr);
            assert!(said.contains("ended before it answered"), "{said}");
        }
        let end = host.daemon.await_end();
        assert!(!end.status.unwrap().success(), "{end}");
        let said = match effect {
            Effect::Kill => "fault point",
            Effect::Error => "half-way",
        };
        assert!(end.log.contains(said), "{end}");
        // Nobody is locked out, and nothing is filtered by half.
        let shown = || hosts.edge.run("ip", ["link", "show", "dev", EDGE_DEVICE]);
        assert!(!shown().contains("prog/xdp"), "{}", shown());
        let unload = host.daemon.cli(&["unload"]);
        assert!(unload.status.success(), "{unload:?}");
        assert!(!host.daemon.pin_dir().exists());

        // And a start after such an end filters as any other.
        host.daemon.arm(armed(point, effect, 1));
        host.daemon.restart();
        host.daemon.cli(&["unload"]);
        host.daemon.await_end();
        host.daemon.restart();
        host.during(|_| ());
        assert_eq!(host.rules(), Rules::Old);
        host.assert_counted();
        host.assert_clean();
    });
}

/// Puts the new rules on trial, for longer than any test takes.
fn try_out(daemon: &mut Daemon<'_>) -> bool {
    daemon.forget_messages();
    daemon.write_config(&Rules::New.text());
    let reload = daemon.cli(&["reload", "--confirm", "1h"]);
    reload.status.success()
}

#[test]
fn a_fault_while_a_trial_begins_leaves_the_old_rules_or_the_trial() {
    // What a reload does, and what a trial does besides.
    let points = [
        (Point::GenerationPinned, 2),
        (Point::IndexWritten, 2),
        (Point::IndexReplaced, 2),
        (Point::BaseKept, 1),
        (Point::CommitReady, 2),
        (Point::CommitWritten, 2),
    ];
    let besides = Point::ALL.iter().filter(|it| work(**it) == Work::Trial);
    assert_eq!(besides.count(), 1);
    for (point, turn) in points {
        for effect in [Effect::Kill, Effect::Error] {
            println!("{}: {effect:?}", point.name());
            let hosts = Hosts::new("trial");
            let _cable = hosts.cable(1_500);
            let mut host = Host::prepare(&hosts);
            host.daemon.without_watches();
            host.daemon.arm(armed(point, effect, turn));
            host.daemon.restart();
            let mut begun = false;
            host.during(|daemon| {
                begun = try_out(daemon);
                assert_met(daemon, effect);
            });
            let expected = match point {
                Point::CommitWritten => Rules::New,
                _ => Rules::Old,
            };
            assert_eq!(host.rules(), expected);
            host.assert_counted();
            assert_eq!(begun, effect == Effect::Error && expected == Rules::New);
            // Whichever it is, one word brings the old ones back.
            host.during(|daemon| {
                if effect == Effect::Kill {
                    daemon.restart();
                }
                if expected == Rules::New {
                    let rollback = daemon.cli(&["rollback"]);
                    assert!(rollback.status.success(), "{rollback:?}");
                } else {
                    daemon.write_config(&Rules::Old.text());
                    assert!(daemon.cli(&["reload"]).status.success());
                }
            });
            assert_eq!(host.rules(), Rules::Old);
            host.assert_counted();
            host.assert_clean();
        }
    }
}

#[test]
fn a_fault_while_a_trial_ends_does_not_change_how_it_ends() {
    let points = [
        ("rollback", Point::RevertReady),
        ("rollback", Point::BaseForgotten),
        ("confirm", Point::BaseForgotten),
    ];
    for (verb, point) in points {
        assert_eq!(work(point), Work::EndOfTrial);
        for effect in [Effect::Kill, Effect::Error] {
            println!("{verb}, {}: {effect:?}", point.name());
            let hosts = Hosts::new("end");
            let _cable = hosts.cable(1_500);
            let mut host = Host::prepare(&hosts);
            host.daemon.without_watches();
            host.daemon.arm(armed(point, effect, 1));
            host.daemon.restart();
            host.during(|daemon| {
                assert!(try_out(daemon));
                daemon.forget_messages();
                let ended = daemon.cli(&[verb]);
                assert_eq!(ended.status.success(), effect == Effect::Error, "{ended:?}");
                assert_met(daemon, effect);
                if effect == Effect::Kill {
                    daemon.restart();
                }
            });
            let expected = match verb {
                "confirm" => Rules::New,
                _ => Rules::Old,
            };
            assert_eq!(host.rules(), expected);
            host.assert_counted();
            // The next commit sweeps what a failed step has left.
            host.during(|daemon| {
                for rules in [Rules::New, Rules::Old, Rules::New] {
                    daemon.write_config(&rules.text());
                    assert!(daemon.cli(&["reload"]).status.success());
                }
            });
            assert_eq!(host.rules(), Rules::New);
            host.assert_counted();
            host.assert_clean();
        }
    }
    let ends = Point::ALL
        .iter()
        .filter(|it| work(**it) == Work::EndOfTrial);
    assert_eq!(ends.count(), 2);
}

/// Waits until a child stands still, which stays to be waited for.
fn await_stop(pid: u32) {
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
    let stopped = waitid(Id::Pid(Pid::from_raw(pid as i32)), flags).unwrap();
    assert!(
        matches!(stopped, WaitStatus::Stopped(_, Signal::SIGSTOP)),
        "{stopped:?}"
    );
}

#[test]
fn a_map_that_vanishes_while_it_is_carried_over_is_filled_anew() {
    let policy = |port: u16| {
        let ports = format!("protocol = \"udp\"\ndestination_port = {port}");
        config(&(rule("listed", "drop", "source = \"192.0.2.1\"") + &rule("port", "drop", &ports)))
    };
    for map in ["SOURCE_V4", "SOURCE_V4_HASH"] {
        let hosts = Hosts::new("vanish");
        let _cable = hosts.cable(1_500);
        let mut daemon = Daemon::prepare(&hosts.edge, &policy(7));
        daemon.arm(format!("{}:stop:2", Point::TablesTaken.name()));
        daemon.restart();
        let generation = daemon.generation();
        daemon.forget_messages();
        daemon.write_config(&policy(8));
        daemon.await_log(0, "fault point");
        await_stop(daemon.pid());
        let made = daemon.pin_dir().join("generations");
        let made = made.join((generation + 1).to_string());
        fs::remove_file(made.join(map)).unwrap();
        daemon.signal(Signal::SIGCONT);
        daemon.await_reload();

        assert_eq!(daemon.generation(), generation + 1, "{}", daemon.log());
        let mut wire = hosts.wire();
        let to = |last: u8, port| {
            let source = format!("192.0.2.{last}");
            eth() / ipv4(source.as_str(), "198.51.100.1") / udp(1, port)
        };
        assert!(!passes(&mut wire, &to(1, 9)), "the deny list is empty");
        assert!(passes(&mut wire, &to(2, 9)));
        assert!(!passes(&mut wire, &to(2, 8)), "the edit");
        daemon.await_log(0, "built anew");
    }
}

#[test]
fn a_table_that_somebody_could_write_to_is_in_force_and_goes_on_with_nobody() {
    let policy = |source: &str, port: u16| {
        let ports = format!("protocol = \"udp\"\ndestination_port = {port}");
        let listed = rule("listed", "drop", &format!("source = \"{source}\""));
        config(&(listed + &rule("port", "drop", &ports)))
    };
    let hosts = Hosts::new("writable");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &policy("192.0.2.2", 7));
    daemon.arm(format!("{}:stop:2", Point::GenerationLoaded.name()));
    daemon.restart();
    let directory = |daemon: &Daemon<'_>, number: u64| {
        let generations = daemon.pin_dir().join("generations");
        generations.join(number.to_string())
    };
    let generation = daemon.generation();
    daemon.forget_messages();
    daemon.write_config(&policy("192.0.2.1", 7));
    daemon.await_log(0, "fault point");
    await_stop(daemon.pid());
    let made = directory(&daemon, generation + 1);
    let map = MapData::from_pin(made.join("SOURCE_V4")).unwrap();
    let page = NonZeroUsize::new(64).unwrap();
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a fresh mapping at an address of the kernel's choice, which nobody uses.
    let address = unsafe { mmap(None, page, access, MapFlags::MAP_SHARED, map.fd(), 0).unwrap() };
    daemon.signal(Signal::SIGCONT);
    daemon.await_reload();
    daemon.await_log(0, "busy");

    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &from(1)), "{}", daemon.log());
    assert!(passes(&mut wire, &from(2)));
    let ids = |directory: &Path| {
        let of = |name: &str| MapInfo::from_pin(directory.join(name)).unwrap().id();
        ["SOURCE_V4", "SOURCE_V6"].map(of)
    };
    let [writable, closed] = ids(&made);
    // SAFETY: it was mapped above, and nothing refers to it.
    unsafe { munmap(address, page.get()).unwrap() };
    daemon.edit(&policy("192.0.2.1", 8));
    let [fresh, carried] = ids(&directory(&daemon, generation + 2));
    assert_ne!(fresh, writable);
    assert_eq!(carried, closed);
    assert!(!passes(&mut wire, &from(1)));
}
