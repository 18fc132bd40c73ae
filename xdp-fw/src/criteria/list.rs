//! The rule of all lists: the union of the plain entries (with none: everything) minus the union of
//! the negated ones. Order means nothing.

/// How a value stands to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// The list has it.
    In,
    /// No plain entry has it.
    NotIn,
    /// The negated entry of this index takes it away.
    Out(usize),
}

/// Applies the rule to one value. Of each entry: whether it is negated, and whether it has the value.
pub fn membership(entries: impl IntoIterator<Item = (bool, bool)>) -> Membership {
    let (mut has_plain, mut included, mut excluded) = (false, false, None);
    for (index, (negated, has)) in entries.into_iter().enumerate() {
        if negated {
            excluded = excluded.or(has.then_some(index));
        } else {
            has_plain = true;
            included |= has;
        }
    }
    match excluded {
        _ if has_plain && !included => Membership::NotIn,
        Some(index) => Membership::Out(index),
        None => Membership::In,
    }
}

/// Whether the list has the value.
pub(super) fn contains(entries: impl IntoIterator<Item = (bool, bool)>) -> bool {
    membership(entries) == Membership::In
}
