//! `xdp-fw unload`: stop filtering.

use clap::Args;

use crate::daemon::Unloaded;
use crate::daemon::control::client;
use crate::daemon::lock::Lock;
use crate::names::quantity::counted;
use crate::{datapath, interfaces};

use super::{Exit, Failure, Paths, block_on, output};

/// Stop filtering: detach every interface and remove the pins
#[derive(Debug, Args)]
#[command(after_help = "\
The host is open afterwards, and all counters are gone. A running daemon does it itself, and ends; \
systemd does not start it again. Files among the pins that are not of xdp-fw stay, and are named.

An enabled unit filters again after the next boot (`systemctl disable xdp-fw`). Where the daemon has \
died and systemd is about to start it again, stop the service first (`systemctl stop xdp-fw`).")]
pub(super) struct Unload {}

impl Unload {
    pub(super) fn run(self, paths: &Paths) -> Result<Exit, Failure> {
        let filtered = filtered(paths);
        let unloaded = match block_on(client::unload(&paths.run_dir))? {
            Ok(unloaded) => unloaded,
            Err(client::Error::NotRunning(_)) => directly(paths)?,
            Err(error) => return Err(error.into()),
        };
        output::print(&summary(&unloaded, &filtered))?;
        Ok(Exit::Ok)
    }
}

/// The names of the interfaces that are filtered, as far as they are known.
fn filtered(paths: &Paths) -> Vec<String> {
    let links = datapath::read_links(&paths.pin_dir).unwrap_or_default();
    let all = block_on(interfaces::list()).ok().and_then(Result::ok);
    let all = all.unwrap_or_default();
    let of = |index| all.iter().find(|it| it.index == index);
    let filtered = links.iter().filter_map(|link| of(link.interface?));
    filtered.map(|it| it.name.to_string()).collect()
}

fn summary(unloaded: &Unloaded, filtered: &[String]) -> String {
    let mut text = match (unloaded.links, filtered.len()) {
        (0, _) => "nothing was filtered\n".to_owned(),
        (links, names) if links == names => {
            let verb = if links == 1 { "is" } else { "are" };
            format!(
                "{} {verb} open now: nothing is filtered\n",
                filtered.join(", ")
            )
        }
        (links, _) => {
            let interfaces = counted(links as u64, "interface");
            format!("detached from {interfaces}: nothing is filtered\n")
        }
    };
    text.push_str("counters and pins are gone; an enabled unit filters again after a boot\n");
    for path in &unloaded.left {
        text += &format!("left in place: {} is not of xdp-fw\n", path.display());
    }
    text
}

/// Under the daemon's lock: one that is just starting must not find half of its pins gone.
fn directly(paths: &Paths) -> Result<Unloaded, Failure> {
    let lock = Lock::acquire(&paths.run_dir)?;
    let predecessor = lock.predecessor();
    let removed = datapath::unload(&paths.pin_dir);
    lock.retire();
    if let Some(pid) = predecessor {
        output::complain(&format!(
            "xdp-fw: the daemon (pid {pid}) died before this; if systemd starts it again, it \
             filters again: `systemctl stop xdp-fw` prevents that\n"
        ));
    }
    Ok(removed?.into())
}
