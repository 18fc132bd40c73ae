//! Who is logged in is left out of sets that ban them, and nobody else is; what the lock-out guard
//! refuses is asked again.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::Value;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::metrics::{LISTEN, scrape};
use xdp_fw_tests::packet::{eth, ipv4, udp};
use xdp_fw_tests::two_hosts::{CLIENT_DEVICE, EDGE_DEVICE, Hosts, rule};
use xdp_fw_tests::veth::{End, Veth};
use xdp_fw_tests::wire::Wire;

const OPERATOR: &str = "192.0.2.2";
const NEIGHBOUR: &str = "192.0.2.9";
const SESSION: &str = "run/systemd/sessions/7";

fn cable(hosts: &Hosts) -> Veth<'_> {
    Veth::new(
        End::new(&hosts.client, CLIENT_DEVICE).address("192.0.2.2/24"),
        End::new(&hosts.edge, EDGE_DEVICE).address("192.0.2.1/24"),
    )
}

/// A TCP connection of the client to port 22 of the edge host.
struct Connection {
    client: TcpStream,
    server: TcpStream,
    _listener: TcpListener,
}

impl Connection {
    fn open(hosts: &Hosts) -> Self {
        let address: SocketAddr = "192.0.2.1:22".parse().expect("an address");
        let listener = hosts.edge.within(|| TcpListener::bind(address));
        let listener = listener.expect("a port of one's own");
        let client = hosts.client.within(|| TcpStream::connect(address));
        let (server, _) = listener.accept().expect("a connection");
        server
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a socket");
        Self {
            client: client.expect("nothing is filtered yet"),
            server,
            _listener: listener,
        }
    }

    fn works(&mut self) {
        self.client.write_all(b"x").expect("a connection");
        let mut byte = [0];
        self.server.read_exact(&mut byte).expect("the byte arrives");
    }
}

fn settings() -> String {
    format!("interfaces = [\"{EDGE_DEVICE}\"]\nmetrics.listen = \"{LISTEN}\"\n")
}

/// Drops what is in the set `feed`, which is a file.
fn config() -> String {
    let ban = rule("ban", "drop", "source = \"@feed\"");
    format!("{}[set.feed]\nfiles = \"feed.txt\"\n{ban}", settings())
}

fn session(host: &str) -> String {
    format!("# generated\nREMOTE=1\nREMOTE_HOST={host}\nSERVICE=sshd\nCLASS=user\nSTATE=active\n")
}

/// Somebody at the machine itself: then logind runs, and nobody is logged in from afar.
const LOCAL: &str = "REMOTE=0\nCLASS=user\nSTATE=active\n";

/// A record of utmp of somebody whose process runs.
fn utmp(address: &str) -> Vec<u8> {
    let (size, at) = if cfg!(target_arch = "aarch64") {
        (400, 360)
    } else {
        (384, 348)
    };
    let octets = match address.parse().expect("an address") {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let kind = 7_i16.to_ne_bytes().into_iter().chain([0; 2]);
    let pid = std::process::id().to_ne_bytes();
    let mut record: Vec<u8> = kind.chain(pid).collect();
    record.resize(at, 0);
    record.extend(octets);
    record.resize(size, 0);
    record
}

/// Not running yet, with an empty `/etc` and `/run` and a feed that bans others.
fn prepare<'a>(hosts: &'a Hosts, config: &str) -> Daemon<'a> {
    let mut daemon = Daemon::prepare(&hosts.edge, config);
    daemon.host_file("etc/hostname", "edge\n");
    write_feed(&daemon, "203.0.113.0/24\n");
    daemon
}

fn write_feed(daemon: &Daemon<'_>, text: &str) {
    let path = daemon.config_path().with_file_name("feed.txt");
    let new = path.with_extension("new");
    fs::write(&new, text)
        .and_then(|()| fs::set_permissions(&new, Permissions::from_mode(0o644)))
        .and_then(|()| fs::rename(&new, &path))
        .expect("a directory of one's own can be written to");
}

/// Replaces the feed, and waits until that is in force or refused. Gives the status.
fn feed(daemon: &mut Daemon<'_>, text: &str) -> Value {
    daemon.forget_messages();
    write_feed(daemon, text);
    daemon.await_reload();
    daemon.status()
}

/// Replaces the feed by one that bans the operator with the whole network, which has to go into
/// force.
fn ban(daemon: &mut Daemon<'_>) -> Value {
    let generation = daemon.generation();
    let status = feed(daemon, "192.0.2.0/24\n");
    let ok = status.pointer("/last_reload/ok");
    assert_eq!(ok, Some(&Value::Bool(true)), "{status}");
    assert_eq!(daemon.generation(), generation + 1);
    status
}

fn left_out(status: &Value) -> Vec<String> {
    let entries = status["left_out"].as_array();
    let text = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", text("set"), text("address"), text("source"))
    };
    entries.expect("a list").iter().map(text).collect()
}

/// Whether a packet from this address gets through the filter.
fn passes(wire: &mut Wire, source: &str) -> bool {
    let packet = eth() / ipv4(source, "192.0.2.1") / udp(1_000, 9_999);
    wire.exchange(&[packet.bytes()]).contains(&packet.bytes())
}

fn assert_operator_banned(hosts: &Hosts) {
    let mut wire = hosts.wire();
    assert!(!passes(&mut wire, OPERATOR));
    assert!(!passes(&mut wire, NEIGHBOUR));
}

fn assert_operator_spared(hosts: &Hosts) {
    let mut wire = hosts.wire();
    assert!(passes(&mut wire, OPERATOR));
    assert!(
        !passes(&mut wire, NEIGHBOUR),
        "only the address is left out"
    );
}

/// Waits until the status line does not have these words any more.
fn await_line_without(daemon: &mut Daemon<'_>, words: &str) {
    let without = daemon.await_message(|message| {
        let line = message.get("STATUS");
        line.is_some_and(|line| !line.contains(words))
    });
    without.unwrap_or_else(|failure| panic!("{failure}"));
}

fn text(output: &std::process::Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_stranger_with_a_connection_to_port_22_is_banned_by_a_set_file() {
    let hosts = Hosts::new("logins-stranger");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, LOCAL);
    daemon.restart();
    let mut stranger = Connection::open(&hosts);
    stranger.works();
    let status = ban(&mut daemon);
    assert_eq!(left_out(&status), [""; 0]);
    assert_eq!(status["logins"], "logind");
    assert_operator_banned(&hosts);
    assert_eq!(daemon.cli(&["status"]).status.code(), Some(0));
}

#[test]
fn who_is_logged_in_is_left_out_until_the_session_is_over() {
    let hosts = Hosts::new("logins-logind");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    let mut connection = Connection::open(&hosts);
    let status = ban(&mut daemon);
    assert_eq!(left_out(&status), ["feed 192.0.2.2 logind"]);
    assert_eq!(status["degraded"], false);
    connection.works();
    assert_operator_spared(&hosts);

    let told = "set feed: 192.0.2.2 is left out while it is logged in over SSH (logind)";
    daemon.await_log(0, told);
    let output = daemon.cli(&["status"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output).contains(told), "{output:?}");
    let output = daemon.cli(&["reload"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output).contains(told), "{output:?}");
    assert!(scrape(&hosts.edge).contains("xdp_fw_left_out_addresses 1"));
    let doctor = text(&daemon.cli(&["doctor"]));
    assert!(doctor.contains("logind's list"), "{doctor}");

    // The session ends; nothing is edited.
    let hash = daemon.status()["config_hash"].clone();
    daemon.forget_messages();
    daemon.remove_host_file(SESSION);
    daemon.host_file("run/systemd/sessions/8", LOCAL);
    await_line_without(&mut daemon, "left out");
    let status = daemon.status();
    assert_eq!(left_out(&status), [""; 0]);
    assert_eq!(status["config_hash"], hash);
    assert_operator_banned(&hosts);
    daemon.await_log(0, "192.0.2.2 is not logged in any more");
}

#[test]
fn explain_knows_who_is_left_out_also_without_the_daemon() {
    let hosts = Hosts::new("logins-explain");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    ban(&mut daemon);
    let explain = |daemon: &Daemon<'_>, source: &str| {
        let packet = format!("udp {source} > 192.0.2.1:53");
        text(&daemon.cli_in_force(&["explain", &packet]))
    };
    for _ in 0..2 {
        let spared = explain(&daemon, OPERATOR);
        assert!(spared.contains("pass by default_action"), "{spared}");
        let told = "192.0.2.2 of set feed, while it is logged in (logind)";
        assert!(spared.contains(told), "{spared}");
        assert!(!spared.contains("please report"), "{spared}");
        let banned = explain(&daemon, NEIGHBOUR);
        assert!(banned.contains("drop by rule 1 ban"), "{banned}");
        assert!(!banned.contains("left out"), "{banned}");
        if daemon.cli(&["status"]).status.code() == Some(0) {
            daemon.stop();
        }
    }
}

#[test]
fn utmp_is_believed_where_logind_does_not_run_under_the_rights_of_the_unit() {
    let hosts = Hosts::new("logins-utmp");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.confine();
    daemon.hide_processes();
    daemon.host_file("run/utmp", utmp(OPERATOR));
    daemon.restart();
    let mut connection = Connection::open(&hosts);
    let status = ban(&mut daemon);
    assert_eq!(left_out(&status), ["feed 192.0.2.2 utmp"]);
    connection.works();
    let doctor = text(&daemon.cli(&["doctor"]));
    assert!(doctor.contains("utmp"), "{doctor}");
    daemon.forget_messages();
    daemon.host_file("run/utmp", "");
    await_line_without(&mut daemon, "left out");
    assert_operator_banned(&hosts);
}

#[test]
fn logind_is_believed_under_the_rights_of_the_unit() {
    let hosts = Hosts::new("logins-unit");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.confine();
    daemon.hide_processes();
    daemon.host_file(SESSION, session("::ffff:192.0.2.2"));
    daemon.restart();
    let status = ban(&mut daemon);
    assert_eq!(left_out(&status), ["feed 192.0.2.2 logind"]);
    assert_operator_spared(&hosts);
}

#[test]
fn an_empty_list_of_logind_means_nobody_whatever_utmp_says() {
    let hosts = Hosts::new("logins-empty");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, LOCAL);
    daemon.host_file("run/utmp", utmp(OPERATOR));
    daemon.restart();
    let _connection = Connection::open(&hosts);
    assert_eq!(left_out(&ban(&mut daemon)), [""; 0]);
    assert_operator_banned(&hosts);
}

#[test]
fn without_any_list_nobody_is_protected_and_doctor_says_so() {
    let hosts = Hosts::new("logins-none");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.restart();
    let _connection = Connection::open(&hosts);
    let status = ban(&mut daemon);
    assert_eq!(left_out(&status), [""; 0]);
    assert_eq!(status["logins"], "none");
    assert_operator_banned(&hosts);
    let doctor = text(&daemon.cli(&["doctor"]));
    let doctor = doctor.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(doctor.contains("no SSH session is protected"), "{doctor}");
}

#[test]
fn a_hostile_utmp_protects_nobody_and_stops_nothing() {
    let hosts = Hosts::new("logins-hostile");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.restart();
    let mut cut = utmp(OPERATOR);
    cut.truncate(360);
    let garbage: Vec<u8> = (0..10 << 20).map(|at: u32| (at % 251) as u8).collect();
    for hostile in [garbage, vec![0xff; 10 << 20], cut] {
        daemon.host_file("run/utmp", hostile);
        let status = feed(&mut daemon, "203.0.113.0/24\n# again\n");
        assert_eq!(status["last_reload"]["ok"], true, "{status}");
        let status = ban(&mut daemon);
        assert_eq!(left_out(&status), [""; 0]);
        assert_operator_banned(&hosts);
    }
}

#[test]
fn among_ten_thousand_sessions_the_oldest_is_protected() {
    let hosts = Hosts::new("logins-many");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    for number in 0..10_000_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        let text = session(&format!("198.18.{high}.{low}"));
        let text = format!("{text}REALTIME={}\n", 2_000_000 + number);
        daemon.host_file(&format!("run/systemd/sessions/{number}"), text);
    }
    let oldest = format!("{}REALTIME=1\n", session(OPERATOR));
    daemon.host_file("run/systemd/sessions/99999", oldest);
    daemon.restart();
    let status = ban(&mut daemon);
    assert_eq!(left_out(&status), ["feed 192.0.2.2 logind"]);
    let errors = status["errors"].to_string();
    let told = "users are logged in from 10001 addresses; the first 64 are protected";
    assert!(errors.contains(told), "{errors}");
    daemon.forget_messages();
    daemon.remove_host_file("run/systemd/sessions/99999");
    await_line_without(&mut daemon, "left out");
    assert_operator_banned(&hosts);
}

#[test]
fn who_is_left_out_stays_so_over_edits_and_restarts() {
    let hosts = Hosts::new("logins-restart");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    let mut connection = Connection::open(&hosts);
    ban(&mut daemon);
    let other = rule("other", "drop", "source = \"198.51.100.1\"");
    daemon.edit(&(config() + &other));
    let status = daemon.status();
    assert_eq!(status["rules"], 2, "{status}");
    assert_eq!(left_out(&status), ["feed 192.0.2.2 logind"]);
    daemon.kill9();
    daemon.restart();
    assert_eq!(left_out(&daemon.status()), ["feed 192.0.2.2 logind"]);
    connection.works();
    // What is in force is gone, and who is logged in is there.
    daemon.stop();
    assert!(daemon.cli(&["unload"]).status.success());
    daemon.restart();
    assert_eq!(left_out(&daemon.status()), ["feed 192.0.2.2 logind"]);
    connection.works();
    // The session ends while no daemon runs.
    daemon.stop();
    daemon.host_file(SESSION, LOCAL);
    daemon.restart();
    assert_eq!(left_out(&daemon.status()), [""; 0]);
    assert_operator_banned(&hosts);
}

#[test]
fn the_end_of_a_trial_brings_back_who_was_left_out() {
    let hosts = Hosts::new("logins-trial");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    let mut connection = Connection::open(&hosts);
    ban(&mut daemon);
    daemon.edit(&format!("confirm = \"1h\"\n{}", settings()));
    let status = daemon.status();
    assert!(status["trial"].is_object(), "{status}");
    assert_eq!(left_out(&status), [""; 0]);
    assert!(daemon.cli(&["rollback"]).status.success());
    assert_eq!(left_out(&daemon.status()), ["feed 192.0.2.2 logind"]);
    connection.works();
    assert_operator_spared(&hosts);
    daemon.forget_messages();
    daemon.host_file(SESSION, LOCAL);
    await_line_without(&mut daemon, "left out");
    assert_operator_banned(&hosts);
}

#[test]
fn many_edits_on_trial_forget_nobody_who_was_left_out_before() {
    let hosts = Hosts::new("logins-edits");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    ban(&mut daemon);
    daemon.edit(&format!("confirm = \"1h\"\n{}", config()));
    assert!(daemon.status()["trial"].is_object());
    for last in 1..=9 {
        feed(&mut daemon, &format!("192.0.2.0/24\n203.0.113.{last}\n"));
    }
    assert!(daemon.cli(&["rollback"]).status.success());
    assert_eq!(left_out(&daemon.status()), ["feed 192.0.2.2 logind"]);
    assert_operator_spared(&hosts);
}

#[test]
fn a_rollback_leaves_out_who_was_left_out_of_what_comes_back() {
    let hosts = Hosts::new("logins-rollback");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    let mut connection = Connection::open(&hosts);
    ban(&mut daemon);
    daemon.edit(&settings());
    assert_eq!(left_out(&daemon.status()), [""; 0]);
    assert!(daemon.cli(&["rollback"]).status.success());
    assert_eq!(left_out(&daemon.status()), ["feed 192.0.2.2 logind"]);
    connection.works();
    assert_operator_spared(&hosts);
    // The rollback is taken back, and what it took back comes again.
    assert!(daemon.cli(&["rollback"]).status.success());
    daemon.kill9();
    daemon.restart();
    assert!(daemon.cli(&["rollback"]).status.success());
    connection.works();
    assert_operator_spared(&hosts);
}

#[test]
fn a_rollback_bans_who_was_banned_by_force() {
    let hosts = Hosts::new("logins-rollback-force");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    ban(&mut daemon);
    assert!(daemon.cli(&["reload", "--force"]).status.success());
    assert_operator_banned(&hosts);
    daemon.edit(&settings());
    assert!(daemon.cli(&["rollback"]).status.success());
    assert_eq!(left_out(&daemon.status()), [""; 0]);
    assert_operator_banned(&hosts);
}

#[test]
fn a_forced_reload_bans_who_is_left_out() {
    let hosts = Hosts::new("logins-force");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    ban(&mut daemon);
    assert!(daemon.cli(&["reload", "--force"]).status.success());
    assert_eq!(left_out(&daemon.status()), [""; 0]);
    assert_operator_banned(&hosts);
    // Later content does not bring back who was banned on purpose.
    let status = feed(&mut daemon, "192.0.2.0/24\n198.51.100.0/24\n");
    assert_eq!(status["last_reload"]["ok"], true, "{status}");
    assert_operator_banned(&hosts);
}

#[test]
fn an_expectation_about_who_is_left_out_waits() {
    let hosts = Hosts::new("logins-expect");
    let _cable = cable(&hosts);
    let expect = "[[expect]]\npacket = \"udp 192.0.2.2 > 192.0.2.1:53\"\nverdict = \"drop\"\n";
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    ban(&mut daemon);
    daemon.edit(&(config() + expect));
    let status = daemon.status();
    assert_eq!(status["last_reload"]["ok"], true, "{status}");
    assert_eq!(left_out(&status), ["feed 192.0.2.2 logind"]);
}

#[test]
fn a_set_that_pass_rules_name_too_is_not_touched_and_the_guard_refuses() {
    let hosts = Hosts::new("logins-both");
    let _cable = cable(&hosts);
    let allow = "source = \"@feed\"\nprotocol = \"icmp\"";
    let both = rule("allow", "pass", allow) + &rule("ban", "drop", "source = \"@feed\"");
    let both = format!("{}[set.feed]\nfiles = \"feed.txt\"\n{both}", settings());
    let mut daemon = prepare(&hosts, &both);
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    let mut connection = Connection::open(&hosts);
    let status = feed(&mut daemon, "192.0.2.0/24\n");
    assert_eq!(status["last_reload"]["ok"], false, "{status}");
    assert_eq!(status["degraded"], true);
    assert_eq!(left_out(&status), [""; 0]);
    connection.works();
}

#[test]
fn a_refused_edit_makes_the_daemon_degraded_and_comes_into_force_when_the_session_is_over() {
    let hosts = Hosts::new("logins-again");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &settings());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    let mut connection = Connection::open(&hosts);
    let deny = rule("deny", "drop", "source = \"192.0.2.2\"");
    let ended = daemon.edit(&(settings() + &deny));
    assert!(
        ended.has_status("degraded: the lock-out guard refuses"),
        "{ended:?}"
    );
    connection.works();
    let output = daemon.cli(&["status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("DEGRADED"), "{output:?}");
    let next = daemon
        .status()
        .pointer("/guard_refusal/next_attempt")
        .cloned();
    assert!(next.is_some_and(|next| next.is_string()));
    assert!(scrape(&hosts.edge).contains("xdp_fw_guard_refuses 1"));

    daemon.forget_messages();
    daemon.host_file(SESSION, LOCAL);
    let reloaded = daemon.await_reload();
    assert!(!reloaded.has_status("degraded"), "{reloaded:?}");
    let status = daemon.status();
    assert_eq!(status["rules"], 1, "{status}");
    assert_eq!(status["degraded"], false);
    assert_eq!(daemon.cli(&["status"]).status.code(), Some(0));
    assert!(scrape(&hosts.edge).contains("xdp_fw_guard_refuses 0"));
    daemon.await_log(0, "the lock-out guard is asked again");
    assert!(!passes(&mut hosts.wire(), OPERATOR));
}

#[test]
fn a_new_rule_on_a_set_is_an_edit_of_the_main_file_and_refused() {
    let hosts = Hosts::new("logins-rule");
    let _cable = cable(&hosts);
    let set = format!("{}[set.feed]\nfiles = \"feed.txt\"\n", settings());
    let mut daemon = prepare(&hosts, &set);
    write_feed(&daemon, "192.0.2.0/24\n");
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    let mut connection = Connection::open(&hosts);
    daemon.edit(&config());
    let status = daemon.status();
    assert_eq!(status["last_reload"]["ok"], false, "{status}");
    assert_eq!(status["degraded"], true);
    connection.works();
}

#[test]
fn a_refused_edit_that_another_one_replaces_is_not_asked_again() {
    let hosts = Hosts::new("logins-newer");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config());
    daemon.host_file(SESSION, session(OPERATOR));
    daemon.restart();
    let _connection = Connection::open(&hosts);
    ban(&mut daemon);
    let deny = rule("deny", "drop", "source = \"192.0.2.2\"");
    daemon.edit(&(config() + &deny));
    assert_eq!(daemon.status()["degraded"], true);
    let other = rule("other", "drop", "source = \"198.51.100.1\"");
    daemon.edit(&(config() + &other));
    let status = daemon.status();
    assert_eq!(status["degraded"], false, "{status}");
    assert_eq!(status["guard_refusal"], Value::Null);
    assert_eq!(left_out(&status), ["feed 192.0.2.2 logind"]);
    // The session is looked at later than the refused edit would have been asked about.
    daemon.forget_messages();
    daemon.host_file(SESSION, LOCAL);
    await_line_without(&mut daemon, "left out");
    assert!(!daemon.log().contains("asked again"), "{}", daemon.log());
    let rules = text(&daemon.cli(&["stats"]));
    assert!(
        !rules.contains("deny") && rules.contains("other"),
        "{rules}"
    );
}
