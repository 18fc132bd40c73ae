//! Describes the machine of a measurement, its kernel, and the versions of the peers.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The packages of the peers.
const PEERS: [&str; 4] = ["nftables", "iptables", "ipset", "xdp-tools"];

/// The properties of a machine that figures depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    /// The size of its memory.
    pub(crate) mebibytes: u64,
    pub(crate) kernel: String,
    /// The commit of this checkout, with a `+` if files had changed.
    pub(crate) commit: String,
    /// UTC, ISO 8601.
    pub(crate) date: String,
    /// Average number of processes that ran or waited for a CPU in the minute before. Above 1, the
    /// machine was busy with other work.
    pub(crate) load: f64,
    /// The versions of the installed packages of peers.
    pub(crate) peers: BTreeMap<String, String>,
}

impl Machine {
    /// Describes this machine.
    pub(crate) fn here() -> Self {
        let load = text("/proc/loadavg");
        let load = load.split(' ').next().and_then(|it| it.parse().ok());
        let peers = PEERS.into_iter().filter_map(|peer| {
            let version = output("dpkg-query", &["-W", "-f=${Version}", peer])?;
            Some((peer.to_owned(), version))
        });
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            mebibytes: mebibytes().unwrap_or(0),
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            commit: output("git", &["describe", "--always", "--dirty=+"]).unwrap_or_default(),
            date: output("date", &["-u", "+%Y-%m-%dT%H:%MZ"]).unwrap_or_default(),
            load: load.unwrap_or(0.0),
            peers: peers.filter(|(_, version)| !version.is_empty()).collect(),
        }
    }
}

fn mebibytes() -> Option<u64> {
    let total = field("/proc/meminfo", "MemTotal")?;
    let kibibytes: u64 = total.split(' ').next()?.parse().ok()?;
    Some(kibibytes / 1024)
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Returns the value after `name:` in a file.
pub(crate) fn field(path: &str, name: &str) -> Option<String> {
    text(path).lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// Returns the output of a command, if it succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
