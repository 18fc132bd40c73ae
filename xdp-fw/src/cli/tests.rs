use clap::CommandFactory;

use super::*;
use crate::daemon::control::client;
use crate::daemon::lock::LockError;
use crate::daemon::{self, Refused};

/// The help of a verb at 80 columns, as a terminal would show it.
fn help(verb: Option<&str>) -> String {
    let mut command = Cli::command().term_width(80);
    command.build();
    let command = match verb {
        Some(verb) => command.find_subcommand_mut(verb).unwrap(),
        None => &mut command,
    };
    // What is for copying is not to be broken.
    let after = command.get_after_help().unwrap().to_string();
    for example in after.lines().filter(|line| line.starts_with("  ")) {
        assert!(example.chars().count() <= 80, "{example}");
    }
    command.render_help().to_string()
}

#[test]
fn help_teaches() {
    insta::assert_snapshot!("help", help(None));
    for verb in [
        "run", "check", "diff", "explain", "stats", "status", "reload", "confirm", "rollback",
        "doctor", "attach", "unload",
    ] {
        insta::assert_snapshot!(format!("help_{verb}"), help(Some(verb)));
    }
}

#[test]
fn every_option_of_place_works_before_and_after_the_verb() {
    for line in [
        "xdp-fw --run-dir /r --pin-dir /p --state-dir /s --config /c status",
        "xdp-fw status --run-dir /r --pin-dir /p --state-dir /s --config /c",
    ] {
        let cli = Cli::parse_from(line.split(' '));
        let settings = Settings::from(cli.paths);
        let [config, pins] = ["/c", "/p"].map(PathBuf::from);
        assert_eq!((settings.config, settings.pin_dir), (config, pins));
        let [state, run] = ["/s", "/r"].map(PathBuf::from);
        assert_eq!((settings.state_dir, settings.run_dir), (state, run));
    }
}

#[test]
fn failures_have_a_sentence_and_a_code() {
    let directory = PathBuf::from("/run/xdp-fw");
    let socket = directory.join("control.sock");
    let refused = |configuration| {
        client::Error::Refused(Refused {
            error: "/etc/xdp-fw.toml:3:1: unknown key `rul`; did you mean `rule`?".to_owned(),
            configuration,
            problems: Vec::new(),
        })
    };
    let failures: [Failure; 8] = [
        client::Error::NotRunning(socket.clone()).into(),
        client::Error::NotPermitted(socket).into(),
        refused(true).into(),
        refused(false).into(),
        client::Error::Garbled("unexpected end of file".to_owned()).into(),
        LockError::Held {
            directory,
            pid: Some(4711),
        }
        .into(),
        daemon::Error::NotPermitted {
            missing: vec!["CAP_BPF", "CAP_NET_ADMIN"],
        }
        .into(),
        daemon::Error::Refused {
            refusal: "/etc/xdp-fw.toml: no such file; create it, or correct the path".to_owned(),
            configuration: true,
            last_good: "no last good configuration in /var/lib/xdp-fw/last-good".to_owned(),
        }
        .into(),
    ];
    let told: Vec<String> = failures
        .iter()
        .map(|failure| format!("{failure:?}"))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn the_udev_rule_calls_what_there_is() {
    let rules = include_str!("../../../config/udev/90-xdp-fw.rules");
    let (_, run) = rules.split_once("RUN+=\"").unwrap();
    let (command, _) = run.split_once('"').unwrap();
    let command = command.replace("$name", "eth0");
    let cli = Cli::try_parse_from(command.split(' ')).unwrap();
    assert!(matches!(cli.verb, Verb::Attach(_)), "{command}");
}
