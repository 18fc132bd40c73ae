//! `cargo xtask test`: every test there is, the cheap ones first.
//!
//! Everything is built as the calling user. What needs root then runs through one `sudo` of the
//! whole test runner, so that it can also stop a test that hangs.

mod stages;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use self::stages::{Outcome, Stages};
use crate::{
    command,
    ebpf::object::CRATE as BPF_CRATE,
    preflight,
    privilege::Privilege,
    setup::{self, Report},
    workspace::Workspace,
};

/// The package whose tests need root.
const PRIVILEGED: &str = "xdp-fw-tests";

/// The profile of `.config/nextest.toml` that leaves out no test.
const PROFILE: &str = "privileged";

/// Where the privileged tests find the daemon.
const DAEMON: &str = "XDP_FW_BIN";

/// What sudo may carry over: settings of test runs, nothing else of the user's environment.
const CARRIED: [&str; 7] = [
    "CARGO_TERM_",
    "NEXTEST_",
    "NO_COLOR",
    "PROPTEST_",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "XDP_FW_",
];

/// What nextest exits with when a filter leaves nothing to run.
const NOTHING_TO_RUN: i32 = 4;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only tests whose name contains this; may be given several times
    #[arg(long, value_name = "SUBSTRING")]
    filter: Vec<String>,
    /// Run everything, also after a failure
    #[arg(long)]
    keep_going: bool,
}

/// Runs the stages and ends with a line for each.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    setup::for_tests(workspace, Report::Changes)?;
    let privilege = Privilege::acquire("running the privileged tests")?;
    preflight::check(privilege)?;

    let tests = Tests {
        workspace,
        arguments,
        privilege,
    };
    let mut stages = Stages::new(arguments.keep_going);
    let built = stages.run("build", || tests.build());
    if let Some(built) = built {
        stages.run("unit", || tests.unit(&built));
        stages.run("documentation", || tests.documentation());
        stages.run("privileged", || tests.privileged(&built));
    }
    stages.finish(!arguments.filter.is_empty())
}

struct Tests<'a> {
    workspace: &'a Workspace,
    arguments: &'a Arguments,
    privilege: Privilege,
}

/// What the stages take from the build.
struct Built {
    /// `cargo metadata`, and nextest's list of test binaries: with both, it needs no cargo.
    metadata: PathBuf,
    binaries: PathBuf,
    daemon: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

impl Tests<'_> {
    fn build(&self) -> Result<Outcome<Built>> {
        // The same packages each time: another choice would mean other features, built anew.
        let packages = ["--locked", "--workspace", "--exclude", BPF_CRATE];
        command::run(
            self.workspace
                .cargo()?
                .arg("build")
                .args(packages)
                .arg("--bins"),
        )?;
        let binaries = command::output(
            self.workspace
                .cargo()?
                .args(["nextest", "list"])
                .args(packages)
                .args(["--list-type", "binaries-only", "--message-format", "json"]),
        )?;
        let metadata = command::output(self.workspace.cargo()?.args([
            "metadata",
            "--locked",
            "--format-version",
            "1",
        ]))?;
        let Metadata { target_directory } = serde_json::from_str(&metadata)
            .context("`cargo metadata` printed something unexpected")?;
        let directory = target_directory.join("xtask");
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let built = Built {
            metadata: directory.join("metadata.json"),
            binaries: directory.join("test-binaries.json"),
            daemon: target_directory.join("debug/xdp-fw"),
        };
        write(&built.metadata, &metadata)?;
        write(&built.binaries, &binaries)?;
        Ok(Outcome::Passed(built))
    }

    fn unit(&self, built: &Built) -> Result<Outcome<()>> {
        let mut command = self.workspace.command("cargo-nextest")?;
        self.choose(&mut command, built, &format!("not package({PRIVILEGED})"));
        outcome_of(&mut command)
    }

    fn documentation(&self) -> Result<Outcome<()>> {
        let mut cargo = self.workspace.cargo()?;
        cargo.args([
            "test",
            "--doc",
            "--locked",
            "--quiet",
            "--workspace",
            "--exclude",
            BPF_CRATE,
        ]);
        if self.arguments.keep_going {
            cargo.arg("--no-fail-fast");
        }
        cargo.arg("--").args(&self.arguments.filter);
        outcome_of(&mut cargo)
    }

    fn privileged(&self, built: &Built) -> Result<Outcome<()>> {
        // sudo clears the environment and has a search path of its own.
        let mut command = self.privilege.command("env");
        command.current_dir(self.workspace.root());
        command.args(self.environment(&built.daemon)?);
        command.arg("cargo-nextest");
        self.choose(&mut command, built, &format!("package({PRIVILEGED})"));
        outcome_of(&mut command)
    }

    fn environment(&self, daemon: &Path) -> Result<Vec<OsString>> {
        let mut variables = vec![
            assignment("PATH", &self.workspace.search_path()?),
            assignment(DAEMON, daemon.as_os_str()),
        ];
        for (name, value) in std::env::vars_os() {
            let carried = name
                .to_str()
                .filter(|it| *it != DAEMON && CARRIED.iter().any(|prefix| it.starts_with(prefix)));
            if let Some(name) = carried {
                variables.push(assignment(name, &value));
            }
        }
        Ok(variables)
    }

    /// Runs what was built; a filter of the user's narrows the set further.
    fn choose(&self, nextest: &mut Command, built: &Built, set: &str) {
        nextest
            .args(["nextest", "run", "--cargo-metadata"])
            .arg(&built.metadata)
            .arg("--binaries-metadata")
            .arg(&built.binaries)
            .args(["--profile", PROFILE, "--filterset", set]);
        if self.arguments.keep_going {
            nextest.arg("--no-fail-fast");
        }
        nextest.args(&self.arguments.filter);
    }
}

fn outcome_of(command: &mut Command) -> Result<Outcome<()>> {
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", command::shown(command)))?;
    match status.code() {
        Some(0) => Ok(Outcome::Passed(())),
        Some(NOTHING_TO_RUN) => Ok(Outcome::NothingToRun),
        Some(_) => bail!("there are failures; they are shown above"),
        None => bail!("the test runner was killed"),
    }
}

fn assignment(name: &str, value: &std::ffi::OsStr) -> OsString {
    let mut assignment = OsString::from(format!("{name}="));
    assignment.push(value);
    assignment
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
