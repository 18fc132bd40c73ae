//! `cargo xtask vm`: runs the daemon and the verifier on other kernels than this machine's.
//!
//! Each kernel boots in QEMU without acceleration, which is broken in many virtual machines.
//! `vm/guest/smoke` and `vm/guest/verify` are the steps in a guest.

mod apt;
mod guest;
mod kernels;
mod machine;
mod verified;

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{Context as _, Result, bail};

use self::{
    guest::Programs,
    kernels::{KERNELS, Kernel},
    machine::Outcome,
};
use crate::{
    setup::{self, Report},
    workspace::Workspace,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The kernels to boot, as `--list` names them [default: all]
    #[arg(value_name = "KERNEL")]
    kernels: Vec<String>,
    /// Only list the kernels
    #[arg(long, conflicts_with = "kernels")]
    list: bool,
    /// Fetch the kernels again, to get their updates and the newest one
    #[arg(long)]
    update: bool,
}

/// Boots each kernel, also after one has failed.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let directory = workspace.root().join("target/vm");
    if arguments.list {
        return list(&directory.join("kernels"));
    }
    let chosen = choose(&arguments.kernels)?;
    setup::for_vms(Report::Changes)?;
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;

    let kernels = kernels::fetch(&directory.join("kernels"), &chosen, arguments.update)?;
    println!("vm: building what is not built yet");
    let programs = Programs::build(workspace, &directory)?;
    let mut failed = Vec::new();
    for kernel in &kernels {
        if !try_one(&directory, kernel, &programs)? {
            failed.push(kernel.label);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!(
        "failed on {} of {} kernels: {}",
        failed.len(),
        kernels.len(),
        failed.join(", ")
    )
}

fn list(kernels: &std::path::Path) -> Result<()> {
    for kernel in &KERNELS {
        let release = kernels::release(kernels, kernel)
            .unwrap_or_else(|| format!("not fetched yet, from {}", kernel.suite));
        println!("{:7} {release}", kernel.label);
    }
    Ok(())
}

/// Returns the kernels of these names, in the order of the list; without names, all kernels.
fn choose(names: &[String]) -> Result<Vec<&'static kernels::Source>> {
    let known = || KERNELS.iter().map(|it| it.label);
    if let Some(unknown) = names
        .iter()
        .find(|name| !known().any(|it| it == name.as_str()))
    {
        bail!(
            "there is no kernel `{unknown}` here, but {}",
            known().collect::<Vec<_>>().join(", ")
        );
    }
    let wanted = |it: &&kernels::Source| names.is_empty() || names.iter().any(|n| n == it.label);
    Ok(KERNELS.iter().filter(wanted).collect())
}

/// Boots a kernel and prints the result; returns whether all tests passed.
fn try_one(directory: &std::path::Path, kernel: &Kernel, programs: &Programs) -> Result<bool> {
    let image: PathBuf = directory.join(format!("guest-{}.cpio", kernel.label));
    guest::pack(kernel, programs, &image)
        .with_context(|| format!("cannot pack the guest for {}", kernel.label))?;
    let log = directory.join(format!("serial-{}.log", kernel.label));
    let start = Instant::now();
    let run = machine::boot_twice_at_most(kernel, &image, &log)?;
    let verdict = match &run.outcome {
        Outcome::Passed => "ok".to_owned(),
        other => format!("FAILED: {other}; the whole log is {}", log.display()),
    };
    println!(
        "vm: {:7} {:30} {:4} s  {verdict}",
        kernel.label,
        kernel.release,
        start.elapsed().as_secs()
    );
    for line in run.lines("verified: ") {
        println!("vm: {:7} the verifier walked through {line}", "");
    }
    if let Some(summary) = verified::summary(run.lines("verifier: ")) {
        println!("vm: {:7} the verifier took {summary}", "");
    }
    if run.outcome != Outcome::Passed {
        for line in run.last_lines() {
            println!("vm: {:7} | {line}", kernel.label);
        }
    }
    Ok(run.outcome == Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_kernel_name_is_answered_with_the_right_ones() {
        assert_eq!(choose(&[]).unwrap().len(), KERNELS.len());
        let error = choose(&["4.19".to_owned()]).err().expect("below the floor");
        assert!(error.to_string().contains("`4.19`"), "{error}");
        assert!(error.to_string().contains("5.10, 6.1"), "{error}");
    }
}
