//! Fixed values for the tests of what people and programs read.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xdp_fw_common::{Essential, Essentials, Reason, Verdict};

use crate::config::{Action, Config, Limits, Metrics, Mode, OnStop};
use crate::datapath::{Count, EssentialCount, Generation, ReasonCount, RuleCount, Snapshot, Table};

use crate::lockout::LoginSource;

use crate::daemon::status::{Interface, LastReload, Listener, Source, State, Status, Trial};

/// The moment at which every test looks.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn ago(seconds: u64) -> SystemTime {
    now() - Duration::from_secs(seconds)
}

/// A configuration without rules.
pub(crate) fn config(interfaces: &[&str]) -> Config {
    Config {
        interfaces: interfaces.iter().map(|&name| name.to_owned()).collect(),
        mode: Mode::Native,
        interface_overrides: Vec::new(),
        default_action: Action::Pass,
        malformed: Action::Drop,
        non_ip: Action::Pass,
        essentials: Essentials::ALL,
        on_stop: OnStop::Keep,
        guard: true,
        confirm: None,
        sets: std::collections::BTreeMap::new(),
        rules: Vec::new(),
        expectations: Vec::new(),
        metrics: Metrics { listen: None },
        limits: Limits {
            prefixes: None,
            memory: None,
        },
    }
}

fn table(dimension: &str, family: &str, nodes: u32, buckets: u32, bytes: u64) -> Table {
    Table {
        dimension: dimension.to_owned(),
        family: family.to_owned(),
        nodes,
        buckets,
        bytes,
    }
}

/// A daemon that is well.
pub(crate) fn status() -> Status {
    let interface = |name: &str, index, mode: &str| Interface {
        name: name.to_owned(),
        ifindex: Some(index),
        mode: Some(mode.to_owned()),
        attached: true,
        error: None,
        failures: 0,
        next_attempt: None,
    };
    Status {
        version: "0.1.0".to_owned(),
        pid: 4711,
        started: ago(90_000).into(),
        state: State::Running,
        degraded: false,
        generation: 7,
        rules: 3,
        prefixes: 12,
        tables: vec![
            table("source", "ipv4", 4_102, 3, 262_784),
            table("source", "ipv6", 4_096, 1, 524_352),
        ],
        config: PathBuf::from("/etc/xdp-fw.toml"),
        config_hash: "5a".repeat(32),
        config_source: Source::File,
        warnings: Vec::new(),
        left_out: Vec::new(),
        logins: LoginSource::Logind,
        guard_refusal: None,
        trial: None,
        last_reload: Some(LastReload {
            ok: true,
            at: ago(200).into(),
            error: None,
            problems: Vec::new(),
        }),
        last_success: Some(ago(200).into()),
        interfaces: vec![
            interface("eth0", 2, "native"),
            interface("wan0", 5, "generic"),
        ],
        metrics: Listener {
            listen: Some(([127, 0, 0, 1], 9798).into()),
            error: None,
        },
        errors: Vec::new(),
    }
}

/// What is in force is on trial for another minute.
pub(crate) fn trial() -> Trial {
    Trial {
        until: (now() + Duration::from_secs(60)).into(),
        seconds_left: 60,
        base: 6,
        deadline: None,
    }
}

/// Three rules in force, and one that is gone.
pub(crate) fn snapshot() -> Snapshot {
    let rule = |name: &str, verdict, packets, bytes, last_seen| RuleCount {
        name: name.to_owned(),
        verdict,
        shadow: false,
        count: Count {
            packets,
            bytes,
            last_seen,
        },
    };
    Snapshot {
        generation: generation(),
        rules: vec![
            rule(
                "ssh-from-office",
                Verdict::Pass,
                1_024,
                98_304,
                Some(ago(3)),
            ),
            rule(
                "spamhaus",
                Verdict::Drop,
                1_500_000,
                96_000_000,
                Some(ago(7_300)),
            ),
            rule("never-hit", Verdict::Pass, 0, 0, None),
        ],
        reasons: reasons(),
        essentials: essentials(),
        interfaces: vec![2, 5],
        root_program: 42,
    }
}

fn generation() -> Generation {
    Generation {
        number: 7,
        created: ago(200),
        config: [0x5a; 32],
        rules: 3,
        prefixes: 12,
        default_action: Verdict::Pass,
        malformed: Verdict::Drop,
        non_ip: Verdict::Pass,
        essentials: true,
    }
}

/// A hundred were counted by an earlier version.
fn essentials() -> Vec<EssentialCount> {
    let packets = |kind| match kind {
        Essential::Arp => 200,
        Essential::NeighborDiscovery => 20,
        Essential::Igmp => 1,
        _ => 0,
    };
    let row = |kind| EssentialCount {
        kind,
        count: Count {
            packets: packets(kind),
            bytes: packets(kind) * 100,
            last_seen: (packets(kind) > 0).then(|| ago(60)),
        },
    };
    Essential::ALL.map(row).to_vec()
}

fn reasons() -> Vec<ReasonCount> {
    let packets = |reason, verdict| match (reason, verdict) {
        (Reason::Default, Verdict::Pass) => 20_000,
        (Reason::Default, Verdict::Drop) => 7,
        (Reason::Essential, Verdict::Pass) => 321,
        (Reason::TinyFragment, Verdict::Drop) => 2,
        (Reason::Rule, Verdict::Drop) => 100,
        _ => 0,
    };
    let both = |reason| Verdict::ALL.map(|verdict| (reason, verdict));
    let rows = Reason::ALL.into_iter().flat_map(both);
    rows.map(|(reason, verdict)| {
        let packets = packets(reason, verdict);
        let last_seen = (packets > 0).then(|| ago(60));
        let bytes = packets * 100;
        let count = Count {
            packets,
            bytes,
            last_seen,
        };
        ReasonCount {
            reason,
            verdict,
            count,
        }
    })
    .collect()
}
