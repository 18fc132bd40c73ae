//! `xdp-fw confirm`: what is on trial stays.

use clap::Args;

use crate::daemon::control::client;

use super::{Exit, Failure, Places, block_on, output};

/// Keep what is on trial in force
#[derive(Debug, Args)]
#[command(after_help = "\
After `xdp-fw reload --confirm 60s`, or an edit with `confirm = \"60s\"` in the configuration: without \
this in time, what was in force before comes back. Type it in a new session, for the one that is open \
may pass as established what a new one may not. The exit code is 1 if nothing is on trial.

Example:
  xdp-fw reload --confirm 60s    and then, from another terminal
  xdp-fw confirm")]
pub(super) struct Confirm {}

impl Confirm {
    pub(super) fn run(self, places: &Places) -> Result<Exit, Failure> {
        let confirmed = block_on(client::confirm(&places.run_dir))??;
        let generation = confirmed.generation;
        output::print(&format!("generation {generation}: confirmed, it stays\n"))?;
        Ok(Exit::Ok)
    }
}
