//! `xdp-fw diff`: what a file would change.

mod render;
mod report;

use std::path::PathBuf;

use clap::Args;

use crate::config::{self, Disk};
use crate::timestamp::Timestamp;

use super::{Exit, Failure, Paths, in_force, output};
use report::Report;

/// Show what a file would change against what is in force
#[derive(Debug, Args)]
#[command(after_help = "\
Compares what the files mean, not their text: rules added, removed, moved and changed, with what \
those that go or change have counted, and the prefixes of each set. Works with the daemon stopped. \
Exits with 0 whether or not anything changes, with 2 if the file has problems.

Examples:
  xdp-fw diff
  xdp-fw diff ./new.toml && mv ./new.toml /etc/xdp-fw.toml
  xdp-fw diff --json | jq .changed")]
pub(super) struct Diff {
    /// The file [default: that of --config]
    file: Option<PathBuf>,
    /// One JSON document, with every prefix
    #[arg(long)]
    json: bool,
    /// Every prefix, not only the first of each set
    #[arg(long)]
    full: bool,
}

impl Diff {
    pub(super) fn run(self, paths: &Paths) -> Result<Exit, Failure> {
        let path = self.file.as_deref().unwrap_or(paths.config());
        let after = config::load(path, &Disk)?;
        output::note(&after.notes);
        let in_force = in_force::read(paths)?;
        let before = in_force
            .configuration
            .map_err(|unknown| Failure::failed(unknown.to_string()))?;
        let report = Report::new(&in_force.snapshot, &before.config, path, &after.config);
        if self.json {
            output::json(&report)?;
        } else {
            output::print(&render::text(&report, self.full, Timestamp::now()))?;
        }
        Ok(Exit::Ok)
    }
}
