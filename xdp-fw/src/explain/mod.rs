//! Why a packet met its fate.
//!
//! Owns asking a compiled policy, in the kernel or on the host, and reading the configuration
//! beside the answer: which criterion kept an earlier rule from deciding. Pure but for the question;
//! never counts anything and never decides itself.
//!
//! - `judge`: who is asked
//! - `subject`: a packet as criteria see it
//! - `mismatch`: the first criterion of a rule that does not match it
//! - `steps`: what became of each rule on the way to the decision
//! - `expectations`: whether a policy does what its configuration expects

mod expectations;
mod judge;
mod mismatch;
mod steps;
mod subject;

pub use expectations::{compile_named, named_interfaces, unmet, with_named};
pub use judge::{Judge, Judgement};
pub use mismatch::{Mismatch, mismatch};
pub use steps::{Outcome, Step, steps};
pub use subject::Subject;
