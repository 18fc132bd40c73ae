//! Programs, maps, pins and generations in the kernel, without a daemon.

mod base;
mod carry_over;
mod generations;
mod probe;
mod program;
mod takeover;
mod two_cpus;
