//! Two rule sets that agree on nothing but the names of the interfaces, and the packets that tell
//! which of them decided.
//!
//! `by_source` looks at 10,000 source prefixes, `by_destination` at 10,000 destination prefixes,
//! each with the other default action. Every packet is in a prefix of either, so that neither
//! default is ever met: rows of one with tables of the other, or a table that is still being
//! filled, leave a packet without a rule, and that is counted.

use std::fmt::Write as _;

use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::rule;

/// Prefixes of each rule set, half of them open and half of them closed.
pub(crate) const PREFIXES: usize = 10_000;
/// Where the number of a packet lies in its frame: behind Ethernet, IPv6 and UDP.
const NUMBER_AT: usize = 14 + 40 + 8;

/// Which rule set decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleSet {
    BySource,
    ByDestination,
}

impl RuleSet {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::BySource => Self::ByDestination,
            Self::ByDestination => Self::BySource,
        }
    }

    /// The configuration for these interfaces. `open` is in both rule sets and keeps its counter;
    /// the dropping rules come and go.
    pub(crate) fn text(self, interfaces: &[&str]) -> String {
        let (criterion, block, default) = match self {
            Self::BySource => ("source", SOURCES, "drop"),
            Self::ByDestination => ("destination", DESTINATIONS, "pass"),
        };
        let mut text = format!(
            "interfaces = {interfaces:?}\nmetrics.listen = false\ndefault_action = \"{default}\"\n"
        );
        for (set, parity) in [("open", 0), ("closed", 1)] {
            let _ = write!(text, "[set.{set}]\nprefixes = [");
            for index in (parity..PREFIXES).step_by(2) {
                let _ = write!(text, "\"2001:db8:{block}:{index:x}::/64\",");
            }
            text.push_str("]\n");
        }
        text += &rule("open", "pass", &format!("{criterion} = \"@open\""));
        let closed = format!("closed-by-{criterion}");
        text + &rule(&closed, "drop", &format!("{criterion} = \"@closed\""))
    }

    /// What it says of a packet.
    pub(crate) fn passes(self, number: u64) -> bool {
        let index = match self {
            Self::BySource => source_of(number),
            Self::ByDestination => destination_of(number),
        };
        index.is_multiple_of(2)
    }
}

const SOURCES: &str = "5";
const DESTINATIONS: &str = "d";

/// Four packets in a row are the four cases: open by both, by either, by none.
fn source_of(number: u64) -> usize {
    number as usize % PREFIXES
}

fn destination_of(number: u64) -> usize {
    let (row, case) = (source_of(number) / 4, source_of(number) % 4);
    // A prime shuffles the pairs of a source and a destination.
    let shuffled = row * 7_919 % (PREFIXES / 4);
    (shuffled * 2 + case % 2) * 2 + case / 2
}

/// A frame for each source prefix, each to a destination prefix of its own.
pub(crate) fn frames() -> Vec<Vec<u8>> {
    let frame = |number| {
        let source = format!("2001:db8:{SOURCES}:{:x}::1", source_of(number));
        let destination = format!("2001:db8:{DESTINATIONS}:{:x}::1", destination_of(number));
        let packet = eth() / ipv6(source, destination) / udp(40_000, 7) / payload_bytes(&[0; 8]);
        packet.bytes()
    };
    (0..PREFIXES as u64).map(frame).collect()
}

/// Writes its number into a frame.
pub(crate) fn write_number(frame: &mut [u8], number: u64) {
    let field = frame.get_mut(NUMBER_AT..NUMBER_AT + 8);
    field
        .expect("a numbered frame")
        .copy_from_slice(&number.to_be_bytes());
}

/// The number of a frame.
pub(crate) fn number_of(frame: &[u8]) -> u64 {
    let field = frame.get(NUMBER_AT..NUMBER_AT + 8);
    let bytes = field.and_then(|bytes| bytes.try_into().ok());
    u64::from_be_bytes(bytes.expect("a numbered frame"))
}

mod without_root {
    use super::*;

    #[test]
    fn the_four_cases_take_turns_and_no_prefix_is_left_out() {
        let cases: Vec<_> = (0..4)
            .map(|n| {
                (
                    RuleSet::BySource.passes(n),
                    RuleSet::ByDestination.passes(n),
                )
            })
            .collect();
        assert_eq!(
            cases,
            [(true, true), (false, true), (true, false), (false, false)]
        );
        let mut destinations: Vec<_> = (0..PREFIXES as u64).map(destination_of).collect();
        destinations.sort_unstable();
        assert!(destinations.into_iter().eq(0..PREFIXES));
    }
}
