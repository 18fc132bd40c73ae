//! `xdp-fw status`: what the daemon knows of itself.

use std::fmt::Write as _;

use clap::Args;

use crate::daemon::control::client;
use crate::daemon::{self, GuardRefusal, Interface, LastReload, Source, State, Trial};
use crate::datapath::Table;
use crate::names::quantity::counted;
use crate::timestamp::Timestamp;

use super::table::Audience;
use super::units::bytes;
use super::wrap::labelled;
use super::{Exit, Failure, Paths, block_on, output};

/// Where values begin, in columns.
const MARGIN: usize = 15;

/// Show whether the filter is in force, on which interfaces, and how the last reload went
#[derive(Debug, Args)]
#[command(after_help = "\
Asks the daemon; with the daemon stopped the exit code is 4, and `xdp-fw stats` still reads the \
counters. The exit code is 1 while the daemon is starting, an interface that is configured is not filtered, \
or the lock-out guard refuses the file.

Examples:
  xdp-fw status
  xdp-fw status --verbose      also what each table takes in the kernel
  xdp-fw status --json | jq .last_reload.error")]
pub(super) struct Status {
    /// One JSON document
    #[arg(long)]
    json: bool,
    /// Also the tables that hold the prefixes in the kernel
    #[arg(long, short, conflicts_with = "json")]
    verbose: bool,
}

impl Status {
    pub(super) fn run(self, paths: &Paths) -> Result<Exit, Failure> {
        let status = block_on(client::status(&paths.run_dir))??;
        if let Some(note) = paths.other_file(&status.config) {
            output::complain(&format!("xdp-fw: {note}\n"));
        }
        if self.json {
            output::json(&status)?;
        } else {
            let mut text = text(&status, Timestamp::now(), Audience::of_output());
            if self.verbose {
                text += &tables(&status);
            }
            output::print_alert(&text, &[": DEGRADED", "FAILED", "REFUSES"])?;
        }
        let well = status.state != State::Starting && !status.degraded;
        Ok(if well { Exit::Ok } else { Exit::Failed })
    }
}

fn text(status: &daemon::Status, now: Timestamp, audience: Audience) -> String {
    let width = audience.text_width();
    let mut text = format!(
        "xdp-fw {} (pid {}), started {} ago{}\n",
        status.version,
        status.pid,
        status.started.age(now),
        match (status.state, status.degraded) {
            (State::Starting, _) => ": not ready yet",
            (_, true) => ": DEGRADED",
            (_, false) => "",
        }
    );
    let mut line = |label: &str, value: &str| text += &labelled(label, MARGIN, value, width);
    line("in force", &in_force(status));
    line("configuration", &configuration(status));
    if let Some(trial) = &status.trial {
        line("ON TRIAL", &on_trial(trial));
    }
    if let Some(reload) = &status.last_reload {
        for (label, value) in last_reload(reload, now) {
            line(label, &value);
        }
    }
    if let Some(refusal) = &status.guard_refusal {
        line("lock-out guard", &guard_refusal(refusal, now));
    }
    line("metrics", &metrics(status));
    for (index, interface) in status.interfaces.iter().enumerate() {
        line(
            if index == 0 { "interfaces" } else { "" },
            &interface_line(interface, now),
        );
    }
    for warning in &status.warnings {
        line("warning", warning);
    }
    for left_out in &status.left_out {
        line("warning", &left_out.to_string());
    }
    for error in &status.errors {
        line("error", error);
    }
    text
}

/// What holds the prefixes, a line each.
fn tables(status: &daemon::Status) -> String {
    let lines = status.tables.iter().enumerate().map(|(index, table)| {
        let label = if index == 0 { "tables" } else { "" };
        labelled(label, MARGIN, &table_line(table), usize::MAX)
    });
    lines.collect()
}

fn in_force(status: &daemon::Status) -> String {
    if !is_known(status) {
        return "not known yet".to_owned();
    }
    format!(
        "generation {}: {}, {}",
        status.generation,
        counted(status.rules.into(), "rule"),
        counted(status.prefixes, "prefix")
    )
}

/// What holds the prefixes, and how much of it there is.
fn table_line(table: &Table) -> String {
    format!(
        "{} {}: trie of {}, hash of {}, {}",
        table.dimension,
        table.family,
        counted(table.nodes.into(), "node"),
        counted(table.buckets.into(), "bucket"),
        bytes(table.bytes)
    )
}

/// Whether the daemon has looked: before that, a filter may be in force all the same.
fn is_known(status: &daemon::Status) -> bool {
    status.state != State::Starting || status.generation > 0
}

fn configuration(status: &daemon::Status) -> String {
    if !is_known(status) {
        return format!("{} (being read)", status.config.display());
    }
    let hash: String = status.config_hash.chars().take(12).collect();
    match status.config_source {
        Source::File => format!("{} (content {hash})", status.config.display()),
        Source::LastGood => format!(
            "last good configuration (content {hash}), because {} is refused",
            status.config.display()
        ),
        Source::Trial => format!(
            "the configuration on trial (content {hash}), because {} is refused now",
            status.config.display()
        ),
    }
}

fn on_trial(trial: &Trial) -> String {
    format!(
        "until {} ({}s left), then generation {} comes back; `xdp-fw confirm` keeps this one",
        trial.until, trial.seconds_left, trial.base
    )
}

/// Each problem on a line of its own.
fn last_reload(reload: &LastReload, now: Timestamp) -> Vec<(&'static str, String)> {
    let outcome = if reload.ok { "ok" } else { "FAILED" };
    let mut lines = vec![(
        "last reload",
        format!("{outcome}, {} ago", reload.at.age(now)),
    )];
    let error = reload.error.as_deref().unwrap_or_default();
    lines.extend(error.lines().map(|line| ("", line.to_owned())));
    lines
}

fn guard_refusal(refusal: &GuardRefusal, now: Timestamp) -> String {
    let since = refusal.since.age(now);
    match refusal.next_attempt {
        Some(at) => {
            let next = now.age(at);
            format!("REFUSES the file, for {since}; asked again in {next}")
        }
        None => {
            format!("REFUSES the file, for {since}; asked again by `xdp-fw reload` only")
        }
    }
}

fn metrics(status: &daemon::Status) -> String {
    match (&status.metrics.listen, &status.metrics.error) {
        (_, Some(error)) => format!("none: {error}"),
        (Some(address), None) => format!("http://{address}/metrics"),
        (None, None) => "off".to_owned(),
    }
}

fn interface_line(interface: &Interface, now: Timestamp) -> String {
    let mut line = match (&interface.mode, &interface.error) {
        (Some(mode), None) => format!("{} {mode}", interface.name),
        (Some(mode), Some(error)) => {
            format!("{} {mode}, not as configured: {error}", interface.name)
        }
        // Its error begins with its name.
        (None, Some(error)) => error.clone(),
        (None, None) => format!("{} not attached yet", interface.name),
    };
    if let Some(at) = interface.next_attempt {
        let after = match interface.failures {
            0 => String::new(),
            failures => format!(" after {}", counted(failures, "attempt")),
        };
        let _ = write!(line, "; tried again{after} in {}", now.age(at));
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::daemon::testing::{now, status, trial};
    use crate::lockout::LoginSource;

    #[test]
    fn all_is_well() {
        insta::assert_snapshot!(text(&status(), now().into(), Audience::Pipe));
    }

    #[test]
    fn start_makes_no_claim_about_what_is_in_force() {
        let mut status = status();
        status.state = State::Starting;
        (status.generation, status.rules, status.prefixes) = (0, 0, 0);
        status.config_hash.clear();
        let shown = text(&status, now().into(), Audience::Pipe);
        let lines = shown.lines();
        let lines = lines.filter(|line| line.starts_with("in force") || line.starts_with("conf"));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_trial_stands_with_what_ends_it() {
        let mut status = status();
        status.trial = Some(trial());
        let text = text(&status, now().into(), Audience::Pipe);
        let line = text.lines().find(|line| line.starts_with("ON TRIAL"));
        insta::assert_snapshot!(
            line.unwrap(),
            @"ON TRIAL       until 2027-01-15T08:01:00Z (60s left), then generation 6 comes back; `xdp-fw confirm` keeps this one"
        );
    }

    #[test]
    fn left_out_addresses_and_a_refusal_have_lines() {
        let mut status = status();
        status.left_out = vec![daemon::LeftOut {
            set: "spamhaus".to_owned(),
            address: [192, 0, 2, 7].into(),
            source: LoginSource::Logind,
        }];
        status.degraded = true;
        status.guard_refusal = Some(GuardRefusal {
            since: (now() - Duration::from_secs(60)).into(),
            next_attempt: Some((now() + Duration::from_secs(5)).into()),
        });
        let shown = text(&status, now().into(), Audience::Pipe);
        let lines = shown.lines();
        let lines =
            lines.filter(|line| line.starts_with("warning") || line.starts_with("lock-out"));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        lock-out guard REFUSES the file, for 1m; asked again in 5s
        warning        set spamhaus: 192.0.2.7 is left out while it is logged in over SSH (logind); `xdp-fw reload --force` bans it now
        ");
        status.guard_refusal = Some(GuardRefusal {
            since: now().into(),
            next_attempt: None,
        });
        let shown = text(&status, now().into(), Audience::Pipe);
        assert!(
            shown.contains("asked again by `xdp-fw reload` only"),
            "{shown}"
        );
    }

    #[test]
    fn tables_are_for_who_asks() {
        assert!(!text(&status(), now().into(), Audience::Pipe).contains("trie"));
        insta::assert_snapshot!(tables(&status()), @r"
        tables         source ipv4: trie of 4,102 nodes, hash of 3 buckets, 257 KiB
                       source ipv6: trie of 4,096 nodes, hash of 1 bucket, 512 KiB
        ");
    }

    #[test]
    fn a_long_error_keeps_within_the_terminal() {
        let mut status = status();
        let error = "eth0: cannot attach: the driver has no native XDP; set `mode = \"generic\"` \
                     for eth0, which is slower, or `mode = \"auto\"` for whatever it takes";
        status.interfaces[0].mode = None;
        status.interfaces[0].error = Some(error.to_owned());
        status.errors = vec![format!("interfaces: {error}")];
        let text = text(&status, now().into(), Audience::Terminal(80));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn everything_is_wrong() {
        let mut status = status();
        status.degraded = true;
        status.config_source = Source::LastGood;
        status.warnings = vec!["/etc/xdp-fw.toml:9:1: rule `b` is never reached".to_owned()];
        status.errors = vec!["watcher: too many watches; edits are not noticed".to_owned()];
        status.metrics.error = Some("127.0.0.1:9798 is taken".to_owned());
        status.interfaces[0] = Interface {
            mode: None,
            attached: false,
            error: Some("eth0: cannot attach: no native XDP".to_owned()),
            failures: 4,
            next_attempt: Some((now() + Duration::from_secs(8)).into()),
            ..status.interfaces[0].clone()
        };
        status.interfaces[1] = Interface {
            name: "wan0".to_owned(),
            ifindex: None,
            mode: None,
            attached: false,
            failures: 0,
            next_attempt: None,
            error: Some("wan0: no such interface; filtered as soon as it appears".to_owned()),
        };
        status.last_reload = Some(LastReload {
            ok: false,
            at: status.started,
            error: Some(
                "/etc/xdp-fw.toml:3:1: unknown key\n/etc/xdp-fw.toml:7:10: not a prefix".to_owned(),
            ),
            problems: Vec::new(),
        });
        insta::assert_snapshot!(text(&status, now().into(), Audience::Pipe));
    }
}
