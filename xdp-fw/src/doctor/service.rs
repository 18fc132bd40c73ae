//! The daemon, what starts it, and where its metrics listen.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::config::Config;
use crate::daemon::control::client;
use crate::daemon::{Source, Status, Trial, runs_the_host};
use crate::datapath;

use super::{AS_ROOT, Finding, Group};

const GROUP: Group = Group("service");
/// Where udev finds rules.
const UDEV_RULES: [&str; 4] = [
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
];
const UDEV_RULE: &str = "90-xdp-fw.rules";

/// What was seen.
pub(super) struct Service {
    pub(super) daemon: Result<Status, client::Error>,
    /// Whether a filter is in force, if we may look.
    pub(super) loaded: Result<bool, datapath::Error>,
    /// Where the metrics are to listen, and what keeps them from it; looked at without a daemon.
    pub(super) port: Option<(SocketAddr, Option<io::Error>)>,
    /// What systemd says of the unit; `None` where there is no systemd.
    pub(super) unit: Option<String>,
    /// Whether the udev rule is in place.
    pub(super) udev: bool,
}

/// Asks the daemon.
pub(super) async fn ask(run_dir: &Path) -> Result<Status, client::Error> {
    client::status(run_dir).await
}

pub(super) fn look(
    daemon: Result<Status, client::Error>,
    config: Option<&Config>,
    pins: &Path,
) -> Service {
    let listen = config.and_then(|config| config.metrics.listen);
    let listen = listen.filter(|_| matches!(daemon, Err(client::Error::NotRunning(_))));
    Service {
        daemon,
        loaded: datapath::is_in_force(pins),
        port: listen.map(|address| (address, TcpListener::bind(address).err())),
        unit: runs_the_host().then(unit),
        udev: UDEV_RULES
            .iter()
            .any(|directory| Path::new(directory).join(UDEV_RULE).exists()),
    }
}

/// `enabled`, `disabled`, `not-found` …
fn unit() -> String {
    let asked = Command::new("systemctl")
        .args(["is-enabled", "xdp-fw.service"])
        .stderr(Stdio::null())
        .output();
    let said = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let said = said.unwrap_or_default();
    if said.is_empty() {
        "not-found".to_owned()
    } else {
        said
    }
}

pub(super) fn check(service: &Service) -> Vec<Finding> {
    let start = match service.unit {
        Some(_) => "`systemctl start xdp-fw`",
        None => "`xdp-fw run`",
    };
    let mut findings = match &service.daemon {
        Ok(status) => daemon(status),
        Err(client::Error::NotRunning(_)) => vec![not_running(&service.loaded, start)],
        Err(client::Error::NotPermitted(_)) => {
            vec![GROUP.unknown("the daemon does not talk to this user", AS_ROOT)]
        }
        Err(error) => vec![GROUP.problem(error.to_string(), "`systemctl restart xdp-fw`")],
    };
    findings.extend(
        service
            .port
            .as_ref()
            .map(|(address, error)| port(*address, error.as_ref())),
    );
    if let Some(unit) = &service.unit {
        findings.extend(installed(unit, service.udev));
    }
    findings
}

fn not_running(loaded: &Result<bool, datapath::Error>, start: &str) -> Finding {
    match loaded {
        Ok(true) => GROUP.warning(
            "a filter is in force, and no daemon looks after it: edits and new interfaces are not \
             noticed",
            start,
        ),
        Ok(false) => GROUP.warning("the daemon is not running: nothing is filtered", start),
        Err(error) => GROUP.unknown(
            "the daemon is not running; whether a filter is in force was not looked at",
            match error {
                datapath::Error::Pin { remedy, .. } => remedy,
                _ => AS_ROOT,
            },
        ),
    }
}

fn daemon(status: &Status) -> Vec<Finding> {
    let ours = env!("CARGO_PKG_VERSION");
    let (version, pid) = (&status.version, status.pid);
    let runs = format!("the daemon runs: version {version}, pid {pid}");
    let mut findings = vec![if version == ours {
        GROUP.ok(runs)
    } else {
        GROUP.warning(
            format!("{runs}; this is {ours}"),
            "`systemctl restart xdp-fw`",
        )
    }];
    let reload = status.last_reload.as_ref();
    if reload.is_some_and(|reload| reload.ok) {
        findings.push(GROUP.ok("the last reload put the file into force"));
    }
    if let Some(failed) = reload.filter(|reload| !reload.ok) {
        let error = failed.error.as_deref().unwrap_or_default();
        let first = error.lines().next().unwrap_or_default();
        findings.push(GROUP.problem(
            format!("the last reload failed: {first}"),
            "correct the file and save it: that is a reload; `xdp-fw status` has the rest",
        ));
    }
    let path = status.config.display();
    let other = match status.config_source {
        Source::File => None,
        Source::LastGood => Some("the last good configuration"),
        Source::Trial => Some("the configuration that went on trial"),
    };
    findings.extend(other.map(|other| {
        GROUP.problem(
            format!("{other} is in force, not {path}"),
            format!("correct {path} and save it"),
        )
    }));
    findings.extend(status.trial.as_ref().map(on_trial));
    findings.extend(status.guard_refusal.as_ref().map(|refusal| {
        let when = refusal.next_attempt.map(|at| format!(", next at {at}"));
        GROUP.problem(
            format!(
                "degraded: the lock-out guard refuses the file since {}",
                refusal.since
            ),
            format!(
                "edit it, or `xdp-fw reload --force`; the guard is asked again{}",
                when.as_deref().unwrap_or(" by `xdp-fw reload` only")
            ),
        )
    }));
    if status.interfaces.iter().any(|it| it.error.is_some()) && status.degraded {
        let failing = status.interfaces.iter().filter(|it| it.error.is_some());
        let names: Vec<&str> = failing.map(|it| it.name.as_str()).collect();
        findings.push(GROUP.problem(
            format!("degraded: not filtered as configured: {}", names.join(", ")),
            "`xdp-fw status` says why",
        ));
    }
    let troubles = status.errors.iter().chain(&status.metrics.error);
    findings.extend(troubles.map(|error| trouble(error)));
    findings
}

fn on_trial(trial: &Trial) -> Finding {
    let (until, base) = (&trial.until, trial.base);
    GROUP.warning(
        format!("on trial until {until}: then generation {base} comes back"),
        "`xdp-fw confirm` keeps it, `xdp-fw rollback` ends it",
    )
}

/// An error of the daemon. It ends with the remedy, if there is a command for it; what else stands
/// last belongs to the error, as what a packet of `[[expect]]` should have met.
fn trouble(error: &str) -> Finding {
    let remedy = error.rsplit_once("; ");
    let remedy = remedy.filter(|(_, it)| it.contains('`') && !it.starts_with("expected "));
    let (what, fix) = remedy.unwrap_or((error, "`journalctl -u xdp-fw`"));
    GROUP.problem(what, fix)
}

fn port(address: SocketAddr, error: Option<&io::Error>) -> Finding {
    match error {
        None => GROUP.ok(format!("metrics can listen on {address}")),
        Some(error) => {
            let port = address.port();
            GROUP.problem(
                format!("metrics cannot listen on {address}: {error}"),
                format!("`ss -ltnp 'sport = :{port}'` shows who does; or set another `listen` in [metrics]"),
            )
        }
    }
}

fn installed(unit: &str, udev: bool) -> Vec<Finding> {
    let unit = match unit {
        "enabled" | "static" | "enabled-runtime" => GROUP.ok(format!("the unit is {unit}")),
        "not-found" => GROUP.warning(
            "systemd does not know the unit: nothing is filtered after a boot",
            "install systemd/xdp-fw.service, then `systemctl enable --now xdp-fw`",
        ),
        other => GROUP.warning(
            format!("the unit is {other}: nothing is filtered after a boot"),
            "`systemctl enable xdp-fw`",
        ),
    };
    let udev = if udev {
        GROUP.ok("the udev rule is in place")
    } else {
        GROUP.warning(
            "without the udev rule, an interface that is plugged in while the daemon is stopped is \
             not filtered",
            "`install -m 0644 config/udev/90-xdp-fw.rules /etc/udev/rules.d/`",
        )
    };
    vec![unit, udev]
}
