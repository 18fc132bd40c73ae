//! What crosses between kernel and user space in maps.
//!
//! Owns layouts. All integers are in host byte order; enums travel as their numbers. What is
//! pinned ([`Counter`], [`RuleEntry`], [`GenerationInfo`]) is versioned by the pin directory.

use bytemuck::{Pod, Zeroable};

use crate::essentials::Essential;
use crate::lpm::V4_LENGTHS;
use crate::{Dimension, Reason, Verdict};

/// Counters in the shared per-CPU array.
pub const COUNTER_SLOTS: u32 = 16_384;
/// Slots that belong to reasons; rules take the others.
pub const REASON_SLOTS: u32 = 128;

/// Of those, the first that belongs to a kind of essential: [`Essential::slot`]. What is below belongs to
/// reasons with their verdicts.
pub const ESSENTIAL_SLOTS: u32 = 64;

/// Bytes of a rule's name, at most.
pub const RULE_NAME_MAX: usize = 63;

/// The slot under which `reason` with `verdict` is counted. No packet is ever counted under
/// [`Reason::Rule`]: rules have slots of their own. Nor under [`Reason::Essential`], whose kinds have;
/// earlier versions did so, and what they counted is still part of its total.
#[must_use]
#[inline(always)]
pub const fn reason_slot(reason: Reason, verdict: Verdict) -> u32 {
    (reason as u32) * 2 + verdict as u32
}

const _: () = {
    assert!(Reason::ALL.len() * 2 <= ESSENTIAL_SLOTS as usize);
    assert!(ESSENTIAL_SLOTS as usize + Essential::ALL.len() <= REASON_SLOTS as usize);
};

/// One CPU's count of one slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Counter {
    /// Packets.
    pub packets: u64,
    /// Bytes of whole frames, from the Ethernet header on.
    pub bytes: u64,
    /// `CLOCK_MONOTONIC` of the last packet, nanoseconds; 0 for never.
    pub last_seen: u64,
}

/// What the verifier may build on: frozen before a program is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Settings {
    /// [`Verdict`] where no rule matches.
    pub default_action: u32,
    /// [`Verdict`] of malformed packets.
    pub malformed: u32,
    /// [`Verdict`] of frames that are not IP.
    pub non_ip: u32,
    /// [`Essentials`](crate::essentials::Essentials) that pass first.
    pub essentials: u32,
    /// Rules, 0 to 4,096.
    pub rules: u32,
    /// 1 where a rule is a shadow rule.
    pub shadow: u32,
    /// 1 where the kernel has `bpf_ktime_get_coarse_ns` (5.11).
    pub coarse_clock: u32,
    /// 1 where rows are single words.
    pub single_word: u32,
    /// Per [`Dimension`]: its rows, one for each class; 0 where no rule has a criterion on it.
    pub row_counts: [u32; Dimension::COUNT],
    /// Per [`Dimension`]: index of its class 0 in the row table.
    pub rows: [u32; Dimension::COUNT],
    /// Per [`Dimension`]: index of its first value in the number table; 0 for those that are not in
    /// it.
    pub values: [u32; Dimension::COUNT],
    /// For source and destination: 1 where there are IPv4 prefixes.
    pub prefixes_v4: [u32; 2],
    /// The same for IPv6.
    pub prefixes_v6: [u32; 2],
    /// For source and destination: buckets of the hash of IPv4 prefixes.
    pub buckets_v4: [u32; 2],
    /// The same for IPv6.
    pub buckets_v6: [u32; 2],
    /// For source and destination: the lengths of IPv4 prefixes in the hash, the longest first; 0
    /// beyond the last.
    pub lengths_v4: [[u8; V4_LENGTHS]; 2],
    /// For source and destination: what hashing an IPv4 prefix starts from.
    pub seed_v4: [u32; 2],
    /// The same for IPv6.
    pub seed_v6: [u32; 2],
}

impl Settings {
    /// Whether only basic dimensions are in use, and no shadow rules.
    #[must_use]
    pub fn is_basic(&self) -> bool {
        let mut all = Dimension::ALL.into_iter();
        self.shadow == 0 && all.all(|dimension| !self.uses(dimension) || dimension.is_basic())
    }

    /// Whether a rule has a criterion on `dimension`.
    #[must_use]
    pub fn uses(&self, dimension: Dimension) -> bool {
        let rows = self.row_counts.get(dimension as usize);
        rows.is_some_and(|rows| *rows != 0)
    }
}

/// A rule of a generation, in file order: what `stats` needs to name a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RuleEntry {
    /// UTF-8, padded with zeros.
    pub name: [u8; RULE_NAME_MAX + 1],
    /// Its counter's slot.
    pub slot: u32,
    /// A [`Verdict`].
    pub verdict: u16,
    /// A [`RuleKind`](crate::tables::RuleKind).
    pub kind: u16,
}

/// What a generation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct GenerationInfo {
    /// Grows with each commit.
    pub number: u64,
    /// When it was prepared, seconds since the epoch.
    pub created: u64,
    /// SHA-256 over the configuration with its files.
    pub config: [u8; 32],
    /// Prefixes in its address tables, as written.
    pub prefixes: u64,
    /// Rules in force.
    pub rules: u32,
    /// [`Verdict`] where no rule matches.
    pub default_action: u32,
    /// [`Verdict`] of malformed packets.
    pub malformed: u32,
    /// [`Verdict`] of frames that are not IP.
    pub non_ip: u32,
    /// 1 where any essential passes first.
    pub essentials: u32,
    /// Zero.
    pub reserved: u32,
    /// What rules counted that are gone, by the number of their verdict. Those that this very
    /// generation removed are not in it yet: packets may still be under way.
    pub retired: [Counter; 2],
}

/// What the `probe` entry point decided over its last packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct ProbeResult {
    /// A [`Verdict`].
    pub verdict: u32,
    /// A [`Reason`].
    pub reason: u32,
    /// The rule's index, or [`NO_RULE`].
    pub rule: u32,
    /// The slot it would have been counted under.
    pub slot: u32,
    /// Length that was seen, bytes.
    pub length: u64,
    /// Asked, not told: the interface that the packet is to have come in by.
    pub interface: u32,
    /// Zero.
    pub padding: u32,
}

/// In [`ProbeResult::rule`]: no rule decided.
pub const NO_RULE: u32 = u32::MAX;

const _: () = {
    assert!(size_of::<Counter>() == 24);
    assert!(size_of::<crate::tables::Row>() == 520);
    assert!(size_of::<crate::tables::Rule>() == 8);
    assert!(size_of::<RuleEntry>() == 72);
    assert!(size_of::<GenerationInfo>() == 128);
    assert!(size_of::<ProbeResult>() == 32);
};

#[cfg(feature = "aya")]
mod pod {
    use super::{Counter, GenerationInfo, ProbeResult, RuleEntry, Settings};
    use crate::tables::{Row, Rule};

    // SAFETY: each is bytemuck::Pod, which proves #[repr(C)] without padding at compile time.
    unsafe impl aya::Pod for Counter {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Settings {}
    // SAFETY: as above.
    unsafe impl aya::Pod for RuleEntry {}
    // SAFETY: as above.
    unsafe impl aya::Pod for GenerationInfo {}
    // SAFETY: as above.
    unsafe impl aya::Pod for ProbeResult {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Row {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Rule {}
}
