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
kernel that refuses, or if the file would cut off a live SSH session, a new login from its address, \
the default gateway or a resolver; --force overrides that). Interfaces that could not be attached \
are tried again.

Examples:
  xdp-fw reload && xdp-fw status
  xdp-fw reload --force        yes, I mean to cut that one off")]
pub(super) struct Reload {
    /// Into force even if that cuts off who is connected
    #[arg(long)]
    force: bool,
}

impl Reload {
    pub(super) fn run(self, places: &Places) -> Result<Exit, Failure> {
        let options = ReloadOptions {
            force: self.force,
            ..ReloadOptions::default()
        };
        let reloaded = block_on(client::reload(&places.run_dir, options))??;
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
