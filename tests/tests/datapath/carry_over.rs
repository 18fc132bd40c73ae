//! Address tables that did not change go on with the next generation: the very maps, by their ids in
//! the kernel. Whatever is not sure to hold what it should is made again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aya::maps::{Map, MapData, MapInfo};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use xdp_fw::config::Config;
use xdp_fw::datapath::Datapath;
use xdp_fw::policy::{Leaves, Memo, Policy, Tables, compile_after, compile_with};
use xdp_fw_tests::compiled::{INGRESS, Said};
use xdp_fw_tests::kernel::PinDirectory;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::ruleset::{Criteria as _, config, drop as deny};

const NODES: Leaves = Leaves { v4: 0, v6: 0 };
const HASH: Leaves = Leaves {
    v4: usize::MAX,
    v6: usize::MAX,
};

/// The kernel frees maps when it has the time.
const DEADLINE: Duration = Duration::from_secs(30);

/// Maps by their names in the object, and their ids.
type Ids = BTreeMap<String, u32>;

/// A pin directory with its owner.
struct Host {
    pins: PinDirectory,
    datapath: Option<Datapath>,
    leaves: Leaves,
    /// Of what is in force.
    memo: Option<Memo>,
}

impl Host {
    fn new(leaves: Leaves) -> Self {
        let pins = PinDirectory::new();
        let datapath = Some(Datapath::open(pins.path()).unwrap());
        Self {
            pins,
            datapath,
            leaves,
            memo: None,
        }
    }

    /// Another process owns it from now on.
    fn restart(&mut self) {
        self.datapath = None;
        self.memo = None;
        self.datapath = Some(Datapath::open(self.pins.path()).unwrap());
    }

    fn datapath(&mut self) -> &mut Datapath {
        self.datapath.as_mut().unwrap()
    }

    fn tables(&self, config: &Config) -> Tables {
        let policy = Policy::from_config(config);
        match &self.memo {
            Some(memo) => compile_after(memo, &policy, &[]).unwrap(),
            None => compile_with(&policy, &[], self.leaves).unwrap(),
        }
    }

    /// Puts a configuration into force, and has it judge packets as it should.
    fn commit(&mut self, config: &Config) -> Ids {
        let tables = self.tables(config);
        let prepared = self.datapath().prepare(&tables, [0; 32]).unwrap();
        self.datapath().commit(prepared).unwrap();
        self.memo = Some(tables.memo());
        self.assert_right(config);
        self.ids()
    }

    fn assert_right(&mut self, config: &Config) {
        let mut probe = self.datapath().probe().unwrap();
        for frame in frames() {
            let probed = probe.run(&frame, None, 1).unwrap();
            let (said, _) = Said::by_oracle(config, INGRESS, &frame);
            let rule = probed.rule.and_then(|rule| config.rules.get(rule as usize));
            let rule = rule.map(|rule| &rule.name);
            assert_eq!(probed.verdict.name(), said.verdict, "{said}");
            assert_eq!(rule, said.rule.as_ref());
        }
    }

    fn directory(&self) -> PathBuf {
        let number = self.datapath.as_ref().unwrap().in_force().unwrap().number;
        self.pins
            .path()
            .join("generations")
            .join(number.to_string())
    }

    /// The address maps of the generation in force.
    fn ids(&self) -> Ids {
        let entries = fs::read_dir(self.directory()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let maps = names.filter(|name| name.starts_with(char::is_uppercase));
        let of = |name: String| (name.clone(), id(&self.directory().join(name)));
        maps.map(of).collect()
    }
}

fn id(pin: &Path) -> u32 {
    MapInfo::from_pin(pin).unwrap().id()
}

/// Packets of both families, within every prefix of these tests, between them and outside.
fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for last in [0, 1, 2, 3, 127, 128, 255] {
        for net in ["192.0.2", "198.51.100", "203.0.113"] {
            let other = format!("{net}.{last}");
            let (one, two) = (other.as_str(), "198.51.100.9");
            frames.push((eth() / ipv4(one, two) / udp(1, 53)).bytes());
            frames.push((eth() / ipv4(two, one) / tcp(1024, 22)).bytes());
        }
        for net in ["2001:db8:1::", "2001:db8:2::", "2001:db8::"] {
            let other = format!("{net}{last:x}");
            let (one, two) = (other.as_str(), "2001:db8:9::1");
            frames.push((eth() / ipv6(one, two) / udp(1, 53)).bytes());
            frames.push((eth() / ipv6(two, one) / tcp(1024, 22)).bytes());
        }
    }
    frames
}

const SOURCE: &str = "192.0.2.0/25, 198.51.100.1, 2001:db8:1::/48, 2001:db8:2::1";
const DESTINATION: &str = "203.0.113.0/24, 2001:db8:2::/64";

/// Rules over these lists, and as many more over none.
fn rules(source: &str, destination: &str, more: u16) -> Config {
    let lists = [
        deny("listed").source(source).destination_port("53"),
        deny("back").destination(destination),
    ];
    let ports = (0..more).map(|number| deny(format!("port-{number}")).destination_port("22"));
    config(lists.into_iter().chain(ports))
}

fn both(test: impl Fn(Leaves)) {
    for leaves in [NODES, HASH] {
        println!("{leaves:?}");
        test(leaves);
    }
}

/// What is in `after` and was not in `before`.
fn fresh(before: &Ids, after: &Ids) -> Vec<String> {
    assert!(before.keys().eq(after.keys()));
    let fresh = after
        .iter()
        .filter(|(name, id)| before.get(*name) != Some(id));
    fresh.map(|(name, _)| name.clone()).collect()
}

const SOURCE_V4: [&str; 2] = ["SOURCE_V4", "SOURCE_V4_HASH"];

#[test]
fn an_edit_of_a_rule_leaves_the_address_maps_as_they_are() {
    both(|leaves| {
        let mut host = Host::new(leaves);
        let first = host.commit(&rules(SOURCE, DESTINATION, 0));
        assert_eq!(first.len(), 8);
        for more in [1, 2, 70, 0] {
            assert_eq!(host.commit(&rules(SOURCE, DESTINATION, more)), first);
        }
        // The order of prefixes is not content, either.
        let reversed = "2001:db8:2::1, 2001:db8:1::/48, 198.51.100.1, 192.0.2.0/25";
        assert_eq!(host.commit(&rules(reversed, DESTINATION, 0)), first);
    });
}

#[test]
fn a_prefix_that_changes_gives_its_table_new_maps_and_no_other() {
    both(|leaves| {
        let mut host = Host::new(leaves);
        let first = host.commit(&rules(SOURCE, DESTINATION, 0));
        let longer = SOURCE.replace("192.0.2.0/25", "192.0.2.0/26");
        let second = host.commit(&rules(&longer, DESTINATION, 0));
        assert_eq!(fresh(&first, &second), SOURCE_V4);
        let third = host.commit(&rules(SOURCE, DESTINATION, 0));
        assert_eq!(fresh(&second, &third), SOURCE_V4);
        assert_eq!(fresh(&first, &third), SOURCE_V4, "the first ones are gone");
    });
}

#[test]
fn another_shape_of_table_has_other_maps() {
    let mut host = Host::new(NODES);
    let nodes = host.commit(&rules(SOURCE, DESTINATION, 0));
    host.leaves = HASH;
    host.memo = None;
    let hash = host.commit(&rules(SOURCE, DESTINATION, 0));
    assert_eq!(fresh(&nodes, &hash).len(), 8);
}

#[test]
fn maps_go_on_over_a_restart() {
    both(|leaves| {
        let mut host = Host::new(leaves);
        let first = host.commit(&rules(SOURCE, DESTINATION, 0));
        host.restart();
        assert_eq!(host.ids(), first);
        assert_eq!(host.commit(&rules(SOURCE, DESTINATION, 1)), first);
    });
}

#[test]
fn maps_of_the_base_go_on_with_whatever_wants_them() {
    let mut host = Host::new(HASH);
    let first = host.commit(&rules(SOURCE, DESTINATION, 0));
    host.datapath().keep_base().unwrap();
    let second = host.commit(&rules("192.0.2.1", DESTINATION, 0));
    let source: Vec<String> = fresh(&first, &second);
    assert!(
        source.iter().all(|name| name.starts_with("SOURCE")),
        "{source:?}"
    );
    assert_eq!(host.commit(&rules(SOURCE, DESTINATION, 3)), first);
    host.commit(&rules("192.0.2.1", DESTINATION, 0));

    host.datapath().revert().unwrap();
    assert_eq!(host.ids(), first);
    host.assert_right(&rules(SOURCE, DESTINATION, 0));
    host.restart();
    assert_eq!(host.commit(&rules(SOURCE, DESTINATION, 1)), first);
}

#[test]
fn a_table_that_nothing_uses_any_more_is_freed() {
    let mut host = Host::new(HASH);
    let first = host.commit(&rules(SOURCE, DESTINATION, 0));
    let second = host.commit(&rules("192.0.2.1", DESTINATION, 0));
    let gone = fresh(&second, &first).into_iter().map(|name| first[&name]);
    let start = Instant::now();
    for id in gone {
        while MapInfo::from_id(id).is_ok() {
            assert!(start.elapsed() < DEADLINE, "map {id} is still there");
            std::thread::yield_now();
        }
    }
}

#[test]
fn nobody_writes_into_a_map_that_is_carried_over() {
    let mut host = Host::new(HASH);
    host.commit(&rules(SOURCE, DESTINATION, 0));
    // What nobody froze is written to in the same way.
    assert_eq!(update(&host.directory().join("result")), Ok(()));
    for name in host.ids().into_keys() {
        let path = host.directory().join(&name);
        let refused = update(&path).unwrap_err();
        assert!(refused.contains("not permitted"), "{name}: {refused}");
        let refused = map(&path, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE);
        assert_eq!(refused, Err(Errno::EPERM), "{name}");
        assert_eq!(map(&path, ProtFlags::PROT_READ), Ok(()), "{name}");
    }
    let hash = host.directory().join("SOURCE_V4_HASH");
    let mut hash: aya::maps::Array<_, [u64; 8]> =
        Map::from_map_data(MapData::from_pin(hash).unwrap())
            .unwrap()
            .try_into()
            .unwrap();
    let error = hash.set(0, [0; 8], 0).unwrap_err();
    let refused = std::error::Error::source(&error).unwrap().to_string();
    assert!(refused.contains("not permitted"), "{refused}");
}

/// Writes zeros into the first value of a pinned array, or says why not.
fn update(pin: &Path) -> Result<(), String> {
    let size = MapInfo::from_pin(pin).unwrap().value_size() as usize;
    let mut bpftool = Command::new("bpftool");
    bpftool.args(["map", "update", "pinned"]).arg(pin);
    bpftool.args(["key", "hex", "00", "00", "00", "00", "value", "hex"]);
    let written = bpftool.args(vec!["00"; size]).output().unwrap();
    let said = String::from_utf8_lossy(&written.stderr).into_owned();
    written.status.success().then_some(()).ok_or(said)
}

/// Has a page of a pinned array in memory for a moment.
fn map(pin: &Path, access: ProtFlags) -> Result<(), Errno> {
    let data = MapData::from_pin(pin).unwrap();
    let page = NonZeroUsize::new(64).unwrap();
    // SAFETY: a fresh mapping at an address of the kernel's choice, which nobody uses.
    unsafe {
        let address = mmap(None, page, access, MapFlags::MAP_SHARED, data.fd(), 0)?;
        munmap(address, page.get())
    }
}

/// What stands in the place of a pin.
enum Intruder {
    Nothing,
    /// What is pinned under another name.
    Map(&'static str),
    Program,
}

#[test]
fn what_was_put_in_the_place_of_a_map_is_not_used() {
    let cases = [
        ("SOURCE_V4", Intruder::Nothing),
        ("SOURCE_V4", Intruder::Map("DESTINATION_V4")),
        ("SOURCE_V4", Intruder::Map("SOURCE_V4_HASH")),
        ("SOURCE_V4_HASH", Intruder::Map("DESTINATION_V4_HASH")),
        ("SOURCE_V4_HASH", Intruder::Map("info")),
        ("SOURCE_V4_HASH", Intruder::Program),
    ];
    for leaves in [NODES, HASH] {
        for (name, intruder) in &cases {
            let mut host = Host::new(leaves);
            let first = host.commit(&rules(SOURCE, DESTINATION, 0));
            let directory = host.directory();
            fs::remove_file(directory.join(name)).unwrap();
            let other = match intruder {
                Intruder::Nothing => None,
                Intruder::Map(other) => Some(*other),
                Intruder::Program => Some("filter"),
            };
            if let Some(other) = other {
                pin_again(&directory.join(other), &directory.join(name));
            }
            let second = host.commit(&rules(SOURCE, DESTINATION, 1));
            assert_eq!(fresh(&first, &second), SOURCE_V4, "{name}");
            // And what was made again goes on.
            assert_eq!(host.commit(&rules(SOURCE, DESTINATION, 2)), second);
        }
    }
}

#[test]
fn without_a_record_of_what_they_hold_no_map_goes_on() {
    for other in [None, Some("info"), Some("rules"), Some("filter")] {
        let mut host = Host::new(HASH);
        let first = host.commit(&rules(SOURCE, DESTINATION, 0));
        let record = host.directory().join("tables");
        fs::remove_file(&record).unwrap();
        if let Some(other) = other {
            pin_again(&host.directory().join(other), &record);
        }
        let second = host.commit(&rules(SOURCE, DESTINATION, 1));
        assert_eq!(fresh(&first, &second).len(), 8, "{other:?}");
    }
}

#[test]
fn a_generation_that_is_not_committed_takes_nothing_with_it() {
    let mut host = Host::new(HASH);
    let first = host.commit(&rules(SOURCE, DESTINATION, 0));
    for config in [
        rules(SOURCE, DESTINATION, 1),
        rules("192.0.2.1", DESTINATION, 0),
    ] {
        let tables = host.tables(&config);
        drop(host.datapath().prepare(&tables, [1; 32]).unwrap());
    }
    let left = fs::read_dir(host.pins.path().join("generations")).unwrap();
    assert_eq!(left.count(), 1);
    assert_eq!(host.commit(&rules(SOURCE, DESTINATION, 1)), first);
}

fn pin_again(from: &Path, to: &Path) {
    match MapData::from_pin(from) {
        Ok(map) => map.pin(to).unwrap(),
        Err(_) => {
            let mut bpftool = Command::new("bpftool");
            let pinned = bpftool.args(["prog", "pin", "pinned"]);
            assert!(pinned.arg(from).arg(to).status().unwrap().success());
        }
    }
}
