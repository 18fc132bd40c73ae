//! Text to a checked model, with positions for every error.
//!
//! [`load`] is the way in: it reads the main file and its set files through [`Files`] and gives
//! a [`Config`], or every [`Problem`] at once. `check` and the daemon both call it. Never
//! decides what a rule means for a packet: that is the policy's work.

mod cache;
mod confirm;
pub mod defaults;
mod difference;
mod foreign;
pub mod generated;
mod lint;
mod load;
mod meter;
mod model;
mod parse;
mod prefixes;
pub mod print;
mod problem;
mod set_faults;
mod set_file;
mod size;
mod source;
mod without;

pub use crate::criteria::{
    AddressEntry, AddressList, Addresses, Criterion, FragmentEntry, FragmentKind, FragmentList,
    IcmpTypeEntry, IcmpTypeList, InterfaceEntry, InterfaceList, MacEntry, MacList, NumberEntry,
    NumberList, Packets, TcpFlags, VLAN_NONE,
};
pub use cache::{Cache, Reads};
pub use confirm::{bound_confirm, parse_confirm};
pub use difference::{
    Difference, ExpectationChange, KeyChange, RuleChange, SetChange, rule_changes,
};
pub use load::{Loaded, ReadFile, load};
pub(crate) use meter::{COMPILED_V4, COMPILED_V6, KEPT_V4, KEPT_V6};
pub use meter::{Passed, Room};
pub use model::*;
pub use parse::{Key, Presence, Section, Shape, reference};
pub use prefixes::Prefixes;
pub(crate) use problem::FirstProblems;
pub use problem::{Place, Problem, Problems};
pub use set_file::SetFile;
pub(crate) use set_file::{Digest, Lines};
pub use source::{Disk, FileError, Files, Handed, Role};
pub(crate) use source::{Identity, stream, utf8};
pub use xdp_fw_common::{Essential, Essentials};
