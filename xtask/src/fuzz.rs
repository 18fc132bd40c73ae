//! `cargo xtask fuzz`: bounded runs of the fuzz targets.
//!
//! New inputs stay under `target/`; the checked-in corpus is only read.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{command, workspace::Workspace};

/// Every target in `fuzz/Cargo.toml`.
const TARGETS: [&str; 6] = [
    "parser", "decide", "config", "set_file", "packet", "capture",
];

/// Seconds after which an input counts as a hang. A busy machine stretches milliseconds, but not
/// this far.
const TIMEOUT: u32 = 60;

/// Bytes of the longest generated input: two extension headers of 2,048 bytes and the rest.
const LONGEST: u32 = 8192;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds that each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// Run only this target
    #[arg(value_name = "TARGET", value_parser = TARGETS)]
    target: Option<String>,
}

/// Runs the targets in turn; the first finding ends the run.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut version = workspace.cargo()?;
    if !command::quietly_succeeds(version.args(["fuzz", "--version"])) {
        bail!("cargo-fuzz is not installed; run `cargo install cargo-fuzz --locked`");
    }
    let chosen = |target: &&str| {
        arguments
            .target
            .as_deref()
            .is_none_or(|only| only == *target)
    };
    for target in TARGETS.into_iter().filter(chosen) {
        println!("fuzz: {target}, {} s", arguments.seconds);
        command::run(&mut fuzz(workspace, target, arguments.seconds)?)
            .with_context(|| format!("{target} has a finding: keep the input that it names"))?;
    }
    Ok(())
}

fn fuzz(workspace: &Workspace, target: &str, seconds: u32) -> Result<Command> {
    let found = found(workspace, target)?;
    let mut cargo = workspace.cargo()?;
    cargo
        // Instrumentation needs unstable flags; nothing else needs a nightly compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["fuzz", "run", "--fuzz-dir", "fuzz", "--target-dir"])
        .arg(workspace.root().join("target/fuzz"))
        .arg(target)
        // libFuzzer writes into the first directory, and only reads the others.
        .arg(found)
        .arg(workspace.root().join("fuzz/corpus").join(target))
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg("-print_final_stats=1");
    Ok(cargo)
}

/// The directory for inputs that reach new code.
fn found(workspace: &Workspace, target: &str) -> Result<PathBuf> {
    let directory = workspace.root().join("target/fuzz/corpus").join(target);
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_of_the_fuzz_crate_is_run() {
        let workspace = Workspace::find().expect("tests run in a checkout");
        let manifest = command::read_text(&workspace.root().join("fuzz/Cargo.toml"))
            .expect("the fuzz crate has a manifest");
        let manifest: toml::Table = manifest.parse().expect("it is TOML");
        let names: Vec<&str> = manifest
            .get("bin")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|bin| bin.get("name")?.as_str())
            .collect();
        assert_eq!(names, TARGETS);
    }
}
