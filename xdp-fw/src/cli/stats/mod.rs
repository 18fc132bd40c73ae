//! `xdp-fw stats`: what each rule has counted.

mod render;
mod report;

use std::thread;
use std::time::Duration;

use clap::Args;

use crate::{datapath, interfaces};

use super::table::Audience;
use super::{Exit, Failure, Paths, block_on, output};
use crate::timestamp::Timestamp;
use report::Report;

/// How often `--watch` looks. Counters have no events.
const PERIOD: Duration = Duration::from_secs(1);

/// Show what each rule has counted, then totals by reason
#[derive(Debug, Args)]
#[command(after_help = "\
Reads the kernel, so it works with the daemon stopped. Rules stand in file order. Each packet is \
counted once: by the rule that decided, by `default_action`, or by a reason (malformed packets, \
essentials such as ARP and neighbour discovery, frames that are not IP). Counters belong to a rule's \
name, and continue over reloads and restarts. On a terminal, long names are cut (`…`); a pipe gets \
them whole.

Examples:
  xdp-fw stats
  xdp-fw stats --watch --rule ssh-from-office
  xdp-fw stats --json | jq '.rules[] | select(.last_seen == null) | .name'")]
pub(super) struct Stats {
    /// One JSON document (with --watch, one a line)
    #[arg(long)]
    json: bool,
    /// Look again every second
    #[arg(long)]
    watch: bool,
    /// This rule only
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
}

impl Stats {
    pub(super) fn run(self, paths: &Paths) -> Result<Exit, Failure> {
        let audience = Audience::of_output();
        loop {
            let report = self.read(paths)?;
            if self.json {
                output::json(&report)?;
            } else {
                if self.watch && matches!(audience, Audience::Terminal(_)) {
                    output::clear()?;
                }
                output::print_painted(&self.text(&report, audience))?;
            }
            if !self.watch {
                return Ok(Exit::Ok);
            }
            thread::sleep(PERIOD);
        }
    }

    fn read(&self, paths: &Paths) -> Result<Report, Failure> {
        let snapshot = datapath::read(&paths.pin_dir)?;
        let interfaces = block_on(interfaces::list())??;
        let mut report = Report::of(&snapshot, &interfaces);
        if let Some(name) = &self.rule {
            report.keep(name).map_err(Failure::failed)?;
        }
        Ok(report)
    }

    fn text(&self, report: &Report, audience: Audience) -> String {
        let now = Timestamp::now();
        if self.rule.is_some() {
            render::rules(report, audience, now)
        } else {
            render::all(report, audience, now)
        }
    }
}
