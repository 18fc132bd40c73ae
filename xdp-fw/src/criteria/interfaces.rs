//! Lists of interfaces.

use super::list::contains;
use crate::names::pattern::matches;

/// A set of interfaces, by the rule of all lists.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InterfaceList(pub Vec<InterfaceEntry>);

impl InterfaceList {
    /// Whether the list has an interface of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        let entries = self.0.iter();
        contains(entries.map(|entry| (entry.negated, matches(&entry.pattern, name))))
    }
}

/// One entry of an [`InterfaceList`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InterfaceEntry {
    /// Written with a leading `!`.
    pub negated: bool,
    /// Name or glob.
    pub pattern: String,
}
