//! `cargo xtask miri`: the policy core under an interpreter that sees undefined behaviour.
//!
//! A chore of its own: it needs a nightly compiler, and takes minutes.

use anyhow::{Result, bail};

use crate::{command, workspace::Workspace};

/// Random inputs per property: each takes a thousand times as long as without miri.
const CASES: &str = "2";

/// Runs the unit tests of `xdp-fw-common`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut version = workspace.command("rustup")?;
    if !command::quietly_succeeds(version.args(["run", "nightly", "cargo", "miri", "--version"])) {
        bail!(
            "miri is not installed; run `rustup toolchain install nightly --component miri \
             --component rust-src`"
        );
    }
    println!("miri: xdp-fw-common");
    command::run(
        workspace
            .command("rustup")?
            .args(["run", "nightly", "cargo", "miri", "test"])
            .args(["--package", "xdp-fw-common", "--lib", "--target-dir"])
            .arg(workspace.root().join("target/miri"))
            .env("PROPTEST_CASES", CASES)
            // proptest asks for the time and for its directory of regressions.
            .env("MIRIFLAGS", "-Zmiri-disable-isolation"),
    )
}
