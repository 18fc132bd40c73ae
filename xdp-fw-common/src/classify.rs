//! The AND over rows, and the first match in it.
//!
//! Cost: a class look-up and a row per dimension in use, then one word per dimension for each set
//! bit of the summary that turns out empty. It does not grow with prefixes.

use crate::packet::{Address, MAC_UNKNOWN, Mac, Network, Transport, protocol};
use crate::tables::{
    CLASS_ABSENT, ROW_WORDS, Row, Rule, RuleKind, SHADOW_RULES_MAX, bit_slot, icmp_value,
};
use crate::verifier::{bit_index, hide_from_llvm, hide_from_verifier};
use crate::{Arrival, Dimension, Effects, Packet, Tables};

/// What the rules say of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// The first rule in file order whose criteria all match.
    Rule {
        /// Its index in file order.
        index: u32,
        /// What it does.
        rule: Rule,
    },
    /// No rule matches.
    Nothing,
    /// A table is not what the compiler made.
    Broken,
}

/// Finds the first rule that matches.
#[inline(always)]
pub fn first_match<T: Tables, E: Effects>(
    packet: &Packet,
    arrival: &Arrival,
    tables: &T,
    effects: &mut E,
) -> Match {
    if !tables.has_rules() {
        return Match::Nothing;
    }
    if tables.has_single_word_rows() {
        return single_word_match(packet, arrival, tables);
    }
    match Rows::look_up(packet, arrival, tables) {
        Some(rows) => walk(&rows, arrival, tables, effects),
        None => Match::Broken,
    }
}

/// A field per dimension rather than an array: the verifier must see each look-up with constant
/// settings, and LLVM does not unroll a loop just because it could.
macro_rules! rows {
    ($($field:ident: $dimension:ident,)+) => {
        /// The rows of the classes that a packet is in; `None` for dimensions not in use.
        struct Rows<'a> { $($field: Option<&'a Row>,)+ }

        impl<'a> Rows<'a> {
            /// `None` if a table is broken.
            #[inline(always)]
            fn look_up<T: Tables>(
                packet: &Packet,
                arrival: &Arrival,
                tables: &'a T,
            ) -> Option<Self> {
                Some(Self { $($field: row(packet, arrival, tables, Dimension::$dimension)?,)+ })
            }

            #[inline(always)]
            fn summary(&self) -> u64 {
                u64::MAX $(& self.$field.map_or(u64::MAX, |row| row.summary))+
            }

            #[inline(always)]
            fn word(&self, index: usize) -> u64 {
                u64::MAX $(& self.$field.map_or(u64::MAX, |row| row.word(index)))+
            }
        }

        /// The rules that no dimension rules out, where rows are words; `None` if a table is broken.
        #[inline(always)]
        fn candidates<T: Tables>(packet: &Packet, arrival: &Arrival, tables: &T) -> Option<u64> {
            Some(u64::MAX $(& single_word_row(packet, arrival, tables, Dimension::$dimension)?)+)
        }

        const _: () = assert!([$(Dimension::$dimension),+].len() == Dimension::COUNT);
    };
}

rows! {
    source: Source,
    destination: Destination,
    protocol: Protocol,
    source_port: SourcePort,
    destination_port: DestinationPort,
    interface: Interface,
    family: Family,
    vlan: Vlan,
    icmp: Icmp,
    tcp_flags: TcpFlags,
    fragment: Fragment,
    length: Length,
    ttl: Ttl,
    dscp: Dscp,
    source_mac: SourceMac,
    destination_mac: DestinationMac,
    ecn: Ecn,
}

/// The row of the packet's class in `dimension`: `Some(None)` if that is not in use, `None` if a
/// table is broken.
#[inline(always)]
fn row<'a, T: Tables>(
    packet: &Packet,
    arrival: &Arrival,
    tables: &'a T,
    dimension: Dimension,
) -> Option<Option<&'a Row>> {
    if !tables.uses(dimension) {
        return Some(None);
    }
    let class = unknown_class(packet, arrival, tables, dimension)?;
    Some(Some(tables.row(dimension, class)?))
}

/// [`class`], of which the verifier knows nothing. Without this 7.3 refuses every criterion at
/// once; it seems to walk what follows once for each combination of constant classes (absent, a
/// miss). Judged by its counts, not by its log.
#[inline(always)]
fn unknown_class<T: Tables>(
    packet: &Packet,
    arrival: &Arrival,
    tables: &T,
    dimension: Dimension,
) -> Option<u32> {
    let class = class(packet, arrival, tables, dimension)?;
    Some(hide_from_verifier(class as usize, arrival.length) as u32)
}

/// [`row`], where it is a word.
#[inline(always)]
fn single_word_row<T: Tables>(
    packet: &Packet,
    arrival: &Arrival,
    tables: &T,
    dimension: Dimension,
) -> Option<u64> {
    if !tables.uses(dimension) {
        return Some(u64::MAX);
    }
    let class = unknown_class(packet, arrival, tables, dimension)?;
    tables.single_word_row(dimension, class)
}

/// [`first_match`], where rows are words.
#[inline(always)]
fn single_word_match<T: Tables>(packet: &Packet, arrival: &Arrival, tables: &T) -> Match {
    match candidates(packet, arrival, tables) {
        None => Match::Broken,
        Some(0) => Match::Nothing,
        Some(candidates) => matched(
            // Only who asks for it computes it.
            lowest_bit(candidates),
            tables.single_word_rule(bit_slot(candidates)),
        ),
    }
}

#[inline(always)]
fn matched(index: u32, rule: Option<Rule>) -> Match {
    match rule {
        Some(rule) => Match::Rule { index, rule },
        None => Match::Broken,
    }
}

/// Looks at the words that the summary leaves, lowest first.
#[inline(always)]
fn walk<T: Tables, E: Effects>(
    rows: &Rows<'_>,
    arrival: &Arrival,
    tables: &T,
    effects: &mut E,
) -> Match {
    if tables.has_shadow_rules() {
        return walk_past_shadows(rows, arrival, tables, effects);
    }
    let mut summary = rows.summary();
    let mut steps = 0;
    while steps < ROW_WORDS {
        if summary == 0 {
            return Match::Nothing;
        }
        let word = lowest_bit(summary);
        let candidates = rows.word(word as usize);
        if candidates != 0 {
            let index = word * 64 + lowest_bit(candidates);
            return matched(index, tables.rule(index));
        }
        summary &= summary - 1;
        steps += 1;
    }
    if summary == 0 {
        Match::Nothing
    } else {
        Match::Broken
    }
}

/// Words and shadow rules that a walk may look at.
const STEPS_MAX: usize = ROW_WORDS + SHADOW_RULES_MAX + 2;

/// The same, where some rules are only counted and do not decide.
#[inline(always)]
fn walk_past_shadows<T: Tables, E: Effects>(
    rows: &Rows<'_>,
    arrival: &Arrival,
    tables: &T,
    effects: &mut E,
) -> Match {
    let mut summary = rows.summary();
    let mut word = 0;
    let mut candidates = 0;
    let mut steps = 0;
    while steps < STEPS_MAX {
        // Both ways round the loop must look the same to the verifier, or they double each time.
        summary = hide_from_verifier(summary as usize, arrival.length) as u64;
        candidates = hide_from_verifier(candidates as usize, arrival.length) as u64;
        word = hide_from_verifier(word as usize, arrival.length) as u32;
        if candidates == 0 {
            if summary == 0 {
                return Match::Nothing;
            }
            word = lowest_bit(summary);
            summary &= summary - 1;
            candidates = rows.word(word as usize);
        } else {
            let index = word * 64 + lowest_bit(candidates);
            let Some(rule) = tables.rule(index) else {
                return Match::Broken;
            };
            match RuleKind::from_wire(rule.kind) {
                Some(RuleKind::Decides) => return Match::Rule { index, rule },
                Some(RuleKind::CountsOnly) => effects.count_shadow(rule.slot, arrival),
                None => return Match::Broken,
            }
            candidates &= candidates - 1;
        }
        steps += 1;
    }
    Match::Broken
}

/// The class of what the packet has in `dimension`; `None` if a table is broken.
#[inline(always)]
fn class<T: Tables>(
    packet: &Packet,
    arrival: &Arrival,
    tables: &T,
    dimension: Dimension,
) -> Option<u32> {
    let (present, value) = match dimension {
        Dimension::Source => return Some(address(packet, tables, dimension, &packet.source)),
        Dimension::Destination => {
            return Some(address(packet, tables, dimension, &packet.destination));
        }
        Dimension::Interface => return Some(tables.class_interface(arrival.interface)),
        Dimension::SourceMac => return Some(mac(tables, dimension, packet.source_mac)),
        Dimension::DestinationMac => return Some(mac(tables, dimension, packet.destination_mac)),
        _ => number(packet, dimension),
    };
    if present {
        // Of a packet's number LLVM may know more than the verifier (a protocol that is one of two),
        // and drops the bounds of its look-up.
        tables.class_number(dimension, hide_from_llvm(value))
    } else {
        Some(CLASS_ABSENT)
    }
}

#[inline(always)]
fn address<T: Tables>(packet: &Packet, tables: &T, dimension: Dimension, address: &Address) -> u32 {
    match packet.network {
        Network::V4 => tables.class_v4(dimension, v4_bytes(address)),
        Network::V6 => tables.class_v6(dimension, v6_bytes(address)),
        _ => CLASS_ABSENT,
    }
}

#[inline(always)]
fn mac<T: Tables>(tables: &T, dimension: Dimension, address: Mac) -> u32 {
    if address == MAC_UNKNOWN {
        CLASS_ABSENT
    } else {
        tables.class_mac(dimension, address)
    }
}

/// The number that `dimension` classifies, if the packet has it: what a rule on it is compared with.
#[must_use]
pub fn number_of(packet: &Packet, dimension: Dimension) -> Option<u32> {
    let (present, value) = number(packet, dimension);
    present.then_some(value)
}

/// Whether the packet has the number that `dimension` classifies, and the number.
#[inline(always)]
fn number(packet: &Packet, dimension: Dimension) -> (bool, u32) {
    let whole = packet.is_read;
    let ports = packet.transport == Transport::Ports;
    match dimension {
        Dimension::Protocol => (
            packet.protocol < protocol::UNKNOWN,
            u32::from(packet.protocol),
        ),
        Dimension::SourcePort => (ports, u32::from(packet.source_port)),
        Dimension::DestinationPort => (ports, u32::from(packet.destination_port)),
        Dimension::Icmp => icmp(packet),
        Dimension::TcpFlags => (
            packet.has_transport(protocol::TCP, Transport::Ports),
            u32::from(packet.tcp_flags),
        ),
        Dimension::Family => match packet.network {
            Network::V4 => (true, 4),
            Network::V6 => (true, 6),
            _ => (false, 0),
        },
        Dimension::Vlan => (packet.has_vlan(), u32::from(packet.vlan)),
        Dimension::Fragment => (whole, u32::from(packet.fragment)),
        Dimension::Length => (whole, u32::from(packet.length)),
        Dimension::Ttl => (whole, u32::from(packet.hop_limit)),
        Dimension::Dscp => (whole, u32::from(packet.traffic_class >> 2)),
        Dimension::Ecn => (whole, u32::from(packet.traffic_class & 3)),
        _ => (false, 0),
    }
}

/// Only ICMP in IPv4 and ICMPv6 in IPv6: the other way round the numbers mean nothing.
#[inline(always)]
fn icmp(packet: &Packet) -> (bool, u32) {
    let v6 = packet.network == Network::V6;
    let number = if v6 { protocol::ICMPV6 } else { protocol::ICMP };
    (
        packet.has_transport(number, Transport::Icmp),
        icmp_value(v6, packet.icmp_type() as u8, packet.icmp_code() as u8),
    )
}

#[inline(always)]
const fn v4_bytes(address: &Address) -> [u8; 4] {
    let [a, b, c, d, ..] = address[0].to_ne_bytes();
    [a, b, c, d]
}

#[inline(always)]
fn v6_bytes(address: &Address) -> [u8; 16] {
    bytemuck::cast(*address)
}

/// Index of the lowest set bit of `word`, which is not zero.
#[inline(always)]
fn lowest_bit(word: u64) -> u32 {
    bit_index(word.trailing_zeros())
}
