//! The order of evaluation: what happens to a packet, and why.
//!
//! Owns the order and nothing else: malformed, essentials, non-IP, rules, default.

use crate::classify::{Match, first_match};
use crate::essentials::{Essential, essential};
use crate::packet::Network;
use crate::verifier::hide_from_verifier;
use crate::wire::reason_slot;
use crate::{Dimension, Effects, Frame, Packet, Reason, Tables, Verdict};

/// A packet's fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What happens.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The rule that decided, by index in file order; only with [`Reason::Rule`].
    pub rule: Option<u32>,
    /// The counter that it is counted under.
    pub slot: u32,
}

impl Decision {
    #[inline(always)]
    fn because(reason: Reason, verdict: Verdict) -> Self {
        Self {
            verdict,
            reason,
            rule: None,
            slot: reason_slot(reason, verdict),
        }
    }

    /// The slot says which kind it is.
    #[inline(always)]
    fn essential(kind: Essential) -> Self {
        Self {
            slot: kind.slot(),
            ..Self::because(Reason::Essential, Verdict::Pass)
        }
    }
}

/// What is known of a frame besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Index of the interface that the frame came in by.
    pub interface: u32,
    /// [`Frame::length`], asked for once.
    pub length: usize,
    /// `CLOCK_MONOTONIC` in nanoseconds, asked for once: all that a packet does happens at one moment.
    pub now: u64,
}

/// Decides over one frame, and counts it once.
#[inline(always)]
pub fn decide<F: Frame + ?Sized, T: Tables, E: Effects>(
    frame: &F,
    arrival: &Arrival,
    tables: &T,
    effects: &mut E,
) -> Decision {
    let decision = evaluate(frame, arrival, tables, effects);
    // As a constant it would make the verifier walk what follows once for each reason and kind.
    let slot = hide_from_verifier(decision.slot as usize, arrival.length) as u32;
    let decision = Decision { slot, ..decision };
    if effects.count(decision.slot, arrival) {
        return decision;
    }
    let internal = Decision::because(Reason::Internal, Verdict::Drop);
    // Nothing is left to do if this slot is missing too: the packet drops either way.
    let _ = effects.count(internal.slot, arrival);
    internal
}

/// Parses, and decides over what was read.
#[inline(always)]
fn evaluate<F: Frame + ?Sized, T: Tables, E: Effects>(
    frame: &F,
    arrival: &Arrival,
    tables: &T,
    effects: &mut E,
) -> Decision {
    let packet = match Packet::parse_plain(frame, arrival.length) {
        Some(packet) if tables.is_basic() => {
            return evaluate_packet(packet, frame, arrival, tables, effects);
        }
        Some(packet) => packet.merge_parser_paths(arrival.length),
        None => Packet::parse(frame, arrival.length),
    };
    evaluate_packet(packet, frame, arrival, tables, effects)
}

/// Decides over what was read.
#[inline(always)]
fn evaluate_packet<F: Frame + ?Sized, T: Tables, E: Effects>(
    mut packet: Packet,
    frame: &F,
    arrival: &Arrival,
    tables: &T,
    effects: &mut E,
) -> Decision {
    match packet.malformed {
        Some(flaw) if tables.malformed() == Verdict::Drop || !packet.can_be_judged(flaw) => {
            return Decision::because(flaw, Verdict::Drop);
        }
        Some(_) => {}
        None => {
            let wanted = tables.essentials();
            if !wanted.is_empty()
                && let Some(kind) = essential(&packet, frame, wanted)
            {
                return Decision::essential(kind);
            }
            if matches!(packet.network, Network::Arp | Network::Other) {
                return Decision::because(Reason::NonIp, tables.non_ip());
            }
        }
    }
    // What few rules ask for is read only then.
    if tables.uses(Dimension::SourceMac) || tables.uses(Dimension::DestinationMac) {
        packet.read_macs(frame);
    }
    if tables.uses(Dimension::TcpFlags) && !packet.read_tcp_flags(frame) {
        return Decision::because(Reason::Internal, Verdict::Drop);
    }
    match first_match(&packet, arrival, tables, effects) {
        Match::Rule { index, rule } => Decision {
            verdict: Verdict::from_wire(rule.verdict),
            reason: Reason::Rule,
            rule: Some(index),
            slot: rule.slot,
        },
        Match::Nothing => {
            let reason = packet.malformed.unwrap_or(Reason::Default);
            Decision::because(reason, tables.default_action())
        }
        Match::Broken => Decision::because(Reason::Internal, Verdict::Drop),
    }
}
