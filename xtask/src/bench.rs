//! `cargo xtask bench`: measures the cost of a packet and of a reload, for xdp-fw and its peers.
//!
//! Builds run as the calling user. Commands that need root run through sudo, in their own mount and
//! network namespaces, which end with them. The results of each part stay below `target/`; the page
//! shows all parts.

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
    /// The parts to measure, in this order [default: all]
    #[arg(value_name = "PART")]
    parts: Vec<Part>,
    /// Short runs of few sizes, as a check of the benchmark; writes the page below target/
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Cost of a packet in ns, by BPF_PROG_TEST_RUN
    Cost,
    /// Packets per second that a filter drops on a veth
    Rate,
    /// Time and memory of a start, of a reload and of an idle daemon
    Reload,
    /// Time that the host needs to compile policies, by criterion.rs
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

/// Measures the chosen parts, then writes the page from the latest results of all parts.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if let Err(error) = setup::for_bench(Report::Changes) {
        // The page names the peers that are not measured.
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
    // The figures of a quick run are too rough for the tree.
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

/// The release builds of the daemon and the benchmark.
struct Programs {
    /// Cargo's target directory.
    target: PathBuf,
    /// The benchmark; the daemon that it measures lies beside it.
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

/// Runs criterion.rs, which keeps its figures below the target directory.
fn criterion(workspace: &Workspace, target: &Path) -> Result<()> {
    let kept = target.join("criterion");
    // Results of another version would be collected with the new ones.
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
