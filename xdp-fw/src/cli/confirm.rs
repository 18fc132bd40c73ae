//! `xdp-fw confirm`: the configuration on trial stays.

use clap::Args;

use crate::daemon::control::client;

use super::{Exit, Failure, Paths, block_on, output};

/// Keep the configuration that is on trial
#[derive(Debug, Args)]
#[command(after_help = "\
After `xdp-fw reload --confirm 60s`, or an edit with `confirm = \"60s\"` in the configuration: without \
this command in time, the configuration before comes back. Run it from a new session, which shows that \
the new rules let you log in. The exit code is 1 if nothing is on trial.

Example:
  xdp-fw reload --confirm 60s    and then, from another terminal
  xdp-fw confirm")]
pub(super) struct Confirm {}

impl Confirm {
    pub(super) fn run(self, paths: &Paths) -> Result<Exit, Failure> {
        paths.expect_file_of_daemon()?;
        let confirmed = block_on(client::confirm(&paths.run_dir))??;
        let generation = confirmed.generation;
        output::print(&format!("generation {generation}: confirmed, it stays\n"))?;
        Ok(Exit::Ok)
    }
}
