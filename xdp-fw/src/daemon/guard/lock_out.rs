//! Who would be cut off by a configuration, as an operator is told.
//!
//! Owns the words. A refusal for this is no mistake in the text: the exit code is 1, not 2.

use std::fmt;

use xdp_fw_common::{Essential, Reason};

use crate::config::{Config, Position};
use crate::lockout::{Cause, CutOff, Role};

/// Most that are named one by one.
const MOST: usize = 10;

/// How to go on where a daemon runs.
const RELOAD: &str = "xdp-fw reload --force";
/// Where none does yet: what `START` would start is not the service's.
const START: &str = "xdp-fw run --force";
const RESTART: &str = "set `guard = false`, `systemctl restart xdp-fw`, and take it out again";

/// How to try again what was refused before, at a start; `systemd` is whether that runs the host.
pub(in crate::daemon) fn again(systemd: bool) -> String {
    if systemd {
        return RESTART.to_owned();
    }
    format!("try it again with `{START}`")
}

/// Who would be cut off; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockOut {
    cut_off: Vec<Cut>,
    /// What puts it into force all the same; `None` if that takes more than a command.
    command: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cut {
    by: CutOff,
    /// Where the rule stands.
    position: Option<Position>,
    /// What the configuration says where no rule decides.
    setting: &'static str,
}

impl LockOut {
    /// `None` where nobody would be; `config` knows where the rules stand.
    pub(in crate::daemon) fn new(cut_off: Vec<CutOff>, config: &Config) -> Option<Self> {
        let cut = |by: CutOff| {
            let rule = config.rules.iter().find(|rule| match &by.cause {
                Cause::Rule(name) => rule.name == *name,
                Cause::Reason(_) => false,
            });
            Cut {
                position: rule.map(|rule| rule.position.clone()),
                setting: setting(&by.cause, config),
                by,
            }
        };
        let cut_off: Vec<Cut> = cut_off.into_iter().map(cut).collect();
        (!cut_off.is_empty()).then_some(Self {
            cut_off,
            command: Some(RELOAD),
        })
    }

    /// The same for a start that has nothing to fall back to: no daemon runs that could be told.
    pub(in crate::daemon) fn at_start(mut self, systemd: bool) -> Self {
        self.command = (!systemd).then_some(START);
        self
    }

    /// For whom the packets stand.
    pub(in crate::daemon) fn roles(&self) -> Vec<Role> {
        let roles = self.cut_off.iter().map(|cut| cut.by.witness.role);
        roles.collect()
    }

    /// Who, by what, and which packet: a line for everyone.
    pub(in crate::daemon) fn lines(&self) -> impl Iterator<Item = String> {
        let lines = self.cut_off.iter().take(MOST).map(ToString::to_string);
        let more = self.cut_off.len().saturating_sub(MOST);
        lines.chain((more > 0).then(|| format!("and {more} more")))
    }
}

/// The key that decides where no rule does.
fn setting(cause: &Cause, config: &Config) -> &'static str {
    match cause {
        Cause::Reason(Some(Reason::Default)) => "`default_action`",
        Cause::Reason(Some(Reason::NonIp)) if config.essentials.is_empty() => {
            "`non_ip` (with `essentials = false`)"
        }
        Cause::Reason(Some(Reason::NonIp)) if !config.essentials.has(Essential::Arp) => {
            "`non_ip` (with no `arp` in `essentials`)"
        }
        Cause::Reason(Some(Reason::NonIp)) => "`non_ip`",
        Cause::Reason(Some(reason)) if reason.is_malformed() && !reason.always_drops() => {
            "`malformed`"
        }
        _ => "the filter",
    }
}

impl Cut {
    /// A rule to paste that lets them pass; `None` where a rule on their address does not.
    fn rule_that_passes(&self) -> Option<String> {
        let witness = &self.by.witness;
        let place = match &self.by.cause {
            Cause::Rule(name) => format!("above rule `{name}`"),
            Cause::Reason(Some(Reason::Default)) => "to the rules".to_owned(),
            Cause::Reason(_) => return None,
        };
        let (address, criteria) = match witness.role {
            Role::Session { remote, local } => {
                let port = local.port();
                let criteria = format!("protocol = \"tcp\"\ndestination_port = {port}");
                (remote.ip(), criteria)
            }
            Role::Resolver(address) => {
                let criteria = "protocol = \"udp\"\nsource_port = 53".to_owned();
                (address, criteria)
            }
            Role::Gateway(_) => return None,
        };
        witness.is_own.then(|| {
            let name = address.to_string().replace(':', "-");
            format!(
                "add {place}:\n[[rule]]\nname = \"pass-{name}\"\naction = \"pass\"\nsource = \"{address}\"\n{criteria}"
            )
        })
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let witness = &self.by.witness;
        write!(f, "{} would be cut off: ", witness.role)?;
        match (&self.by.cause, &self.position) {
            (Cause::Rule(name), Some(position)) => write!(f, "rule `{name}` ({position})")?,
            (Cause::Rule(name), None) => write!(f, "rule `{name}`")?,
            (Cause::Reason(_), _) => f.write_str(self.setting)?,
        }
        let (what, interface) = (witness.what, &witness.name);
        write!(f, " drops {what} on {interface} (today it passes)")
    }
}

impl fmt::Display for LockOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            writeln!(f, "{line}")?;
        }
        if let Some(rule) = self.cut_off.iter().find_map(Cut::rule_that_passes) {
            writeln!(f, "{rule}")?;
        }
        match self.command {
            Some(command) => write!(
                f,
                "let these pass, or apply it all the same: `{command}`; `guard = false` switches \
                 this check off"
            ),
            None => write!(f, "let these pass; or {RESTART}"),
        }
    }
}

impl std::error::Error for LockOut {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Action, Essentials, Rule};
    use crate::daemon::testing::config;
    use crate::lockout::Witness;

    fn lock_out(causes: Vec<(Role, &'static str, Cause)>) -> LockOut {
        let mut config = config(&["eth0"]);
        config.essentials = Essentials::NONE;
        let position = Position {
            file: "/etc/xdp-fw.toml".into(),
            line: 7,
            column: 1,
        };
        config.rules = vec![Rule::without_criteria(
            "deny".to_owned(),
            Action::Drop,
            position,
        )];
        let cut = |(role, what, cause)| CutOff {
            witness: Witness {
                role,
                what,
                is_own: true,
                interface: 2,
                name: "eth0".to_owned(),
                frame: Vec::new(),
            },
            cause,
        };
        LockOut::new(causes.into_iter().map(cut).collect(), &config).unwrap()
    }

    fn session(port: u16) -> Role {
        Role::Session {
            remote: ([203, 0, 113, 9], port).into(),
            local: ([192, 0, 2, 1], 22).into(),
        }
    }

    #[test]
    fn the_rule_its_place_and_how_to_go_on_are_told() {
        let gateway = Role::Gateway([192, 0, 2, 254].into());
        let resolver = Role::Resolver([192, 0, 2, 53].into());
        let told = lock_out(vec![
            (
                session(40_000),
                "a new connection from there",
                Cause::Rule("deny".to_owned()),
            ),
            (gateway, "its ARP reply", Cause::Reason(Some(Reason::NonIp))),
            (
                resolver,
                "its next answer",
                Cause::Reason(Some(Reason::Default)),
            ),
        ]);
        insta::assert_snapshot!(told, @r#"
        the SSH session from 203.0.113.9:40000 to 192.0.2.1:22 would be cut off: rule `deny` (/etc/xdp-fw.toml:7:1) drops a new connection from there on eth0 (today it passes)
        the default gateway 192.0.2.254 would be cut off: `non_ip` (with `essentials = false`) drops its ARP reply on eth0 (today it passes)
        the resolver 192.0.2.53 would be cut off: `default_action` drops its next answer on eth0 (today it passes)
        add above rule `deny`:
        [[rule]]
        name = "pass-203.0.113.9"
        action = "pass"
        source = "203.0.113.9"
        protocol = "tcp"
        destination_port = 22
        let these pass, or apply it all the same: `xdp-fw reload --force`; `guard = false` switches this check off
        "#);
    }

    #[test]
    fn at_a_start_the_way_on_is_that_of_who_starts_it() {
        let told = || {
            let cause = Cause::Rule("deny".to_owned());
            lock_out(vec![(session(40_000), "its next acknowledgement", cause)])
        };
        let last = |told: LockOut| told.to_string().lines().last().unwrap().to_owned();
        insta::assert_snapshot!(last(told().at_start(false)), @"let these pass, or apply it all the same: `xdp-fw run --force`; `guard = false` switches this check off");
        insta::assert_snapshot!(last(told().at_start(true)), @"let these pass; or set `guard = false`, `systemctl restart xdp-fw`, and take it out again");
        insta::assert_snapshot!(again(false), @"try it again with `xdp-fw run --force`");
    }

    #[test]
    fn of_many_the_first_are_named() {
        let many = (0..13).map(|port| {
            let cause = Cause::Rule("deny".to_owned());
            (session(port), "its next acknowledgement", cause)
        });
        let told = lock_out(many.collect()).to_string();
        assert!(told.contains("and 3 more\n"), "{told}");
        assert_eq!(told.lines().count(), 19);
    }
}
