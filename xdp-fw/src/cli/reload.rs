//! `xdp-fw reload`: put the file into force now.

use clap::Args;

use crate::daemon::control::client;
use crate::daemon::{ReloadOptions, Reloaded, counted};

use super::{Exit, Failure, Places, block_on, output};

/// Put the configuration into force now, and say how it went
#[derive(Debug, Args)]
#[command(after_help = "\
Saving the file is a reload already; this one waits for the outcome. If the file is refused, every \
problem is printed, the former configuration stays in force, and the exit code is 2 (1 if it is the \
kernel that refuses). Interfaces that could not be attached are tried again.

Example:
  xdp-fw reload && xdp-fw status")]
pub(super) struct Reload {}

impl Reload {
    pub(super) fn run(self, places: &Places) -> Result<Exit, Failure> {
        let reloaded = block_on(client::reload(&places.run_dir, ReloadOptions::default()))??;
        output::warn(&reloaded.warnings);
        output::print(&summary(&reloaded))?;
        Ok(Exit::Ok)
    }
}

fn summary(reloaded: &Reloaded) -> String {
    let rules = counted(reloaded.rules.into(), "rule");
    let prefixes = counted(reloaded.prefixes, "prefix");
    let what = if reloaded.changed {
        "in force"
    } else {
        "unchanged, already in force"
    };
    format!(
        "generation {}: {what}: {rules}, {prefixes}\n",
        reloaded.generation
    )
}
