//! Lists of Ethernet addresses.

use super::list::contains;

/// A set of Ethernet addresses, by the rule of all lists.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MacList(pub Vec<MacEntry>);

impl MacList {
    /// Whether its negated entries take every address away.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_in = |address| contains(self.0.iter().map(|it| (it.negated, it.address == address)));
        let mut plain = self.0.iter().filter(|entry| !entry.negated).peekable();
        plain.peek().is_some() && !plain.any(|entry| is_in(entry.address))
    }
}

/// One entry of a [`MacList`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MacEntry {
    /// Written with a leading `!`.
    pub negated: bool,
    /// Bytes in network order.
    pub address: [u8; 6],
}
