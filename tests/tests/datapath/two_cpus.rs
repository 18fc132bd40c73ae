//! Two CPUs filter at once: every packet is counted once, where it was filtered, and what both
//! CPUs read neither of them writes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use aya::maps::{Array, Map, MapData, MapInfo, MapType, PerCpuArray};
use aya::programs::{ProgramInfo, Xdp};
use aya::util::online_cpus;
use aya::{TestRun as _, TestRunOptions};
use aya_obj::programs::XdpAttachType;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use xdp_fw::config::{Action, Config};
use xdp_fw::datapath::Datapath;
use xdp_fw::packet;
use xdp_fw_common::wire::{Counter, RuleEntry, reason_slot};
use xdp_fw_common::{Essential, Reason, Verdict};
use xdp_fw_tests::compiled::Compiled;
use xdp_fw_tests::kernel::PinDirectory;
use xdp_fw_tests::ruleset::{Criteria as _, config, drop, pass};

/// Of each kind, on each CPU.
const PACKETS: u32 = 200_000;

/// One kind for each CPU, and some for both: by rules, the default, a reason, an essential.
const OWN: [&str; 2] = [
    "tcp 192.0.2.1:40000 > 198.51.100.1:443 syn",
    "tcp 192.0.2.2:40000 > 198.51.100.1:443 syn",
];
const SHARED: [&str; 4] = [
    "udp 192.0.2.3:40000 > 198.51.100.1:53",
    "icmp 192.0.2.9 > 198.51.100.1",
    "tcp 192.0.2.9:1 > 198.51.100.1:2 fragment first length 24",
    "arp",
];

/// A generation in force that nothing is attached to.
struct Host {
    pins: PinDirectory,
    _datapath: Datapath,
}

impl Host {
    fn new(config: &Config) -> Self {
        let pins = PinDirectory::new();
        let mut datapath = Datapath::open(pins.path()).unwrap();
        let tables = Compiled::new(config).tables;
        let prepared = datapath.prepare(&tables, [0; 32]).unwrap();
        datapath.commit(prepared).unwrap();
        Self {
            pins,
            _datapath: datapath,
        }
    }

    fn program(&self, pin: &str) -> Xdp {
        Xdp::from_pin(self.pins.path().join(pin), XdpAttachType::Interface).unwrap()
    }

    fn map(&self, pin: &str) -> Map {
        let data = MapData::from_pin(self.pins.path().join(pin)).unwrap();
        Map::from_map_data(data).unwrap()
    }

    /// Sends frames through the root, [`PACKETS`] times each, on one CPU.
    fn filter(&self, cpu: usize, packets: &[&str]) {
        let mut only = CpuSet::new();
        only.set(cpu).unwrap();
        sched_setaffinity(Pid::from_raw(0), &only).unwrap();
        let root = self.program("root");
        for packet in packets {
            let frame = packet::parse(packet).unwrap().frame;
            let options = TestRunOptions {
                data_in: Some(&frame),
                repeat: PACKETS,
                ..TestRunOptions::new()
            };
            root.test_run(options).unwrap();
        }
    }

    /// Packets by slot, on each of these CPUs; slots without any are left out.
    fn counted(&self, cpus: [u32; 2]) -> [BTreeMap<u32, u64>; 2] {
        let counters: PerCpuArray<_, Counter> = self.map("counters").try_into().unwrap();
        let mut counted = [BTreeMap::new(), BTreeMap::new()];
        for slot in 0..counters.len() {
            let values = counters.get(&slot, 0).unwrap();
            let elsewhere = (0..)
                .zip(values.iter())
                .filter(|(cpu, _)| !cpus.contains(cpu));
            assert_eq!(
                elsewhere.map(|(_, it)| it.packets).sum::<u64>(),
                0,
                "{slot}"
            );
            for (counted, cpu) in counted.iter_mut().zip(cpus) {
                let packets = values[cpu as usize].packets;
                if packets != 0 {
                    counted.insert(slot, packets);
                }
            }
        }
        counted
    }

    /// The slot of each rule.
    fn slots(&self) -> Vec<u32> {
        let rules: Array<_, RuleEntry> = self.map("generations/1/rules").try_into().unwrap();
        rules.iter().map(|rule| rule.unwrap().slot).collect()
    }

    /// What the maps of root and filter hold that all CPUs share, by map.
    fn shared(&self) -> BTreeMap<u32, String> {
        let programs = ["root", "generations/1/filter"];
        let infos = programs.map(|pin| self.program(pin).info().unwrap());
        let ids = infos
            .iter()
            .flat_map(|info: &ProgramInfo| info.map_ids().unwrap().unwrap());
        let is_shared = |id: &u32| {
            let info = MapInfo::from_id(*id).unwrap();
            info.map_type().unwrap() != MapType::PerCpuArray
        };
        ids.filter(is_shared).map(|id| (id, dump(id))).collect()
    }
}

fn dump(map: u32) -> String {
    let output = Command::new("bpftool")
        .args(["--json", "map", "dump", "id", &map.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Filters on two CPUs at once and says where what was counted.
fn check(config: &Config) {
    let online = online_cpus().unwrap();
    let [first, second, ..] = online[..] else {
        panic!("this test takes two CPUs, and there is one");
    };
    let cpus = [first, second];
    let host = Host::new(config);
    let before = host.shared();
    assert!(before.len() >= 4, "programs have tables: {}", before.len());

    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        for (cpu, own) in cpus.into_iter().zip(OWN) {
            let (host, barrier) = (&host, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let packets: Vec<&str> = SHARED.into_iter().chain([own]).collect();
                host.filter(cpu as usize, &packets);
            });
        }
    });

    let rules = host.slots();
    let shared = [
        reason_slot(Reason::Default, Verdict::Drop),
        reason_slot(Reason::TinyFragment, Verdict::Drop),
        Essential::Arp.slot(),
    ];
    let expected = [rules[0], rules[1]].map(|own| {
        let slots = shared.into_iter().chain([own, rules[2]]);
        slots.map(|slot| (slot, u64::from(PACKETS))).collect()
    });
    assert_eq!(host.counted(cpus), expected);
    assert_eq!(host.shared(), before);
}

fn default_drop(rules: impl IntoIterator<Item = xdp_fw::config::Rule>) -> Config {
    Config {
        default_action: Action::Drop,
        ..config(rules)
    }
}

#[test]
fn two_cpus_at_once_count_every_packet_once_and_write_nothing_that_both_read() {
    let rules = || {
        [
            drop("first").source("192.0.2.1").protocol("6"),
            pass("second").source("192.0.2.2").destination_port("443"),
            drop("both").source("192.0.2.3").source_port("1024-65535"),
        ]
    };
    // Each of the filters: rows of a word, long rows, every criterion.
    check(&default_drop(rules()));
    let more = (0..100).map(|number| {
        let port = (20_000 + number).to_string();
        drop(format!("more-{number}"))
            .source("203.0.113.0/24")
            .destination_port(&port)
    });
    check(&default_drop(rules().into_iter().chain(more)));
    let vlan = drop("vlan").vlan("7");
    check(&default_drop(rules().into_iter().chain([vlan])));
}
