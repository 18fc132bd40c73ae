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
    /// Time and memory of a start and of a reload, and of a daemon that idles
    Reload,
    /// What the host does before the kernel is asked, by criterion
    Compile,
}

impl Part {
    const ALL: [Self; 4] = [Self::Cost, Self::Rate, Self::Reload, Self::Compile];

    fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Rate => "rate",
            Self::Reload => "reload",
            Self::Compile => "compile",
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
        let mut command = match part {
            Part::Compile => {
                criterion(workspace, &programs.target)?;
                let mut collect = Command::new(&programs.bench);
                collect
                    .arg("compile")
                    .arg(programs.target.join("criterion"));
                collect
            }
            part => {
                let mut measure = privilege.command(&programs.bench.to_string_lossy());
                measure.arg(part.name());
                measure
            }
        };
        command.current_dir(workspace.root());
        if arguments.quick {
            command.arg("--quick");
        }
        let path = measured.join(part.name()).with_extension("json");
        let text = command::output(&mut command)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    // A quick run says nothing that belongs into the tree.
    let docs = if arguments.quick {
        measured.clone()
    } else {
        workspace.root().join("docs")
    };
    command::run(
        Command::new(&programs.bench)
            .arg("report")
            .args([&measured, &docs]),
    )
}

/// What was built, as it is shipped.
struct Programs {
    /// Cargo's target directory.
    target: PathBuf,
    /// Beside it lies the daemon that it measures.
    bench: PathBuf,
}

fn build(workspace: &Workspace) -> Result<Programs> {
    println!("bench: building what is not built yet");
    let packages = ["--package", "xdp-fw", "--package", "xdp-fw-bench"];
    command::run(
        workspace
            .cargo()?
            .args(["build", "--quiet", "--locked", "--release"])
            .args(packages),
    )?;
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
    let target = PathBuf::from(target);
    Ok(Programs {
        bench: target.join("release/xdp-fw-bench"),
        target,
    })
}

/// Has criterion measure; it keeps its figures below the target directory.
fn criterion(workspace: &Workspace, target: &Path) -> Result<()> {
    let kept = target.join("criterion");
    // What is left there from another version is not to be collected.
    if kept.exists() {
        fs::remove_dir_all(&kept).with_context(|| format!("cannot clear {}", kept.display()))?;
    }
    command::run(
        workspace
            .cargo()?
            .args(["bench", "--quiet", "--locked", "--package", "xdp-fw-bench"])
            .args(["--bench", "compile"]),
    )
}
