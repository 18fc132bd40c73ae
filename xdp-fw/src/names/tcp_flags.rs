//! The names of the flags of TCP.
//!
//! Owns their bits, as in the TCP header.

/// Bits as in the TCP header.
pub(crate) const NAMES: &[(&str, u8)] = &[
    ("fin", 1),
    ("syn", 2),
    ("rst", 4),
    ("psh", 8),
    ("ack", 16),
    ("urg", 32),
    ("ece", 64),
    ("cwr", 128),
];

/// The bit of a flag, whatever the case of its name.
pub(crate) fn bit(name: &str) -> Option<u8> {
    NAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, bit)| *bit)
}
