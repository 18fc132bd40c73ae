//! Every chore of the project has a file. This file maps names to chores.

mod bench;
mod command;
mod demo;
mod ebpf;
mod fuzz;
mod generate;
mod lint;
mod miri;
mod preflight;
mod privilege;
mod rustc;
mod setup;
mod systemd;
mod test;
mod vm;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    about = "Every chore of the project",
    version
)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Bring this machine to a state in which every other chore works
    Setup(setup::Arguments),
    /// Build the BPF object and write it, with its record, into the tree
    Ebpf(ebpf::Arguments),
    /// Write the schema and the reference page of the configuration
    Generate(generate::Arguments),
    /// Show the main job on real packets: two hosts, a filter, an edit, a kill, a restart
    Demo(demo::Arguments),
    /// Check formatting, words, and lints of the host crates and of the BPF crate
    Lint,
    /// Run every test, including those that need root
    Test(test::Arguments),
    /// Fuzz the parser, decisions, the configuration and set files for a bounded time
    Fuzz(fuzz::Arguments),
    /// Run the policy core under miri (needs a nightly compiler, takes minutes)
    Miri,
    /// Measure the cost of a packet and of a reload, for xdp-fw and its peers
    Bench(bench::Arguments),
    /// Start, edit, restart, crash, hang, stop and unload the service on a booted systemd
    Systemd,
    /// Run the daemon and the verifier on older and newer kernels, in virtual machines
    Vm(vm::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `Debug` would print a backtrace above the remedy where RUST_BACKTRACE is set.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    let workspace = Workspace::find()?;
    match chore {
        Chore::Setup(arguments) => setup::run(&workspace, &arguments),
        Chore::Ebpf(arguments) => ebpf::run(&workspace, &arguments),
        Chore::Generate(arguments) => generate::run(&workspace, &arguments),
        Chore::Demo(arguments) => demo::run(&workspace, &arguments),
        Chore::Lint => lint::run(&workspace),
        Chore::Test(arguments) => test::run(&workspace, &arguments),
        Chore::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
        Chore::Miri => miri::run(&workspace),
        Chore::Bench(arguments) => bench::run(&workspace, &arguments),
        Chore::Systemd => systemd::run(&workspace),
        Chore::Vm(arguments) => vm::run(&workspace, &arguments),
    }
}
