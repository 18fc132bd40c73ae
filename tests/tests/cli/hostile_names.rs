//! Interfaces whose names are bytes that nobody would choose: filtered, named and harmless.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::metrics::{LISTEN, sample, scrape};
use xdp_fw_tests::netns::Netns;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, rule};
use xdp_fw_tests::veth::{End, Veth};

/// What nobody can type.
const NOT_TEXT: &[u8] = b"\xff0";
/// What a terminal obeys.
const ESCAPE: &[u8] = b"e\x1b[31m\x7f";
/// What an option looks like.
const OPTION: &[u8] = b"-x0";
/// What a pattern looks like.
const STAR: &[u8] = b"a*b";
/// What a shell obeys.
const SHELL: &[u8] = b"$(id)'\";";

fn config(interfaces: &str, rest: &str) -> String {
    format!("interfaces = [{interfaces}]\nmetrics.listen = false\n{rest}")
}

fn deny() -> String {
    rule("deny", "drop", "source = \"192.0.2.0/24\"")
}

/// Gives a device another name.
fn rename(netns: &Netns, from: &str, to: &[u8]) {
    let to = OsStr::from_bytes(to);
    let set = |name: &OsStr, what: &[&OsStr]| {
        let words = ["link", "set", "dev"].map(OsStr::new);
        netns.run("ip", [&words[..], &[name], what].concat());
    };
    set(from.as_ref(), &["down".as_ref()]);
    set(from.as_ref(), &["name".as_ref(), to]);
    set(to, &["up".as_ref()]);
}

/// What `ip` says of a device.
fn link(netns: &Netns, name: &[u8]) -> String {
    let words = ["-d", "link", "show", "dev"].map(OsStr::new);
    netns.run("ip", words.into_iter().chain([OsStr::from_bytes(name)]))
}

/// Devices of these names on the edge host.
fn cables<'a>(hosts: &'a Hosts, names: &[&[u8]]) -> Vec<Veth<'a>> {
    let cable = |(number, name): (usize, &&[u8])| {
        let (client, edge) = (format!("c{number}"), format!("n{number}"));
        let cable = Veth::new(
            End::new(&hosts.client, &client),
            End::new(&hosts.edge, &edge),
        );
        rename(&hosts.edge, &edge, name);
        cable
    };
    names.iter().enumerate().map(cable).collect()
}

fn names(status: &Value) -> Vec<(String, bool)> {
    let interfaces = status["interfaces"].as_array().unwrap().iter();
    let mut names: Vec<_> = interfaces
        .map(|it| {
            let name = it["name"].as_str().unwrap().to_owned();
            (name, it["attached"] == true)
        })
        .filter(|(name, _)| name != "lo")
        .collect();
    names.sort();
    names
}

#[test]
fn a_name_that_is_not_text_is_filtered_by_a_glob_and_shown() {
    let hosts = Hosts::new("bytes");
    let all = [NOT_TEXT, ESCAPE, OPTION, STAR, SHELL];
    let _cables = cables(&hosts, &all);
    let text =
        config("\"*\"", &deny()).replace("listen = false", &format!("listen = \"{LISTEN}\""));
    let daemon = Daemon::start(&hosts.edge, &text);
    let expected = ["$(id)'\";", "-x0", "a*b", r"e\x1b[31m\x7f", r"\xff0"];
    let mut expected = expected.map(|name| (name.to_owned(), true));
    expected.sort();
    assert_eq!(names(&daemon.status()), expected);
    for name in all {
        assert!(link(&hosts.edge, name).contains("prog/xdp"), "{name:?}");
    }
    let text = scrape(&hosts.edge);
    let attached = r#"xdp_fw_interface_attached{interface="\\xff0",mode="native"}"#;
    assert!((sample(&text, attached) - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_name_that_is_not_text_is_filtered_when_it_appears() {
    let hosts = Hosts::new("bytes-later");
    let mut daemon = Daemon::start(&hosts.edge, &config("'\\xff*'", &deny()));
    assert_eq!(names(&daemon.status()), []);
    let _cables = cables(&hosts, &[NOT_TEXT]);
    daemon
        .await_message(|message| message.has_status(r"on \xff0 native"))
        .unwrap();
}

#[test]
fn an_escape_names_one_interface_and_no_other() {
    let hosts = Hosts::new("escape");
    let _cables = cables(&hosts, &[NOT_TEXT, STAR, b"axb", b"a\\b"]);
    let daemon = Daemon::start(&hosts.edge, &config(r"'\xff0', 'a\*b', 'a\\b'", &deny()));
    let expected = [(r"\xff0"), ("a*b"), (r"a\\b")].map(|name| (name.to_owned(), true));
    let mut expected = Vec::from(expected);
    expected.sort();
    assert_eq!(names(&daemon.status()), expected);
    assert!(!link(&hosts.edge, b"axb").contains("prog/xdp"));
}

#[test]
fn a_rule_names_an_interface_by_its_bytes() {
    let hosts = Hosts::new("rule-bytes");
    let _cables = cables(&hosts, &[NOT_TEXT, b"x0"]);
    let rules = rule("here", "drop", "interface = '\\xff0'\nprotocol = \"gre\"");
    let daemon = Daemon::start(&hosts.edge, &config("\"*\"", &rules));
    let verdict = |interface: &str| {
        let packet = "gre 192.0.2.1 > 198.51.100.1";
        let asked = daemon.cli_in_force(&["explain", "--json", "--interface", interface, packet]);
        let answer: Value = serde_json::from_slice(&asked.stdout).unwrap();
        answer["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict(r"\xff0"), "drop");
    assert_eq!(verdict("x0"), "pass");
}

#[test]
fn the_udev_rule_attaches_an_interface_that_looks_like_an_option() {
    let hosts = Hosts::new("udev");
    let _cables = cables(&hosts, &[OPTION]);
    let mut daemon = Daemon::start(&hosts.edge, &config("\"eth9\"", &deny()));
    daemon.stop();
    daemon.write_config(&config("\"-x0\"", &deny()));
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/udev/90-xdp-fw.rules");
    let rules = fs::read_to_string(rules).unwrap();
    let run = rules
        .split("RUN+=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let words: Vec<String> = run
        .split(' ')
        .skip(1)
        .map(|it| it.replace("$name", "-x0"))
        .collect();
    let attach = daemon.cli(&words);
    assert!(attach.status.success(), "{attach:?}");
    assert!(link(&hosts.edge, OPTION).contains("prog/xdp"));
}

#[test]
fn attach_takes_a_name_as_it_is_and_as_status_shows_it() {
    let hosts = Hosts::new("attach-bytes");
    let _cables = cables(&hosts, &[NOT_TEXT, ESCAPE]);
    let mut daemon = Daemon::start(&hosts.edge, &config("\"eth9\"", &deny()));
    daemon.stop();
    let raw = daemon.cli(&["attach".as_ref(), OsStr::from_bytes(NOT_TEXT)]);
    assert!(raw.status.success(), "{raw:?}");
    assert_eq!(String::from_utf8(raw.stdout).unwrap(), "\\xff0: native\n");
    let shown = daemon.cli(&["attach", r"e\x1b[31m\x7f"]);
    assert!(shown.status.success(), "{shown:?}");
    assert!(link(&hosts.edge, ESCAPE).contains("prog/xdp"));
}

/// Whether a terminal would obey any of it.
fn is_harmless(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.chars().all(|char| {
        let turns =
            ('\u{202a}'..='\u{202e}').contains(&char) || ('\u{2066}'..='\u{2069}').contains(&char);
        char == '\n' || !(char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}'))
    })
}

fn assert_harmless(command: &str, output: &Output) {
    for stream in [&output.stdout, &output.stderr] {
        assert!(is_harmless(stream), "{command}: {output:?}");
    }
    assert!(
        !(output.stdout.is_empty() && output.stderr.is_empty()),
        "{command} says nothing: {output:?}"
    );
}

#[test]
fn no_command_prints_what_a_terminal_obeys() {
    const EVIL: &str = "x\u{1b}[31m\u{9b}2J\u{202e}\u{2066}\u{2028}\u{7f}";
    let hosts = Hosts::new("harmless");
    let _cables = cables(&hosts, &[ESCAPE, "e\u{202e}\u{9b}".as_bytes()]);
    let mut daemon = Daemon::prepare(&hosts.edge, &config("\"e*\"", &deny()));
    // A set file, a configuration and a capture of such names, and lines that nothing understands.
    let directory = daemon.run_dir().join(EVIL);
    fs::create_dir(&directory).unwrap();
    let list = directory.join("list\u{1b}[0m\n<0>forged.txt");
    fs::write(&list, format!("192.0.2.7 {EVIL}\n{EVIL}\n")).unwrap();
    let bad = directory.join(format!("{EVIL}.toml"));
    fs::write(&bad, format!("interfaces = [\"{EVIL}\"]\n{EVIL} = 1\n")).unwrap();
    let bad = bad.to_str().unwrap().to_owned();
    let set = String::from(
        "[[rule]]\nname = \"s\"\naction = \"drop\"\nsource = [\"@s\"]\n[set.s]\nfiles = [\"list*\"]\n",
    );
    let listed = directory.join("listed.toml");
    fs::write(&listed, config("\"e*\"", &set)).unwrap();
    let listed = listed.to_str().unwrap().to_owned();
    daemon.restart();

    let foreign = directory.to_str().unwrap();
    let commands: &[&[&str]] = &[
        &["status"],
        &["status", "--json"],
        &["stats"],
        &["stats", "--json"],
        &["stats", "--rule", EVIL],
        &["doctor"],
        &["doctor", "--json"],
        &["check"],
        &["check", &bad],
        &["check", &listed],
        &["check", EVIL],
        &["diff"],
        &["diff", "--json"],
        &["diff", &bad],
        &["explain", EVIL],
        &[
            "explain",
            "--interface",
            EVIL,
            "gre 192.0.2.1 > 198.51.100.1",
        ],
        &[
            "explain",
            "--json",
            "--interface",
            EVIL,
            "gre 192.0.2.1 > 198.51.100.1",
        ],
        &["explain", "--pcap", foreign],
        &["attach", EVIL],
        &["attach", "--mode", EVIL, "e0"],
        &[EVIL],
        &["status", EVIL],
        &["reload"],
        &["reload", "--confirm", EVIL],
        &["reload", "--confirm", "600s"],
        &["confirm"],
        &["rollback"],
    ];
    for command in commands {
        assert_harmless(&command.join(" "), &daemon.cli(command));
    }
    assert_harmless("stranger", &daemon.stranger("status", &directory));
    assert_harmless("run", &daemon.stranger("run", &directory));
    assert!(is_harmless(daemon.log().as_bytes()), "{}", daemon.log());
    assert_harmless("unload", &daemon.cli(&["unload"]));
    for command in [&["status"][..], &["stats"], &["reload"], &["doctor"]] {
        assert_harmless(&command.join(" "), &daemon.cli(command));
    }
}

#[test]
fn a_set_file_cannot_forge_a_line_of_the_log() {
    let hosts = Hosts::new("forge");
    let _cable = hosts.cable(1_500);
    let on_edge = |rest: &str| config(&format!("\"{EDGE_DEVICE}\""), rest);
    let mut daemon = Daemon::prepare(&hosts.edge, &on_edge(&deny()));
    daemon.log_to_journal();
    daemon.restart();
    let directory = daemon.config_path().parent().unwrap().join("lists");
    fs::create_dir(&directory).unwrap();
    fs::write(
        directory.join("a\n<0>forged\u{1b}[2J"),
        "nonsense\n<0>forged\n",
    )
    .unwrap();
    let sets = "[[rule]]\nname = \"s\"\naction = \"drop\"\nsource = [\"@s\"]\n[set.s]\nfiles = [\"lists/*\"]\n";
    daemon.edit(&on_edge(sets));
    let log = daemon.log();
    assert!(log.contains("forged"), "{log}");
    assert!(is_harmless(log.as_bytes()), "{log}");
    assert!(log.lines().all(|line| !line.starts_with("<0>")), "{log}");
}

#[test]
fn udev_names_an_interface_by_its_environment() {
    let hosts = Hosts::new("udev-quotes");
    let _cables = cables(&hosts, &[SHELL]);
    let mut daemon = Daemon::start(&hosts.edge, &config("\"eth9\"", &deny()));
    daemon.stop();
    daemon.write_config(&config(r#"'\$\(id\)\x27\"\;'"#, &deny()));
    // udev takes the quotation marks off what it puts into a rule's command.
    let attach = hosts
        .edge
        .command(daemon.binary())
        .env("SUBSYSTEM", "net")
        .env("INTERFACE", OsStr::from_bytes(SHELL))
        .args(["attach", "--configured"])
        .arg("--config")
        .arg(daemon.config_path())
        .arg("--pin-dir")
        .arg(daemon.pin_dir())
        .arg("--run-dir")
        .arg(daemon.run_dir())
        .arg("--state-dir")
        .arg(daemon.state_dir())
        .args(["--", "$(id);"])
        .output()
        .unwrap();
    assert!(attach.status.success(), "{attach:?}");
    assert!(link(&hosts.edge, SHELL).contains("prog/xdp"));
}

#[test]
fn a_set_file_whose_name_is_not_text_breaks_no_status() {
    let hosts = Hosts::new("set-bytes");
    let _cable = hosts.cable(1_500);
    let on_edge = |rest: &str| config(&format!("\"{EDGE_DEVICE}\""), rest);
    let mut daemon = Daemon::start(&hosts.edge, &on_edge(&deny()));
    let directory = daemon.config_path().parent().unwrap().join("lists");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join(OsStr::from_bytes(b"\xff.txt")), "nonsense\n").unwrap();
    let sets = "[[rule]]\nname = \"s\"\naction = \"drop\"\nsource = [\"@s\"]\n[set.s]\nfiles = [\"lists/*\"]\n";
    daemon.edit(&on_edge(sets));
    let status = daemon.status();
    let file = status.pointer("/last_reload/problems/0/file").unwrap();
    assert!(
        file.as_str().unwrap().ends_with(r"/lists/\xff.txt"),
        "{file}"
    );
    assert_eq!(daemon.cli(&["status"]).status.code(), Some(0));
}
