//! Protocols that are extension headers in IPv6.
//!
//! Owns the warning. The filter walks such headers as Linux does, so a packet has the protocol
//! behind them, and these numbers only where nothing could be walked (a later fragment).

use super::values::Values;
use super::{Seen, warning};
use crate::config::problem::Problem;
use crate::names::protocols;

/// Hop-by-hop options, routing, fragment, authentication, destination options.
const EXTENSION_HEADERS: [u8; 5] = [0, 43, 44, 51, 60];

/// Warns of a rule that names one, and may be meant for IPv6 as well.
pub(super) fn in_ipv4_only(seen: &Seen<'_>, values: &mut Values<'_>) -> Option<Problem> {
    let list = seen.rule.protocol.as_ref()?;
    if !seen.criteria.may_be(6, values) {
        return None;
    }
    // A range means whatever lies in it, these or not.
    let entries = list.0.iter().filter(|entry| !entry.negated);
    let single = entries.filter(|entry| entry.range.start() == entry.range.end());
    let named: Vec<String> = single
        .map(|entry| *entry.range.start())
        .filter(|number| EXTENSION_HEADERS.contains(number))
        .map(shown)
        .collect();
    let (they_are, them) = match named.len() {
        0 => return None,
        1 => ("it is an extension header", "it"),
        _ => ("they are extension headers", "them"),
    };
    let ipv4 = if seen.criteria.may_be(4, values) {
        "`family = \"ipv4\"`, or "
    } else {
        ""
    };
    let message = format!(
        "rule `{}` matches protocol {} in IPv4 only: in IPv6 {they_are}, and the filter looks \
         behind {them}; expected {ipv4}the protocols behind {them}",
        seen.rule.name,
        named.join(", ")
    );
    Some(warning(&seen.rule.position, message))
}

fn shown(number: u8) -> String {
    match protocols::name(number) {
        Some(name) => format!("{number} ({name})"),
        None => number.to_string(),
    }
}
