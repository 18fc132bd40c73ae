//! Programs, maps, pins and generations in the kernel, without a daemon.

mod base;
mod carry_over;
mod generations;
mod migration;
mod probe;
mod program;
mod two_cpus;
