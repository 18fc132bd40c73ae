//! `xdp-fw explain`: what is in force, a file that is not, a capture, and nothing but an answer.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use xdp_fw_tests::capture::{ETHERNET, pcap};
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, config, packets, rule};

const SSH: &str = "tcp 203.0.113.9:40000 > 192.0.2.1:22 syn";

/// SSH from the office alone, and a rule about the interface.
fn guarded() -> String {
    let set = "[set.office]\nprefixes = [\"198.51.100.0/24\"]\n";
    let ssh = "protocol = \"tcp\"\ndestination_port = 22";
    config(
        &[
            set.to_owned(),
            rule(
                "ssh-from-office",
                "pass",
                &format!("source = \"@office\"\n{ssh}"),
            ),
            rule("no-ssh", "drop", ssh),
            rule(
                "no-gre",
                "drop",
                &format!("interface = \"{EDGE_DEVICE}\"\nprotocol = \"gre\""),
            ),
        ]
        .concat(),
    )
}

fn answer(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn explain(daemon: &Daemon<'_>, arguments: &[&str]) -> Value {
    answer(&daemon.cli_in_force(&[&["explain", "--json"], arguments].concat()))
}

#[test]
fn what_is_in_force_is_explained_with_places_and_counts_nothing_also_without_the_daemon() {
    let hosts = Hosts::new("explain");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::start(&hosts.edge, &guarded());
    let denied = (eth() / ipv4("203.0.113.9", "192.0.2.1") / tcp(40_000, 22).syn()).bytes();
    hosts.wire().exchange(&vec![denied; 3]);
    let before = daemon.stats();
    assert_eq!(packets(&before, "no-ssh"), 3);

    for running in [true, false] {
        if !running {
            daemon.stop();
        }
        let said = explain(&daemon, &[SSH]);
        assert_eq!(said["verdict"], "drop", "{said}");
        assert_eq!(said["rule"]["name"], "no-ssh");
        assert_eq!(said["rule"]["number"], 2);
        assert_eq!(said["rule"]["position"]["line"], 11);
        let file = said["rule"]["position"]["file"].as_str().unwrap();
        assert_eq!(Path::new(file), daemon.config_path());
        assert_eq!(said["judged_by"]["program"], "kernel");
        assert!(said["judged_by"]["generation"].is_u64());
        assert_eq!(said["interface"]["name"], EDGE_DEVICE);
        assert_eq!(
            said["rules"][0]["text"],
            "source 203.0.113.9 is not in @office"
        );
        assert_eq!(said["rules"][1]["outcome"], "decided");

        let gre = explain(&daemon, &["gre 192.0.2.1 > 192.0.2.2"]);
        assert_eq!(gre["rule"]["name"], "no-gre");
        let elsewhere = explain(&daemon, &["gre 192.0.2.1 > 192.0.2.2 in lo"]);
        assert_eq!(elsewhere["reason"], "default");
        let nowhere = explain(
            &daemon,
            &["--interface", "nowhere", "gre 192.0.2.1 > 192.0.2.2"],
        );
        assert_eq!(nowhere["interface"]["known"], false);
        assert_eq!(nowhere["reason"], "default");
        assert_eq!(
            nowhere["rules"][2]["outcome"]["mismatch"]["criterion"],
            "interface"
        );
    }
    assert_eq!(daemon.stats(), before);
}

#[test]
fn a_file_is_explained_by_a_private_instance_and_what_is_in_force_goes_on() {
    let hosts = Hosts::new("explain-file");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &guarded());
    let directory = tempfile::tempdir().unwrap();
    let new = directory.path().join("new.toml");
    let opened = guarded().replace(
        "name = \"no-ssh\"\naction = \"drop\"",
        "name = \"ssh\"\naction = \"pass\"",
    );
    fs::write(&new, opened).unwrap();
    let new = new.to_str().unwrap();
    let (generation, before) = (daemon.generation(), daemon.stats());
    let pinned = || {
        let mut names: Vec<_> = fs::read_dir(daemon.pin_dir())
            .unwrap()
            .map(|it| it.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let pins = pinned();

    let said = answer(&daemon.cli_in_force(&["explain", "--json", "--config", new, SSH]));
    assert_eq!(
        (&said["verdict"], &said["rule"]["name"]),
        (&json!("pass"), &json!("ssh"))
    );
    assert_eq!(
        said["judged_by"],
        json!({"program": "kernel", "generation": null, "file": new})
    );
    assert_eq!(explain(&daemon, &[SSH])["verdict"], "drop");
    assert_eq!(
        (daemon.generation(), daemon.stats(), pinned()),
        (generation, before, pins)
    );

    // An interface that a rule names and that is not there is one all the same.
    let away = format!(
        "{}[[rule]]\nname = \"wan\"\naction = \"drop\"\ninterface = \"wan*\"\n",
        config("")
    );
    fs::write(new, away).unwrap();
    let said = answer(&daemon.cli_in_force(&[
        "explain",
        "--json",
        "--config",
        new,
        "gre 192.0.2.1 > 192.0.2.2 in wan7",
    ]));
    assert_eq!(said["rule"]["name"], "wan", "{said}");
}

/// The command without a single capability, as a user has it.
fn without_rights(mut command: Command) -> Command {
    let drop_all = || {
        for capability in 0..64 {
            // SAFETY: takes two numbers; it is refused for numbers that are no capability.
            unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls alone.
    unsafe { command.pre_exec(drop_all) };
    command
}

#[test]
fn the_host_build_needs_no_rights_says_so_and_agrees_with_the_kernel() {
    let hosts = Hosts::new("explain-host");
    let daemon = Daemon::prepare(&hosts.edge, &guarded());
    let config = daemon.config_path().to_str().unwrap();
    let asked = |host: bool, text: &str| {
        let mut command = without_rights(hosts.edge.command(daemon.binary()));
        command.args(["explain", "--config", config, text]);
        command.args(host.then_some("--host"));
        command.output().unwrap()
    };
    let refused = asked(false, SSH);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let said = asked(true, SSH);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("on the host, not the kernel"), "{said}");
    assert!(said.contains("drop by rule 2 no-ssh"), "{said}");

    for text in [
        SSH,
        "tcp 198.51.100.7:1 > 192.0.2.1:22",
        "gre 192.0.2.1 > 192.0.2.2",
        "udp 192.0.2.1:1 > 192.0.2.2:2 frame 30",
        "udp [2001:db8::1]:1 > [2001:db8::2]:2 hop-by-hop fragment first length 9000",
        "arp",
    ] {
        let by = |host: &[&str]| {
            let fixed = ["explain", "--json", "--config", config, text];
            let mut said = answer(&daemon.cli_in_force(&[&fixed, host].concat()));
            said["judged_by"].take();
            said
        };
        assert_eq!(by(&[]), by(&["--host"]), "{text}");
    }
}

#[test]
fn a_capture_is_judged_packet_by_packet_with_totals_and_counts_nothing() {
    let hosts = Hosts::new("explain-pcap");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &guarded());
    let before = daemon.stats();
    let from = |source: &str| (eth() / ipv4(source, "192.0.2.1") / tcp(40_000, 22).syn()).bytes();
    let mut frames = vec![from("203.0.113.9"); 40];
    frames.extend(vec![from("198.51.100.1"); 2]);
    frames.push(vec![0; 10]);
    frames.push((eth() / ipv4("192.0.2.9", "192.0.2.1") / payload(8_000)).bytes());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.pcap");
    fs::write(&file, pcap(ETHERNET, &frames)).unwrap();
    let file = file.to_str().unwrap();

    let output = daemon.cli_in_force(&["explain", "--pcap", file, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 44);
    assert_eq!(lines[41]["rule"], "ssh-from-office");
    let totals = &lines[43];
    assert_eq!(totals["short"], 1);
    let counted: Vec<_> = totals["totals"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&counted[0]["rule"], &counted[0]["packets"]),
        (&json!("no-ssh"), &json!(40))
    );
    assert_eq!(counted[1]["packets"], 2);
    assert_eq!(
        (&counted[2]["reason"], &counted[2]["packets"]),
        (&json!("default"), &json!(1))
    );
    assert_eq!(daemon.stats(), before);

    let text = daemon.cli_in_force(&["explain", "--pcap", file]);
    let text = String::from_utf8(text.stdout).unwrap();
    let first = text.lines().next().unwrap();
    assert_eq!(first, format!("     1 drop no-ssh               {SSH}"));
    assert!(text.contains("no-ssh           drop          40"), "{text}");

    fs::write(file, pcap(113, &frames)).unwrap();
    let refused = daemon.cli_in_force(&["explain", "--pcap", file]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("LINUX_SLL"),
        "{refused:?}"
    );
}

#[test]
fn without_the_text_of_what_is_in_force_there_is_a_verdict_and_the_reason_why_no_more() {
    let hosts = Hosts::new("explain-lost");
    let _cable = hosts.cable(1_500);
    let daemon = Daemon::start(&hosts.edge, &guarded());
    fs::remove_dir_all(daemon.state_dir().join("last-good")).unwrap();
    let said = explain(&daemon, &[SSH]);
    assert_eq!(
        (&said["verdict"], &said["rule"]["name"]),
        (&json!("drop"), &json!("no-ssh"))
    );
    assert_eq!(
        (&said["rule"]["position"], &said["rules"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        said["unknown"].as_str().unwrap().contains("last-good"),
        "{said}"
    );
}

#[test]
fn mistakes_are_told_with_the_exit_codes_of_every_command() {
    let hosts = Hosts::new("explain-wrong");
    let daemon = Daemon::prepare(&hosts.edge, "interfaces = \"e0\"\n[[rule]]\nname = \"a\"\n");
    let file = daemon.config_path().to_str().unwrap();
    for (arguments, code, said) in [
        (
            &["explain", "tcp 192.0.2.1:1 > 192.0.2.2:22 sny"][..],
            2,
            "did you mean `syn`?",
        ),
        (&["explain"], 2, "required"),
        (&["explain", "arp", "--pcap", "x"], 2, "cannot be used with"),
        (&["explain", "arp"], 1, "no filter is in force here"),
        (&["explain", "arp", "--config", file], 2, "has no `action`"),
        (
            &["explain", "arp", "--host", "--config", file],
            2,
            "has no `action`",
        ),
        (
            &[
                "explain",
                "--pcap",
                "/nonexistent",
                "--host",
                "--config",
                file,
            ],
            2,
            "has no `action`",
        ),
    ] {
        let output = daemon.cli_in_force(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
}
