//! Every packet is counted exactly once, under what decided it: the committed filter itself,
//! entered through its root, with its live counters.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test: where they panic, it fails"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use xdp_fw::config::{Action, Config};
use xdp_fw::datapath::{self, Datapath};
use xdp_fw::policy::{Policy, compile};
use xdp_fw_tests::compiled::{INGRESS, Said};
use xdp_fw_tests::encapsulations;
use xdp_fw_tests::kernel::PinDirectory;
use xdp_fw_tests::packet::{arp, eth, payload};
use xdp_fw_tests::ruleset::{Criteria, config, drop};

use super::malformed::malformed;

/// How often each frame is sent: a count of one would also be that of a flag.
const REPEAT: u64 = 3;

/// Packets and bytes by what decided, as in `drop by rule denied`.
type Counts = BTreeMap<String, (u64, u64)>;

/// Sends a frame through a pinned program, [`REPEAT`] times. The product's own test runs enter
/// through its probe, which counts nothing: that is why this one is bpftool's.
fn send(program: &Path, frame: &[u8], directory: &Path) {
    let file = directory.join("frame");
    fs::write(&file, frame).unwrap();
    let output = Command::new("bpftool")
        .args(["prog", "run", "pinned"])
        .arg(program)
        .arg("data_in")
        .arg(&file)
        .args(["repeat", &REPEAT.to_string()])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "bpftool: {error}");
}

/// What the counters say, without those that are zero.
fn counted(pins: &Path) -> Counts {
    let snapshot = datapath::read(pins).unwrap();
    let rules = snapshot.rules.iter().map(|rule| {
        let name = format!("{} by rule {}", rule.verdict.name(), rule.name);
        (name, rule.count)
    });
    let reasons = snapshot.reasons.iter().map(|reason| {
        let name = format!("{} by {}", reason.verdict.name(), reason.reason.name());
        (name, reason.count)
    });
    rules
        .chain(reasons)
        .filter(|(_, count)| count.packets > 0)
        .map(|(name, count)| (name, (count.packets, count.bytes)))
        .collect()
}

/// One frame of every reason, a few of the rule, the default, the essentials and non-IP.
fn frames() -> Vec<Vec<u8>> {
    let mut frames: Vec<Vec<u8>> = malformed().iter().map(|row| row.packet.bytes()).collect();
    let sound = |encapsulations: Vec<encapsulations::Encapsulation>| {
        let sound = encapsulations.into_iter().filter(|one| one.flaw.is_none());
        sound.step_by(97).map(|one| one.packet.bytes())
    };
    frames.extend(sound(encapsulations::v4()));
    frames.extend(sound(encapsulations::v6()));
    frames.push((eth() / arp("192.0.2.1", "192.0.2.2")).bytes());
    frames.push((eth().ether_type(0x88cc) / payload(100)).bytes());
    frames
}

fn each_is_counted_once(config: &Config) {
    let pins = PinDirectory::new();
    let tables = compile(&Policy::from_config(config), &[]).unwrap();
    let mut datapath = Datapath::open(pins.path()).unwrap();
    let prepared = datapath.prepare(&tables, [0; 32]).unwrap();
    datapath.commit(prepared).unwrap();
    let directory = tempfile::tempdir().unwrap();

    let mut expected = Counts::new();
    for frame in frames() {
        send(&pins.path().join("root"), &frame, directory.path());
        let said = Said::by_oracle(config, INGRESS, &frame).0.to_string();
        let (packets, bytes) = expected.entry(said).or_default();
        *packets += REPEAT;
        *bytes += REPEAT * frame.len() as u64;
    }
    assert_eq!(counted(pins.path()), expected);
}

#[test]
fn every_packet_is_counted_once_under_its_verdict_and_reason() {
    let v4_alone = drop("denied").source("192.0.2.0/24");
    for malformed in [Action::Drop, Action::Pass] {
        for default_action in [Action::Drop, Action::Pass] {
            each_is_counted_once(&Config {
                malformed,
                default_action,
                ..config([v4_alone.clone()])
            });
        }
    }
}
