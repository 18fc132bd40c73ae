//! Reloads: what is written is in force, whole or not at all, and what did not change goes on.

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::thread;
use std::time::Duration;

use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use nix::sys::signal::Signal;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{Hosts, config, packets, passes, rule};

fn udp4(source: &str, port: u16) -> Packet {
    eth() / ipv4(source, "198.51.100.1") / udp(40_000, port)
}

fn deny(port: u16) -> String {
    config(&rule(
        "deny",
        "drop",
        &format!("protocol = \"udp\"\ndestination_port = {port}"),
    ))
}

#[test]
fn an_edit_in_place_a_rename_a_symlink_swap_and_a_recreated_file_are_each_one_reload() {
    let hosts = Hosts::new("edits");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny(1));
    let mut wire = hosts.wire();
    let path = daemon.config_path().to_owned();
    let directory = path.parent().unwrap().to_owned();
    let mut port = 1;
    let mut generation = daemon.generation();
    let mut denied = |daemon: &mut Daemon<'_>, how: &str| {
        port += 1;
        daemon.await_reload();
        assert!(
            !passes(&mut wire, &udp4("192.0.2.1", port)),
            "{how}: port {port}"
        );
        assert!(
            passes(&mut wire, &udp4("192.0.2.1", port - 1)),
            "{how}: port {}",
            port - 1
        );
        generation += 1;
        assert_eq!(daemon.generation(), generation, "{how}: one reload");
    };

    fs::write(&path, deny(2)).unwrap();
    denied(&mut daemon, "in place");

    daemon.write_config(&deny(3));
    denied(&mut daemon, "rename");

    // From a file to a symlink, and then from one target to another, by rename as `ln -sfn` does.
    for port in [4, 5] {
        let target = directory.join(format!("target-{port}"));
        fs::write(&target, deny(port)).unwrap();
        let link = directory.join("link");
        symlink(&target, &link).unwrap();
        fs::rename(&link, &path).unwrap();
        denied(&mut daemon, "symlink");
    }

    fs::write(directory.join("target-5"), deny(6)).unwrap();
    denied(&mut daemon, "the symlink's target");

    fs::remove_file(&path).unwrap();
    fs::write(&path, deny(7)).unwrap();
    denied(&mut daemon, "recreated");
}

#[test]
fn a_changed_set_file_is_a_reload() {
    let hosts = Hosts::new("setfile");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, "");
    let set = daemon.config_path().with_file_name("deny.txt");
    fs::write(&set, "192.0.2.0/25 # the lower half\n").unwrap();
    let sets = format!("[set.deny]\nfiles = [\"{}\"]\n", set.display());
    daemon.write_config(&config(
        &(sets + &rule("deny", "drop", "source = \"@deny\"")),
    ));
    daemon.restart();
    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &udp4("192.0.2.1", 1)));
    assert!(passes(&mut wire, &udp4("192.0.2.129", 1)));

    fs::write(&set, "192.0.2.128/25\n").unwrap();
    daemon.await_reload();
    assert!(passes(&mut wire, &udp4("192.0.2.1", 1)));
    assert!(!passes(&mut wire, &udp4("192.0.2.129", 1)));

    // An emptied feed is a mistake: the old prefixes stay.
    fs::write(&set, "").unwrap();
    daemon.await_reload();
    assert!(!passes(&mut wire, &udp4("192.0.2.129", 1)));
    let error = daemon
        .status()
        .pointer("/last_reload/error")
        .unwrap()
        .to_string();
    assert!(error.contains("deny.txt"), "{error}");
}

#[test]
fn a_set_file_of_the_same_size_and_time_is_seen_and_a_touched_one_is_no_change() {
    let hosts = Hosts::new("settime");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, "");
    let set = daemon.config_path().with_file_name("deny.txt");
    fs::write(&set, "192.0.2.10\n").unwrap();
    let sets = format!("[set.deny]\nfiles = [\"{}\"]\n", set.display());
    daemon.write_config(&config(
        &(sets + &rule("deny", "drop", "source = \"@deny\"")),
    ));
    daemon.restart();
    let mut wire = hosts.wire();
    // Each round is asked for right after the write, and the time of the content is set back to what it
    // was.
    let modified = fs::metadata(&set).unwrap().modified().unwrap();
    for round in 11..31 {
        fs::write(&set, format!("192.0.2.{round}\n")).unwrap();
        let file = fs::File::options().append(true).open(&set).unwrap();
        file.set_modified(modified).unwrap();
        assert!(daemon.cli(&["reload"]).status.success());
        let [old, new] = [round - 1, round].map(|n| udp4(&format!("192.0.2.{n}"), 1));
        assert!(!passes(&mut wire, &new), "round {round}");
        assert!(passes(&mut wire, &old), "round {round}");
    }
    // What says the same is in force already.
    let generation = daemon.generation();
    fs::write(&set, "192.0.2.30\n").unwrap();
    assert!(daemon.cli(&["reload"]).status.success());
    let copy = set.with_file_name("copy");
    fs::write(&copy, "192.0.2.30\n").unwrap();
    fs::rename(&copy, &set).unwrap();
    assert!(daemon.cli(&["reload"]).status.success());
    assert_eq!(daemon.generation(), generation);
}

#[test]
fn a_reload_that_is_asked_for_sees_a_change_that_no_time_tells() {
    let hosts = Hosts::new("mapped");
    let _cable = hosts.cable(1_500);
    // Where nothing writes a page back, the first write through a mapping alone changes a time.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let set = memory.path().join("deny.txt");
    fs::write(&set, "192.0.2.10\n").unwrap();
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(&set)
        .unwrap();
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let length = NonZeroUsize::new(11).unwrap();
    // SAFETY: a fresh mapping at an address of the kernel's choice, of which this test alone knows.
    let text = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, &file, 0).unwrap() };
    let write = |last: u8| {
        // SAFETY: the byte at 9 is in the mapping, which stays until the end of the process.
        unsafe { text.cast::<u8>().add(9).write_volatile(last) };
    };
    write(b'1');
    let times = || {
        let meta = fs::metadata(&set).unwrap();
        (
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec(),
        )
    };
    let before = times();
    while fs::metadata(&set)
        .unwrap()
        .modified()
        .unwrap()
        .elapsed()
        .unwrap()
        < SETTLED
    {
        thread::yield_now();
    }
    let sets = format!("[set.deny]\nfiles = [\"{}\"]\n", set.display());
    let mut daemon = Daemon::start(
        &hosts.edge,
        &config(&(sets + &rule("deny", "drop", "source = \"@deny\""))),
    );
    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, &udp4("192.0.2.11", 1)));
    for (round, ask) in ["reload", "SIGHUP"].into_iter().enumerate() {
        let last = 12 + round as u8;
        write(b'0' + last - 10);
        assert_eq!(times(), before);
        match ask {
            "reload" => assert!(daemon.cli(&["reload"]).status.success()),
            _ => {
                daemon.forget_messages();
                daemon.signal(Signal::SIGHUP);
                daemon.await_reload();
            }
        }
        assert!(
            !passes(&mut wire, &udp4(&format!("192.0.2.{last}"), 1)),
            "{ask}"
        );
        assert!(passes(&mut wire, &udp4("192.0.2.11", 1)), "{ask}");
    }
}

/// More than the longest tick of a clock of files.
const SETTLED: Duration = Duration::from_millis(100);

#[test]
fn removing_the_last_rules_removes_them_and_the_others_keep_their_counters() {
    let hosts = Hosts::new("remove");
    let _cable = hosts.cable(1_500);
    let first = rule("first", "drop", "source = \"192.0.2.1\"");
    let last = rule("last", "drop", "source = \"192.0.2.2\"");
    let mut daemon = Daemon::start(&hosts.edge, &config(&(first.clone() + &last)));
    let mut wire = hosts.wire();
    wire.exchange(&vec![udp4("192.0.2.1", 1).bytes(); 20]);
    wire.exchange(&vec![udp4("192.0.2.2", 1).bytes(); 30]);

    daemon.edit(&config(&first));
    assert!(passes(&mut wire, &udp4("192.0.2.2", 1)));
    assert!(!passes(&mut wire, &udp4("192.0.2.1", 1)));
    assert_eq!(packets(&daemon.stats(), "first"), 21);

    // A rule that moves keeps its counter; one that comes back begins again.
    let new = rule("new", "drop", "source = \"192.0.2.3\"");
    daemon.edit(&config(&(new + &last + &first)));
    wire.exchange(&vec![udp4("192.0.2.3", 1).bytes(); 5]);
    let stats = daemon.stats();
    assert_eq!(packets(&stats, "first"), 21);
    assert_eq!(packets(&stats, "new"), 5);
    assert_eq!(packets(&stats, "last"), 0);

    daemon.edit(&config(""));
    for source in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        assert!(passes(&mut wire, &udp4(source, 1)), "{source}");
    }
}

#[test]
fn a_refused_file_leaves_the_old_rules_and_everyone_says_so() {
    let hosts = Hosts::new("refused");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny(1));
    let mut wire = hosts.wire();
    let generation = daemon.generation();

    for broken in [
        "this is not TOML",
        "",
        &config("souce = 1\n"),
        &config(&rule("deny", "drop", "source = \"192.0.2.1/24\"")),
        &config(&rule("deny", "drop", "source = \"@nobody\"")),
    ] {
        let message = daemon.edit(broken);
        assert!(!passes(&mut wire, &udp4("192.0.2.1", 1)), "{broken:?}");
        assert!(passes(&mut wire, &udp4("192.0.2.1", 2)), "{broken:?}");

        let told = message.get("STATUS").unwrap_or_default().to_owned();
        assert!(
            told.contains("refused") || told.contains("failed"),
            "{told}"
        );
        let status = daemon.status();
        assert_eq!(
            status.pointer("/generation").unwrap(),
            generation,
            "{broken:?}"
        );
        assert_eq!(
            status.pointer("/last_reload/ok").unwrap(),
            false,
            "{broken:?}"
        );
        let error = status.pointer("/last_reload/error").unwrap().to_string();
        assert!(error.contains("xdp-fw.toml"), "{error}");
        daemon.await_log(0, "xdp-fw.toml");

        let reload = daemon.cli(&["reload"]);
        assert_eq!(reload.status.code(), Some(2), "{reload:?}");
        let said = String::from_utf8_lossy(&reload.stderr).into_owned();
        assert!(said.contains("xdp-fw.toml"), "{said}");
        let check = daemon.cli(&["check"]);
        assert_eq!(check.status.code(), Some(2), "{check:?}");
    }

    daemon.edit(&deny(2));
    assert_eq!(daemon.status().pointer("/last_reload/ok").unwrap(), true);
    assert!(!passes(&mut wire, &udp4("192.0.2.1", 2)));
}

#[test]
fn a_burst_of_writes_ends_with_the_last_one_in_force() {
    let hosts = Hosts::new("burst");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny(1));
    let mut wire = hosts.wire();
    let before = daemon.generation();
    for port in 2..=40 {
        daemon.write_config(&deny(port));
    }
    daemon.await_reload();
    while passes(&mut wire, &udp4("192.0.2.1", 40)) {
        daemon.await_reload();
    }
    assert!(passes(&mut wire, &udp4("192.0.2.1", 39)));
    let reloads = daemon.generation() - before;
    assert!(reloads <= 3, "39 writes made {reloads} reloads");
}

#[test]
fn reload_and_sighup_put_a_file_into_force_and_an_unchanged_one_is_fine() {
    let hosts = Hosts::new("ask");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny(1));
    let reload = daemon.cli(&["reload"]);
    assert_eq!(reload.status.code(), Some(0), "{reload:?}");
    daemon.signal(Signal::SIGHUP);
    daemon.await_reload();
    assert_eq!(daemon.status().pointer("/last_reload/ok").unwrap(), true);
}

#[test]
fn no_packet_sees_half_a_rule_set_while_ten_thousand_prefixes_change() {
    let hosts = Hosts::new("atomic");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, "");
    // Both deny the odd or the even /24s of 10,000 documentation-range /32s, by one set each.
    let text = |parity: u32| {
        let prefixes: Vec<String> = (0..20_000u32)
            .filter(|n| n % 2 == parity)
            .map(|n| format!("\"2001:db8:0:{n:x}::/64\""))
            .collect();
        let set = format!("[set.half]\nprefixes = [{}]\n", prefixes.join(","));
        config(&(set + &rule("half", "drop", "source = \"@half\"")))
    };
    daemon.write_config(&text(0));
    daemon.restart();
    let mut wire = hosts.wire();
    // Pairs sent back to back: of each pair exactly one passes, whichever set is in force; only
    // a pair that a commit falls between may lose or keep both.
    let pair = |n: u32| {
        [2 * n, 2 * n + 1].map(|n| {
            let source = format!("2001:db8:0:{n:x}::1");
            (eth() / ipv6(source.as_str(), "2001:db8::1") / udp(1, 2)).bytes()
        })
    };
    let frames: Vec<Vec<u8>> = (0..32).flat_map(|n| pair(n * 311)).collect();
    let commits = 6;
    let mut torn = 0;
    for turn in 1..=commits {
        let target = daemon.generation() + 1;
        daemon.write_config(&text(turn % 2));
        loop {
            let arrived = wire.exchange(&frames).len();
            // A commit in the middle of the burst lets between none and all of the rest through;
            // otherwise exactly half arrive.
            if arrived != frames.len() / 2 {
                torn += 1;
                assert!(torn <= turn, "a packet's fate was that of neither rule set");
            }
            daemon.forget_messages();
            if daemon.generation() == target {
                break;
            }
        }
        let arrived = wire.exchange(&frames);
        assert_eq!(arrived.len(), frames.len() / 2);
        let passed: Vec<&Vec<u8>> = frames
            .iter()
            .skip(1 - turn as usize % 2)
            .step_by(2)
            .collect();
        let denied_parity_passes = arrived.iter().all(|frame| {
            frames.iter().position(|sent| sent == frame).unwrap() as u32 % 2 != turn % 2
        });
        assert!(
            denied_parity_passes,
            "{} of {}",
            arrived.len(),
            passed.len()
        );
    }
}

#[test]
fn status_tells_which_tables_hold_the_prefixes_and_what_they_weigh_through_edits_and_a_restart() {
    let hosts = Hosts::new("tables");
    let _cable = hosts.cable(1_500);
    let by = |criteria: &str| config(&rule("listed", "drop", criteria));
    let mut daemon = Daemon::start(&hosts.edge, &deny(1));
    assert_eq!(daemon.status()["tables"], serde_json::json!([]));

    daemon.write_config(&by("source = [\"192.0.2.1\", \"10.0.0.0/8\"]"));
    daemon.await_reload();
    let one = daemon.status()["tables"].clone();
    assert_eq!(one.as_array().unwrap().len(), 1, "{one}");
    let table = &one[0];
    assert_eq!(table["dimension"], "source");
    assert_eq!(table["family"], "ipv4");
    assert_eq!(table["nodes"], 4_096, "the root");
    assert_eq!(table["buckets"], 1);
    let bytes = table["bytes"].as_u64().unwrap();
    // The root, and what an array and a page come to.
    assert!((256 << 10..288 << 10).contains(&bytes), "{bytes}");

    let both = by("source = \"192.0.2.1\"\ndestination = [\"198.51.100.0/25\", \"2001:db8::/32\"]");
    daemon.write_config(&both);
    daemon.await_reload();
    let three = daemon.status()["tables"].clone();
    let names: Vec<String> = three
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["dimension"], it["family"]).replace('"', ""))
        .collect();
    assert_eq!(
        names,
        ["source ipv4", "destination ipv4", "destination ipv6"]
    );
    daemon.kill9();
    daemon.restart();
    assert_eq!(daemon.status()["tables"], three);
}
