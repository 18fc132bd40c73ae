//! The command line: one file per verb.
//!
//! Owns the verbs and the options that all of them take. A verb turns its arguments into one
//! operation of another module and prints what came of it.

mod attach;
mod check;
mod confirm;
mod diff;
mod doctor;
mod exit;
mod explain;
mod in_force;
mod log_line;
mod logging;
mod output;
mod reload;
mod rollback;
mod run;
mod stats;
mod status;
mod stderr;
mod suggest;
mod table;
mod units;
mod unload;
mod wrap;

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::daemon::{self, Settings};
use crate::datapath::PIN_DIRECTORY;
use crate::names::InterfaceName;

pub use exit::{Exit, Failure};

/// Filters packets in the network driver, by the rules in a file.
#[derive(Debug, Parser)]
#[command(name = "xdp-fw", version, max_term_width = 80, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    paths: Paths,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  xdp-fw check                 is /etc/xdp-fw.toml right?
  xdp-fw diff                  what would it change?
  xdp-fw explain 'PACKET'      what happens to a packet, and why?
  systemctl start xdp-fw       filter; afterwards saving the file is a reload
  xdp-fw stats                 what has each rule counted?
  xdp-fw status                is it in force, on which interfaces?
  xdp-fw rollback              undo the last reload
  xdp-fw reload --confirm 60s  try the file, undo it after a minute
  xdp-fw doctor                is anything wrong with this host?
  xdp-fw unload                stop filtering

Exit codes: 0 ok, 1 failed, 2 bad configuration or usage, 3 not permitted,
4 the daemon is not running.";

/// Where everything is; several daemons can run side by side.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Paths")]
struct Paths {
    /// The configuration file [default: /etc/xdp-fw.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Pins: a directory of the BPF file system
    #[arg(long, global = true, value_name = "DIR", default_value = PIN_DIRECTORY)]
    pin_dir: PathBuf,
    /// State: the last good configuration, kept over a reboot
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "/var/lib/xdp-fw"
    )]
    state_dir: PathBuf,
    /// Runtime files: the control socket and the lock
    #[arg(long, global = true, value_name = "DIR", default_value = "/run/xdp-fw")]
    run_dir: PathBuf,
}

/// Where the configuration is unless `--config` says otherwise.
const CONFIGURATION: &str = "/etc/xdp-fw.toml";

impl Paths {
    /// The configuration file.
    fn config(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(CONFIGURATION))
    }

    /// Whether the command line names it.
    fn has_config(&self) -> bool {
        self.config.is_some()
    }
}

impl Paths {
    /// What to say where the command line names another file than `read`, which the daemon reads.
    fn other_file(&self, read: &Path) -> Option<String> {
        let named = self.config.as_deref()?;
        let is_same = named == read
            || matches!((named.canonicalize(), read.canonicalize()), (Ok(a), Ok(b)) if a == b);
        (!is_same).then(|| {
            format!(
                "the daemon reads {}; {} is another file",
                read.display(),
                named.display()
            )
        })
    }

    /// Refuses a file that the daemon does not read: it would do something else than was asked.
    fn expect_file_of_daemon(&self) -> Result<(), Failure> {
        if !self.has_config() {
            return Ok(());
        }
        let status = block_on(daemon::control::client::status(&self.run_dir))??;
        match self.other_file(&status.config) {
            Some(note) => Err(Failure::new(
                Exit::Usage,
                format!("{note}: copy it there, or leave `--config` out"),
            )),
            None => Ok(()),
        }
    }
}

impl From<Paths> for Settings {
    fn from(paths: Paths) -> Self {
        Self {
            config: paths.config().to_owned(),
            pin_dir: paths.pin_dir,
            state_dir: paths.state_dir,
            run_dir: paths.run_dir,
            force: false,
        }
    }
}

/// An interface as `status` shows it; bytes that are no text are its name as it is.
fn shown_name(argument: &OsStr) -> InterfaceName {
    match argument.to_str() {
        Some(text) => InterfaceName::from_text(text),
        None => InterfaceName::from_bytes(argument.as_bytes()),
    }
}

/// Prints what is wrong with the command line, or the help that it asks for.
#[must_use]
pub fn usage(mut error: clap::Error) -> ExitCode {
    suggest::correct(&mut error);
    if error.use_stderr() {
        // It quotes arguments, and a udev rule's come from elsewhere.
        output::complain(&error.render().to_string());
    } else {
        let _ = error.print();
    }
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Run),
    Check(check::Check),
    Diff(diff::Diff),
    Explain(Box<explain::Explain>),
    Stats(stats::Stats),
    Status(status::Status),
    Reload(reload::Reload),
    Confirm(confirm::Confirm),
    Rollback(rollback::Rollback),
    Doctor(doctor::Doctor),
    Attach(attach::Attach),
    Unload(unload::Unload),
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// [`Failure`] has the sentence and the exit code.
    pub fn run(self) -> Result<Exit, Failure> {
        let paths = self.paths;
        match self.verb {
            Verb::Run(verb) => verb.run(paths),
            Verb::Check(verb) => verb.run(&paths),
            Verb::Diff(verb) => verb.run(&paths),
            Verb::Explain(verb) => verb.run(&paths),
            Verb::Stats(verb) => verb.run(&paths),
            Verb::Status(verb) => verb.run(&paths),
            Verb::Reload(verb) => verb.run(&paths),
            Verb::Confirm(verb) => verb.run(&paths),
            Verb::Rollback(verb) => verb.run(&paths),
            Verb::Doctor(verb) => verb.run(paths),
            Verb::Attach(verb) => verb.run(&paths),
            Verb::Unload(verb) => verb.run(&paths),
        }
    }
}

/// Runs something asynchronous to its end.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    spare_descriptors()
        .map_err(|error| Failure::failed(format!("{error}; raise the limit on open files")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("no runtime: {error}")))?;
    let result = runtime.block_on(future);
    // What was abandoned changes nothing, and nobody waits for it.
    runtime.shutdown_background();
    Ok(result)
}

/// Whether there are as many descriptors to be had as the runtime takes: without them it panics.
fn spare_descriptors() -> io::Result<()> {
    const TAKEN: usize = 8;
    let one = |_| io::stderr().as_fd().try_clone_to_owned();
    (0..TAKEN)
        .map(one)
        .collect::<io::Result<Vec<_>>>()
        .map(drop)
}

#[cfg(test)]
mod tests;
