//! Who connects, and then does nothing, keeps the daemon from nothing.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xdp_fw::fault::Point;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::half_requests::{Flood, HalfRequests, await_close};
use xdp_fw_tests::metrics::{LISTEN, sample, scrape, try_scrape};
use xdp_fw_tests::packet::*;
use xdp_fw_tests::two_hosts::{EDGE_DEVICE, Hosts, passes, rule};
use xdp_fw_tests::veth::{End, Veth};
use xdp_fw_tests::wire::Wire;

/// Connections of a listener.
const SEATS: usize = 16;
/// A limit that leaves metrics fewer connections than [`SEATS`].
const FEW: u64 = 132;
/// More than the limits of the tests.
const MANY: usize = 1_100;

fn config(port: u16) -> String {
    let deny = rule(
        &format!("deny-{port}"),
        "drop",
        &format!("protocol = \"udp\"\ndestination_port = {port}"),
    );
    format!("interfaces = [\"{EDGE_DEVICE}\", \"wan*\"]\nmetrics.listen = \"{LISTEN}\"\n{deny}")
}

fn udp4(port: u16) -> Packet {
    eth() / ipv4("192.0.2.1", "198.51.100.1") / udp(1, port)
}

/// Whether exactly the packets to this port of 1 to 3 are denied.
fn is_denied(wire: &mut Wire, port: u16) -> bool {
    (1..=3).all(|other| passes(wire, &udp4(other)) != (other == port))
}

fn said(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

#[track_caller]
fn succeeds(daemon: &Daemon<'_>, arguments: &[&str]) {
    daemon.forget_messages();
    let output = daemon.cli(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
}

/// Everything that an operator, a file, an interface and a deadline may want.
fn does_its_work(hosts: &Hosts, daemon: &mut Daemon<'_>) {
    let mut wire = hosts.wire();
    assert_eq!(daemon.status()["rules"], 1);
    daemon.edit(&config(2));
    assert!(is_denied(&mut wire, 2));
    succeeds(daemon, &["reload"]);

    daemon.forget_messages();
    let _new = Veth::new(End::new(&hosts.client, "c1"), End::new(&hosts.edge, "wan0"));
    daemon
        .await_message(|message| message.has_status("wan0 native"))
        .unwrap();
    let mut other = Wire::new((&hosts.client, "c1"), (&hosts.edge, "wan0"));
    assert!(is_denied(&mut other, 2));

    // By the file, whose edit the watcher sees: it would be before a command, or after it.
    daemon.edit(&format!("confirm = \"60s\"\n{}", config(3)));
    assert!(is_denied(&mut wire, 3));
    succeeds(daemon, &["confirm"]);
    let from = daemon.log().len();
    daemon.edit(&format!("confirm = \"5s\"\n{}", config(1)));
    assert!(is_denied(&mut wire, 1));
    daemon.await_log(from, "NOT CONFIRMED IN TIME\n(as before the trial)");
    assert!(is_denied(&mut wire, 3));
}

/// With a limit on descriptors, while half requests come without end.
fn works_while_flooded(label: &str, soft: u64, hard: u64) {
    let hosts = Hosts::new(label);
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &config(1));
    daemon.limit_descriptors(soft, hard);
    daemon.restart();
    let _flood = Flood::of_metrics(&hosts.edge, MANY);
    does_its_work(&hosts, &mut daemon);
    if soft > FEW {
        assert_eq!(sample(&scrape(&hosts.edge), "xdp_fw_rules"), 1.0);
    }
}

#[test]
fn half_requests_of_nobody_hold_up_nothing() {
    works_while_flooded("flood", 1_024, 1_024);
}

#[test]
fn half_requests_hold_up_nothing_where_descriptors_are_few() {
    works_while_flooded("few", FEW, FEW);
}

#[test]
fn half_requests_that_wait_hold_up_nothing() {
    let hosts = Hosts::new("waiting");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &config(1));
    daemon.limit_descriptors(1_024, 1_024);
    daemon.restart();
    let half = HalfRequests::to_metrics(&hosts.edge, MANY);
    assert_eq!(sample(&scrape(&hosts.edge), "xdp_fw_rules"), 1.0);
    assert!(half.open() < SEATS, "{}", half.open());
    does_its_work(&hosts, &mut daemon);
}

#[test]
fn half_requests_to_the_control_socket_hold_up_nothing() {
    let hosts = Hosts::new("control");
    let _cable = hosts.cable(1_500);
    let mut daemon = Daemon::prepare(&hosts.edge, &config(1));
    daemon.limit_descriptors(FEW, FEW);
    daemon.restart();
    let half = HalfRequests::to_control(daemon.run_dir(), MANY);
    does_its_work(&hosts, &mut daemon);
    assert!(half.open() < SEATS, "{}", half.open());
}

#[test]
fn a_request_that_drips_is_closed_after_its_time() {
    let hosts = Hosts::new("drip");
    let daemon = Daemon::start(&hosts.edge, &config(1));
    let mut slow = hosts.edge.within(|| TcpStream::connect(LISTEN).unwrap());
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").unwrap();
    let mut drip = slow.try_clone().unwrap();
    let mut control = UnixStream::connect(daemon.run_dir().join("control.sock")).unwrap();
    control.write_all(b"POST /reload HTTP/1.1\r\n").unwrap();
    std::thread::scope(|scope| {
        // As fast as it is taken: what counts is when the request began.
        scope.spawn(move || {
            while drip.write_all(b"x").is_ok() {
                std::thread::yield_now();
            }
        });
        await_close(&mut slow);
    });
    await_close(&mut control);
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let hosts = Hosts::new("alive");
    let _daemon = Daemon::start(&hosts.edge, &config(1));
    let mut stream = hosts.edge.within(|| TcpStream::connect(LISTEN).unwrap());
    for last in [false, false, true] {
        let close = if last { "Connection: close\r\n" } else { "" };
        write!(stream, "HEAD /metrics HTTP/1.1\r\nHost: a\r\n{close}\r\n").unwrap();
        let mut answer = Vec::new();
        let mut byte = [0; 1];
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
    }
    assert!(await_close(&mut stream).is_empty());
}

#[test]
fn requests_of_the_wrong_shape_are_refused() {
    let hosts = Hosts::new("shapes");
    let daemon = Daemon::start(&hosts.edge, &config(1));
    let long = "x".repeat(100_000);
    let headers = "a: b\r\n".repeat(1_000);
    let shapes = [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), ""),
        (format!("GET /{long} HTTP/1.1\r\n\r\n"), "HTTP/1.1 4"),
        (
            format!("GET /metrics HTTP/1.1\r\n{headers}\r\n"),
            "HTTP/1.1 431",
        ),
        ("\0\u{1}\u{16}\u{3}\r\n\r\n".to_owned(), "HTTP/1.1 400"),
    ];
    for (request, answer) in shapes {
        let mut stream = hosts.edge.within(|| TcpStream::connect(LISTEN).unwrap());
        // It may be closed before all of it is taken.
        let _ = stream.write_all(request.as_bytes());
        let said = String::from_utf8(await_close(&mut stream)).unwrap();
        assert!(said.is_empty() || said.starts_with(answer), "{said}");
    }
    let mut control = UnixStream::connect(daemon.run_dir().join("control.sock")).unwrap();
    let request = "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\
                   Expect: 100-continue\r\nConnection: close\r\n\r\n";
    control.write_all(request.as_bytes()).unwrap();
    let said = String::from_utf8(await_close(&mut control)).unwrap();
    assert!(said.contains("HTTP/1.1 413 "), "{said}");
    assert_eq!(daemon.status()["rules"], 1);
}

#[test]
fn readers_that_do_not_read_are_no_reason_to_wait() {
    let hosts = Hosts::new("deaf");
    let _cable = hosts.cable(1_500);
    // An answer that no socket's buffers hold.
    let rules: String = (0..4_000)
        .map(|number| {
            rule(
                &format!("rule-{number:0>50}"),
                "drop",
                "source = \"192.0.2.1\"",
            )
        })
        .collect();
    let text = format!("{}{rules}", config(1));
    let mut daemon = Daemon::start(&hosts.edge, &text);
    let deaf: Vec<_> = (0..SEATS)
        .map(|_| {
            let mut stream = hosts.edge.within(|| TcpStream::connect(LISTEN).unwrap());
            let request = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(8);
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    // While all of them are being answered there is no seat for another one; then each is to be sent
    // what it does not read, and makes room.
    let deadline = Instant::now() + Duration::from_secs(20);
    let text = loop {
        match try_scrape(&hosts.edge, "") {
            Ok(text) if text.starts_with("HTTP/1.1 200") => break text,
            answer => assert!(Instant::now() < deadline, "{answer:?}"),
        }
    };
    assert_eq!(sample(&text, "xdp_fw_rules"), 4_001.0);
    daemon.edit(&config(2));
    assert!(is_denied(&mut hosts.wire(), 2));
    drop(deaf);
}

#[test]
fn the_daemon_raises_its_limit_on_descriptors() {
    let hosts = Hosts::new("limit");
    let mut daemon = Daemon::prepare(&hosts.edge, &config(1));
    daemon.limit_descriptors(256, 2_048);
    daemon.restart();
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let numbers: Vec<_> = line.unwrap().split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers, ["2048", "2048"]);
}

/// A daemon on trial for five seconds whose process stands still in the middle of another reload.
fn stopped_on_trial<'a>(hosts: &'a Hosts) -> (Daemon<'a>, std::process::Child) {
    let mut daemon = Daemon::prepare(&hosts.edge, &config(1));
    daemon.without_watches();
    daemon.arm(format!("{}:stop:3", Point::GenerationLoaded.name()));
    daemon.restart();
    daemon.write_config(&config(2));
    succeeds(&daemon, &["reload", "--confirm", "5s"]);
    daemon.write_config(&config(3));
    let reload = spawn(hosts, &daemon, "reload");
    daemon.await_stop();
    (daemon, reload)
}

fn pid(daemon: &Daemon<'_>) -> Pid {
    Pid::from_raw(daemon.pid() as i32)
}

fn spawn(hosts: &Hosts, daemon: &Daemon<'_>, verb: &str) -> std::process::Child {
    let mut command: Command = hosts.edge.command(daemon.binary());
    command.arg(verb).arg("--run-dir").arg(daemon.run_dir());
    command.arg("--config").arg(daemon.config_path());
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    command.spawn().unwrap()
}

const CONFIRM: &[u8] = b"POST /confirm HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_confirm_after_the_deadline_is_too_late_however_busy_the_daemon_was() {
    let hosts = Hosts::new("late");
    let _cable = hosts.cable(1_500);
    let (mut daemon, reload) = stopped_on_trial(&hosts);
    let mut control = UnixStream::connect(daemon.run_dir().join("control.sock")).unwrap();
    control.write_all(CONFIRM).unwrap();
    await_deadline();
    daemon.forget_messages();
    kill(pid(&daemon), Signal::SIGCONT).unwrap();
    let mut chunk = [0; 4_096];
    let length = control.read(&mut chunk).unwrap();
    let answer = String::from_utf8_lossy(&chunk[..length]);
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    drop(control);
    reload.wait_with_output().unwrap();
    assert!(is_denied(&mut hosts.wire(), 1), "{answer}");
    assert!(daemon.status()["trial"].is_null());
    daemon.stop();
}

#[test]
fn a_confirm_whose_client_died_is_not_done() {
    let hosts = Hosts::new("died");
    let _cable = hosts.cable(1_500);
    let (daemon, reload) = stopped_on_trial(&hosts);
    let from = daemon.log().len();
    for extra in ["", "GET /status HTTP/1.1\r\nHost: x\r\n"] {
        let mut control = UnixStream::connect(daemon.run_dir().join("control.sock")).unwrap();
        control.write_all(CONFIRM).unwrap();
        control.write_all(extra.as_bytes()).unwrap();
    }
    kill(pid(&daemon), Signal::SIGCONT).unwrap();
    reload.wait_with_output().unwrap();
    daemon.await_log(from, "NOT CONFIRMED IN TIME");
    let log = daemon.log();
    assert!(!log.contains("confirmed generation"), "{log}");
    let mut wire = hosts.wire();
    let late = said(&daemon.cli(&["confirm"]));
    assert!(late.contains("nobody confirmed it in time"), "{late}");
    assert!(is_denied(&mut wire, 1));
}

/// The deadline of a trial that began before this was called.
fn await_deadline() {
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::empty()).unwrap();
    let five = Duration::from_secs(5).into();
    timer
        .set(Expiration::OneShot(five), TimerSetTimeFlags::empty())
        .unwrap();
    timer.wait().unwrap();
}

mod without_root {
    #[test]
    fn the_unit_leaves_enough_descriptors() {
        let unit = include_str!("../../../systemd/xdp-fw.service");
        let limit = unit
            .lines()
            .find_map(|line| line.strip_prefix("LimitNOFILE="));
        assert!(limit.unwrap().parse::<u64>().unwrap() >= 4_096);
    }
}
