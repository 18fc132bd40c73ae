//! What happens to a finished frame: Ethernet padding and truncation.
//!
//! Owns bytes that no length field knows of. Adds no header.

/// A last change to the finished frame; several are applied in the order written.
#[derive(Debug, Clone)]
pub enum TrailingBytes {
    /// Fill up to a size with one byte; a longer frame stays as it is.
    PadTo {
        /// The size of the frame afterwards.
        size: usize,
        /// What the padding consists of.
        fill: u8,
    },
    /// Append these bytes.
    Pad(Vec<u8>),
    /// Keep the first bytes only.
    Truncate(usize),
}

/// Trailing padding with zeros up to `size` bytes, as a NIC does to reach 60.
pub fn pad_to(size: usize) -> TrailingBytes {
    TrailingBytes::PadTo { size, fill: 0 }
}

/// Trailing padding of just these bytes, which may look like a port.
pub fn pad(bytes: &[u8]) -> TrailingBytes {
    TrailingBytes::Pad(bytes.to_vec())
}

/// The first `size` bytes of the frame.
pub fn truncate(size: usize) -> TrailingBytes {
    TrailingBytes::Truncate(size)
}

impl TrailingBytes {
    /// Pads with `fill` instead of zeros.
    pub fn filled_with(self, fill: u8) -> Self {
        match self {
            Self::PadTo { size, .. } => Self::PadTo { size, fill },
            other => other,
        }
    }

    pub(super) fn apply(&self, frame: &mut Vec<u8>) {
        match self {
            Self::PadTo { size, fill } => frame.resize(frame.len().max(*size), *fill),
            Self::Pad(bytes) => frame.extend_from_slice(bytes),
            Self::Truncate(size) => frame.truncate(*size),
        }
    }
}
