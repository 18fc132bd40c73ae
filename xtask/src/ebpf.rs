//! `cargo xtask ebpf`: builds the BPF object in the tree, and the record of its sources.
//!
//! `--check` changes nothing: it proves that the sources build the object in the tree.

pub(crate) mod object;
mod record;
#[path = "../../xdp-fw/build/bpf_sources.rs"]
pub(crate) mod sources;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use self::{object::Build, record::Record};
use crate::{
    setup::{self, Report},
    workspace::Workspace,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Rebuild and compare, bit for bit, with what is in the tree; change nothing
    #[arg(long)]
    check: bool,
}

/// Builds the object, then writes it or compares it.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    setup::for_ebpf(workspace, Report::Changes)?;
    let build = Build::prepare(workspace)?;
    let object = build.run()?;
    let record = build.record(&object)?;
    if arguments.check {
        check(workspace, &object, &record)
    } else {
        write(workspace, &object, &record)
    }
}

/// A file of the crate that carries the object.
fn in_tree(workspace: &Workspace, file: &str) -> PathBuf {
    workspace.root().join("xdp-fw").join(file)
}

fn write(workspace: &Workspace, object: &[u8], record: &Record) -> Result<()> {
    let path = in_tree(workspace, sources::OBJECT);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    fs::write(&path, object).with_context(|| format!("cannot write {}", path.display()))?;
    record.write(&in_tree(workspace, sources::RECORD))?;
    println!(
        "xdp-fw/{}: {} bytes, sha256 {}",
        sources::OBJECT,
        object.len(),
        record.object
    );
    Ok(())
}

fn check(workspace: &Workspace, built: &[u8], now: &Record) -> Result<()> {
    let path = in_tree(workspace, sources::OBJECT);
    let kept = fs::read(&path).with_context(|| {
        format!(
            "cannot read {}: `cargo xtask ebpf` makes it",
            path.display()
        )
    })?;
    let recorded = Record::read(&in_tree(workspace, sources::RECORD))?;
    let mut findings = Vec::new();
    if sources::sha256(&kept) != recorded.object {
        findings.push("the object in the tree is not the one its record describes".to_owned());
    }
    if let Some(finding) = first_difference(&kept, built) {
        findings.push(finding);
    }
    findings.extend(recorded.differences(now));
    if findings.is_empty() {
        println!(
            "xdp-fw/{}: as built from its sources, sha256 {}",
            sources::OBJECT,
            now.object
        );
        return Ok(());
    }
    bail!(
        "xdp-fw/{} or its record is not what the sources build now:\n  {}\n\
         what was built is {}; to take it: `cargo xtask ebpf`, then commit both files",
        sources::OBJECT,
        findings.join("\n  "),
        object::output(workspace).display()
    )
}

fn first_difference(kept: &[u8], built: &[u8]) -> Option<String> {
    if kept == built {
        return None;
    }
    let at = kept.iter().zip(built).take_while(|(a, b)| a == b).count();
    Some(format!(
        "the bytes differ from offset {at:#x} on: {} bytes in the tree, {} built",
        kept.len(),
        built.len()
    ))
}
