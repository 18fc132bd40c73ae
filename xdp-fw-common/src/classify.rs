//! The AND over rows, and the first match in it.
//!
//! Cost: a class look-up and a row per dimension in use, then one word per dimension for each set
//! bit of the summary that turns out empty. It does not grow with prefixes.

use crate::packet::{Address, Network, Transport};
use crate::tables::{CLASS_ABSENT, ROW_WORDS, Row, Rule};
use crate::verifier::bit_index;
use crate::{Dimension, Packet, Tables};

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
pub fn first_match<T: Tables>(packet: &Packet, tables: &T) -> Match {
    if !tables.has_rules() {
        return Match::Nothing;
    }
    match Rows::look_up(packet, tables) {
        Some(rows) => walk(&rows, tables),
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
            fn look_up<T: Tables>(packet: &Packet, tables: &'a T) -> Option<Self> {
                Some(Self { $($field: row(packet, tables, Dimension::$dimension)?,)+ })
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

        const _: () = assert!([$(Dimension::$dimension),+].len() == Dimension::COUNT);
    };
}

rows! {
    source: Source,
    destination: Destination,
    protocol: Protocol,
    source_port: SourcePort,
    destination_port: DestinationPort,
}

/// The row of the packet's class in `dimension`: `Some(None)` if that is not in use, `None` if a
/// table is broken.
#[inline(always)]
fn row<'a, T: Tables>(
    packet: &Packet,
    tables: &'a T,
    dimension: Dimension,
) -> Option<Option<&'a Row>> {
    if !tables.uses(dimension) {
        return Some(None);
    }
    let class = class(packet, tables, dimension)?;
    Some(Some(tables.row(dimension, class)?))
}

/// Looks at the words that the summary leaves, lowest first.
#[inline(always)]
fn walk<T: Tables>(rows: &Rows<'_>, tables: &T) -> Match {
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
            return match tables.rule(index) {
                Some(rule) => Match::Rule { index, rule },
                None => Match::Broken,
            };
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

/// The class of what the packet has in `dimension`; `None` if a table is broken.
#[inline(always)]
fn class<T: Tables>(packet: &Packet, tables: &T, dimension: Dimension) -> Option<u32> {
    match dimension {
        Dimension::Source => Some(address(packet, tables, dimension, &packet.source)),
        Dimension::Destination => Some(address(packet, tables, dimension, &packet.destination)),
        Dimension::Protocol => match u8::try_from(packet.protocol) {
            Ok(protocol) => tables.class_narrow(dimension, protocol),
            Err(_) => Some(CLASS_ABSENT),
        },
        Dimension::SourcePort => port(packet, tables, dimension, packet.source_port),
        Dimension::DestinationPort => port(packet, tables, dimension, packet.destination_port),
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
const fn v4_bytes(address: &Address) -> [u8; 4] {
    let [a, b, c, d, ..] = address[0].to_ne_bytes();
    [a, b, c, d]
}

#[inline(always)]
fn v6_bytes(address: &Address) -> [u8; 16] {
    bytemuck::cast(*address)
}

#[inline(always)]
fn port<T: Tables>(packet: &Packet, tables: &T, dimension: Dimension, port: u16) -> Option<u32> {
    if packet.transport != Transport::Ports {
        return Some(CLASS_ABSENT);
    }
    tables.class_wide(dimension, port)
}

/// Index of the lowest set bit of `word`, which is not zero.
#[inline(always)]
fn lowest_bit(word: u64) -> u32 {
    bit_index(word.trailing_zeros())
}
