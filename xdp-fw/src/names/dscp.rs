//! The names of differentiated services code points.
//!
//! Owns IANA's registry and the names beside it. A name has one number; zero has two names.

/// IANA's "Differentiated Services Field Codepoints", with the name of voice-admit that people
/// use, and the two of zero.
pub(crate) const NAMES: &[(&str, u32)] = &[
    ("be", 0),
    ("cs0", 0),
    ("le", 1),
    ("cs1", 8),
    ("af11", 10),
    ("af12", 12),
    ("af13", 14),
    ("cs2", 16),
    ("af21", 18),
    ("af22", 20),
    ("af23", 22),
    ("cs3", 24),
    ("af31", 26),
    ("af32", 28),
    ("af33", 30),
    ("cs4", 32),
    ("af41", 34),
    ("af42", 36),
    ("af43", 38),
    ("cs5", 40),
    ("va", 44),
    ("ef", 46),
    ("cs6", 48),
    ("cs7", 56),
];

/// The first name of a code point.
pub(crate) fn name(number: u32) -> Option<&'static str> {
    let known = NAMES.iter().find(|(_, known)| *known == number);
    known.map(|(name, _)| *name)
}

/// Every name of a code point.
pub(crate) fn names() -> Vec<&'static str> {
    NAMES.iter().map(|(name, _)| *name).collect()
}
