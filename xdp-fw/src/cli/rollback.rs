//! `xdp-fw rollback`: what was put into force last is taken back.

use clap::Args;

use crate::daemon::control::client;
use crate::daemon::counted;

use super::{Exit, Failure, Places, block_on, output};

/// Go back to the configuration that was in force before
#[derive(Debug, Args)]
#[command(after_help = "\
Ends a trial at once; without one, the last configuration and the one before it change places. The \
file is left as it is, and what it says is refused, also after a reboot, until it is edited or \
`xdp-fw reload` is typed. The exit code is 1 if there is nothing to go back to.

Example:
  xdp-fw rollback && xdp-fw diff")]
pub(super) struct Rollback {}

impl Rollback {
    pub(super) fn run(self, places: &Places) -> Result<Exit, Failure> {
        let back = block_on(client::rollback(&places.run_dir))??;
        let mut text = format!(
            "generation {}: back in force: {}, {}\n",
            back.generation,
            counted(back.rules.into(), "rule"),
            counted(back.prefixes, "prefix")
        );
        if let Some(file) = &back.refused {
            text.push_str(&format!(
                "{} is refused as it is: edit it, or try it again with `xdp-fw reload --confirm 60s`\n",
                file.display()
            ));
        }
        output::print(&text)?;
        Ok(Exit::Ok)
    }
}
