//! The lock-out guard: what would cut off who is connected is refused, and everyone says so.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use serde_json::Value;
use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::metrics::{LISTEN, scrape};
use xdp_fw_tests::two_hosts::{CLIENT_DEVICE, EDGE_DEVICE, Hosts, rule};
use xdp_fw_tests::veth::{End, Veth};

/// The netlink family that tells of sockets, of `include/uapi/linux/netlink.h`.
const NETLINK_SOCK_DIAG: u32 = 4;

const EDGE: &str = "192.0.2.1";
const EDGE6: &str = "2001:db8::1";

/// A cable with addresses on both ends, of both families.
fn cable(hosts: &Hosts) -> Veth<'_> {
    Veth::new(
        End::new(&hosts.client, CLIENT_DEVICE)
            .address("192.0.2.2/24")
            .address("2001:db8::2/64"),
        End::new(&hosts.edge, EDGE_DEVICE)
            .address("192.0.2.1/24")
            .address("2001:db8::1/64"),
    )
}

/// A connection from the client to a server on the edge host.
struct Session {
    client: TcpStream,
    server: TcpStream,
    _listener: TcpListener,
}

impl Session {
    fn open(hosts: &Hosts, address: &str, port: u16) -> Self {
        Self::of(hosts, address, address, port)
    }

    /// To a server that listens on another address.
    fn of(hosts: &Hosts, listen: &str, address: &str, port: u16) -> Self {
        let [listen, address] = [listen, address]
            .map(|address| SocketAddr::new(address.parse().expect("an address"), port));
        Self::between(hosts, listen, address)
    }

    fn between(hosts: &Hosts, listen: SocketAddr, address: SocketAddr) -> Self {
        let listener = hosts.edge.within(|| TcpListener::bind(listen));
        let listener = listener.expect("a port of one's own");
        let client = hosts.client.within(|| TcpStream::connect(address));
        let client = client.expect("nothing is filtered yet");
        let (server, _) = listener.accept().expect("a connection");
        server
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a socket");
        Self {
            client,
            server,
            _listener: listener,
        }
    }

    fn remote(&self) -> SocketAddr {
        self.client.local_addr().expect("it is connected")
    }

    /// Sends a byte from the client to the server.
    fn works(&mut self) {
        self.client.write_all(b"x").expect("a connection");
        let mut byte = [0];
        self.server.read_exact(&mut byte).expect("the byte arrives");
    }
}

fn config(rest: &str) -> String {
    format!("interfaces = [\"{EDGE_DEVICE}\"]\nmetrics.listen = \"{LISTEN}\"\n{rest}")
}

fn deny_client() -> String {
    rule("deny", "drop", "source = \"192.0.2.2\"")
}

/// Who tests are logged in as, by logind's list.
const LOGGED_IN: [&str; 4] = ["192.0.2.2", "2001:db8::2", "fe80::2%e0", "198.51.100.2"];

fn login(host: &str) -> String {
    format!("REMOTE=1\nREMOTE_HOST={host}\nSERVICE=sshd\nCLASS=user\nSTATE=active\n")
}

/// A daemon with nothing but logins in its `/etc` and `/run`, running.
fn start<'a>(hosts: &'a Hosts, config: &str) -> Daemon<'a> {
    let mut daemon = prepare(hosts, config);
    daemon.restart();
    daemon
}

fn prepare<'a>(hosts: &'a Hosts, config: &str) -> Daemon<'a> {
    let mut daemon = Daemon::prepare(&hosts.edge, config);
    daemon.host_file("etc/hostname", "edge\n");
    for (number, host) in LOGGED_IN.iter().enumerate() {
        daemon.host_file(&session_file(number), login(host));
    }
    daemon
}

fn session_file(number: usize) -> String {
    format!("run/systemd/sessions/c{number}")
}

/// Writes a configuration, and gives why it was refused; panics if it was not.
fn refused(daemon: &mut Daemon<'_>, config: &str) -> String {
    let generation = daemon.generation();
    daemon.edit(config);
    let status = daemon.status();
    assert_eq!(daemon.generation(), generation, "it must not be in force");
    let error = status.pointer("/last_reload/error");
    let Some(error) = error.and_then(Value::as_str) else {
        panic!("not refused: {status}");
    };
    assert!(error.contains("xdp-fw reload --force"), "{error}");
    error.to_owned()
}

/// Writes a configuration that has to go into force.
fn accepted(daemon: &mut Daemon<'_>, config: &str) {
    let generation = daemon.generation();
    daemon.edit(config);
    let status = daemon.status();
    let ok = status.pointer("/last_reload/ok");
    assert_eq!(ok, Some(&Value::Bool(true)), "{status}");
    assert_eq!(daemon.generation(), generation + 1);
}

#[test]
fn the_rule_to_paste_keeps_the_session() {
    let hosts = Hosts::new("guard-paste");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let mut session = Session::open(&hosts, EDGE, 22);
    let error = refused(&mut daemon, &config(&deny_client()));
    let (_, rule) = error
        .split_once("add above rule `deny`:\n")
        .expect("a rule");
    let (rule, _) = rule.split_once("let these pass").expect("how to go on");
    let generation = daemon.generation();
    daemon.edit(&config(&format!("{rule}{}", deny_client())));
    assert_eq!(daemon.generation(), generation + 1, "{rule}");
    session.works();
}

#[test]
fn a_rule_that_would_cut_off_a_live_session_is_refused_and_everyone_says_so() {
    let hosts = Hosts::new("guard-session");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let mut session = Session::open(&hosts, EDGE, 22);

    let error = refused(&mut daemon, &config(&deny_client()));
    let told = format!(
        "the SSH session from {} to 192.0.2.1:22 would be cut off: rule `deny` ({}:3:1) drops its \
         next acknowledgement on {EDGE_DEVICE} (today it passes)",
        session.remote(),
        daemon.config_path().display(),
    );
    assert!(error.contains(&told), "{error}\nexpected\n{told}");
    daemon.await_log(0, &told);
    assert!(scrape(&hosts.edge).contains("xdp_fw_config_last_reload_successful 0"));
    assert!(
        daemon.status()["errors"]
            .as_array()
            .expect("a list")
            .is_empty()
    );
    session.works();

    // An explicit reload is refused for the same reason; it is no mistake in the file.
    let output = daemon.cli(&["reload"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(&told));
    session.works();

    let generation = daemon.generation();
    let output = daemon.cli(&["reload", "--force"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(daemon.generation(), generation + 1);
    daemon.await_log(0, &format!("forced: {told}"));
    assert!(scrape(&hosts.edge).contains("xdp_fw_config_last_reload_successful 1"));
}

#[test]
fn ipv4_over_a_server_of_both_families_is_protected() {
    let hosts = Hosts::new("guard-mapped");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let mut session = Session::of(&hosts, "::", EDGE, 22);
    let error = refused(&mut daemon, &config(&deny_client()));
    let told = format!("from {} to 192.0.2.1:22", session.remote());
    assert!(error.contains(&told), "{error}");
    session.works();
}

#[test]
fn a_rule_on_the_next_hop_s_ethernet_address_is_judged_by_the_real_one() {
    let hosts = Hosts::new("guard-mac");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let mut session = Session::open(&hosts, EDGE, 22);
    session.works();
    let other = rule("other", "drop", "source_mac = \"02:00:00:00:00:77\"");
    accepted(&mut daemon, &config(&other));
    // The client's, as the harness gives it.
    let error = refused(&mut daemon, &config(&other.replace(":77", ":01")));
    assert!(error.contains("rule `other`"), "{error}");
    session.works();
}

#[test]
fn a_session_through_a_macvlan_is_protected_on_the_interface_below() {
    let hosts = Hosts::new("guard-macvlan");
    let _cable = Veth::new(
        End::new(&hosts.client, CLIENT_DEVICE).address("192.0.2.2/24"),
        End::new(&hosts.edge, EDGE_DEVICE),
    );
    let ip = |arguments: &[&str]| hosts.edge.run("ip", arguments);
    ip(&[
        "link",
        "add",
        "link",
        EDGE_DEVICE,
        "name",
        "mv0",
        "type",
        "macvlan",
    ]);
    ip(&["address", "add", "192.0.2.1/24", "dev", "mv0"]);
    ip(&["link", "set", "mv0", "up"]);
    let mut daemon = start(&hosts, &config(""));
    let mut session = Session::open(&hosts, EDGE, 22);
    let error = refused(&mut daemon, &config(&deny_client()));
    assert!(
        error.contains(&format!("on {EDGE_DEVICE} (today")),
        "{error}"
    );
    session.works();
}

#[test]
fn a_guard_that_cannot_see_says_so_and_keeps_nobody_from_an_edit() {
    let hosts = Hosts::new("guard-blind");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config(""));
    daemon.without_netlink(NETLINK_SOCK_DIAG);
    daemon.restart();
    let _session = Session::open(&hosts, EDGE, 22);
    accepted(&mut daemon, &config(&deny_client()));
    let errors = daemon.status().pointer("/errors").map(Value::to_string);
    let told = "lock-out guard: not everyone is protected: TCP sessions are not known";
    assert!(
        errors.is_some_and(|errors| errors.contains(told)),
        "{}",
        daemon.log()
    );
    daemon.await_log(0, told);
}

#[test]
fn a_session_over_ipv6_is_protected_as_well() {
    let hosts = Hosts::new("guard-v6");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let mut session = Session::open(&hosts, EDGE6, 22);
    let deny = rule("deny6", "drop", "source = \"2001:db8::/64\"");
    let error = refused(&mut daemon, &config(&deny));
    let told = format!("the SSH session from {}", session.remote());
    assert!(
        error.contains(&told) && error.contains("rule `deny6`"),
        "{error}"
    );
    session.works();
}

#[test]
fn a_session_between_link_local_addresses_is_protected_as_well() {
    let hosts = Hosts::new("guard-link");
    let _cable = Veth::new(
        End::new(&hosts.client, CLIENT_DEVICE).address("fe80::2/64"),
        End::new(&hosts.edge, EDGE_DEVICE).address("fe80::1/64"),
    );
    let mut daemon = start(&hosts, &config(""));
    let scope = hosts.client.within(|| if_nametoindex(CLIENT_DEVICE));
    let scope = scope.expect("the device is there");
    let any = "[::]:22".parse().expect("an address");
    let edge = SocketAddrV6::new("fe80::1".parse().expect("an address"), 22, 0, scope);
    let mut session = Session::between(&hosts, any, edge.into());
    let deny = rule("deny", "drop", "source = \"fe80::2\"");
    let error = refused(&mut daemon, &config(&deny));
    assert!(error.contains("the SSH session from [fe80::2]:"), "{error}");
    session.works();
}

#[test]
fn an_edit_that_drops_others_goes_into_force() {
    let hosts = Hosts::new("guard-others");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let mut session = Session::open(&hosts, EDGE, 22);
    let others = rule(
        "others",
        "drop",
        "source = [\"192.0.2.0/24\", \"!192.0.2.2\"]",
    );
    accepted(&mut daemon, &config(&others));
    session.works();
}

#[test]
fn a_default_action_that_would_cut_off_is_named() {
    let hosts = Hosts::new("guard-default");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let _session = Session::open(&hosts, EDGE, 22);
    let error = refused(&mut daemon, &config("default_action = \"drop\"\n"));
    assert!(error.contains("`default_action` drops its next"), "{error}");
}

#[test]
fn dropping_only_the_next_login_from_there_is_refused() {
    let hosts = Hosts::new("guard-login");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let _session = Session::open(&hosts, EDGE, 22);
    let new = "protocol = \"tcp\"\ntcp_flags = \"syn,!ack\"\ndestination_port = 22";
    let error = refused(&mut daemon, &config(&rule("no-new", "drop", new)));
    assert!(error.contains("rule `no-new`"), "{error}");
    assert!(error.contains("a new connection from there"), "{error}");
}

#[test]
fn with_the_guard_switched_off_nothing_is_refused() {
    let hosts = Hosts::new("guard-off");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let _session = Session::open(&hosts, EDGE, 22);
    accepted(
        &mut daemon,
        &config(&format!("guard = false\n{}", deny_client())),
    );
}

#[test]
fn a_session_that_is_dropped_today_keeps_nobody_from_an_edit() {
    let hosts = Hosts::new("guard-today");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let _session = Session::open(&hosts, EDGE, 22);
    let off = format!("guard = false\n{}", deny_client());
    accepted(&mut daemon, &config(&off));
    let also = rule("also", "drop", "source = \"198.51.100.1\"");
    accepted(&mut daemon, &config(&(deny_client() + &also)));
}

#[test]
fn a_session_to_another_port_is_not_ssh_unless_the_configuration_of_sshd_says_so() {
    let hosts = Hosts::new("guard-port");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let _session = Session::open(&hosts, EDGE, 2222);
    accepted(&mut daemon, &config(&deny_client()));
    accepted(&mut daemon, &config(""));

    daemon.host_file("etc/ssh/sshd_config", "Include sshd_config.d/*.conf\n");
    daemon.host_file("etc/ssh/sshd_config.d/port.conf", "Port 2222\n");
    let error = refused(&mut daemon, &config(&deny_client()));
    assert!(
        error.contains("to 192.0.2.1:2222 would be cut off"),
        "{error}"
    );
}

#[test]
fn a_ban_of_someone_who_only_tries_passwords_goes_into_force() {
    let hosts = Hosts::new("guard-logins");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let _session = Session::open(&hosts, EDGE, 22);
    refused(&mut daemon, &config(&deny_client()));
    // Somebody else is logged in; this one is just connected.
    daemon.host_file(&session_file(0), login("192.0.2.3"));
    accepted(&mut daemon, &config(&deny_client()).replace("deny", "ban"));
}

#[test]
fn cutting_off_the_default_gateway_is_refused() {
    let hosts = Hosts::new("guard-gateway");
    let _cable = cable(&hosts);
    hosts
        .edge
        .run("ip", ["route", "add", "default", "via", "192.0.2.2"]);
    let mut daemon = start(&hosts, &config(""));
    let error = refused(
        &mut daemon,
        &config("essentials = false\nnon_ip = \"drop\"\n"),
    );
    let told = "the default gateway 192.0.2.2 would be cut off: `non_ip` (with `essentials = \
                false`) drops its ARP reply";
    assert!(error.contains(told), "{error}");
    accepted(&mut daemon, &config("non_ip = \"drop\"\n"));
}

#[test]
fn cutting_off_a_default_gateway_of_ipv6_is_refused() {
    let hosts = Hosts::new("guard-gateway6");
    let _cable = cable(&hosts);
    let route = ["-6", "route", "add", "default", "via", "2001:db8::2"];
    hosts.edge.run("ip", route);
    let mut daemon = start(&hosts, &config(""));
    let nd = rule(
        "no-nd",
        "drop",
        "icmp_type = \"neighbour-advertisement\"\nfamily = 6",
    );
    let nd = nd.replace("\"neighbour-advertisement\"", "136");
    let error = refused(&mut daemon, &config(&format!("essentials = false\n{nd}")));
    let told = "the default gateway 2001:db8::2 would be cut off: rule `no-nd`";
    assert!(error.contains(told), "{error}");
    assert!(error.contains("its neighbour advertisement"), "{error}");
}

#[test]
fn cutting_off_a_resolver_is_refused() {
    let hosts = Hosts::new("guard-resolver");
    let _cable = cable(&hosts);
    let mut daemon = prepare(&hosts, &config(""));
    daemon.host_file("etc/resolv.conf", "nameserver 127.0.0.53\n");
    daemon.host_file("run/systemd/resolve/resolv.conf", "nameserver 192.0.2.2\n");
    daemon.restart();
    let deny = rule("no-dns", "drop", "protocol = \"udp\"\nsource_port = 53");
    let error = refused(&mut daemon, &config(&deny));
    let told = "the resolver 192.0.2.2 would be cut off: rule `no-dns`";
    assert!(error.contains(told), "{error}");
}

#[test]
fn link_local_resolver_is_on_the_link_that_its_zone_names() {
    let hosts = Hosts::new("guard-zone");
    let _cable = cable(&hosts);
    let _other = Veth::new(
        End::new(&hosts.client, "c1").address("fe80::53/64"),
        End::new(&hosts.edge, "e1").address("fe80::1/64"),
    );
    let both = |rule: &str| format!("interfaces = [\"{EDGE_DEVICE}\", \"e1\"]\n{rule}");
    let mut daemon = prepare(&hosts, &both(""));
    daemon.host_file("etc/resolv.conf", "nameserver fe80::53%e1\n");
    daemon.restart();
    let deny = |interface: &str| {
        let on_it = format!("source = \"fe80::53\"\ninterface = \"{interface}\"");
        both(&rule("deny", "drop", &on_it))
    };
    let error = refused(&mut daemon, &deny("e1"));
    let told = "the resolver fe80::53 would be cut off: rule `deny`";
    assert!(error.contains(told), "{error}");
    daemon.edit(&deny(EDGE_DEVICE));
    let status = daemon.status();
    assert_eq!(status["last_reload"]["ok"], true, "{status}");
}

#[test]
fn a_first_start_that_would_cut_off_is_refused_unless_it_is_forced() {
    let hosts = Hosts::new("guard-first");
    let _cable = cable(&hosts);
    let mut session = Session::open(&hosts, EDGE, 22);
    let mut daemon = prepare(&hosts, &config(&deny_client()));
    let way_on = if Path::new("/run/systemd/system").exists() {
        "set `guard = false`, `systemctl restart xdp-fw`"
    } else {
        "`xdp-fw run --force`"
    };
    let failure = daemon.try_restart().unwrap_err();
    assert_eq!(failure.status.unwrap().code(), Some(1), "{failure}");
    assert!(failure.log.contains("rule `deny`"), "{failure}");
    assert!(failure.log.contains(way_on), "{failure}");
    session.works();

    // The service manager tries again, and the operator has left: not now either.
    drop(session);
    let failure = daemon.try_restart().unwrap_err();
    assert_eq!(failure.status.unwrap().code(), Some(1), "{failure}");
    assert!(failure.log.contains("was refused before"), "{failure}");
    assert!(failure.log.contains(way_on), "{failure}");

    daemon.run_with(&["--force"]);
    daemon.restart();
    assert_eq!(daemon.status()["rules"], 1);
    // From now on it has always been so.
    daemon.run_with(&[]);
    daemon.stop();
    daemon.restart();
    assert_eq!(daemon.status()["config_source"], "file");
}

#[test]
fn an_edit_while_the_daemon_was_away_is_compared_with_what_is_in_force() {
    let hosts = Hosts::new("guard-restart");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let mut session = Session::open(&hosts, EDGE, 22);
    daemon.kill9();
    daemon.write_config(&config(&deny_client()));
    daemon.restart();
    let status = daemon.status();
    assert_eq!(status["config_source"], "last-good", "{status}");
    assert_eq!(status["rules"], 0);
    let error = status["last_reload"]["error"].as_str().expect("a refusal");
    assert!(error.contains("rule `deny`"), "{error}");
    session.works();
}

#[test]
fn what_was_refused_does_not_come_into_force_by_a_restart_when_nobody_is_connected() {
    let hosts = Hosts::new("guard-later");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let session = Session::open(&hosts, EDGE, 22);
    refused(&mut daemon, &config(&deny_client()));
    drop(session);
    daemon.stop();
    // Nor by a boot.
    assert!(daemon.cli(&["unload"]).status.success());
    daemon.restart();
    let status = daemon.status();
    assert_eq!(status["config_source"], "last-good", "{status}");
    let error = status["last_reload"]["error"].as_str().expect("a refusal");
    assert!(error.contains("was refused before"), "{error}");

    // Somebody asks for it, and nobody is there any more.
    let output = daemon.cli(&["reload"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(daemon.status()["rules"], 1);
}

#[test]
fn what_was_refused_during_a_trial_stays_refused_when_that_is_confirmed() {
    let hosts = Hosts::new("guard-trial");
    let _cable = cable(&hosts);
    let mut daemon = start(&hosts, &config(""));
    let session = Session::open(&hosts, EDGE, 22);
    let other = rule("other", "drop", "source = \"192.0.2.9\"");
    accepted(&mut daemon, &config(&format!("confirm = \"1h\"\n{other}")));
    refused(&mut daemon, &config(&deny_client()));
    // Neither a start during the trial nor its end has anything to say about that.
    daemon.kill9();
    daemon.restart();
    let confirmed = daemon.cli(&["confirm"]);
    assert_eq!(confirmed.status.code(), Some(0), "{confirmed:?}");
    drop(session);
    daemon.stop();
    assert!(daemon.cli(&["unload"]).status.success());
    daemon.restart();
    let status = daemon.status();
    assert_eq!(status["config_source"], "last-good", "{status}");
    let error = status["last_reload"]["error"].as_str().expect("a refusal");
    assert!(error.contains("was refused before"), "{error}");
}

#[test]
fn after_a_boot_the_last_good_configuration_is_what_it_is_compared_with() {
    let hosts = Hosts::new("guard-boot");
    let _cable = cable(&hosts);
    hosts
        .edge
        .run("ip", ["route", "add", "default", "via", "192.0.2.2"]);
    let cut = "guard = false\nessentials = false\nnon_ip = \"drop\"\n";
    let mut daemon = start(&hosts, &config(cut));
    daemon.stop();
    // As a boot finds it: no pins, an edit since, and the gateway as cut off as it always was.
    assert!(daemon.cli(&["unload"]).status.success());
    let edited = cut.replace("guard = false", "guard = true") + &deny_client();
    daemon.write_config(&config(&edited));
    daemon.restart();
    let status = daemon.status();
    assert_eq!(status["config_source"], "file", "{status}");
    assert_eq!(status["rules"], 1);
}

#[test]
fn a_session_through_a_bridge_is_protected_on_its_filtered_member() {
    let hosts = Hosts::new("guard-bridge");
    let _cable = Veth::new(
        End::new(&hosts.client, CLIENT_DEVICE).address("192.0.2.2/24"),
        End::new(&hosts.edge, EDGE_DEVICE),
    );
    let ip = |arguments: &[&str]| hosts.edge.run("ip", arguments);
    ip(&["link", "set", EDGE_DEVICE, "arp", "on"]);
    ip(&["link", "add", "br0", "type", "bridge"]);
    ip(&["link", "set", EDGE_DEVICE, "master", "br0"]);
    ip(&["address", "add", "192.0.2.1/24", "dev", "br0"]);
    ip(&["link", "set", "br0", "up"]);
    let mut daemon = start(&hosts, &config(""));
    let mut session = Session::open(&hosts, EDGE, 22);
    let error = refused(&mut daemon, &config(&deny_client()));
    assert!(
        error.contains(&format!("on {EDGE_DEVICE} (today")),
        "{error}"
    );
    session.works();
}

#[test]
fn a_session_over_an_interface_that_is_not_filtered_cannot_be_cut_off() {
    let hosts = Hosts::new("guard-elsewhere");
    let _cable = cable(&hosts);
    let _other = Veth::new(
        End::new(&hosts.client, "c1").address("198.51.100.2/24"),
        End::new(&hosts.edge, "e1").address("198.51.100.1/24"),
    );
    let mut daemon = start(&hosts, &config(""));
    let mut session = Session::open(&hosts, "198.51.100.1", 22);
    accepted(&mut daemon, &config("default_action = \"drop\"\n"));
    session.works();
    // To filter that interface too would cut it off.
    let both = config("default_action = \"drop\"\n").replace("\"e0\"", "\"e0\", \"e1\"");
    let error = refused(&mut daemon, &both);
    assert!(error.contains("on e1 (today it passes)"), "{error}");
    session.works();
}
