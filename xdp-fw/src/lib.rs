//! xdp-fw: a packet-filtering firewall in the NIC driver.
//!
//! Text becomes a [`config`], a configuration becomes a [`policy`], a policy becomes tables, and
//! the [`datapath`] puts tables into force as a generation. Each step but the last is a pure
//! function; only the last touches the kernel.

pub mod cli;
pub mod config;
pub mod criteria;
pub mod daemon;
pub mod datapath;
pub mod deadline;
pub mod doctor;
pub mod explain;
pub mod fault;
pub mod interfaces;
pub mod lockout;
pub mod names;
pub mod packet;
pub mod policy;
pub mod state;
pub mod timestamp;
