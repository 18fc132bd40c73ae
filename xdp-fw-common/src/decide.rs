//! The order of evaluation: what happens to a packet, and why.
//!
//! Owns the order of DESIGN §3 and nothing else: parse, essentials, non-IP, rules, default.

use crate::classify::{Match, first_match};
use crate::essentials::{Essential, essential};
use crate::packet::Network;
use crate::wire::reason_slot;
use crate::{Dimension, Frame, Packet, Reason, Tables, Verdict};

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

/// Where a frame came in, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ingress {
    /// Index of the interface.
    pub interface: u32,
    /// [`Frame::length`], taken once by the caller, which counts it.
    pub length: usize,
}

/// Decides over one frame.
#[inline(always)]
pub fn decide<F: Frame + ?Sized, T: Tables>(frame: &F, ingress: &Ingress, tables: &T) -> Decision {
    let packet = match Packet::parse_plain(frame, ingress.length) {
        Some(packet) if tables.is_basic() => return judge(packet, frame, ingress, tables),
        Some(packet) => packet.merge_parser_paths(ingress.length),
        None => Packet::parse(frame, ingress.length),
    };
    judge(packet, frame, ingress, tables)
}

/// Decides over what was read.
#[inline(always)]
fn judge<F: Frame + ?Sized, T: Tables>(
    mut packet: Packet,
    frame: &F,
    ingress: &Ingress,
    tables: &T,
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
    match first_match(&packet, ingress, tables) {
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
