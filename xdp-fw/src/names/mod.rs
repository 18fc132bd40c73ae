//! Words that come from outside: what an interface is called, which names a pattern matches, and
//! how any text is shown without being obeyed.
//!
//! Owns no knowledge of configurations, of packets or of the kernel.

pub mod interface;
pub mod path_text;
pub mod pattern;
pub mod printable;
pub mod quantity;
pub mod shell;

pub use interface::InterfaceName;
pub use printable::printable;
