//! The daemon's log: lines on standard error.
//!
//! Owns how they look. Under systemd the journal adds the time, so we do not.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The least important message to be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    /// What keeps it from its work.
    Error,
    /// And what is probably not meant.
    Warn,
    /// And what changes.
    Info,
    /// And what it does all day.
    Debug,
    /// And everything.
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// What `notify` has to say of directories that are gone is our daily work, and no news.
fn directives(level: LevelFilter) -> String {
    format!("{level},notify=error")
}

/// Starts logging. An option counts more than `RUST_LOG`, and that more than `info`.
pub(super) fn start(level: Option<Level>) {
    let filter = match level {
        Some(level) => EnvFilter::new(directives(level.into())),
        None => EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| EnvFilter::new(directives(LevelFilter::INFO))),
    };
    let log = tracing_subscriber::fmt()
        // Whoever reads the log may be gone; to complain about that to the same place would panic.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        log.without_time().init();
    } else {
        log.init();
    }
}
