//! `cargo xtask setup`: from a machine with just Rust to one where every chore works.
//!
//! Each step looks first and does nothing when there is nothing to do.

mod bpf_linker;
mod cargo_tool;
mod debian;
mod rust_src;

use std::{env, path::PathBuf};

use anyhow::Result;

pub(crate) use self::bpf_linker::VERSION as BPF_LINKER_VERSION;
use crate::{rustc::Rustc, workspace::Workspace};

/// A directory of things that would otherwise be downloaded.
const CACHE: &str = "XDP_FW_CACHE";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only what building the BPF object needs: the library source and the BPF linker
    #[arg(long)]
    only_build: bool,
    /// Also cargo-deny, which takes minutes to build
    #[arg(long, conflicts_with = "only_build")]
    with_deny: bool,
}

/// What a step found or did.
enum Outcome {
    /// Nothing to do.
    AlreadyThere,
    /// Done now, and how.
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

/// The steps that building the BPF object needs.
pub(crate) fn for_ebpf(workspace: &Workspace, report: Report) -> Result<()> {
    let rustc = Rustc::ask(workspace)?;
    let name = format!("rust-src {}", rustc.version.release);
    report.print(&name, &rust_src::install(&rustc, cache().as_deref())?);
    let name = format!("bpf-linker {}", bpf_linker::VERSION);
    report.print(&name, &bpf_linker::install(workspace, &rustc)?);
    Ok(())
}

/// The steps that running the tests needs: not the BPF tools, since the object is in the tree.
pub(crate) fn for_tests(workspace: &Workspace, report: Report) -> Result<()> {
    report.print("system packages", &debian::install(debian::FOR_TESTS)?);
    let step = cargo_tool::install(workspace, "cargo-nextest")?;
    report.print("cargo-nextest", &step);
    Ok(())
}

/// The steps that booting virtual machines needs.
pub(crate) fn for_vms(report: Report) -> Result<()> {
    report.print("system packages", &debian::install(debian::FOR_VMS)?);
    Ok(())
}

/// The steps that comparing with the peers needs.
pub(crate) fn for_bench(report: Report) -> Result<()> {
    report.print("system packages", &debian::install(debian::FOR_BENCH)?);
    Ok(())
}

/// How much a chore tells about its setup.
#[derive(Clone, Copy)]
pub(crate) enum Report {
    /// A line per step.
    Everything,
    /// A line per step that did something.
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
