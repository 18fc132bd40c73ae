//! `xdp-fw unload`: stop filtering.

use clap::Args;

use crate::daemon::control::client;
use crate::daemon::lock::Lock;
use crate::daemon::{Unloaded, counted};
use crate::datapath;

use super::{Exit, Failure, Places, block_on, output};

/// Stop filtering: detach every interface and remove the pins
#[derive(Debug, Args)]
#[command(after_help = "\
A running daemon does it itself, and ends; systemd does not start it again. All counters are gone \
afterwards. What is not ours is left alone and named.

Where systemd is about to start a daemon again that has died, that one filters again: stop the \
service first (`systemctl stop xdp-fw`). So does an enabled unit after the next boot: see \
`systemctl disable`.")]
pub(super) struct Unload {}

impl Unload {
    pub(super) fn run(self, places: &Places) -> Result<Exit, Failure> {
        let unloaded = match block_on(client::unload(&places.run_dir))? {
            Ok(unloaded) => unloaded,
            Err(client::Error::NotRunning(_)) => directly(places)?,
            Err(error) => return Err(error.into()),
        };
        let interfaces = counted(unloaded.links as u64, "interface");
        output::print(&format!("unloaded: detached from {interfaces}\n"))?;
        for path in unloaded.left {
            output::print(&format!("left alone: {} is not ours\n", path.display()))?;
        }
        Ok(Exit::Ok)
    }
}

/// Under the daemon's lock: one that is just starting must not find half of its pins gone.
fn directly(places: &Places) -> Result<Unloaded, Failure> {
    let lock = Lock::acquire(&places.run_dir)?;
    let predecessor = lock.predecessor();
    let removed = datapath::unload(&places.pin_dir);
    lock.retire();
    if let Some(pid) = predecessor {
        output::complain(&format!(
            "xdp-fw: the daemon (pid {pid}) died, it was not stopped; where systemd starts it \
             again, it filters again: `systemctl stop xdp-fw` keeps it from that\n"
        ));
    }
    Ok(removed?.into())
}
