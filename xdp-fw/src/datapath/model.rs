//! What the datapath is about, as plain data: hooks, links, generations, and what was counted.
//!
//! Knows no map, no pin and no program.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xdp_fw_common::tables::RuleKind;
use xdp_fw_common::wire::{Counter, GenerationInfo};
use xdp_fw_common::{Essential, Reason, Verdict};

/// A place in the kernel where programs see packets of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Frames that come in by an interface, before the stack has them.
    XdpIngress,
}

impl Hook {
    /// Every hook.
    pub const ALL: [Self; 1] = [Self::XdpIngress];
}

/// How a link is asked for. There is no automatic choice here: that is the daemon's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachMode {
    /// In the driver.
    Native,
    /// In the stack.
    Generic,
}

/// A pinned link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it meets packets.
    pub hook: Hook,
    /// The name of its pin.
    pub number: u32,
    /// The interface it is on; `None` for a dead link, whose interface is gone.
    pub interface: Option<u32>,
    /// Id of the program it holds.
    pub program: u32,
}

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
    /// Whether any essential passes first.
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
    /// Whether it only counts what it would have done: packets that were counted elsewhere too.
    pub shadow: bool,
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

/// What was counted of one kind of essentials. Packets that an earlier version counted are part of
/// [`Reason::Essential`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EssentialCount {
    /// The kind.
    pub kind: Essential,
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
    /// Every kind of essentials; together with what an earlier version counted,
    /// [`Reason::Essential`].
    pub essentials: Vec<EssentialCount>,
    /// Interfaces with a live link of ours, by index.
    pub interfaces: Vec<u32>,
    /// Id of the root program, as netlink shows it on an attached interface.
    pub root_program: u32,
}

/// What of a generation its pins tell.
#[derive(Debug, Clone)]
pub(in crate::datapath) struct Described {
    pub(in crate::datapath) generation: Generation,
    /// What rules counted that were gone before this generation.
    pub(in crate::datapath) retired: [Counter; 2],
    pub(in crate::datapath) rules: Vec<Slot>,
    pub(in crate::datapath) gone: Vec<Slot>,
}

/// A rule's counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::datapath) struct Slot {
    pub(in crate::datapath) name: String,
    pub(in crate::datapath) slot: u32,
    pub(in crate::datapath) verdict: Verdict,
    /// What a shadow rule counts is counted elsewhere too.
    pub(in crate::datapath) kind: RuleKind,
}

impl Generation {
    pub(in crate::datapath) fn from_info(info: &GenerationInfo) -> Self {
        Self {
            number: info.number,
            created: UNIX_EPOCH + Duration::from_secs(info.created),
            config: info.config,
            rules: info.rules,
            prefixes: info.prefixes,
            default_action: Verdict::from_wire(info.default_action as u8),
            malformed: Verdict::from_wire(info.malformed as u8),
            non_ip: Verdict::from_wire(info.non_ip as u8),
            essentials: info.essentials == 1,
        }
    }
}
