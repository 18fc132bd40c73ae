//! The lock-out guard: on whom an operator's way to this host depends, and what they send next.
//!
//! Owns who they are and what their packets look like: the SSH sessions of those who are logged in
//! and the next login from the same addresses, the default gateways, the resolvers. Never judges a packet and refuses
//! nothing; that is the daemon's admission. What cannot be looked at is said, and never an error.
//!
//! - [`logins()`]: who is logged in, by `logind` or by `utmp`
//! - [`look`]: asks the kernel and a few files, and gives the [`Surroundings`]
//! - `sockets`, `routes`, `devices`: netlink; `ssh`, `resolvers`: files
//! - [`Surroundings::witnesses`]: from those to frames, a pure function of `ingress` and `packets`
//! - [`cut_off`]: which of them pass today and would not any more

mod devices;
mod files;
mod ingress;
mod judge;
mod logind;
mod logins;
mod look;
mod packets;
mod resolvers;
mod routes;
mod sockets;
mod ssh;
mod utmp;
mod witness;

pub use judge::{Cause, CutOff, Fate, cut_off};
pub use logins::{LoginSource, Logins, MOST_ADDRESSES, login_source, logins};
pub use look::look;
pub use witness::{Role, Surroundings, Witness};
