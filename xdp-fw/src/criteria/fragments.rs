//! Kinds of fragments.

use super::list::contains;

/// A set of fragment kinds, by the rule of all lists.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FragmentList(pub Vec<FragmentEntry>);

/// One entry of a [`FragmentList`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FragmentEntry {
    /// Written with a leading `!`.
    pub negated: bool,
    /// What it names; `"any"` is all but [`FragmentKind::None`].
    pub kinds: Vec<FragmentKind>,
}

impl FragmentList {
    /// Whether the list has this kind.
    #[must_use]
    pub fn contains(&self, kind: FragmentKind) -> bool {
        contains(
            self.0
                .iter()
                .map(|it| (it.negated, it.kinds.contains(&kind))),
        )
    }
}

/// Which part of a datagram a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FragmentKind {
    /// No fragment: `"none"`.
    None,
    /// An IPv6 fragment header around a whole datagram (RFC 6946): `"atomic"`.
    Atomic,
    /// The first of several: `"first"`.
    First,
    /// A later one: `"later"`.
    Later,
}

impl FragmentKind {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Atomic, Self::First, Self::Later];

    /// The kind that bits of [`mod@xdp_fw_common::packet::fragment`] stand for. Later is what has no
    /// transport header: of nested fragment headers, if any says so.
    #[must_use]
    pub const fn of_bits(bits: u8) -> Self {
        use xdp_fw_common::packet::fragment;
        if bits & fragment::LATER != 0 {
            Self::Later
        } else if bits & fragment::MORE != 0 {
            Self::First
        } else if bits & fragment::FRAGMENT != 0 {
            Self::Atomic
        } else {
            Self::None
        }
    }

    /// The word for exactly this kind.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Atomic => "atomic",
            Self::First => "first",
            Self::Later => "later",
        }
    }
}

/// What each word stands for.
pub const WORDS: &[(&str, &[FragmentKind])] = &[
    ("none", &[FragmentKind::None]),
    (
        "any",
        &[
            FragmentKind::Atomic,
            FragmentKind::First,
            FragmentKind::Later,
        ],
    ),
    ("first", &[FragmentKind::First]),
    ("later", &[FragmentKind::Later]),
    ("atomic", &[FragmentKind::Atomic]),
];
