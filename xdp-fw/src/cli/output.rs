//! Printing that survives a reader who leaves.
//!
//! Owns standard output and standard error of the commands; the daemon logs instead.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::Failure;

/// Prints text as it is.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::nobody_reads(),
        _ => Failure::failed(format!("cannot write the output: {error}")),
    })
}

/// Prints a line of JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    match serde_json::to_string(value) {
        Ok(json) => print(&format!("{json}\n")),
        Err(error) => Err(Failure::failed(format!("cannot write JSON: {error}"))),
    }
}

/// Prints to standard error; there is nothing to do should that fail.
pub(super) fn complain(message: &str) {
    let _ = io::stderr().lock().write_all(message.as_bytes());
}

/// Prints what is allowed but probably not meant.
pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        complain(&format!("{warning} (warning)\n"));
    }
}

/// Whether a person is looking.
pub(super) fn to_terminal() -> bool {
    io::stdout().is_terminal()
}
