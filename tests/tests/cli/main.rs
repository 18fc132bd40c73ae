//! The commands: what they print, what they need, and whose files they read.

mod diff;
mod doctor;
mod explain;
mod hostile_names;
mod trust;
