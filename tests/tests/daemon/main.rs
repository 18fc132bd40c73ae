//! A running daemon: how it starts, reloads and ends, what it reports, and what does not stop it.

mod atomic_commit;
mod descriptors;
mod end;
mod filtering;
mod lifecycle;
mod limits;
mod listeners;
mod log;
mod many_reloads;
mod metrics;
mod refusals;
mod reload;
mod surroundings;
