//! `xdp-fw attach`: one interface, for udev and network scripts.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, ValueEnum};

use crate::config::{self, Config, Disk};
use crate::daemon::control::client;
use crate::datapath::{self, AttachMode, Hook};
use crate::interfaces::{self, Interface, InterfaceName};
use crate::state::Stored;

use super::{Exit, Failure, Paths, block_on, output};

/// How long a running daemon may take. It attaches the interface by itself afterwards, and a boot
/// must not wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Attach the filter in force to one interface, without the daemon
#[derive(Debug, Args)]
#[command(after_help = "\
For udev rules and network scripts. Without --mode the configuration decides where the filter runs, \
and native if it does not name the interface. A running daemon detaches interfaces that the \
configuration does not name.

With --configured, as the udev rule calls it, nothing is printed, and the exit code is 0, unless the \
configuration names the interface and it cannot be filtered. A running daemon is asked to do it.

Example:
  xdp-fw attach wan0 --mode generic")]
pub(super) struct Attach {
    /// Name of the interface
    #[arg(value_name = "IFACE", value_parser = OsStringValueParser::new().map(|name| name_of(&name)))]
    interface: InterfaceName,
    /// Where the filter runs; auto prefers the driver
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Do it only if the configuration names the interface and a filter is in force
    #[arg(long, conflicts_with = "mode")]
    configured: bool,
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

impl From<config::Mode> for Mode {
    fn from(mode: config::Mode) -> Self {
        match mode {
            config::Mode::Native => Self::Native,
            config::Mode::Generic => Self::Generic,
            config::Mode::Auto => Self::Auto,
        }
    }
}

impl Attach {
    pub(super) fn run(mut self, paths: &Paths) -> Result<Exit, Failure> {
        self.interface = self.meant();
        if self.configured {
            self.attach_if_configured(paths)?;
            return Ok(Exit::Ok);
        }
        let mode = match self.mode {
            Some(mode) => mode,
            None => self.configured_mode(paths).unwrap_or(Mode::Native),
        };
        self.attach(paths, mode)?;
        // What was asked for and what was got are not the same: the kernel knows.
        let (interface, _) = find(&self.interface)?;
        let mode = interface
            .xdp
            .map_or("detached again", |xdp| xdp.mode.name());
        output::print(&format!("{}: {mode}\n", interface.name))?;
        Ok(Exit::Ok)
    }

    /// The interface that is meant. udev takes quotation marks off the arguments of a rule, but not
    /// off the environment; an operator may write the name as `status` shows it.
    fn meant(&self) -> InterfaceName {
        if self.configured
            && std::env::var_os("SUBSYSTEM").is_some_and(|subsystem| subsystem == "net")
            && let Some(name) = std::env::var_os("INTERFACE")
        {
            return name_of(&name);
        }
        // Only a backslash can be the beginning of an escape.
        let text = std::str::from_utf8(self.interface.as_bytes());
        let Some(text) = text.ok().filter(|text| text.contains('\\')) else {
            return self.interface.clone();
        };
        let escaped = InterfaceName::from_text(text);
        let all = block_on(interfaces::list()).ok().and_then(Result::ok);
        let exists = |name: &InterfaceName| all.iter().flatten().any(|it| it.name == *name);
        if exists(&escaped) && !exists(&self.interface) {
            return escaped;
        }
        self.interface.clone()
    }

    fn attach_if_configured(&self, paths: &Paths) -> Result<(), Failure> {
        // Until a start is over there is nothing to attach; the daemon will see to it.
        if !datapath::is_in_force(&paths.pin_dir)? {
            return Ok(());
        }
        let asked = async {
            let asked = client::attach(&paths.run_dir);
            tokio::time::timeout(PATIENCE, asked).await
        };
        match block_on(asked)? {
            Ok(Ok(status)) => self.told(&status.interfaces),
            Ok(Err(client::Error::NotRunning(_))) => match self.configured_mode(paths) {
                Some(mode) => self.attach(paths, mode),
                None => Ok(()),
            },
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::failed(format!(
                "{}: the daemon is busy, and attaches it as soon as it can",
                self.interface
            ))),
        }
    }

    /// What the daemon says of the interface; nothing if it is not configured.
    fn told(&self, interfaces: &[crate::daemon::Interface]) -> Result<(), Failure> {
        let mut interfaces = interfaces.iter();
        let ours = interfaces.find(|interface| self.interface == *interface.name);
        match ours.and_then(|interface| interface.error.as_ref()) {
            Some(error) => Err(Failure::failed(error)),
            None => Ok(()),
        }
    }

    /// The mode that the configuration has for the interface; `None` if it does not name it, or
    /// if there is none that can be read.
    fn configured_mode(&self, paths: &Paths) -> Option<Mode> {
        let config = read(paths)?;
        config.mode_of(&self.interface).map(Into::into)
    }

    fn attach(&self, paths: &Paths, mode: Mode) -> Result<(), Failure> {
        let (interface, all) = find(&self.interface)?;
        let name = &interface.name;
        // With --configured it was the configuration that named it, and there is the remedy.
        if !self.configured
            && let Some(what) = interfaces::not_ethernet(&interface)
        {
            return Err(Failure::failed(format!(
                "{name}: {what}; xdp-fw filters Ethernet only"
            )));
        }
        if let Some(why) = interfaces::why_unfit(&interface, &all) {
            return Err(Failure::failed(format!("{name}: {why}")));
        }
        let attach = |mode| {
            datapath::attach_pinned(
                &paths.pin_dir,
                Hook::XdpIngress,
                interface.index,
                name,
                mode,
            )
        };
        match mode {
            Mode::Native => attach(AttachMode::Native)
                .map_err(|error| error.advise(interfaces::advice(&interface, &all)))?,
            Mode::Generic => attach(AttachMode::Generic)?,
            Mode::Auto => {
                if attach(AttachMode::Native).is_err() {
                    attach(AttachMode::Generic)?;
                }
            }
        }
        Ok(())
    }
}

/// The configuration that the daemon would run: the file's, else the last good one.
fn read(paths: &Paths) -> Option<Config> {
    let file = config::load(paths.config(), &Disk);
    let loaded = file.ok().or_else(|| {
        let last_good = Stored::last_good(&paths.state_dir, paths.config()).ok()?;
        config::load(last_good.main(), &last_good).ok()
    });
    loaded.map(|loaded| std::sync::Arc::unwrap_or_clone(loaded.config))
}

fn name_of(argument: &OsStr) -> InterfaceName {
    InterfaceName::from_bytes(argument.as_bytes())
}

/// The interface, and all there are.
fn find(name: &InterfaceName) -> Result<(Interface, Vec<Interface>), Failure> {
    let all = block_on(interfaces::list())??;
    let Some(interface) = all.iter().find(|interface| interface.name == *name) else {
        return Err(Failure::failed(format!(
            "{name}: no such interface; see `ip link`"
        )));
    };
    Ok((interface.clone(), all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_refused_with_a_remedy_for_who_named_it() {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths {
            config: None,
            pin_dir: directory.path().to_owned(),
            state_dir: directory.path().to_owned(),
            run_dir: directory.path().to_owned(),
        };
        let refused = |configured| {
            let attach = Attach {
                interface: InterfaceName::from_text("lo"),
                mode: None,
                configured,
            };
            attach.attach(&paths, Mode::Native).unwrap_err().message
        };
        insta::assert_snapshot!(refused(false), @"xdp-fw: lo: not an Ethernet interface; xdp-fw filters Ethernet only");
        insta::assert_snapshot!(refused(true), @"xdp-fw: lo: not an Ethernet interface; remove it from `interfaces`");
    }
}
