//! What a rule may ask of a packet: one table, and what follows from it.
//!
//! Owns each criterion's key, documentation, kind of value, packets and dimension, the lists that
//! rules hold, and the arithmetic of sets of numbers. Whoever reads, prints, checks, compiles or
//! explains a criterion asks the table for its kind of value, never for its key.
//!
//! - `table`: a row per criterion
//! - `spec`: what a row says; [`Criterion`]
//! - `value`: what a rule says for a criterion, by kind
//! - `numbers`, `addresses`, `interfaces`, `macs`, `icmp`, `flags`, `fragments`: a file per kind
//! - `list`: the rule of all lists
//! - `ranges`: sets of numbers

mod addresses;
pub mod flags;
pub mod fragments;
pub mod icmp;
mod interfaces;
mod list;
mod macs;
pub mod numbers;
mod ranges;
mod spec;
mod table;
mod value;

pub use addresses::{AddressEntry, AddressList, Addresses};
pub use flags::TcpFlags;
pub use fragments::{FragmentEntry, FragmentKind, FragmentList};
pub use icmp::{IcmpTypeEntry, IcmpTypeList};
pub use interfaces::{InterfaceEntry, InterfaceList};
pub use list::{Membership, membership};
pub use macs::{MacEntry, MacList};
pub use numbers::{NumberEntry, NumberList, Numbers, VLAN_NONE};
pub use ranges::Ranges;
pub use spec::{Criterion, Packets, Spec, ValueKind};
pub(crate) use table::criteria_table;
pub use value::{List, Value};
