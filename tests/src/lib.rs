//! What the tests of xdp-fw are written with: packets that read like packets, an oracle that
//! knows the data plane's rules independently, generators, namespaces, and a daemon to talk to.
//!
//! Owns no test of the product; those are in `tests/`. Shares no code with the product but the
//! checked configuration's types.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "this is test support: where it panics, a test fails"
)]

pub mod capture;
pub mod compiled;
pub mod daemon;
pub mod descriptors;
pub mod encapsulations;
pub mod exposition;
pub mod foreign;
pub mod fuzz;
pub mod generate;
pub mod half_requests;
pub mod kernel;
pub mod kernel_vs_oracle;
pub mod metrics;
pub mod netns;
pub mod oracle;
pub mod packet;
pub mod ruleset;
pub mod shapes;
pub mod stream;
pub mod two_hosts;
pub mod veth;
mod wait;
pub mod wire;
