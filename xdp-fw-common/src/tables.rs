//! What a compiled policy looks like: dimensions, classes, rows, rules.
//!
//! Every dimension maps a packet's value to a class id, a class id names a row, a row has a bit
//! per rule. (Bit vectors over equivalence classes: bpf-iptables, CCR 49(3), 2019; summaries:
//! aggregated bit vectors, Baboescu and Varghese, SIGCOMM 2001.)

use bytemuck::{Pod, Zeroable};

use crate::Verdict;
use crate::essentials::Essentials;
use crate::packet::Mac;

/// Rules of one policy, at most.
pub const RULES_MAX: usize = 4096;
/// Words of a row: 64 rules each.
pub const ROW_WORDS: usize = RULES_MAX / 64;

/// Class of a value that the packet does not have: no address, no port, an unknown protocol. Only
/// rules without a criterion on the dimension are in its row, negated criteria included.
pub const CLASS_ABSENT: u32 = 0;
/// Class of an address that no prefix of the policy contains.
pub const CLASS_OUTSIDE: u32 = 1;
/// Class that has no row, for a table that is not what the compiler made.
pub const CLASS_BROKEN: u32 = 1 << 31;

macro_rules! dimensions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $number:literal,)+) => {
        /// What of a packet is classified. The number is the index into
        /// [`crate::wire::Settings`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Dimension { $($(#[doc = $doc])+ $variant = $number),+ }

        impl Dimension {
            /// Every dimension, by number.
            pub const ALL: [Self; [$($number),+].len()] = [$(Self::$variant),+];

            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
        }
    };
}

dimensions! {
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
    /// Index of the interface that the packet came in by.
    Interface = 5,
    /// IP version: 4 or 6.
    Family = 6,
    /// VLAN id of the outermost tag that has one, or [`VLAN_NONE`].
    Vlan = 7,
    /// Family, type and code of ICMP: see [`icmp_value`].
    Icmp = 8,
    /// The eight flags of TCP.
    TcpFlags = 9,
    /// Bits of [`mod@crate::packet::fragment`].
    Fragment = 10,
    /// Length of the IP packet in bytes, header included; the largest is 65,535.
    Length = 11,
    /// Time to live, or hop limit.
    Ttl = 12,
    /// Differentiated services code point, 0 to 63.
    Dscp = 13,
    /// Source address of the Ethernet header.
    SourceMac = 14,
    /// Destination address of the Ethernet header.
    DestinationMac = 15,
    /// Explicit congestion notification, 0 to 3.
    Ecn = 16,
}

/// How a dimension's values are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// IP addresses: longest prefix match.
    Address,
    /// This many small numbers, from 0: an array.
    Numbers(u32),
    /// Few of very many values: a hash.
    Key,
}

impl Dimension {
    /// Whether the filter for simple policies has it: addresses, protocol, ports.
    #[must_use]
    #[inline(always)]
    pub const fn is_basic(self) -> bool {
        self as u8 <= Self::DestinationPort as u8
    }

    /// Of the dimensions of no more than 256 numbers: which of their tables is its own.
    #[must_use]
    #[inline(always)]
    pub const fn byte_table(self) -> Option<usize> {
        match self {
            Self::Protocol => Some(0),
            Self::Family => Some(1),
            Self::TcpFlags => Some(2),
            Self::Fragment => Some(3),
            Self::Ttl => Some(4),
            Self::Dscp => Some(5),
            Self::Ecn => Some(6),
            _ => None,
        }
    }

    /// How its values are looked up.
    #[must_use]
    #[inline(always)]
    pub const fn domain(self) -> Domain {
        match self {
            Self::Source | Self::Destination => Domain::Address,
            Self::Interface | Self::SourceMac | Self::DestinationMac => Domain::Key,
            Self::Protocol
            | Self::Family
            | Self::TcpFlags
            | Self::Fragment
            | Self::Ttl
            | Self::Dscp
            | Self::Ecn => Domain::Numbers(1 << 8),
            Self::Vlan => Domain::Numbers(VLAN_NONE as u32 + 1),
            Self::SourcePort | Self::DestinationPort | Self::Length => Domain::Numbers(1 << 16),
            Self::Icmp => Domain::Numbers(1 << 17),
        }
    }
}

/// The value of [`Dimension::Vlan`] for a frame without a VLAN id.
pub const VLAN_NONE: u16 = 4096;

/// The value of [`Dimension::Icmp`].
#[must_use]
#[inline(always)]
pub const fn icmp_value(v6: bool, kind: u8, code: u8) -> u32 {
    (v6 as u32) << 16 | (kind as u32) << 8 | code as u32
}

/// One bit per rule that has no say against a class, with a summary on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Row {
    /// Bit `r % 64` of word `r / 64` belongs to rule `r`, in file order. They come first, so that
    /// one pointer says both whether there is a row and where its words are.
    pub words: [u64; ROW_WORDS],
    /// Bit `w` is set where `words[w]` is not zero.
    pub summary: u64,
}

impl Row {
    /// A row without a rule.
    pub const EMPTY: Self = Self {
        words: [0; ROW_WORDS],
        summary: 0,
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

/// Rules of one policy that match but do not decide, at most.
pub const SHADOW_RULES_MAX: usize = 256;

/// How the walk over the matching rules takes a rule. The number is in the tables and in the pinned
/// description of a generation. A kind that decides for some packets only is appended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RuleKind {
    /// Its verdict holds.
    Decides = 0,
    /// It counts the packet, and the next rule that matches is asked: a shadow rule.
    CountsOnly = 1,
}

impl RuleKind {
    /// From its number; `None` for one that this version does not know.
    #[must_use]
    #[inline(always)]
    pub const fn from_wire(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Decides),
            1 => Some(Self::CountsOnly),
            _ => None,
        }
    }

    /// Whether what it counts is counted elsewhere too.
    #[must_use]
    pub const fn is_shadow(self) -> bool {
        matches!(self, Self::CountsOnly)
    }
}

/// What a matched rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Rule {
    /// A [`Verdict`].
    pub verdict: u8,
    /// A [`RuleKind`].
    pub kind: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// Its counter's slot.
    pub slot: u32,
}

impl Rule {
    /// The rule in a word of a table; `None` for zero, which is what stands where there is no rule,
    /// and would pass. No rule is zero: the first slots belong to reasons.
    #[must_use]
    #[inline(always)]
    pub fn from_word(word: u64) -> Option<Self> {
        (word != 0).then(|| bytemuck::cast(word))
    }
}

/// Rules of a policy whose rows are single words, at most.
pub const SINGLE_WORD_RULES_MAX: usize = 64;
/// Rows of each of its dimensions, at most.
pub const SINGLE_WORD_ROWS_MAX: usize = 256;

/// Where the rule of the lowest set bit of `word` stands in the table of such a policy. The bit's index
/// would take a look-up more: a multiplication tells the 64 bits apart just as well (de Bruijn).
#[must_use]
#[inline(always)]
pub const fn bit_slot(word: u64) -> usize {
    ((word & word.wrapping_neg()).wrapping_mul(0x0218_a392_cd3d_5dbf) >> 58) as usize
}

/// Tables of [`Dimension::byte_table`].
pub const BYTE_TABLES: usize = 7;
/// Classes in each of them.
pub const BYTE_VALUES: usize = 1 << 8;
/// Classes in one value of the number table, which holds the dimensions of more numbers.
pub const NUMBERS_PACK: usize = 1 << 16;

/// The compiled policy as [`crate::decide()`] sees it: map look-ups in the kernel, vectors on the
/// host. Pure: a look-up changes nothing, and gives the same answer every time. Every method with a
/// dimension is called with a constant one, and only if it is in use.
pub trait Tables {
    /// What happens where no rule matches.
    fn default_action(&self) -> Verdict;
    /// What happens to a malformed packet; [`Verdict::Pass`] means that addresses decide.
    fn malformed(&self) -> Verdict;
    /// What happens to a frame that is not IP.
    fn non_ip(&self) -> Verdict;
    /// Which essentials pass before the rules.
    fn essentials(&self) -> Essentials;
    /// Whether there is any rule.
    fn has_rules(&self) -> bool;
    /// Whether any rule is a shadow rule; then a dimension is in use, whose rows say where the
    /// rules end.
    fn has_shadow_rules(&self) -> bool;
    /// Whether only dimensions that are [basic](Dimension::is_basic) can be in use, and no shadow
    /// rules: what follows the parser is so short then that the verifier takes it twice.
    fn is_basic(&self) -> bool;
    /// Whether any rule has a criterion on `dimension`.
    fn uses(&self, dimension: Dimension) -> bool;

    /// Class of an IPv4 address, in network byte order; [`CLASS_OUTSIDE`] if in no prefix.
    fn class_v4(&self, dimension: Dimension, address: [u8; 4]) -> u32;
    /// Class of an IPv6 address, in network byte order; [`CLASS_OUTSIDE`] if in no prefix.
    fn class_v6(&self, dimension: Dimension, address: [u8; 16]) -> u32;
    /// Class of a small number; `None` only if the table is broken.
    fn class_number(&self, dimension: Dimension, value: u32) -> Option<u32>;
    /// Class of an interface index; [`CLASS_OUTSIDE`] if no rule names it.
    fn class_interface(&self, interface: u32) -> u32;
    /// Class of an Ethernet address; [`CLASS_OUTSIDE`] if no rule names it.
    fn class_mac(&self, dimension: Dimension, address: Mac) -> u32;

    /// Whether a row is a single word, which [`Tables::single_word_row`] gives; otherwise [`Tables::row`]
    /// has it. Not with shadow rules.
    fn has_single_word_rows(&self) -> bool;
    /// The rule in a [`bit_slot`]; `None` only if the table is broken.
    fn single_word_rule(&self, slot: usize) -> Option<Rule>;
    /// The row of a class; `None` only if the table is broken.
    fn single_word_row(&self, dimension: Dimension, class: u32) -> Option<u64>;
    /// The row of a class; `None` only if the table is broken.
    fn row(&self, dimension: Dimension, class: u32) -> Option<&Row>;
    /// The rule at `index` in file order; `None` only if the table is broken.
    fn rule(&self, index: u32) -> Option<Rule>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::REASON_SLOTS;

    #[test]
    fn word_of_zero_is_no_rule_and_no_rule_is_zero() {
        assert_eq!(Rule::from_word(0), None);
        let least = Rule {
            slot: REASON_SLOTS,
            ..Rule::zeroed()
        };
        assert_eq!(Rule::from_word(bytemuck::cast(least)), Some(least));
    }

    #[test]
    fn every_bit_has_its_own_slot_whatever_is_above_it() {
        let mut taken = [false; SINGLE_WORD_RULES_MAX];
        for bit in 0..SINGLE_WORD_RULES_MAX {
            let slot = bit_slot(1 << bit);
            assert_eq!(slot, bit_slot(u64::MAX << bit));
            assert!(!std::mem::replace(&mut taken[slot], true), "{bit}");
        }
    }
}
