//! Random rule sets, and random frames that are likely to hit them.
//!
//! Owns the distributions: rules and frames draw addresses, ports and protocols from one small
//! pool, so that they meet. Judges nothing; compare with [`crate::oracle`].

mod configs;
mod criteria;
mod frames;
mod mutations;
mod pool;
#[cfg(test)]
mod tests;

pub use configs::{basic, config, few_rules, many_rules};
pub use frames::{frame, packet};
pub use mutations::{Mutation, mutated};
pub use pool::{INTERFACES, interface};
