//! `cargo xtask setup`: prepares a machine that has only Rust for every chore.
//!
//! Each step checks first, and does nothing if the machine is ready.

mod bpf_linker;
mod cargo_tool;
mod debian;
mod rust_src;

use std::{env, path::PathBuf};

use anyhow::Result;

pub(crate) use self::bpf_linker::VERSION as BPF_LINKER_VERSION;
use crate::{rustc::Rustc, workspace::Workspace};

/// A directory of files that replace downloads.
const CACHE: &str = "XDP_FW_CACHE";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Prepare only the build of the BPF object: the library source and the BPF linker
    #[arg(long)]
    only_build: bool,
    /// Install cargo-deny too, which takes minutes to build
    #[arg(long, conflicts_with = "only_build")]
    with_deny: bool,
}

/// The result of a step.
enum Outcome {
    /// The machine is ready.
    AlreadyThere,
    /// The step is done; the text describes how.
    Done(String),
}

/// Runs the chosen steps and prints a line for each.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    for_ebpf(workspace, Report::Everything)?;
    if arguments.only_build {
        return Ok(());
    }
    for_tests(workspace, Report::Everything)?;
    if arguments.with_deny {
        let step = cargo_tool::install(workspace, "cargo-deny")?;
        Report::Everything.print("cargo-deny", &step);
    }
    Ok(())
}

/// Runs the steps that a build of the BPF object needs.
pub(crate) fn for_ebpf(workspace: &Workspace, report: Report) -> Result<()> {
    let rustc = Rustc::ask(workspace)?;
    let name = format!("rust-src {}", rustc.version.release);
    report.print(&name, &rust_src::install(&rustc, cache().as_deref())?);
    let name = format!("bpf-linker {}", bpf_linker::VERSION);
    report.print(&name, &bpf_linker::install(workspace, &rustc)?);
    Ok(())
}

/// Runs the steps that the tests need. They need no BPF tools: the object is in the tree.
pub(crate) fn for_tests(workspace: &Workspace, report: Report) -> Result<()> {
    report.print("system packages", &debian::install(debian::FOR_TESTS)?);
    let step = cargo_tool::install(workspace, "cargo-nextest")?;
    report.print("cargo-nextest", &step);
    Ok(())
}

/// Runs the steps that virtual machines need.
pub(crate) fn for_vms(report: Report) -> Result<()> {
    report.print("system packages", &debian::install(debian::FOR_VMS)?);
    Ok(())
}

/// Runs the steps that a comparison with the peers needs.
pub(crate) fn for_bench(report: Report) -> Result<()> {
    report.print("system packages", &debian::install(debian::FOR_BENCH)?);
    Ok(())
}

/// How many lines a chore prints about its setup.
#[derive(Clone, Copy)]
pub(crate) enum Report {
    /// A line for each step.
    Everything,
    /// A line for each step that changed something.
    Changes,
}

impl Report {
    fn print(self, step: &str, outcome: &Outcome) {
        match (self, outcome) {
            (_, Outcome::Done(how)) => println!("setup: {step}: {how}"),
            (Self::Everything, Outcome::AlreadyThere) => println!("setup: {step}: already there"),
            (Self::Changes, Outcome::AlreadyThere) => {}
        }
    }
}

fn cache() -> Option<PathBuf> {
    env::var_os(CACHE)
        .filter(|it| !it.is_empty())
        .map(PathBuf::from)
}
