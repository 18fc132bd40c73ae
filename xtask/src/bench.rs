//! `cargo xtask bench`: what a packet and a reload cost, here and with the peers.
//!
//! Builds as the calling user; what needs root runs through sudo, in mounts and namespaces of its
//! own that go with it. Each part is kept below `target/`, and the page is made of all of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use crate::{
    command, preflight,
    privilege::Privilege,
    setup::{self, Report},
    workspace::Workspace,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which parts, in this order [default: all]
    #[arg(value_name = "PART")]
    parts: Vec<Part>,
    /// Short runs of few sizes, to see that it works; the page goes below target/
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// ns/packet, by test run
    Cost,
    /// Packets a second that are dropped on a veth
    Rate,
}

impl Part {
    const ALL: [Self; 2] = [Self::Cost, Self::Rate];

    fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Rate => "rate",
        }
    }
}

/// Measures the chosen parts, and writes the page anew of all that were ever measured here.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if let Err(error) = setup::for_bench(Report::Changes) {
        // What a missing one would have shown is left out by name.
        println!("bench: without some peers: {error:#}");
    }
    let privilege = Privilege::acquire("measuring in the kernel")?;
    preflight::check(privilege)?;
    let programs = build(workspace)?;
    let measured = workspace.root().join(if arguments.quick {
        "target/bench-quick"
    } else {
        "target/bench"
    });
    fs::create_dir_all(&measured)
        .with_context(|| format!("cannot create {}", measured.display()))?;
    let all = Part::ALL.to_vec();
    let parts = if arguments.parts.is_empty() {
        &all
    } else {
        &arguments.parts
    };
    for part in parts {
        println!("bench: {}", part.name());
        let mut command = privilege.command(&programs.join("xdp-fw-bench").to_string_lossy());
        command.current_dir(workspace.root()).arg(part.name());
        if arguments.quick {
            command.arg("--quick");
        }
        let path = measured.join(part.name()).with_extension("json");
        fs::write(&path, command::output(&mut command)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    // A quick run says nothing that belongs into the tree.
    let docs = if arguments.quick {
        measured.clone()
    } else {
        workspace.root().join("docs")
    };
    command::run(
        Command::new(programs.join("xdp-fw-bench"))
            .arg("report")
            .args([&measured, &docs]),
    )
}

/// Builds what is measured as it is shipped; where it lies then.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    println!("bench: building what is not built yet");
    command::run(workspace.cargo()?.args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "xdp-fw",
        "--package",
        "xdp-fw-bench",
    ]))?;
    let metadata = command::output(workspace.cargo()?.args([
        "metadata",
        "--locked",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let target = metadata
        .get("target_directory")
        .and_then(serde_json::Value::as_str)
        .context("cargo does not say where it builds")?;
    Ok(Path::new(target).join("release"))
}
