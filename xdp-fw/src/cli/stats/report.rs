//! The counters as `stats --json` has them, which is a contract: adding keys is compatible.

use std::collections::BTreeSet;

use serde::Serialize;
use xdp_fw_common::{Reason, Verdict};

use crate::datapath::{Count, EssentialCount, Generation, ReasonCount, Snapshot};
use crate::interfaces::Interface;
use crate::timestamp::Timestamp;

/// Everything that was counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    pub(super) rules: Vec<Rule>,
    pub(super) default: Default,
    pub(super) reasons: Vec<ReasonRow>,
    pub(super) essentials: Vec<EssentialRow>,
    pub(super) interfaces: Vec<Attached>,
}

/// A rule in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) action: &'static str,
    /// Whether it only counts what it would have done.
    pub(super) shadow: bool,
    #[serde(flatten)]
    pub(super) counted: Counted,
}

impl Rule {
    /// What it does, or would do, in words for people.
    pub(super) fn action_in_words(&self) -> String {
        if self.shadow {
            format!("would {}", self.action)
        } else {
            self.action.to_owned()
        }
    }
}

/// What no rule matched, under the default action in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Default {
    pub(super) action: &'static str,
    #[serde(flatten)]
    pub(super) counted: Counted,
}

/// What was decided for another reason: `rule` is for rules that are gone, `default` for the time
/// when the default action was the other one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ReasonRow {
    #[serde(serialize_with = "name")]
    pub(super) reason: Reason,
    pub(super) verdict: &'static str,
    #[serde(flatten)]
    pub(super) counted: Counted,
}

/// What was counted of one kind of essentials, which is part of the reason `essential`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct EssentialRow {
    pub(super) kind: &'static str,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    #[serde(skip)]
    pub(super) last_seen: Option<Timestamp>,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Counted {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) last_seen: Option<Timestamp>,
}

/// An interface that is being filtered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Attached {
    pub(super) name: String,
    pub(super) mode: Option<&'static str>,
    pub(super) ifindex: u32,
}

impl Report {
    /// Puts the kernel's counters in the order of the file, and names to the interfaces.
    pub(super) fn of(snapshot: &Snapshot, interfaces: &[Interface]) -> Self {
        let in_force = &snapshot.generation;
        let is_default = |row: &&ReasonCount| {
            row.reason == Reason::Default && row.verdict == in_force.default_action
        };
        let default = snapshot.reasons.iter().find(is_default);
        let others = snapshot.reasons.iter().filter(|row| !is_default(row));
        Self {
            rules: snapshot.rules.iter().map(rule).collect(),
            default: Default {
                action: in_force.default_action.name(),
                counted: default.map(|row| row.count).unwrap_or_default().into(),
            },
            reasons: others
                .filter(|row| is_told(row, in_force))
                .map(reason)
                .collect(),
            essentials: snapshot.essentials.iter().map(essential).collect(),
            interfaces: attached(snapshot, interfaces),
        }
    }

    /// Keeps one rule only, or says that there is none of that name.
    pub(super) fn keep(&mut self, name: &str) -> Result<(), String> {
        if self.rules.iter().any(|rule| rule.name == name) {
            self.rules.retain(|rule| rule.name == name);
            return Ok(());
        }
        let names = self.rules.iter().map(|rule| rule.name.as_str());
        let nearest = names
            .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        let hint = nearest.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        Err(format!("no rule `{name}` is in force{hint}"))
    }

    /// Everything that met this verdict. What shadow rules counted met its verdict elsewhere.
    pub(super) fn total(&self, verdict: Verdict) -> Counted {
        let rules = self.rules.iter().filter(|rule| !rule.shadow);
        let rules = rules.map(|rule| (rule.action, rule.counted));
        let reasons = self.reasons.iter().map(|row| (row.verdict, row.counted));
        let default = (self.default.action, self.default.counted);
        let all = rules.chain(reasons).chain([default]);
        let met = all.filter(|(met, _)| *met == verdict.name());
        met.fold(Count::default().into(), |sum: Counted, (_, counted)| {
            Counted {
                packets: sum.packets + counted.packets,
                bytes: sum.bytes + counted.bytes,
                last_seen: sum.last_seen.max(counted.last_seen),
            }
        })
    }
}

/// Every reason under the verdict that it has now, and under the other one if it ever had that.
fn is_told(row: &ReasonCount, in_force: &Generation) -> bool {
    let now = match row.reason {
        Reason::Rule | Reason::Default => None,
        Reason::Essential => Some(Verdict::Pass),
        reason if reason.always_drops() => Some(Verdict::Drop),
        Reason::NonIp => Some(in_force.non_ip),
        _ if in_force.malformed == Verdict::Drop => Some(Verdict::Drop),
        // Judged by addresses alone, then by the default.
        _ => Some(in_force.default_action),
    };
    row.count.packets > 0 || now == Some(row.verdict)
}

fn rule(rule: &crate::datapath::RuleCount) -> Rule {
    Rule {
        name: rule.name.clone(),
        action: rule.verdict.name(),
        shadow: rule.shadow,
        counted: rule.count.into(),
    }
}

fn essential(row: &EssentialCount) -> EssentialRow {
    EssentialRow {
        kind: row.kind.name(),
        packets: row.count.packets,
        bytes: row.count.bytes,
        last_seen: row.count.last_seen.map(Into::into),
    }
}

fn reason(row: &ReasonCount) -> ReasonRow {
    ReasonRow {
        reason: row.reason,
        verdict: row.verdict.name(),
        counted: row.count.into(),
    }
}

/// Names and modes are netlink's. A link that followed its device into another namespace has a
/// number of that namespace, which may be another device's here: then only the number is told. Where
/// that other device is ours as well, nothing tells the two links apart; the name is given once.
fn attached(snapshot: &Snapshot, interfaces: &[Interface]) -> Vec<Attached> {
    let indexes = snapshot.interfaces.iter();
    let mut named = BTreeSet::new();
    indexes
        .map(|&ifindex| {
            let here = interfaces.iter().find(|i| i.index == ifindex);
            let here = here.filter(|_| named.insert(ifindex));
            let ours = here.and_then(|interface| {
                let xdp = interface.xdp?;
                (xdp.program == snapshot.root_program).then_some((interface, xdp.mode))
            });
            Attached {
                name: ours.map_or_else(|| format!("if{ifindex}"), |(i, _)| i.name.to_string()),
                mode: ours.map(|(_, mode)| mode.name()),
                ifindex,
            }
        })
        .collect()
}

impl From<Count> for Counted {
    fn from(count: Count) -> Self {
        Self {
            packets: count.packets,
            bytes: count.bytes,
            last_seen: count.last_seen.map(Into::into),
        }
    }
}

fn name<S: serde::Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.name())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::daemon::testing::snapshot;
    use crate::interfaces::{XdpMode, XdpState};

    fn interface(index: u32, name: &str, mode: XdpMode, program: u32) -> Interface {
        Interface {
            index,
            name: crate::names::InterfaceName::from_text(name),
            flaw: None,
            ethernet: true,
            kind: None,
            up: true,
            mtu: 1500,
            controller: None,
            lower: None,
            xdp: Some(XdpState { mode, program }),
        }
    }

    pub(in crate::cli::stats) fn report() -> Report {
        let interfaces = [
            interface(2, "eth0", XdpMode::Native, 42),
            interface(5, "wan0", XdpMode::Generic, 42),
        ];
        Report::of(&snapshot(), &interfaces)
    }

    #[test]
    fn json_keeps_its_contract() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&report()).unwrap());
    }

    #[test]
    fn every_packet_is_told_once() {
        let snapshot = snapshot();
        let report = report();
        let told: u64 = Verdict::ALL.map(|v| report.total(v).packets).iter().sum();
        let rules: u64 = snapshot.rules.iter().map(|rule| rule.count.packets).sum();
        let reasons: u64 = snapshot.reasons.iter().map(|row| row.count.packets).sum();
        assert_eq!(told, rules + reasons);
    }

    #[test]
    fn an_unknown_rule_gets_the_nearest_name() {
        let error = report().keep("ssh-from-ofice").unwrap_err();
        insta::assert_snapshot!(error, @"no rule `ssh-from-ofice` is in force; did you mean `ssh-from-office`?");
    }

    #[test]
    fn two_links_of_one_number_are_one_interface_here() {
        let mut snapshot = snapshot();
        snapshot.interfaces = vec![2, 2];
        let interfaces = [interface(2, "eth0", XdpMode::Native, 42)];
        let report = Report::of(&snapshot, &interfaces);
        let names: Vec<_> = report.interfaces.iter().map(|it| &it.name).collect();
        assert_eq!(names, ["eth0", "if2"]);
    }

    #[test]
    fn an_interface_of_another_namespace_has_its_number_only() {
        let report = Report::of(&snapshot(), &[]);
        assert_eq!(report.interfaces[0].name, "if2");
        assert_eq!(report.interfaces[0].mode, None);
    }
}
