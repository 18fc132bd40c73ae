//! `cargo xtask generate`: writes the schema and the reference page, from the parser's field table.
//!
//! `--check` changes nothing: it proves that both files are current.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result, bail};

use crate::{command, workspace::Workspace};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Compare with the files in the tree; change nothing
    #[arg(long)]
    check: bool,
}

/// Gets the files from the crate, then writes or compares them.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    // An example prints them, so that xtask does not depend on the crate.
    let printed = command::output(
        workspace
            .cargo()?
            .args(["run", "--quiet", "--locked"])
            .args(["--package", "xdp-fw", "--example", "generate"]),
    )?;
    let files: BTreeMap<String, String> =
        serde_json::from_str(&printed).context("the example `generate` printed no map of files")?;
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
        "{} out of date with the field table; run `cargo xtask generate` and commit the result",
        match stale.as_slice() {
            [only] => format!("{only} is"),
            several => format!("{} are", several.join(" and ")),
        }
    )
}
