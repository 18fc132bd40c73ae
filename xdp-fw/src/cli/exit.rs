//! Exit codes, and what is said before one of them.

use std::process::ExitCode;

use tracing::error;

use crate::config::Problems;
use crate::daemon::{self, control::client, lock::LockError};
use crate::{datapath, interfaces};

use super::output;

/// How the program ends; the numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// It did not work out.
    Failed = 1,
    /// A mistake in the configuration or on the command line (clap's number, too).
    Usage = 2,
    /// Not permitted.
    NotPermitted = 3,
    /// The daemon is not running.
    NotRunning = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Whose message it is.
const NAME: &str = "xdp-fw: ";

/// Why the program ends early.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    /// Complete lines; none where nobody would read them.
    pub(super) message: String,
}

impl Failure {
    /// Ends with this code after this message, of which each line says whose it is.
    pub(super) fn new(exit: Exit, message: impl AsRef<str>) -> Self {
        let lines = message.as_ref().lines();
        let message = lines.map(|line| format!("{NAME}{line}\n")).collect();
        Self { exit, message }
    }

    /// Ends because of problems, of which each line begins with its place.
    pub(super) fn problems(problems: &str) -> Self {
        Self {
            exit: Exit::Usage,
            message: format!("{problems}\n"),
        }
    }

    /// Ends with 1 after this message.
    pub(super) fn failed(message: impl AsRef<str>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// Logs the message, each line as an error. Whoever has no log reads it as that of a command.
    pub(super) fn into_log(self) -> Self {
        if !tracing::enabled!(tracing::Level::ERROR) {
            return self;
        }
        for line in self.message.lines() {
            error!("{}", line.strip_prefix(NAME).unwrap_or(line));
        }
        Self {
            message: String::new(),
            ..self
        }
    }

    /// Nobody reads our output any more, as in `xdp-fw stats | head -1`.
    pub(super) fn nobody_reads() -> Self {
        Self {
            exit: Exit::Ok,
            message: String::new(),
        }
    }

    /// Not permitted if this process lacks rights: whatever the kernel said, that is the cause.
    fn failed_for_want_of_rights(message: String) -> Self {
        let missing = datapath::missing_capabilities();
        if missing.is_empty() {
            return Self::failed(message);
        }
        let missing = missing.join(", ");
        let message = format!("{message}\nnot permitted: {missing} missing; run this as root");
        Self::new(Exit::NotPermitted, message)
    }

    /// Says why, and gives the code.
    #[must_use]
    pub fn report(self) -> Exit {
        output::complain(&self.message);
        self.exit
    }
}

impl From<Problems> for Failure {
    /// Whether a file that may not be read is in order, is for someone else to find out.
    fn from(problems: Problems) -> Self {
        let failure = Self::problems(&problems.to_string());
        let exit = if problems.denied {
            Exit::NotPermitted
        } else {
            failure.exit
        };
        Self { exit, ..failure }
    }
}

impl From<datapath::Error> for Failure {
    fn from(error: datapath::Error) -> Self {
        Self::failed_for_want_of_rights(daemon::chain(&error))
    }
}

impl From<interfaces::Error> for Failure {
    fn from(error: interfaces::Error) -> Self {
        Self::failed(daemon::chain(&error))
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            // No right would help.
            LockError::Held { .. } => Self::new(Exit::Failed, error.to_string()),
            _ => Self::failed_for_want_of_rights(error.to_string()),
        }
    }
}

impl From<daemon::Error> for Failure {
    fn from(error: daemon::Error) -> Self {
        let exit = match error {
            daemon::Error::NotPermitted { .. } => Exit::NotPermitted,
            daemon::Error::Refused {
                configuration: true,
                ..
            } => {
                return Self::problems(&error.to_string());
            }
            daemon::Error::Lock(error) => return error.into(),
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        let exit = match &error {
            client::Error::NotRunning(_) => Exit::NotRunning,
            client::Error::NotPermitted(_) => Exit::NotPermitted,
            client::Error::Refused(refused) if refused.configuration => {
                return Self::problems(&refused.error);
            }
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}
