//! What should happen: a linear scan over the rules as they are written.

use std::net::IpAddr;

use xdp_fw_common::{Decision, Ingress, Reason, Verdict, decide};

use super::frame::Packet;
use crate::config::{Action, AddressList, Addresses, Config, NumberList, Rule};
use crate::policy::{HostTables, Policy, Tables, compile};

pub(super) fn compiled(config: &Config) -> Tables {
    compile(&Policy::from_config(config), &[]).unwrap()
}

/// What the compiled tables say.
pub(super) fn decided(tables: &Tables, packet: &Packet) -> Decision {
    let frame = packet.frame();
    let ingress = Ingress {
        interface: 0,
        length: frame.len(),
    };
    decide(frame.as_slice(), &ingress, &HostTables::new(tables))
}

/// The name of the rule that decides by the compiled tables; `None` if none does.
pub(super) fn deciding<'a>(tables: &'a Tables, packet: &Packet) -> Option<&'a str> {
    let rule = decided(tables, packet).rule?;
    Some(&tables.rules[rule as usize].name)
}

/// What the configuration says: verdict, reason, and the name of the rule that decides.
pub(super) fn expected<'a>(
    config: &'a Config,
    packet: &Packet,
) -> (Verdict, Reason, Option<&'a str>) {
    let flaw = packet.malformed.then_some(Reason::IpLength);
    if let (Some(flaw), Action::Drop) = (flaw, config.malformed) {
        return (Verdict::Drop, flaw, None);
    }
    let verdict = |action| match action {
        Action::Pass => Verdict::Pass,
        Action::Drop => Verdict::Drop,
    };
    let matches = |rule: &&Rule| rule.enabled && matches(config, rule, packet);
    match config.rules.iter().find(matches) {
        Some(rule) => (verdict(rule.action), Reason::Rule, Some(&rule.name)),
        None => {
            let reason = flaw.unwrap_or(Reason::Default);
            (verdict(config.default_action), reason, None)
        }
    }
}

fn matches(config: &Config, rule: &Rule, packet: &Packet) -> bool {
    let known = |value| if packet.malformed { None } else { value };
    let protocol = known(Some(u16::from(packet.protocol)));
    let source_port = known(packet.ports.map(|ports| ports.0));
    let destination_port = known(packet.ports.map(|ports| ports.1));
    in_addresses(config, rule.source.as_ref(), packet.source)
        && in_addresses(config, rule.destination.as_ref(), packet.destination)
        && in_numbers(rule.protocol.as_ref(), protocol)
        && in_numbers(rule.source_port.as_ref(), source_port)
        && in_numbers(rule.destination_port.as_ref(), destination_port)
}

fn in_addresses(config: &Config, list: Option<&AddressList>, address: IpAddr) -> bool {
    let Some(AddressList(entries)) = list else {
        return true;
    };
    let contains = |addresses: &Addresses| match addresses {
        Addresses::Prefix(prefix) => prefix.contains(address),
        Addresses::Set(name) => config.sets[name]
            .prefixes
            .iter()
            .any(|p| p.contains(address)),
    };
    let any = |negated| {
        let mut entries = entries.iter().filter(move |entry| entry.negated == negated);
        entries.any(|entry| contains(&entry.addresses))
    };
    (entries.iter().all(|entry| entry.negated) || any(false)) && !any(true)
}

fn in_numbers<T: Copy + Into<u16>>(list: Option<&NumberList<T>>, value: Option<u16>) -> bool {
    let Some(NumberList(entries)) = list else {
        return true;
    };
    let Some(value) = value else {
        return false;
    };
    let any = |negated| {
        let mut entries = entries.iter().filter(move |entry| entry.negated == negated);
        entries.any(|e| ((*e.range.start()).into()..=(*e.range.end()).into()).contains(&value))
    };
    (entries.iter().all(|entry| entry.negated) || any(false)) && !any(true)
}
