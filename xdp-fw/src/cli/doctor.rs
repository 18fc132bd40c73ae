//! `xdp-fw doctor`: is this host ready.

use std::fmt::Write as _;

use clap::Args;

use crate::daemon::Settings;
use crate::doctor::{self, Finding, Level, Report};
use crate::names::printable;
use crate::names::quantity::counted;

use super::wrap::wrapped;
use super::{Exit, Failure, Paths, block_on, output};

/// Width of the text, whatever the terminal's.
const WIDTH: usize = 80;
/// Where the text of a finding begins.
const INDENT: usize = 10;

/// Look at everything that filtering needs on this host, with the command that fixes what is wrong
#[derive(Debug, Args)]
#[command(after_help = "\
Changes nothing, and works without a daemon. The exit code is 0 if nothing is wrong, and 1 if there \
is a problem or something could not be looked at, as without root; warnings do not count.

--json prints {\"ready\": BOOL, \"findings\": [{\"group\", \"level\", \"what\", \"fix\"}…]}. The level is \
`ok`, `warning`, `unknown` or `problem`; `fix` is null where there is nothing to do.

Examples:
  xdp-fw doctor
  xdp-fw doctor --json | jq -r '.findings[] | select(.fix) | .fix'")]
pub(super) struct Doctor {
    /// One JSON document
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self, paths: Paths) -> Result<Exit, Failure> {
        let report = block_on(doctor::examine(&Settings::from(paths)))?;
        if self.json {
            output::json(&report)?;
        } else {
            output::print_painted(&text(&report, output::has_colours()))?;
        }
        Ok(if report.ready { Exit::Ok } else { Exit::Failed })
    }
}

fn text(report: &Report, colours: bool) -> String {
    let mut text = String::new();
    let mut group = "";
    for finding in &report.findings {
        if finding.group != group {
            group = finding.group;
            let _ = writeln!(text, "{group}");
        }
        text += &told(finding, colours);
    }
    text.push('\n');
    text += &summary(report);
    text
}

fn told(finding: &Finding, colours: bool) -> String {
    let (word, colour) = match finding.level {
        Level::Ok => ("ok", "32"),
        Level::Warning => ("warning", "33"),
        Level::Unknown => ("unknown", "35"),
        Level::Problem => ("PROBLEM", "31"),
    };
    let word = format!("{word:<7}");
    let word = if colours {
        format!("\x1b[{colour}m{word}\x1b[0m")
    } else {
        word
    };
    // Colours are control characters, so that what others have said is escaped before they come in.
    let what = printable(&finding.what).to_string();
    let mut text = format!("  {word} {}\n", wrapped(&what, INDENT, WIDTH));
    if let Some(fix) = &finding.fix {
        let label = "fix: ";
        let fix = printable(fix).to_string();
        let fix = wrapped(&fix, INDENT + label.len(), WIDTH);
        let _ = writeln!(text, "{:INDENT$}{label}{fix}", "");
    }
    text
}

fn summary(report: &Report) -> String {
    let parts = [
        (Level::Problem, "problem"),
        (Level::Warning, "warning"),
        (Level::Unknown, "thing"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|(level, noun)| {
            let number = report.count(level);
            let unseen = if level == Level::Unknown {
                " not looked at"
            } else {
                ""
            };
            (number > 0).then(|| counted(number as u64, noun) + unseen)
        })
        .collect();
    let verdict = match (report.ready, report.count(Level::Problem)) {
        (true, _) => "this host is ready",
        (false, 0) => "not known whether this host is ready",
        (false, _) => "this host is not ready",
    };
    if parts.is_empty() {
        return format!("{verdict}\n");
    }
    format!("{verdict}: {}\n", parts.join(", "))
}

#[cfg(test)]
#[path = "doctor_tests.rs"]
mod tests;
