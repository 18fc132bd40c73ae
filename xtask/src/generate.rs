//! `cargo xtask generate`: the schema and the reference page, from the parser's field table.
//!
//! With `--check` nothing in the tree changes: it proves that what is there is current.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result, bail};

use crate::{command, workspace::Workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Compare with what is in the tree; change nothing
    #[arg(long)]
    check: bool,
}

/// Asks the crate for its files, then writes or compares.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    // An example, so that this crate needs none of what the other is built from.
    let printed = command::output(
        workspace
            .cargo()?
            .args(["run", "--quiet", "--locked"])
            .args(["--package", "xdp-fw", "--example", "generate"]),
    )?;
    let files: BTreeMap<String, String> =
        serde_json::from_str(&printed).context("the example `generate` printed something else")?;
    let mut stale = Vec::new();
    for (file, text) in &files {
        let path = workspace.root().join(file);
        if fs::read_to_string(&path).is_ok_and(|current| current == *text) {
            println!("{file}: current");
        } else if arguments.check {
            stale.push(file.as_str());
        } else {
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory)
                    .with_context(|| format!("cannot create {}", directory.display()))?;
            }
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            println!("{file}: written");
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!(
        "{} not what the field table says; run `cargo xtask generate` and commit what it writes",
        match stale.as_slice() {
            [only] => format!("{only} is"),
            several => format!("{} are", several.join(" and ")),
        }
    )
}
