//! What happens to a table between being carried over and being in force.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use aya::maps::{MapData, MapInfo};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::signal::Signal;
use xdp_fw::fault::Point;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{Hosts, config, passes, rule};

use super::host::from;

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
        daemon.await_stop();
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
        daemon.await_log(0, "built again");
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
    daemon.await_stop();
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
