//! Vocabulary: what interfaces, protocols, ICMP types, code points and flags are called, which names
//! a pattern matches, and how any text is shown without being obeyed.
//!
//! Owns no knowledge of configurations, of packets or of the kernel.

pub mod dscp;
pub mod glob;
pub mod icmp;
pub mod interface;
pub mod mac;
pub mod path_text;
pub mod pattern;
pub mod printable;
pub mod protocols;
pub mod quantity;
pub mod shell;
pub mod tcp_flags;
pub mod words;

pub use interface::InterfaceName;
pub use printable::printable;
