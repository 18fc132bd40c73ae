//! What a candidate must pass before it is committed, and what the lock-out guard looks at again later.
//!
//! - `check`: the candidate's expectations, and whom it would cut off; `lock_out`: the report of that
//! - `left_out`: which logged-in addresses sets do not cut off
//! - `recheck`: when that, and what was refused, is looked at again
//!
//! Who is to be protected is [`crate::lockout`]'s to know.

pub(in crate::daemon) mod check;
mod expectations;
pub(in crate::daemon) mod left_out;
pub(in crate::daemon) mod lock_out;
pub(in crate::daemon) mod mode;
pub(in crate::daemon) mod recheck;
