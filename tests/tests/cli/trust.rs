//! Whose a configuration may be, and what reaches the terminal and the log of one that is not.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use xdp_fw_tests::daemon::{Daemon, binary};
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, rule};

/// A user who is nobody on this host.
const USER: u32 = 61_234;

/// A directory below `/tmp`, as a home with a user's files and an `etc` of root's.
struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        let ground = Self(tempfile::tempdir().expect("a directory"));
        fs::set_permissions(ground.0.path(), Permissions::from_mode(0o755)).expect("ours");
        for directory in ["home", "home/fw", "etc"] {
            fs::create_dir(ground.path(directory)).expect("made");
        }
        ground.give("home");
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn give(&self, name: &str) {
        lchown(self.path(name), Some(USER), Some(USER)).expect("root may");
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).expect("written");
        self.path(name)
    }
}

fn config(more: &str) -> String {
    format!("interfaces = [\"{EDGE_DEVICE}\"]\nmetrics.listen = false\n{more}")
}

fn with_set(file: &Path) -> String {
    let set = format!("[set.feed]\nfiles = [\"{}\"]\n", file.display());
    config(&(set + &rule("feed", "drop", "source = \"@feed\"")))
}

fn check(path: &Path) -> Output {
    let mut check = Command::new(binary());
    check.arg("check").arg(path).stdin(Stdio::null());
    check.output().expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// What `check` says of a file that it refuses.
fn refused(path: &Path) -> String {
    let output = check(path);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    said(&output)
}

#[test]
fn a_file_of_root_in_a_directory_of_a_user_is_refused() {
    let ground = Ground::new();
    // The file and its directory are root's; the one above is the user's, who can rename both.
    let file = ground.write("home/fw/xdp-fw.toml", &config(""));
    let said = refused(&file);
    let home = ground.path("home");
    assert!(
        said.contains(&format!(
            "lies in {}, which is owned by user {USER}",
            home.display()
        )),
        "{said}"
    );
    ground.write("etc/good.toml", &config(""));
    assert_eq!(check(&ground.path("etc/good.toml")).status.code(), Some(0));
}

#[test]
fn a_link_of_a_user_shows_nothing_of_what_it_leads_to() {
    let ground = Ground::new();
    let secret = ground.write("etc/shadow", "root:$6$hunter2$x:19000:0:99999:7:::\n");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("ours");
    let link = ground.path("home/fw.toml");
    symlink(&secret, &link).expect("made");
    ground.give("home/fw.toml");
    for file in [
        link.clone(),
        ground.write("etc/main.toml", &with_set(&link)),
        ground.write("etc/glob.toml", &with_set(&ground.path("home/*.toml"))),
    ] {
        let said = refused(&file);
        assert!(said.contains("owned by user"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_link_of_a_user_in_a_directory_for_everybody_is_refused() {
    let ground = Ground::new();
    let good = ground.write("etc/good.toml", &config(""));
    fs::create_dir(ground.path("shared")).expect("made");
    fs::set_permissions(ground.path("shared"), Permissions::from_mode(0o1777)).expect("ours");
    let link = ground.path("shared/link.toml");
    symlink(&good, &link).expect("made");
    assert_eq!(check(&link).status.code(), Some(0));
    ground.give("shared/link.toml");
    let said = refused(&link);
    assert!(said.contains("is reached through the link"), "{said}");
}

#[test]
fn nothing_of_a_secret_of_root_is_quoted() {
    let ground = Ground::new();
    let secret = ground.write("etc/shadow", "root:$6$hunter2$x:19000:0:99999:7:::\n");
    for file in [
        secret.clone(),
        ground.write("etc/set.toml", &with_set(&secret)),
        ground.write("etc/include.toml", &config("include = \"shadow\"\n")),
    ] {
        let said = refused(&file);
        assert!(
            !said.contains("hunter2") && !said.contains("root:"),
            "{said}"
        );
        assert!(said.contains("shadow:1:"), "{said}");
    }
}

#[test]
fn a_fifo_or_a_device_is_recognised_and_not_opened() {
    let ground = Ground::new();
    let fifo = ground.path("etc/fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("made");
    let main = ground.write("etc/main.toml", &with_set(&fifo));
    for file in [&fifo, &main] {
        assert!(refused(file).contains("is a FIFO; expected a regular file"));
    }
    assert!(refused(Path::new("/dev/zero")).contains("is a device"));
    // Nobody has opened it: a writer without patience finds no reader.
    let writer = fs::OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&fifo);
    assert_eq!(
        writer.expect_err("no reader").raw_os_error(),
        Some(libc::ENXIO)
    );
}

#[test]
fn a_user_checks_a_file_of_his_own() {
    let ground = Ground::new();
    let file = ground.write("home/fw/fw.toml", &config(""));
    for name in ["home/fw", "home/fw/fw.toml"] {
        ground.give(name);
    }
    // The binary may lie where only root can go.
    let own = ground.path("xdp-fw");
    fs::copy(binary(), &own).expect("copied");
    let run = |file: &Path| {
        let mut check = Command::new("setpriv");
        let id = USER.to_string();
        check.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
        check
            .arg(&own)
            .arg("check")
            .arg(file)
            .output()
            .expect("util-linux is installed")
    };
    let output = run(&file);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    chown(ground.path("home/fw"), Some(USER + 1), None).expect("root may");
    let output = run(&file);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// `check` of a path that the shell makes.
fn shell(line: &str, directory: &Path) -> Output {
    let mut shell = Command::new("bash");
    shell
        .current_dir(directory)
        .args(["-c", line])
        .env("FW", binary());
    shell.output().expect("bash is installed")
}

#[test]
fn check_reads_what_it_is_handed() {
    let ground = Ground::new();
    ground.write("etc/feed.txt", "192.0.2.1\n");
    ground.write("etc/fw.toml", &with_set(Path::new("feed.txt")));
    // Whose the file is that is handed over is the caller's business.
    ground.give("etc/fw.toml");
    let etc = ground.path("etc");
    for line in [
        "\"$FW\" check - < fw.toml",
        "cat fw.toml | \"$FW\" check -",
        "cat fw.toml | \"$FW\" check /dev/stdin",
        "\"$FW\" check <(cat fw.toml)",
        "\"$FW\" check /dev/fd/7 7< fw.toml",
        "\"$FW\" check /proc/self/fd/7 7< fw.toml",
    ] {
        let output = shell(line, &etc);
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        assert!(
            said(&output).contains(": ok: 1 rule, 1 prefix"),
            "{output:?}"
        );
    }
    let output = shell("echo 'interfaces = 7' | \"$FW\" check -", &etc);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(said(&output).starts_with("<stdin>:1:14: "), "{output:?}");
    let output = shell(
        "head -c 17000000 /dev/zero | tr '\\0' '#' | \"$FW\" check -",
        &etc,
    );
    assert!(
        said(&output).contains("has more than 16777216 bytes"),
        "{output:?}"
    );
    // The files that it names are not handed over.
    ground.give("etc/feed.txt");
    let output = shell("\"$FW\" check - < fw.toml", &etc);
    assert!(said(&output).contains("owned by user"), "{output:?}");
}

#[test]
fn globs_of_the_working_directory_are_read() {
    let ground = Ground::new();
    ground.write("etc/feed.txt", "192.0.2.1\n");
    let main = with_set(Path::new("*.txt"));
    ground.write("etc/fw.toml", &format!("include = \"*.rules\"\n{main}"));
    ground.write(
        "etc/more.rules",
        "[[rule]]\nname = \"more\"\naction = \"pass\"\n",
    );
    for line in ["\"$FW\" check fw.toml", "\"$FW\" check - < fw.toml"] {
        let output = shell(line, &ground.path("etc"));
        assert!(
            said(&output).contains(": ok: 2 rules, 1 prefix"),
            "{line}: {output:?}"
        );
    }
}

#[test]
fn the_daemon_reads_no_descriptor_and_notices_when_the_way_is_closed_again() {
    let hosts = Hosts::new("trust");
    let _cable = hosts.cable(1_500);
    let ground = Ground::new();
    fs::create_dir(ground.path("etc/lists")).expect("made");
    ground.write("etc/lists/feed.txt", "::ffff:192.0.2.1\n");
    ground.write("etc/lists/feed.txt~", "hunter2\n");
    let main = with_set(&ground.path("etc/lists/*"));
    let mut daemon = Daemon::start(&hosts.edge, &main);

    // An entry in the notation of IPv6 drops the packets of IPv4.
    let denied = (eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, 2)).bytes();
    hosts.wire().exchange(&vec![denied; 3]);
    let stats = daemon.stats();
    let rules = stats
        .get("rules")
        .and_then(|rules| rules.as_array())
        .expect("rules");
    assert_eq!(
        rules.first().and_then(|rule| rule.get("packets")),
        Some(&3.into()),
        "{stats}"
    );

    // What an editor leaves is no change; what comes after it is the next one.
    let before = daemon.generation();
    daemon.forget_messages();
    ground.write("etc/lists/.feed.txt.swp", "x");
    ground.write("etc/lists/feed.txt~", "y");
    ground.write("etc/lists/feed.txt", "192.0.2.1\n192.0.2.2\n");
    daemon.await_reload();
    assert_eq!(daemon.generation(), before + 1);

    // The directory two above the file is opened to all: refused, and its mode is watched.
    daemon.forget_messages();
    fs::set_permissions(ground.path("etc"), Permissions::from_mode(0o777)).expect("ours");
    ground.write("etc/lists/feed.txt", "192.0.2.1\n192.0.2.3\n");
    daemon.await_reload();
    assert_eq!(daemon.generation(), before + 1);
    assert!(
        daemon
            .log()
            .contains("which is writable by group or others"),
        "{}",
        daemon.log()
    );
    daemon.forget_messages();
    fs::set_permissions(ground.path("etc"), Permissions::from_mode(0o755)).expect("ours");
    daemon.await_reload();
    assert_eq!(daemon.generation(), before + 2);
    assert!(!daemon.log().contains("hunter2"));

    // A descriptor of the daemon's is no configuration.
    daemon.stop();
    let mut run = hosts.edge.command(daemon.binary());
    run.args(["run", "--config", "/dev/stdin"]);
    let run_dir = ground.path("run");
    run.args(["--run-dir".as_ref(), run_dir.as_path()]);
    run.args(["--state-dir".as_ref(), ground.path("state").as_path()]);
    run.args(["--pin-dir".as_ref(), daemon.pin_dir()]);
    let output = run.stdin(Stdio::piped()).output().expect("it runs");
    assert!(!output.status.success(), "{output:?}");
    assert!(
        said(&output).contains("is a pipe or a socket of a process"),
        "{output:?}"
    );
}
