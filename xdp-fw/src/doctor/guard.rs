//! Whom the lock-out guard protects, and which list says who is logged in.

use crate::config::Config;
use crate::daemon::Status;
use crate::lockout::{self, LoginSource};

use super::{Finding, Group};

const GROUP: Group = Group("guard");

/// What was seen.
pub(super) struct Guard {
    /// Whether the configuration wants it.
    pub(super) is_on: bool,
    pub(super) source: LoginSource,
    /// Whether that is what the daemon sees, within its unit.
    pub(super) is_of_daemon: bool,
    /// Who is left out of sets, a sentence each.
    pub(super) left_out: Vec<String>,
}

pub(super) fn look(daemon: Option<&Status>, config: Option<&Config>) -> Guard {
    let source = match daemon {
        Some(status) => status.logins,
        None => lockout::login_source(),
    };
    let left_out = daemon.iter().flat_map(|status| &status.left_out);
    Guard {
        is_on: config.is_none_or(|config| config.guard),
        source,
        is_of_daemon: daemon.is_some(),
        left_out: left_out.map(ToString::to_string).collect(),
    }
}

pub(super) fn check(guard: &Guard) -> Vec<Finding> {
    if !guard.is_on {
        let off = "the lock-out guard is off (`guard = false`): no session is protected";
        return vec![GROUP.ok(off)];
    }
    let who = if guard.is_of_daemon {
        "the daemon"
    } else {
        "the lock-out guard"
    };
    let mut findings = vec![match guard.source {
        LoginSource::Logind => GROUP.ok(format!(
            "{who} sees in logind's list who is logged in from where: they are not locked out"
        )),
        LoginSource::Utmp => GROUP.ok(format!(
            "{who} sees in utmp who is logged in from where, as logind does not run: they are not \
             locked out"
        )),
        LoginSource::None => GROUP.warning(
            format!(
                "{who} finds neither logind nor utmp (login source: none): no SSH session is \
                 protected from being locked out"
            ),
            "run systemd-logind with pam_systemd; or try each edit with `xdp-fw reload --confirm 60s`",
        ),
    }];
    let left_out = guard.left_out.iter();
    findings.extend(left_out.map(|line| match line.split_once("; ") {
        Some((what, fix)) => GROUP.warning(what, fix),
        None => GROUP.warning(line, "`xdp-fw reload --force`"),
    }));
    findings
}
