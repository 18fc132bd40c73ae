//! Broken surroundings: a full disk, no descriptors, no memory, a file that belongs to another. The
//! old rules stay, someone is told what to do, and what was mended is noticed.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::net::Ipv6Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::descriptors;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{Hosts, config, passes, rule};
use xdp_fw_tests::wire::Wire;

fn deny(port: u16) -> String {
    let criteria = format!("protocol = \"udp\"\ndestination_port = {port}");
    config(&rule("deny", "drop", &criteria))
}

/// Whether the rule of [`deny`] with this port is the one in force.
fn denies(wire: &mut Wire, port: u16) -> bool {
    let to = |port| eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(40_000, port);
    let others_pass = passes(wire, &to(port + 1));
    others_pass && !passes(wire, &to(port))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `errors` of the status, on one line.
fn troubles(daemon: &Daemon<'_>) -> String {
    let status = daemon.status();
    status
        .get("errors")
        .map(Value::to_string)
        .unwrap_or_default()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of the test's own");
}

#[test]
fn a_chmod_that_mends_a_refused_file_is_noticed() {
    let hosts = Hosts::new("chmod");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny(1));
    let mut wire = hosts.wire();
    let path = daemon.config_path().to_owned();
    let directory = path.parent().expect("it has a directory").to_owned();

    let new = path.with_extension("new");
    fs::write(&new, deny(2)).expect("a directory of the test's own");
    set_mode(&new, 0o666);
    fs::rename(&new, &path).expect("a directory of the test's own");
    daemon.await_reload();
    assert!(denies(&mut wire, 1));
    daemon.forget_messages();
    set_mode(&path, 0o644);
    daemon.await_reload();
    assert!(denies(&mut wire, 2));

    // The directory is what is wrong.
    set_mode(&directory, 0o777);
    daemon.write_config(&deny(3));
    daemon.await_reload();
    assert!(denies(&mut wire, 2));
    daemon.forget_messages();
    set_mode(&directory, 0o700);
    daemon.await_reload();
    assert!(denies(&mut wire, 3));
}

/// Lays a file system of this size over a directory, for this thread and what it starts.
fn small_disk(directory: &Path, bytes: u32) {
    unshare(CloneFlags::CLONE_NEWNS).expect("root may have mounts of its own");
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none).expect("mounts of one's own");
    let options = format!("size={bytes},mode=0700");
    mount(
        Some("tmpfs"),
        directory,
        Some("tmpfs"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    .expect("root may mount");
}

#[test]
fn a_full_disk_keeps_no_rule_out_of_force_and_is_told_until_there_is_room() {
    let hosts = Hosts::new("full");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &deny(1));
    small_disk(daemon.state_dir(), 64 << 10);
    let filler = daemon.state_dir().join("filler");
    daemon.restart();
    let mut wire = hosts.wire();
    assert_eq!(troubles(&daemon), "[]");

    // Now nothing fits any more.
    let _ = fs::write(&filler, vec![0; 64 << 10]);
    daemon.write_config(&deny(2));
    let reload = daemon.cli(&["reload"]);
    assert_eq!(reload.status.code(), Some(0), "it is in force: {reload:?}");
    daemon.forget_messages();
    assert!(denies(&mut wire, 2));
    let told = troubles(&daemon);
    assert!(told.contains("last good configuration"), "{told}");
    assert!(told.contains("No space left"), "{told}");

    // The former copy is whole: a start with a broken file finds it.
    daemon.kill9();
    daemon.write_config("broken");
    daemon.restart();
    assert!(denies(&mut wire, 1));

    // With room again, the next reload stores it, though nothing else is new.
    daemon.write_config(&deny(2));
    daemon.await_reload();
    assert!(troubles(&daemon).contains("No space left"));
    fs::remove_file(&filler).expect("a file of the test's own");
    assert!(daemon.cli(&["reload"]).status.success());
    daemon.forget_messages();
    assert_eq!(troubles(&daemon), "[]");
    daemon.kill9();
    daemon.write_config("broken");
    daemon.restart();
    assert!(denies(&mut wire, 2));
}

#[test]
fn a_run_directory_that_cannot_be_written_to_is_named() {
    let hosts = Hosts::new("rundir");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &deny(1));
    // A directory that nobody can make anything in, root included.
    small_disk(daemon.run_dir(), 4 << 10);
    let none: Option<&str> = None;
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(none, daemon.run_dir(), none, read_only, none).expect("root may mount");
    let failure = daemon.try_restart().expect_err("there is no lock");
    let code = failure.status.and_then(|status| status.code());
    assert_eq!(code, Some(1), "{failure}");
    let place = daemon.run_dir().display().to_string();
    assert!(failure.log.contains(&place), "{failure}");
    assert!(failure.log.contains("Read-only"), "{failure}");
}

#[test]
fn a_daemon_without_descriptors_refuses_the_reload_and_lives() {
    let hosts = Hosts::new("nofile");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &deny(1));
    let mut wire = hosts.wire();
    let generation = daemon.generation();

    // Enough for the file, too few for the maps. Connections leave the last ones alone, so no command
    // gets through.
    descriptors::limit(daemon.pid(), 6);
    let from = daemon.log().len();
    daemon.write_config(&deny(2));
    daemon.await_log(from, "LimitNOFILE");
    let log = daemon.log();
    assert!(log[from..].contains("Too many open files"), "{log}");
    assert!(denies(&mut wire, 1));
    assert_eq!(daemon.cli(&["reload"]).status.code(), Some(1));

    descriptors::limit(daemon.pid(), 1_000);
    daemon.forget_messages();
    let status = daemon.status();
    assert_eq!(status.pointer("/last_reload/ok"), Some(&false.into()));
    assert_eq!(status.pointer("/generation"), Some(&generation.into()));
    let reload = daemon.cli(&["reload"]);
    assert!(reload.status.success(), "{reload:?}");
    assert!(denies(&mut wire, 2));
}

/// A cgroup that limits the memory of one process, its BPF maps included; gone when dropped.
struct MemoryLimit(PathBuf);

impl MemoryLimit {
    /// As much as the process has now, and `more` bytes.
    fn on(pid: u32, more: u64) -> Self {
        // Version 1 has a hierarchy for memory, version 2 one for all.
        let (root, used, limit) = if Path::new("/sys/fs/cgroup/memory").exists() {
            (
                "/sys/fs/cgroup/memory",
                "memory.usage_in_bytes",
                "memory.limit_in_bytes",
            )
        } else {
            ("/sys/fs/cgroup", "memory.current", "memory.max")
        };
        let group = Self(Path::new(root).join(format!("xdp-fw-test-{pid}")));
        fs::create_dir(&group.0).expect("root may make a cgroup");
        group.set("cgroup.procs", pid.into());
        let used =
            fs::read_to_string(group.0.join(used)).expect("a cgroup with a memory controller");
        let used: u64 = used.trim().parse().expect("a number of bytes");
        group.set(limit, used + more);
        group
    }

    fn set(&self, file: &str, value: u64) {
        fs::write(self.0.join(file), value.to_string()).expect("a cgroup of the test's own");
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        // The process may still be in it, or its memory: a leftover is reported, no more.
        if let Err(error) = fs::remove_dir(&self.0) {
            eprintln!("left behind: {}: {error}", self.0.display());
        }
    }
}

/// A configuration whose tables take more than 60 MiB in the kernel, though the process itself
/// needs little for it: four lengths beside each other at far ends of the address space.
fn enormous(path: &Path) -> String {
    const GROUPS: u128 = 30_000;
    let lengths = [128, 127, 126, 125];
    let mut text = String::new();
    for length in lengths {
        let file = format!("set-{length}.txt");
        let place = path.with_file_name(&file);
        let prefixes = (0..GROUPS).map(|group| {
            // Fibonacci hashing: neighbours share no more than the first bits.
            let middle = group * 0x9e37_79b9_7f4a_7c15 % (1 << 88);
            let address = (0x2001_0db8 << 96) + (middle << 8);
            format!("{}/{length}\n", Ipv6Addr::from(address))
        });
        fs::write(&place, prefixes.collect::<String>()).expect("a directory of the test's own");
        set_mode(&place, 0o644);
        text += &format!("[set.s{length}]\nfiles = [\"{file}\"]\n");
    }
    for length in lengths {
        let criteria = format!("source = \"@s{length}\"");
        text += &rule(&format!("r{length}"), "drop", &criteria);
    }
    config(&text)
}

#[test]
fn maps_that_do_not_fit_into_the_memory_limit_refuse_the_reload_and_the_daemon_lives() {
    let hosts = Hosts::new("nomem");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny(1));
    let mut wire = hosts.wire();
    let generation = daemon.generation();
    let limit = MemoryLimit::on(daemon.pid(), 40 << 20);

    let config = enormous(daemon.config_path());
    daemon.write_config(&config);
    let reload = daemon.cli(&["reload"]);
    daemon.forget_messages();
    assert_eq!(reload.status.code(), Some(1), "{reload:?}");
    let error = said(&reload);
    assert!(error.contains("Cannot allocate memory"), "{error}");
    assert!(
        error.contains("raise the service's memory limit"),
        "{error}"
    );
    let status = daemon.status();
    assert_eq!(status.pointer("/last_reload/ok"), Some(&false.into()));
    assert_eq!(status.pointer("/generation"), Some(&generation.into()));
    assert!(denies(&mut wire, 1));

    daemon.edit(&deny(2));
    assert!(denies(&mut wire, 2));
    daemon.stop();
    drop(limit);
}

/// Ranges that come to some 160 prefixes each, behind a rule; `limits` are those of the configuration.
fn ranges(path: &Path, limits: &str) -> String {
    let range = |at: u32| {
        let net = format!("2001:db8:{:x}:{:x}:", at >> 16, at & 0xffff);
        format!("{net}:1-{net}ffff:ffff:ffff:fffe\n")
    };
    let place = path.with_file_name("ranges.txt");
    fs::write(&place, (0..60_000).map(range).collect::<String>())
        .expect("a directory of the test's own");
    set_mode(&place, 0o644);
    config(&format!(
        "[limits]\n{limits}\n[set.ranges]\nfiles = \"ranges.txt\"\n{}",
        rule("ranges", "drop", "source = \"@ranges\"")
    ))
}

#[test]
fn ranges_beyond_the_memory_limit_are_refused_and_the_daemon_lives() {
    let hosts = Hosts::new("ranges");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny(1));
    let mut wire = hosts.wire();
    let generation = daemon.generation();
    let _limit = MemoryLimit::on(daemon.pid(), 200 << 20);

    let text = ranges(daemon.config_path(), "");
    daemon.write_config(&text);
    let reload = daemon.cli(&["reload"]);
    daemon.forget_messages();
    assert_eq!(reload.status.code(), Some(2), "{reload:?}");
    let error = said(&reload);
    assert!(error.contains("ranges.txt:"), "{error}");
    assert!(error.contains("set `ranges`"), "{error}");
    assert!(error.contains("`[limits] memory`"), "{error}");
    assert_eq!(daemon.generation(), generation);
    assert!(denies(&mut wire, 1));
    daemon.stop();
}

#[test]
fn a_daemon_that_the_kernel_killed_for_its_memory_begins_from_last_good() {
    let hosts = Hosts::new("oom");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &deny(1));
    daemon.without_watches();
    daemon.stop();
    daemon.restart();
    let mut wire = hosts.wire();
    let limit = MemoryLimit::on(daemon.pid(), 100 << 20);
    let text = ranges(daemon.config_path(), "memory = false\nprefixes = false");
    daemon.write_config(&text);
    let reload = daemon.cli(&["reload"]);
    assert!(!reload.status.success(), "{reload:?}");
    let end = daemon.await_end();
    let signal = std::os::unix::process::ExitStatusExt::signal(&end.status.expect("it has ended"));
    assert_eq!(signal, Some(libc::SIGKILL), "{end}");
    drop(limit);

    // The same file is there still.
    daemon.restart();
    assert!(denies(&mut wire, 1));
    let status = daemon.status();
    assert_eq!(
        status.pointer("/config_source"),
        Some(&"last-good".into()),
        "{status}"
    );
    let errors = status.pointer("/errors").expect("errors").to_string();
    assert!(errors.contains("the daemon died while it read"), "{errors}");
}
