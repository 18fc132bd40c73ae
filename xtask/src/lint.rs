//! `cargo xtask lint`: formatting, rooms, words, lints of every crate, licences of dependencies.

mod rooms;
mod words;

use std::process::Command;

use anyhow::Result;

use crate::{
    command,
    ebpf::object::{Build, CRATE},
    setup::{self, Report},
    workspace::Workspace,
};

/// The fuzz targets, a workspace of their own.
const FUZZ: &str = "fuzz/Cargo.toml";

/// Runs every linter; the first failure ends the run.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    println!("lint: formatting");
    command::run(workspace.cargo()?.args(["fmt", "--all", "--check"]))?;
    command::run(
        workspace
            .cargo()?
            .args(["fmt", "--manifest-path", FUZZ, "--check"]),
    )?;

    println!("lint: arrows between rooms");
    rooms::check(&workspace.root().join("xdp-fw/src"))?;
    println!("lint: words");
    words::check(workspace)?;

    println!("lint: clippy, host crates");
    command::run(
        workspace
            .cargo()?
            .args([
                "clippy",
                "--quiet",
                "--locked",
                "--workspace",
                "--exclude",
                CRATE,
            ])
            .args(["--all-targets", "--", "-D", "warnings"]),
    )?;

    println!("lint: clippy, BPF crate");
    setup::for_ebpf(workspace, Report::Changes)?;
    command::run(
        Build::prepare(workspace)?
            .cargo("clippy")?
            .args(["--quiet", "--", "-D", "warnings"]),
    )?;
    println!("lint: clippy, fuzz targets");
    command::run(&mut fuzz_targets(workspace)?)?;
    dependencies(workspace)
}

/// Clippy for the fuzz targets, which no other chore builds except `fuzz`.
fn fuzz_targets(workspace: &Workspace) -> Result<Command> {
    let mut cargo = workspace.cargo()?;
    cargo
        // A path keeps cargo from building libFuzzer, which needs a C++ compiler; lints link
        // nothing.
        .env("CUSTOM_LIBFUZZER_PATH", "/nonexistent/libfuzzer.a")
        // Without `--locked`: its lock file follows the dependencies of the other crates.
        .args(["clippy", "--quiet", "--manifest-path", FUZZ, "--target-dir"])
        .arg(workspace.root().join("target/fuzz-lint"))
        .args(["--", "-D", "warnings"]);
    Ok(cargo)
}

/// Checks licences and sources. Advisories need a download; this chore needs no network.
fn dependencies(workspace: &Workspace) -> Result<()> {
    if !command::quietly_succeeds(workspace.command("cargo-deny")?.arg("--version")) {
        println!(
            "lint: licences and sources of dependencies: not checked, since cargo-deny is not \
             installed (`cargo xtask setup --with-deny`)"
        );
        return Ok(());
    }
    println!("lint: licences and sources of dependencies");
    // cargo-deny reads the crates of every platform, which a build does not download.
    command::run(workspace.cargo()?.args(["fetch", "--quiet", "--locked"]))?;
    command::run(
        workspace
            .command("cargo-deny")?
            .args(["--offline", "--log-level", "error", "check"])
            .args(["bans", "licenses", "sources"]),
    )
}
