//! Combinations of the flags of TCP.

/// `"syn,!ack"`: flags that must be set, and flags that must not; the others may be either.
/// Bits as in the TCP header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpFlags {
    /// Flags that must be set.
    pub set: u8,
    /// Flags that must not be set.
    pub clear: u8,
}

impl TcpFlags {
    /// Whether a header with these flags fits.
    #[must_use]
    pub const fn fits(self, flags: u8) -> bool {
        flags & self.set == self.set && flags & self.clear == 0
    }
}
