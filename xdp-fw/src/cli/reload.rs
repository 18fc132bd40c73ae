//! `xdp-fw reload`: put the file into force now.

use std::time::Duration;

use clap::Args;

use crate::config::parse_confirm;
use crate::daemon::control::client;
use crate::daemon::{ReloadOptions, Reloaded, counted};

use super::{Exit, Failure, Places, block_on, output};

/// Put the configuration into force now, and say how it went
#[derive(Debug, Args)]
#[command(after_help = "\
Saving the file is a reload already; this one waits for the outcome. If the file is refused, every \
problem is printed, the former configuration stays in force, and the exit code is 2 (1 if it is the \
kernel that refuses, or if the file would cut off a live SSH session, a new login from its address, \
the default gateway or a resolver; --force overrides that). Interfaces that could not be attached \
are tried again. What was rolled back is tried again, too.

With --confirm the new configuration is on trial: unless `xdp-fw confirm` is typed in time, the former \
one comes back, also after a crash or a reboot. What is saved meanwhile is on trial as well. Have the \
file in its place and this typed in one line, for the daemon sees it at once; or set `confirm` in the \
configuration.

Examples:
  xdp-fw reload && xdp-fw status
  xdp-fw reload --force        yes, I mean to cut that one off
  cp new.toml /etc/xdp-fw.toml && xdp-fw reload --confirm 60s")]
pub(super) struct Reload {
    /// Into force even if that cuts off who is connected
    #[arg(long)]
    force: bool,
    /// Go back after this time unless it is confirmed, such as 60s or 5m
    #[arg(long, value_name = "TIME", value_parser = parse_confirm)]
    confirm: Option<Duration>,
}

impl Reload {
    pub(super) fn run(self, places: &Places) -> Result<Exit, Failure> {
        let options = ReloadOptions {
            confirm: self.confirm,
            force: self.force,
        };
        let reloaded = block_on(client::reload(&places.run_dir, options))??;
        output::warn(&reloaded.warnings);
        output::print(&summary(&reloaded, self.confirm.is_some()))?;
        Ok(Exit::Ok)
    }
}

fn summary(reloaded: &Reloaded, to_confirm: bool) -> String {
    let rules = counted(reloaded.rules.into(), "rule");
    let prefixes = counted(reloaded.prefixes, "prefix");
    let what = match (reloaded.changed, &reloaded.trial) {
        (true, Some(_)) => "in force, on trial",
        (true, None) => "in force",
        (false, Some(_)) => "unchanged, still on trial",
        (false, None) => "unchanged, already in force",
    };
    let mut text = format!(
        "generation {}: {what}: {rules}, {prefixes}\n",
        reloaded.generation
    );
    match &reloaded.trial {
        Some(trial) => text.push_str(&format!(
            "type `xdp-fw confirm` by {} ({}s left), or generation {} comes back\n",
            trial.until, trial.seconds_left, trial.base
        )),
        None if to_confirm => {
            text.push_str("there is nothing to confirm: `xdp-fw rollback` goes back\n");
        }
        None => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::testing::{status, trial};

    #[test]
    fn the_outcome_says_what_to_type_and_by_when() {
        let status = status();
        let reloaded = |changed, trial| Reloaded {
            changed,
            generation: status.generation,
            rules: status.rules,
            prefixes: status.prefixes,
            warnings: Vec::new(),
            trial,
        };
        let told = [
            summary(&reloaded(true, None), false),
            summary(&reloaded(true, Some(trial())), true),
            summary(&reloaded(false, Some(trial())), false),
            summary(&reloaded(false, None), true),
        ];
        insta::assert_snapshot!(told.concat(), @r"
        generation 7: in force: 3 rules, 12 prefixes
        generation 7: in force, on trial: 3 rules, 12 prefixes
        type `xdp-fw confirm` by 2027-01-15T08:01:00Z (60s left), or generation 6 comes back
        generation 7: unchanged, still on trial: 3 rules, 12 prefixes
        type `xdp-fw confirm` by 2027-01-15T08:01:00Z (60s left), or generation 6 comes back
        generation 7: unchanged, already in force: 3 rules, 12 prefixes
        there is nothing to confirm: `xdp-fw rollback` goes back
        ");
    }
}
