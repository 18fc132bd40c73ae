//! `xdp-fw attach`: one interface, without the daemon.

use clap::{Args, ValueEnum};

use crate::datapath::{self, AttachMode};
use crate::interfaces::{self, Interface};

use super::{Exit, Failure, Places, block_on, output};

/// Attach the filter in force to one interface, without the daemon
#[derive(Debug, Args)]
#[command(after_help = "\
For udev rules and network scripts that must not wait for the daemon. A running daemon detaches \
interfaces that the configuration does not name.

Example:
  xdp-fw attach wan0 --mode generic")]
pub(super) struct Attach {
    /// Name of the interface
    #[arg(value_name = "IFACE")]
    interface: String,
    /// Where the filter runs; auto prefers the driver
    #[arg(long, value_enum, default_value_t = Mode::Native)]
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// In the driver
    Native,
    /// In the stack: slower, works everywhere
    Generic,
    /// In the driver where it can, else in the stack
    Auto,
}

impl Attach {
    pub(super) fn run(self, places: &Places) -> Result<Exit, Failure> {
        let name = &self.interface;
        let interface = find(name)?;
        let number = interface.index;
        let attach = |mode| datapath::attach_pinned(&places.pin_dir, number, name, mode);
        match self.mode {
            Mode::Native => attach(AttachMode::Native)?,
            Mode::Generic => attach(AttachMode::Generic)?,
            Mode::Auto => {
                if attach(AttachMode::Native).is_err() {
                    attach(AttachMode::Generic)?;
                }
            }
        }
        // What was asked for and what was got are not the same: the kernel knows.
        let mode = find(name)?
            .xdp
            .map_or("detached again", |xdp| xdp.mode.name());
        output::print(&format!("{name}: {mode}\n"))?;
        Ok(Exit::Ok)
    }
}

fn find(name: &str) -> Result<Interface, Failure> {
    let mut interfaces = block_on(interfaces::list())??.into_iter();
    let Some(interface) = interfaces.find(|interface| interface.name == name) else {
        return Err(Failure::failed(format!(
            "{name}: no such interface; see `ip link`"
        )));
    };
    Ok(interface)
}
