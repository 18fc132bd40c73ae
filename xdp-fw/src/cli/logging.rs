//! The daemon's log: lines on standard error.
//!
//! Owns when there is one, and what is logged. How a line looks is [`super::log_line`]'s.

use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::log_line::{LogLine, Style};
use super::stderr;

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
    let style = style();
    tracing_subscriber::fmt()
        // Whoever reads the log may be gone; to complain about that to the same place would panic.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(move || stderr::line(style))
        .event_format(LogLine(style))
        .init();
}

fn style() -> Style {
    if is_journal() {
        Style::Journal
    } else if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        Style::Terminal
    } else {
        Style::Plain
    }
}

/// Whether standard error is the journal's: systemd names its device and inode. A variable that
/// was only inherited names another.
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let standard_error = std::fs::metadata("/proc/self/fd/2");
    standard_error.is_ok_and(|it| named == format!("{}:{}", it.dev(), it.ino()))
}
