//! `xdp-fw rollback`: return to the configuration before.

use clap::Args;

use crate::daemon::control::client;
use crate::names::quantity::counted;

use super::{Exit, Failure, Paths, block_on, output};

/// Undo: return to the configuration that was in force before
#[derive(Debug, Args)]
#[command(after_help = "\
During a trial, ends it at once. Otherwise the active configuration and the one before it change \
places. The file keeps its text; the daemon refuses that text, also after a reboot, until you edit it \
or run `xdp-fw reload`. The exit code is 1 if there is no configuration before.

Example:
  xdp-fw rollback && xdp-fw diff")]
pub(super) struct Rollback {}

impl Rollback {
    pub(super) fn run(self, paths: &Paths) -> Result<Exit, Failure> {
        paths.expect_file_of_daemon()?;
        let back = block_on(client::rollback(&paths.run_dir))??;
        let mut text = format!(
            "generation {}: back in force: {}, {}\n",
            back.generation,
            counted(back.rules.into(), "rule"),
            counted(back.prefixes, "prefix")
        );
        if let Some(file) = &back.refused {
            text.push_str(&format!(
                "{} is refused until it is edited; to try it again: `xdp-fw reload --confirm 60s`\n",
                file.display()
            ));
        }
        output::print(&text)?;
        Ok(Exit::Ok)
    }
}
