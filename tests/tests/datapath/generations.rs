//! The pin directory: made, checked, adopted, refused, removed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use bytemuck::Zeroable as _;
use xdp_fw::datapath::{self, AttachMode, Datapath, Error, Hook};
use xdp_fw::policy::{AddressTable, Leaves, NamedRule, Tables};
use xdp_fw_common::tables::RuleKind;
use xdp_fw_common::wire::Settings;
use xdp_fw_common::{Essentials, Reason, Verdict};
use xdp_fw_tests::kernel::PinDirectory;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts};

/// Match-all rules of these names; the first one decides.
fn tables(names: &[&str]) -> Tables {
    Tables {
        settings: Settings {
            rules: names.len() as u32,
            malformed: Verdict::Drop as u32,
            essentials: Essentials::ALL.bits(),
            ..Settings::zeroed()
        },
        rules: names
            .iter()
            .map(|name| NamedRule {
                name: (*name).to_owned(),
                verdict: Verdict::Drop,
                kind: RuleKind::Decides,
            })
            .collect(),
        source: AddressTable::default(),
        destination: AddressTable::default(),
        interfaces: Vec::new(),
        source_macs: Vec::new(),
        destination_macs: Vec::new(),
        numbers: Default::default(),
        rows: Vec::new(),
        prefixes: 0,
        leaves: Leaves::default(),
    }
}

fn commit(datapath: &mut Datapath, names: &[&str]) {
    let prepared = datapath.prepare(&tables(names), [7; 32]).unwrap();
    datapath.commit(prepared).unwrap();
}

#[test]
fn a_commit_is_in_force_and_readable_and_unload_leaves_nothing() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    assert!(datapath.in_force().is_none());
    assert!(matches!(
        datapath::read(pins.path()),
        Err(Error::NoGeneration { .. })
    ));

    commit(&mut datapath, &["a", "b"]);
    let snapshot = datapath::read(pins.path()).unwrap();
    assert_eq!(snapshot.generation.number, 1);
    assert_eq!(snapshot.generation.config, [7; 32]);
    let names: Vec<&str> = snapshot
        .rules
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert!(snapshot.rules.iter().all(|rule| rule.count.packets == 0));

    drop(datapath);
    assert_eq!(datapath::unload(pins.path()).unwrap().links, 0);
    assert!(!pins.path().exists());
}

#[test]
fn a_restart_adopts_the_generation_and_counts_on_from_its_number() {
    let pins = PinDirectory::new();
    commit(&mut Datapath::open(pins.path()).unwrap(), &["a"]);
    let mut datapath = Datapath::open(pins.path()).unwrap();
    assert_eq!(datapath.in_force().unwrap().number, 1);
    commit(&mut datapath, &["a"]);
    assert_eq!(datapath::read(pins.path()).unwrap().generation.number, 2);
    assert_eq!(generations(pins.path()), ["2"]);
}

fn generations(pins: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(pins.join("generations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_prepared_generation_that_is_dropped_leaves_the_old_one_and_no_pin() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    commit(&mut datapath, &["a"]);
    drop(datapath.prepare(&tables(&["b"]), [8; 32]).unwrap());
    assert_eq!(generations(pins.path()), ["1"]);
    assert_eq!(datapath::read(pins.path()).unwrap().rules[0].name, "a");
}

#[test]
fn what_an_interrupted_run_left_half_made_is_swept_at_the_next_start() {
    let pins = PinDirectory::new();
    commit(&mut Datapath::open(pins.path()).unwrap(), &["a"]);
    fs::create_dir(pins.path().join("generations/2")).unwrap();
    let datapath = Datapath::open(pins.path()).unwrap();
    assert_eq!(datapath.in_force().unwrap().number, 1);
    assert_eq!(generations(pins.path()), ["1"]);
}

#[test]
fn a_second_owner_of_a_pin_directory_is_refused() {
    let pins = PinDirectory::new();
    let _first = Datapath::open(pins.path()).unwrap();
    assert!(matches!(
        Datapath::open(pins.path()),
        Err(Error::Busy { .. })
    ));
    assert!(matches!(
        datapath::unload(pins.path()),
        Err(Error::Busy { .. })
    ));
}

#[test]
fn a_directory_of_another_user_or_open_to_others_is_refused_by_name() {
    let pins = PinDirectory::new();
    drop(Datapath::open(pins.path()).unwrap());

    fs::set_permissions(pins.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let error = Datapath::open(pins.path()).err().unwrap().to_string();
    assert!(error.contains("open to others (mode 0755)"), "{error}");
    assert!(error.contains(pins.path().to_str().unwrap()), "{error}");

    fs::set_permissions(pins.path(), fs::Permissions::from_mode(0o700)).unwrap();
    chown(pins.path(), Some(65534), None).unwrap();
    let error = Datapath::open(pins.path()).err().unwrap().to_string();
    assert!(error.contains("owned by uid 65534"), "{error}");
    chown(pins.path(), Some(0), None).unwrap();
}

#[test]
fn pinned_maps_of_another_shape_are_refused_by_name() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    commit(&mut datapath, &["a"]);
    drop(datapath);
    let counters = pins.path().join("counters");
    let info = pins.path().join("generations/1/info");
    let entry = pins.path().join("entry");

    // An array where the per-CPU array should be; then the program array.
    for (foreign, said) in [(&info, "Array"), (&entry, "ProgramArray")] {
        fs::remove_file(&counters).unwrap();
        link(foreign, &counters);
        let error = Datapath::open(pins.path()).err().unwrap().to_string();
        assert!(error.contains("counters"), "{error}");
        assert!(error.contains(said), "{error}");
    }
}

/// bpffs refuses hard links from user space: pin the same object again.
fn link(from: &Path, to: &Path) {
    let status = std::process::Command::new("bpftool")
        .args(["map", "pin", "pinned"])
        .args([from, to])
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn the_probe_tells_rule_and_reason_and_counts_nothing() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    let prepared = datapath.prepare(&tables(&["a", "b"]), [7; 32]).unwrap();
    let mut probe = prepared.probe().unwrap();
    let mut frame = [0u8; 64];
    frame[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
    frame[17] = 50;
    frame[26] = 192;
    let probed = probe.run(&frame, None, 0).unwrap();
    assert_eq!(probed.verdict, Verdict::Drop);
    assert_eq!(probed.reason, Some(Reason::Rule));
    assert_eq!(probed.rule, Some(0));
    assert_eq!(probed.length, 64);

    frame[14] = 0x65;
    assert_eq!(
        probe.run(&frame, None, 0).unwrap().reason,
        Some(Reason::IpVersion)
    );

    datapath.commit(prepared).unwrap();
    let snapshot = datapath::read(pins.path()).unwrap();
    assert!(snapshot.rules.iter().all(|rule| rule.count.packets == 0));
    assert!(
        snapshot
            .reasons
            .iter()
            .all(|reason| reason.count.packets == 0)
    );
}

#[test]
fn a_frame_whose_first_buffer_is_nearly_empty_is_read_across_buffers() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    let prepared = datapath.prepare(&tables(&["a"]), [7; 32]).unwrap();
    let mut probe = prepared.probe().unwrap();
    let mut frame = vec![0u8; 9000];
    frame[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
    frame[16..18].copy_from_slice(&8986u16.to_be_bytes());
    frame[26] = 192;
    for first_buffer in [14, 20, 33, 34, 35, 3000] {
        let probed = probe.run(&frame, Some(first_buffer), 0).unwrap();
        assert_eq!(probed.reason, Some(Reason::Rule), "{first_buffer}");
        assert_eq!(probed.length, 9000, "{first_buffer}");
    }
}

#[test]
fn slots_of_removed_rules_come_free_after_the_next_commit_and_names_keep_theirs() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    let many: Vec<String> = (0..4096).map(|i| format!("first-{i}")).collect();
    let others: Vec<String> = (0..4096).map(|i| format!("second-{i}")).collect();
    for turn in 0..6 {
        let names = if turn % 2 == 0 { &many } else { &others };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        commit(&mut datapath, &names);
    }
    assert_eq!(datapath::read(pins.path()).unwrap().generation.number, 6);
}

/// The index of the device under test, and a data path that is on it.
fn attached(hosts: &Hosts, pins: &PinDirectory) -> (u32, Datapath) {
    hosts.edge.within(|| {
        let index = nix::net::if_::if_nametoindex(EDGE_DEVICE).unwrap();
        let mut datapath = Datapath::open(pins.path()).unwrap();
        commit(&mut datapath, &["a"]);
        datapath
            .attach(Hook::XdpIngress, index, EDGE_DEVICE, AttachMode::Native)
            .unwrap();
        (index, datapath)
    })
}

fn is_attached(hosts: &Hosts) -> bool {
    let shown = hosts.edge.run("ip", ["link", "show", "dev", EDGE_DEVICE]);
    shown.contains("prog/xdp")
}

/// A descriptor of a pinned object, as a monitoring agent would hold it.
fn hold(pin: &Path) -> OwnedFd {
    let path = std::ffi::CString::new(pin.as_os_str().as_encoded_bytes()).unwrap();
    // BPF_OBJ_GET and its argument: the path, and zeros.
    let argument = [path.as_ptr() as u64, 0];
    // SAFETY: the layout of bpf(2); the path outlives the call.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, 7, argument.as_ptr(), 16) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just handed it out to us.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}

#[test]
fn unload_detaches_even_where_another_process_holds_the_link() {
    let hosts = Hosts::new("held");
    let _cable = hosts.cable(1_500);
    let pins = PinDirectory::new();
    drop(attached(&hosts, &pins));
    let link = pins.path().join("links/0");
    let _held = hold(&link);
    assert!(is_attached(&hosts));
    assert_eq!(datapath::unload(pins.path()).unwrap().links, 1);
    assert!(!is_attached(&hosts));
    assert!(!pins.path().exists());
}

#[test]
fn attaching_what_is_attached_is_fine_and_without_a_generation_refused() {
    let hosts = Hosts::new("attach");
    let _cable = hosts.cable(1_500);
    let pins = PinDirectory::new();
    let attach = |index| {
        datapath::attach_pinned(
            pins.path(),
            Hook::XdpIngress,
            index,
            EDGE_DEVICE,
            AttachMode::Native,
        )
    };
    assert!(matches!(attach(2), Err(Error::NoGeneration { .. })));
    let (index, datapath) = attached(&hosts, &pins);
    hosts.edge.within(|| attach(index)).unwrap();
    assert_eq!(datapath.links().unwrap().len(), 1);
}

#[test]
fn an_interrupted_unload_can_be_finished() {
    let pins = PinDirectory::new();
    commit(&mut Datapath::open(pins.path()).unwrap(), &["a"]);
    fs::remove_dir(pins.path().join("links")).unwrap();
    assert_eq!(datapath::unload(pins.path()).unwrap().links, 0);
    assert!(!pins.path().exists());
}

#[test]
fn a_lost_entry_pin_is_healed_by_the_next_commit() {
    let hosts = Hosts::new("lost");
    let _cable = hosts.cable(1_500);
    let pins = PinDirectory::new();
    drop(attached(&hosts, &pins));
    fs::remove_file(pins.path().join("entry")).unwrap();

    let mut wire = hosts.wire();
    let frame = (eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)).bytes();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    assert!(datapath.in_force().is_none());
    let mut pass_all = tables(&[]);
    pass_all.settings.default_action = Verdict::Pass as u32;
    let prepared = datapath.prepare(&pass_all, [9; 32]).unwrap();
    datapath.commit(prepared).unwrap();
    assert_eq!(wire.exchange(&[&frame]).len(), 1);
    let links = datapath.links().unwrap();
    assert_eq!(links.first().unwrap().program, datapath.root_program());
}

#[test]
fn of_two_prepared_generations_the_second_commit_is_refused() {
    let pins = PinDirectory::new();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    commit(&mut datapath, &["a"]);
    let first = datapath.prepare(&tables(&["b"]), [1; 32]).unwrap();
    drop(first);
    let stale = datapath.prepare(&tables(&["c"]), [2; 32]).unwrap();
    // The same number cannot be prepared twice at once.
    assert!(datapath.prepare(&tables(&["d"]), [3; 32]).is_err() || stale.generation().number == 2);
    datapath.commit(stale).unwrap();
    assert_eq!(datapath::read(pins.path()).unwrap().rules[0].name, "c");
}

#[test]
fn a_reader_never_fails_and_no_total_goes_back_while_generations_change() {
    let hosts = Hosts::new("reader");
    let _cable = hosts.cable(1_500);
    let pins = PinDirectory::new();
    let (_, mut datapath) = attached(&hosts, &pins);
    let frame = (eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)).bytes();
    let mut wire = hosts.wire();
    wire.exchange(&vec![frame; 1_000]);

    let stop = std::sync::atomic::AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let snapshot = datapath::read(pins.path()).unwrap();
                let rules = snapshot.rules.iter().map(|rule| rule.count.packets);
                let gone = snapshot
                    .reasons
                    .iter()
                    .filter(|count| count.reason == Reason::Rule)
                    .map(|count| count.count.packets);
                assert_eq!(rules.sum::<u64>() + gone.sum::<u64>(), 1_000);
                reads += 1;
            }
            reads
        });
        // Each commit removes the only rule; the one that counted is gone after the first.
        for turn in 0..40 {
            commit(&mut datapath, &[if turn % 2 == 0 { "b" } else { "c" }]);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(reads > 20, "{reads} reads");
}

mod without_root {
    use super::*;

    #[test]
    fn directory_outside_bpffs_is_refused_with_its_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let error = Datapath::open(directory.path()).err().unwrap().to_string();
        assert!(error.contains("mount -t bpf"), "{error}");
    }
}
