//! xdp-fw.
pub mod config;
