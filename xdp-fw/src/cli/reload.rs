//! `xdp-fw reload`: put the file into force now.

use std::time::Duration;

use clap::Args;

use crate::config::parse_confirm;
use crate::daemon::control::client;
use crate::daemon::{ReloadOptions, Reloaded};
use crate::names::quantity::counted;

use super::{Exit, Failure, Paths, block_on, output};

/// Put the configuration file into force now, and report the result
#[derive(Debug, Args)]
#[command(after_help = "\
Saving the file is a reload already; this command also waits for the result. If the file is refused, \
it prints every problem, the active configuration stays in force, and the exit code is 2. The exit \
code is 1 if the kernel refuses, or if the file would cut off a logged-in SSH session, a new login \
from its address, the default gateway or a resolver (--force overrides that). The command also tries \
again to attach interfaces that failed, and a file that was rolled back.

With --confirm the new configuration is on trial (JunOS: commit confirmed; VyOS: commit-confirm): \
unless you run `xdp-fw confirm` in time, the configuration before it comes back, also after a crash or \
a reboot. Edits that are saved meanwhile are on trial as well. Copy the file and reload in one line, \
because the daemon sees a saved file at once; or set `confirm` in the configuration.

Examples:
  xdp-fw reload && xdp-fw status
  xdp-fw reload --force        cut that session off, on purpose
  cp new.toml /etc/xdp-fw.toml && xdp-fw reload --confirm 60s")]
pub(super) struct Reload {
    /// Reload even if that cuts off a session, the gateway or a resolver
    #[arg(long)]
    force: bool,
    /// Try it: undo automatically after TIME (60s, 5m) unless you run `xdp-fw confirm`
    #[arg(long, value_name = "TIME", value_parser = parse_confirm)]
    confirm: Option<Duration>,
}

impl Reload {
    pub(super) fn run(self, paths: &Paths) -> Result<Exit, Failure> {
        let options = ReloadOptions {
            confirm: self.confirm,
            force: self.force,
        };
        paths.expect_file_of_daemon()?;
        let reloaded = block_on(client::reload(&paths.run_dir, options))??;
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
            "run `xdp-fw confirm` by {} ({}s left), or generation {} comes back\n",
            trial.until, trial.seconds_left, trial.base
        )),
        None if to_confirm => {
            text.push_str(
                "NOT on trial: this content was in force already, since the file was saved; \
                 `xdp-fw rollback` returns to the configuration before it\n",
            );
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
    fn the_result_says_what_to_run_and_by_when() {
        let status = status();
        let reloaded = |changed, trial| Reloaded {
            changed,
            generation: status.generation,
            rules: status.rules,
            prefixes: status.prefixes,
            warnings: Vec::new(),
            trial,
        };
        let texts = [
            summary(&reloaded(true, None), false),
            summary(&reloaded(true, Some(trial())), true),
            summary(&reloaded(false, Some(trial())), false),
            summary(&reloaded(false, None), true),
        ];
        insta::assert_snapshot!(texts.concat(), @r"
        generation 7: in force: 3 rules, 12 prefixes
        generation 7: in force, on trial: 3 rules, 12 prefixes
        run `xdp-fw confirm` by 2027-01-15T08:01:00Z (60s left), or generation 6 comes back
        generation 7: unchanged, still on trial: 3 rules, 12 prefixes
        run `xdp-fw confirm` by 2027-01-15T08:01:00Z (60s left), or generation 6 comes back
        generation 7: unchanged, already in force: 3 rules, 12 prefixes
        NOT on trial: this content was in force already, since the file was saved; `xdp-fw rollback` returns to the configuration before it
        ");
    }
}
