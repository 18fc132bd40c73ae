//! What a compiled policy looks like: dimensions, classes, rows, rules.
//!
//! Every dimension maps a packet's value to a class id, a class id names a row, a row has a bit
//! per rule. (Bit vectors over equivalence classes: bpf-iptables, CCR 49(3), 2019; summaries:
//! aggregated bit vectors, Baboescu and Varghese, SIGCOMM 2001.)

use bytemuck::{Pod, Zeroable};

use crate::Verdict;

/// Rules of one policy, at most.
pub const RULES_MAX: usize = 4096;
/// Words of a row: 64 rules each.
pub const ROW_WORDS: usize = RULES_MAX / 64;

/// Class of a value that the packet does not have: no address, no port, an unknown protocol. Only
/// rules without a criterion on the dimension are in its row, negated criteria included.
pub const CLASS_ABSENT: u32 = 0;
/// Class of an address that no prefix of the policy contains.
pub const CLASS_OUTSIDE: u32 = 1;

/// What of a packet is classified. The number is the index into [`crate::wire::Settings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Dimension {
    /// Source address, both families.
    Source = 0,
    /// Destination address, both families.
    Destination = 1,
    /// Upper-layer protocol number.
    Protocol = 2,
    /// Source port.
    SourcePort = 3,
    /// Destination port.
    DestinationPort = 4,
}

impl Dimension {
    /// Every dimension, by number.
    pub const ALL: [Self; 5] = [
        Self::Source,
        Self::Destination,
        Self::Protocol,
        Self::SourcePort,
        Self::DestinationPort,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();
}

/// One bit per rule that has no say against a class, with a summary on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Row {
    /// Bit `w` is set where `words[w]` is not zero.
    pub summary: u64,
    /// Bit `r % 64` of word `r / 64` belongs to rule `r`, in file order.
    pub words: [u64; ROW_WORDS],
}

impl Row {
    /// A row without a rule.
    pub const EMPTY: Self = Self {
        summary: 0,
        words: [0; ROW_WORDS],
    };

    /// Word `index`; zero beyond the end.
    #[must_use]
    #[inline(always)]
    pub fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(0)
    }

    /// Sets the bit of rule `rule`; beyond [`RULES_MAX`] nothing happens.
    pub fn insert(&mut self, rule: usize) {
        if let Some(word) = self.words.get_mut(rule / 64) {
            *word |= 1 << (rule % 64);
            self.summary |= 1 << (rule / 64);
        }
    }

    /// Whether the bit of rule `rule` is set.
    #[must_use]
    pub fn contains(&self, rule: usize) -> bool {
        self.word(rule / 64) >> (rule % 64) & 1 == 1
    }
}

/// What a matched rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Rule {
    /// A [`Verdict`].
    pub verdict: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// Its counter's slot.
    pub slot: u32,
}

/// Elements of 16-bit classes in one table value; keeps a value within a cache line.
pub const WIDE_PACK: usize = 32;
/// Table values that hold the classes of one 16-bit dimension.
pub const WIDE_VALUES: usize = (1 << 16) / WIDE_PACK;

/// The compiled policy as [`crate::decide()`] sees it: map look-ups in the kernel, vectors on the
/// host. Every method with a dimension is called with a constant one, and only if it is in use.
pub trait Tables {
    /// What happens where no rule matches.
    fn default_action(&self) -> Verdict;
    /// What happens to a malformed packet; [`Verdict::Pass`] means that addresses decide.
    fn malformed(&self) -> Verdict;
    /// What happens to a frame that is not IP.
    fn non_ip(&self) -> Verdict;
    /// Whether the essentials pass before the rules.
    fn essentials(&self) -> bool;
    /// Whether there is any rule.
    fn has_rules(&self) -> bool;
    /// Whether any rule has a criterion on `dimension`.
    fn uses(&self, dimension: Dimension) -> bool;

    /// Class of an IPv4 address, in network byte order; [`CLASS_OUTSIDE`] if in no prefix.
    fn class_v4(&self, dimension: Dimension, address: [u8; 4]) -> u32;
    /// Class of an IPv6 address, in network byte order; [`CLASS_OUTSIDE`] if in no prefix.
    fn class_v6(&self, dimension: Dimension, address: [u8; 16]) -> u32;
    /// Class of an 8-bit value; `None` only if the table is broken.
    fn class_narrow(&self, dimension: Dimension, value: u8) -> Option<u32>;
    /// Class of a 16-bit value; `None` only if the table is broken.
    fn class_wide(&self, dimension: Dimension, value: u16) -> Option<u32>;

    /// The row of a class; `None` only if the table is broken.
    fn row(&self, dimension: Dimension, class: u32) -> Option<&Row>;
    /// The rule at `index` in file order; `None` only if the table is broken.
    fn rule(&self, index: u32) -> Option<Rule>;
}
