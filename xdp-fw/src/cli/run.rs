//! `xdp-fw run`: the daemon.

use clap::Args;
use tracing::info;

use crate::daemon::{self, Settings};

use super::logging::{self, Level};
use super::{Exit, Failure, Paths, block_on};

/// Run the daemon in the foreground (what the systemd unit starts)
#[derive(Debug, Args)]
#[command(after_help = "\
Puts the configuration into force, attaches the interfaces it names, and watches the file: saving \
it is a reload. A file with mistakes changes nothing. SIGHUP reloads; SIGTERM and SIGINT stop, \
and leave the filter in force unless on_stop = \"detach\". SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM and the \
others that end a process are logged and ignored; only SIGKILL, SIGABRT and a fault end the daemon at \
once, and leave the filter in force.

Logs to standard error; where that is the journal's (JOURNAL_STREAM), each line has its priority.

With an invalid file it starts with the last good configuration, and says so.

Examples:
  xdp-fw run
  xdp-fw run --config ./test.toml --log-level debug")]
pub(super) struct Run {
    /// The least important message to be logged [default: info, or RUST_LOG]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<Level>,
    /// Start even if that cuts off a live SSH session, a new login from its address, the
    /// default gateway or a resolver
    #[arg(long)]
    force: bool,
}

impl Run {
    pub(super) fn run(self, paths: Paths) -> Result<Exit, Failure> {
        logging::start(self.log_level);
        daemon::set_up_heap();
        daemon::raise_descriptor_limit();
        let settings = Settings {
            force: self.force,
            ..paths.into()
        };
        let outcome = block_on(serve(settings)).and_then(|it| it.map_err(Failure::from));
        let outcome = outcome.map_err(Failure::into_log);
        info!("ended");
        outcome.map(|()| Exit::Ok)
    }
}

async fn serve(settings: Settings) -> Result<(), daemon::Error> {
    settings.build().await?.run().await
}
