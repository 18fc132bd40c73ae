//! `xdp-fw unload`: stop filtering.

use clap::Args;

use crate::daemon::control::client;
use crate::daemon::counted;
use crate::daemon::lock::Lock;
use crate::datapath;

use super::{Exit, Failure, Places, block_on, output};

/// Stop filtering: detach every interface and remove the pins
#[derive(Debug, Args)]
#[command(after_help = "\
A running daemon does it itself, and ends; systemd does not start it again. All counters are gone \
afterwards. An enabled unit filters again after the next boot: see `systemctl disable`.")]
pub(super) struct Unload {}

impl Unload {
    pub(super) fn run(self, places: &Places) -> Result<Exit, Failure> {
        let links = match block_on(client::unload(&places.run_dir))? {
            Ok(unloaded) => unloaded.links,
            Err(client::Error::NotRunning(_)) => directly(places)?,
            Err(error) => return Err(error.into()),
        };
        let interfaces = counted(links as u64, "interface");
        output::print(&format!("unloaded: detached from {interfaces}\n"))?;
        Ok(Exit::Ok)
    }
}

/// Under the daemon's lock: one that is just starting must not find half of its pins gone.
fn directly(places: &Places) -> Result<usize, Failure> {
    let _lock = Lock::acquire(&places.run_dir)?;
    Ok(datapath::unload(&places.pin_dir)?)
}
