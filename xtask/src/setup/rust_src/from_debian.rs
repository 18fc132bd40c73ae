//! Takes the library source from Debian's `rust-src` package of the same version.
//!
//! Debian stable has an older compiler. A private set of package lists, from the mirrors that this
//! machine uses, finds newer suites. The lists of the machine do not change.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{Scratch, put_in_place};
use crate::{command, rustc::Rustc};

/// The suites that have a recent compiler.
const SUITES: [&str; 3] = ["trixie-backports", "stable-backports", "unstable"];

/// Downloads the package and unpacks its `library` directory.
pub(super) fn install(rustc: &Rustc) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("this is not Debian");
    }
    let scratch = Scratch::new()?;
    let release = &rustc.version.release;
    for mirror in mirrors()? {
        for suite in SUITES {
            let apt = PrivateApt::new(scratch.0.join(suite), &mirror, suite)?;
            if let Some(version) = apt.version_of(release)? {
                apt.download(&version)?;
                return unpack(&apt, rustc);
            }
        }
    }
    bail!("no suite of {} has rust-src {release}", SUITES.join(", "))
}

fn unpack(apt: &PrivateApt, rustc: &Rustc) -> Result<()> {
    let package = fs::read_dir(&apt.directory)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|it| it == "deb"))
        .context("apt-get downloaded no package")?;
    let tree = apt.directory.join("tree");
    command::run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&tree))?;
    let library = tree
        .join(format!("usr/src/rustc-{}", rustc.version.release))
        .join("library");
    put_in_place(rustc, |place| {
        command::run(Command::new("cp").arg("-r").arg(&library).arg(place))
    })
}

/// The Debian archives in this machine's apt configuration.
fn mirrors() -> Result<Vec<String>> {
    let uris =
        command::output(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]))?;
    let mut mirrors: Vec<String> = uris
        .lines()
        .filter(|uri| uri.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
        .collect();
    mirrors.sort();
    mirrors.dedup();
    if mirrors.is_empty() {
        bail!("apt knows no Debian archive here");
    }
    Ok(mirrors)
}

/// An apt with private lists and a private cache.
struct PrivateApt {
    directory: PathBuf,
}

impl PrivateApt {
    fn new(directory: PathBuf, mirror: &str, suite: &str) -> Result<Self> {
        fs::create_dir_all(directory.join("lists/partial"))?;
        fs::create_dir_all(directory.join("cache/archives/partial"))?;
        let source = format!("deb {mirror} {suite} main\n");
        fs::write(directory.join("sources.list"), source)?;
        Ok(Self { directory })
    }

    fn apt(&self, program: &str) -> Command {
        let option =
            |key: &str, path: &str| format!("{key}={}", self.directory.join(path).display());
        let mut command = Command::new(program);
        command
            .current_dir(&self.directory)
            .args(["-q", "-o", &option("Dir::Etc::sourcelist", "sources.list")])
            .args(["-o", "Dir::Etc::sourceparts=/dev/null"])
            .args(["-o", &option("Dir::State::lists", "lists")])
            .args(["-o", &option("Dir::Cache", "cache")])
            // The sandbox user of apt cannot enter a private directory in /tmp.
            .args(["-o", "APT::Sandbox::User=root"]);
        command
    }

    /// The full version of the package, if it is of this compiler's release.
    fn version_of(&self, release: &str) -> Result<Option<String>> {
        if !command::succeeds(self.apt("apt-get").arg("update"))? {
            return Ok(None);
        }
        let table = command::output(self.apt("apt-cache").args(["madison", "rust-src"]))?;
        Ok(table
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(str::trim)
            .find(|version| is_release(version, release))
            .map(str::to_owned))
    }

    fn download(&self, version: &str) -> Result<()> {
        let package = format!("rust-src={version}");
        command::run(self.apt("apt-get").args(["download", &package]))
    }
}

/// Returns whether a Debian version such as `1.95.0+dfsg1-1~bpo13+1` is of this release.
fn is_release(debian: &str, release: &str) -> bool {
    debian
        .strip_prefix(release)
        .is_some_and(|rest| rest.starts_with(['+', '-', '~']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_release_is_refused() {
        assert!(is_release("1.95.0+dfsg1-1~bpo13+1", "1.95.0"));
        assert!(is_release("1.95.0-1", "1.95.0"));
        assert!(!is_release("1.95.01-1", "1.95.0"));
        assert!(!is_release("1.96.0+dfsg1-1", "1.95.0"));
    }
}
