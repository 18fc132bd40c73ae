//! How a line of the log looks: a priority for the journal, a time for everyone else.
//!
//! Owns the shape of every line. What a message quotes cannot begin a line of its own: its control
//! characters are escaped, and what follows a line feed is indented.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::names::printable::Escaping;

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The journal, which knows the time, and takes a priority in front of each line.
    Journal,
    /// A person.
    Terminal,
    /// A file, or another program.
    Plain,
}

/// The shape of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogLine(pub(super) Style);

impl<S, N> FormatEvent<S, N> for LogLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = Message::default();
        event.record(&mut message);
        writer.write_str(&line_of(self.0, *event.metadata().level(), &message.0))
    }
}

/// A message as it is logged now.
pub(super) fn line_of(style: Style, level: Level, message: &str) -> String {
    let mut time = String::new();
    if style != Style::Journal {
        // Writing to a string does not fail.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    }
    lines(style, level, &time, message)
}

/// Every line of a message, each with what goes in front of it.
fn lines(style: Style, level: Level, time: &str, message: &str) -> String {
    let mut text = String::new();
    for (index, line) in message.lines().enumerate() {
        let front = match style {
            Style::Journal => format!("<{}>", priority(level)),
            Style::Terminal => format!("{time} \x1b[{}m{level:>5}\x1b[0m ", colour(level)),
            Style::Plain => format!("{time} {level:>5} "),
        };
        let indent = if index > 0 { "  " } else { "" };
        text.push_str(&front);
        text.push_str(indent);
        let mut escaping = Escaping {
            to: &mut text,
            keeps_lines: false,
        };
        let _ = escaping.write_str(line);
        text.push('\n');
    }
    text
}

/// As syslog numbers them.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        _ => 34,
    }
}

/// The message; what libraries say besides goes behind it.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => {
                let others = std::mem::take(&mut self.0);
                self.0 = format!("{value:?}{others}");
            }
            // Where in a library's source it was said.
            name if name.starts_with("log.") => {}
            name => drop(write!(self.0, " {name}={value:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-30T12:00:00.000000Z";

    #[test]
    fn every_line_has_its_priority() {
        let told = |level| lines(Style::Journal, level, "", "a\nb");
        assert_eq!(told(Level::ERROR), "<3>a\n<3>  b\n");
        assert_eq!(told(Level::WARN), "<4>a\n<4>  b\n");
        assert_eq!(told(Level::INFO), "<6>a\n<6>  b\n");
        assert_eq!(told(Level::DEBUG), "<7>a\n<7>  b\n");
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        let hostile = "in x\x1b[2J\r\u{85}<0>y\n2026-11-30T12:00:00.000000Z ERROR forged\u{202e}";
        assert_eq!(
            lines(Style::Plain, Level::INFO, TIME, hostile),
            format!(
                "{TIME}  INFO in x\\u{{1b}}[2J\\r\\u{{85}}<0>y\n{TIME}  INFO   {TIME} ERROR forged\\u{{202e}}\n"
            )
        );
    }

    #[test]
    fn a_terminal_has_coloured_levels() {
        let line = lines(Style::Terminal, Level::WARN, TIME, "a");
        assert_eq!(line, format!("{TIME} \x1b[33m WARN\x1b[0m a\n"));
    }
}
