//! A daemon that dies, or a step that fails: what is in force, and what the next start finds.

mod points;
mod trial;
mod trial_faults;
