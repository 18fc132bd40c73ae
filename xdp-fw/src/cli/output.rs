//! Printing that survives a reader who leaves, and a terminal that obeys what it reads.
//!
//! Owns standard output and standard error of the commands; the daemon logs instead. What a name,
//! a path or a driver says passes through here, and is escaped here; line feeds are ours.

use std::env;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::Failure;
use crate::config::Problem;
use crate::names::printable::{printable_json, printable_lines};

/// Prints text, whose lines are meant.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    write(&printable_lines(text).to_string())
}

/// Prints text, whose lines are meant; on a terminal with colours, these words of ours are red in
/// their first line.
pub(super) fn print_alert(text: &str, words: &[&str]) -> Result<(), Failure> {
    let mut text = printable_lines(text).to_string();
    if has_colours() {
        for word in words {
            text = text.replacen(word, &red(word), 1);
        }
    }
    write(&text)
}

/// The text in red.
fn red(text: &str) -> String {
    format!("\x1b[31m{text}\x1b[0m")
}

/// Prints text with colours of ours; whoever calls this has escaped what others have said.
pub(super) fn print_painted(text: &str) -> Result<(), Failure> {
    write(text)
}

/// Empties the terminal.
pub(super) fn clear() -> Result<(), Failure> {
    write("\x1b[H\x1b[J")
}

/// Prints a line of JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    match serde_json::to_string(value) {
        Ok(json) => write(&(printable_json(&json) + "\n")),
        Err(error) => Err(Failure::failed(format!("cannot write JSON: {error}"))),
    }
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::nobody_reads(),
        _ => Failure::failed(format!("cannot write the output: {error}")),
    })
}

/// Prints to standard error; there is nothing to do should that fail.
pub(super) fn complain(message: &str) {
    let text = printable_lines(message).to_string();
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints what is allowed but probably not meant.
pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        complain(&format!("{warning} (warning)\n"));
    }
}

/// Prints what is fine and worth knowing.
pub(super) fn note(notes: &[Problem]) {
    for note in notes {
        complain(&format!("{note} (note)\n"));
    }
}

/// Whether a terminal shows the output, and its owner wants colours (<https://no-color.org>).
pub(super) fn has_colours() -> bool {
    to_terminal() && env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
}

/// Whether a person is looking.
pub(super) fn to_terminal() -> bool {
    io::stdout().is_terminal()
}
