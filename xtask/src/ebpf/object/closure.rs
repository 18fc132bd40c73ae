//! The crates that are compiled into the object: the normal dependencies on the BPF target.
//!
//! Build scripts, and the crates that procedural macros are made of, run only on the host and are
//! left out. If an update of those changes the object, `--check` shows it.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::sources;
use crate::{command, workspace::Workspace};

/// A registry crate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crate {
    /// The name in the lock file.
    pub(crate) name: String,
    /// The version in the lock file.
    pub(crate) version: String,
    /// The directory of the unpacked source.
    pub(crate) directory: PathBuf,
}

impl Crate {
    /// The name and version in the record.
    pub(crate) fn identity(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    manifest_path: PathBuf,
}

/// The registry crates below `package`. Fails if the record does not cover a workspace crate.
pub(crate) fn of(workspace: &Workspace, package: &str, target: &str) -> Result<Vec<Crate>> {
    // `cargo metadata` would join the features of the whole workspace.
    let mut tree = workspace.cargo()?;
    tree.args(["tree", "--locked", "--package", package, "--target", target])
        .args(["--edges", "normal", "--prefix", "depth", "--no-dedupe"]);
    let wanted = parse_tree(&command::output(&mut tree)?)?;

    let mut metadata = workspace.cargo()?;
    metadata.args(["metadata", "--locked", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&command::output(&mut metadata)?)
        .context("`cargo metadata` printed something unexpected")?;
    let mut crates = Vec::new();
    for it in metadata.packages {
        if !wanted.contains(&(it.name.clone(), it.version.clone())) {
            continue;
        }
        if it.source.is_none() {
            refuse_unknown(&it.name)?;
            continue;
        }
        let mut directory = it.manifest_path;
        directory.pop();
        crates.push(Crate {
            name: it.name,
            version: it.version,
            directory,
        });
    }
    Ok(crates)
}

/// A change to a workspace crate outside the inputs would change the object unnoticed.
fn refuse_unknown(name: &str) -> Result<()> {
    if sources::CRATES.contains(&name) {
        return Ok(());
    }
    bail!(
        "the BPF crate now depends on the workspace crate {name}: \
         add it to CRATES in xdp-fw/build/bpf_sources.rs"
    )
}

/// Parses lines such as `1aya-ebpf v0.2.1`, `2aya-ebpf-macros v0.2.0 (proc-macro)`: the depth
/// first.
fn parse_tree(text: &str) -> Result<BTreeSet<(String, String)>> {
    let mut crates = BTreeSet::new();
    let mut macro_depth = usize::MAX;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (depth, name, version) =
            parse_line(line).with_context(|| format!("`cargo tree` printed `{line}`"))?;
        if depth > macro_depth {
            continue;
        }
        macro_depth = if line.contains(" (proc-macro)") {
            depth
        } else {
            usize::MAX
        };
        crates.insert((name.to_owned(), version.to_owned()));
    }
    Ok(crates)
}

fn parse_line(line: &str) -> Option<(usize, &str, &str)> {
    let mut words = line.split(' ');
    let first = words.next()?;
    // The name of a crate never starts with a digit.
    let name = first.trim_start_matches(|it: char| it.is_ascii_digit());
    let depth = first.strip_suffix(name)?.parse().ok()?;
    Some((depth, name, words.next()?.strip_prefix('v')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_crates_in_the_object_count() {
        let text = "0xdp-fw-ebpf v0.1.0 (/src/xdp-fw/xdp-fw-ebpf)\n\
                    1aya-ebpf v0.2.1\n\
                    2aya-ebpf-cty v0.3.0\n\
                    2aya-ebpf-macros v0.2.0 (proc-macro)\n\
                    3syn v2.0.119\n\
                    4quote v1.0.47\n\
                    1xdp-fw-common v0.1.0 (/src/xdp-fw/xdp-fw-common)\n";
        let crates = parse_tree(text).unwrap();
        let names: Vec<_> = crates.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "aya-ebpf",
            "aya-ebpf-cty",
            "aya-ebpf-macros",
            "xdp-fw-common",
            "xdp-fw-ebpf",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_line_that_is_no_crate_is_shown() {
        let error = parse_tree("1aya-ebpf\n").unwrap_err();
        assert!(error.to_string().contains("`1aya-ebpf`"), "{error}");
    }

    #[test]
    fn a_workspace_crate_outside_the_record_is_refused() {
        assert!(refuse_unknown("xdp-fw-common").is_ok());
        let error = refuse_unknown("xdp-fw-wire").unwrap_err();
        assert!(error.to_string().contains("xdp-fw-wire"), "{error}");
    }
}
