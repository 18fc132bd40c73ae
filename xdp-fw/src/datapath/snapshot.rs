//! What the kernel says of the generation in force.

use std::time::SystemTime;

use xdp_fw_common::{Reason, Verdict};

/// What a generation is, as it is pinned with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Grows with each commit.
    pub number: u64,
    /// When it was prepared.
    pub created: SystemTime,
    /// SHA-256 over the configuration with its files.
    pub config: [u8; 32],
    /// Rules in force.
    pub rules: u32,
    /// Prefixes that the rules in force name.
    pub prefixes: u64,
    /// What happens where no rule matches.
    pub default_action: Verdict,
    /// What happens to malformed packets.
    pub malformed: Verdict,
    /// What happens to frames that are not IP.
    pub non_ip: Verdict,
    /// Whether essentials pass first.
    pub essentials: bool,
}

/// A counter, summed over all CPUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes of whole frames, from the Ethernet header on.
    pub bytes: u64,
    /// When the last packet came; `None` for never.
    pub last_seen: Option<SystemTime>,
}

/// What one rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCount {
    /// Its name.
    pub name: String,
    /// What it does.
    pub verdict: Verdict,
    /// What it counted.
    pub count: Count,
}

/// What was counted under one reason with one verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonCount {
    /// The reason.
    pub reason: Reason,
    /// The verdict.
    pub verdict: Verdict,
    /// What was counted.
    pub count: Count,
}

/// The generation in force and all its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What is in force.
    pub generation: Generation,
    /// Rules in file order.
    pub rules: Vec<RuleCount>,
    /// Every reason with both verdicts, [`Reason::Default`] among them. Under [`Reason::Rule`]
    /// stands what rules counted that are gone, so that sums never go back.
    pub reasons: Vec<ReasonCount>,
    /// Interfaces with a live link of ours, by index.
    pub interfaces: Vec<u32>,
    /// Id of the root program, as netlink shows it on an attached interface.
    pub root_program: u32,
}
