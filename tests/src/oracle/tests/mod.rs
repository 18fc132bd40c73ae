//! The oracle against packets made by hand, one sentence of the specification each.

mod criteria;
mod essentials;
mod fragments;
mod headers;
mod rules;
mod shadows;

use xdp_fw::config::{Action, Config, Essentials, Rule};

use super::{Judgement, Reason};
use crate::packet::{Ipv4, Ipv6, Packet, ipv4, ipv6};
use crate::ruleset::config;

fn v4() -> Ipv4 {
    ipv4("192.0.2.1", "198.51.100.2")
}

fn v6() -> Ipv6 {
    ipv6("2001:db8::1", "2001:db8:1::2")
}

/// Without rules, and with a default that no essential meets by accident.
fn drops_by_default() -> Config {
    Config {
        default_action: Action::Drop,
        ..config([])
    }
}

/// What is said of a frame that came in by the interface which the configuration names.
fn judge(config: &Config, frame: &[u8]) -> Judgement {
    super::judge(config, "test0", frame)
}

fn reason(packet: impl Into<Packet>) -> Reason {
    judge(&drops_by_default(), &packet.into().bytes()).reason
}

/// Whether a rule matches on its own.
fn matches(rule: Rule, packet: impl Into<Packet>) -> bool {
    decided_by(&config([rule]), packet).is_some()
}

/// Whether a rule matches a packet that is malformed, and is judged all the same.
fn matches_malformed(rule: Rule, packet: impl Into<Packet>) -> bool {
    let config = Config {
        malformed: Action::Pass,
        ..config([rule])
    };
    decided_by(&config, packet).is_some()
}

/// The name of the rule that decides.
fn decided_by(config: &Config, packet: impl Into<Packet>) -> Option<String> {
    judge(config, &packet.into().bytes()).rule
}

fn judgement(verdict: Action, reason: Reason, rule: Option<&str>) -> Judgement {
    Judgement {
        verdict,
        reason,
        essential: None,
        rule: rule.map(str::to_owned),
        shadows: Vec::new(),
    }
}
