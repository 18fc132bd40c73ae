//! Collects what criterion.rs measured of the host: reading a configuration and compiling it.
//!
//! `bench/benches/compile.rs` measures.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::sample::Sample;

/// The host's time for a policy, before any system call to the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostSide {
    pub(crate) rules: u32,
    /// Number of prefixes in the set of the first rule.
    pub(crate) prefixes: u32,
    /// Milliseconds from text to a checked configuration.
    pub(crate) read: Sample,
    /// Milliseconds from the configuration to tables.
    pub(crate) compile: Sample,
}

/// The file of criterion.rs that has every run.
#[derive(Deserialize)]
struct Runs {
    /// Iterations of each run.
    iters: Vec<f64>,
    /// Time of all iterations of each run, in nanoseconds.
    times: Vec<f64>,
}

/// Collects the measurements in the directory of criterion.rs, by size.
///
/// # Errors
/// If there are none, or they are of another version.
pub(crate) fn collect(directory: &Path) -> Result<Vec<HostSide>> {
    let mut collected = Vec::new();
    let compiled = directory.join("compile");
    for entry in fs::read_dir(&compiled)
        .with_context(|| format!("no measurement is in {}", compiled.display()))?
    {
        let size = entry?.file_name().to_string_lossy().into_owned();
        let sizes = size.split_once('-');
        let sizes =
            sizes.and_then(|(rules, prefixes)| Some((rules.parse().ok()?, prefixes.parse().ok()?)));
        // The directory has a report, too.
        let Some((rules, prefixes)) = sizes else {
            continue;
        };
        collected.push(HostSide {
            rules,
            prefixes,
            read: sample(&directory.join("read").join(&size))?,
            compile: sample(&compiled.join(&size))?,
        });
    }
    if collected.is_empty() {
        bail!("no measurement is in {}", compiled.display());
    }
    collected.sort_by_key(|one| (one.rules, one.prefixes));
    Ok(collected)
}

fn sample(directory: &Path) -> Result<Sample> {
    let path = directory.join("new/sample.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let runs: Runs = serde_json::from_str(&text)
        .with_context(|| format!("{} is of another criterion", path.display()))?;
    let each = runs.times.iter().zip(&runs.iters);
    let each = each.map(|(time, count)| time / count / 1e6).collect();
    Sample::of(each).context("nothing was measured")
}
