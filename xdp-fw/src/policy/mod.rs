//! Configuration to tables: what the words mean for a packet.
//!
//! Pure functions; no kernel, no I/O.

mod tables;

pub use tables::{AddressTable, NamedRule, Tables};
