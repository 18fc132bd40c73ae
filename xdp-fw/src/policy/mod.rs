//! Configuration to tables: what the words mean for a packet.
//!
//! Pure functions; no kernel, no I/O. [`Policy::from_config`] resolves what the operator wrote to
//! sets, [`compile()`] turns those into the [`Tables`] of a generation, and [`HostTables`] lets
//! [`xdp_fw_common::decide()`] judge by them without a kernel.
//!
//! - `model`: rules in force, address lists, groups of prefixes
//! - `left_out`: addresses that are in no set for a while
//! - `rule`, `values`: criteria as sets of what the core reads from a packet
//! - `criteria`: the distinct lists of a dimension, and the rows of its classes
//! - `addresses`, `numbers`, `keys`: values to classes
//! - `address_table`: classes of addresses, worked out when they are needed
//! - `lpm`, `nodes`, `family`: the tables of addresses, and how large they are
//! - `content`: what identifies a table of addresses
//! - `weight`: what the tables take in the kernel
//! - [`mod@compile`]: the assembly
//! - `tables`, `host`: the result, and how it answers on the host

mod address_table;
mod addresses;
pub mod compile;
mod content;
mod criteria;
mod family;
mod host;
mod intern;
mod keys;
mod left_out;
mod lpm;
mod model;
mod nodes;
mod numbers;
mod rule;
mod tables;
#[cfg(test)]
mod tests;
mod values;
mod weight;

pub use address_table::{AddressEntries, AddressTable, Memo};
pub use compile::{CompileError, compile, compile_after, compile_with};
pub use content::Content;
pub use family::{LpmAddress, Prefix};
pub use host::{HostTables, Recorder};
pub use left_out::{LeftOut, only_dropped};
pub use lpm::{Leaves, Lpm, Shape, Shapes, Unfit};
pub use model::{AddressList, List, Policy};
pub use rule::{Ask, Rule};
pub use tables::{NamedRule, Tables};
