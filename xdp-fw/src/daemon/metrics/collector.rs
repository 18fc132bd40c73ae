//! The collector: reads the maps when Prometheus asks, and keeps nothing in between.

use std::fmt;
use std::path::PathBuf;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue};
use prometheus_client::metrics::MetricType;
use tokio::sync::watch;
use tracing::error;
use xdp_fw_common::{Reason, Verdict};

use crate::daemon::refusal::chain;
use crate::daemon::status::Status;
use crate::datapath::{self, Count, RuleCount, Snapshot};
use crate::timestamp::Timestamp;

use super::names::{self, Metric};

/// Where the counters and everything else come from.
#[derive(Debug)]
pub(super) struct Scrape {
    pins: PathBuf,
    status: watch::Receiver<Status>,
}

impl Scrape {
    pub(super) fn new(pins: PathBuf, status: watch::Receiver<Status>) -> Self {
        Self { pins, status }
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = datapath::read(&self.pins).map_err(|error| {
            error!("metrics: {}", chain(&error));
            fmt::Error
        })?;
        let status = self.status.borrow().clone();
        counters(&mut encoder, &snapshot)?;
        state(&mut encoder, &snapshot, &status)
    }
}

fn counters(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    let rules = |shadow: bool, value: fn(&Count) -> u64| {
        let rules = snapshot.rules.iter();
        rules
            .filter(move |rule| rule.shadow == shadow)
            .map(move |rule| {
                let labels = [
                    ("rule", rule.name.as_str()),
                    ("action", rule.verdict.name()),
                ];
                (labels, value(&rule.count))
            })
    };
    counter(
        encoder,
        &names::RULE_PACKETS,
        rules(false, |count| count.packets),
    )?;
    counter(
        encoder,
        &names::RULE_BYTES,
        rules(false, |count| count.bytes),
    )?;
    counter(
        encoder,
        &names::SHADOW_PACKETS,
        rules(true, |count| count.packets),
    )?;
    counter(
        encoder,
        &names::SHADOW_BYTES,
        rules(true, |count| count.bytes),
    )?;
    let totals = totals(snapshot);
    let totals = |value: fn(&Count) -> u64| {
        totals.iter().map(move |(verdict, reason, count)| {
            let labels = [("verdict", verdict.name()), ("reason", reason.name())];
            (labels, value(count))
        })
    };
    counter(encoder, &names::PACKETS, totals(|count| count.packets))?;
    counter(encoder, &names::BYTES, totals(|count| count.bytes))?;
    let kinds = snapshot.essentials.iter().map(|row| {
        let labels = [("kind", row.kind.name())];
        (labels, row.count.packets)
    });
    counter(encoder, &names::ESSENTIAL_PACKETS, kinds)
}

/// Every verdict and reason. Rules in force count on their own, those that are gone under
/// [`Reason::Rule`]: their sum never goes back.
fn totals(snapshot: &Snapshot) -> Vec<(Verdict, Reason, Count)> {
    let in_force = |verdict: Verdict, value: fn(&Count) -> u64| -> u64 {
        let decided = |rule: &&RuleCount| !rule.shadow && rule.verdict == verdict;
        let rules = snapshot.rules.iter().filter(decided);
        rules.map(|rule| value(&rule.count)).sum()
    };
    let mut totals: Vec<_> = snapshot
        .reasons
        .iter()
        .map(|row| (row.verdict, row.reason, row.count))
        .collect();
    for (verdict, reason, count) in &mut totals {
        if *reason == Reason::Rule {
            count.packets += in_force(*verdict, |count| count.packets);
            count.bytes += in_force(*verdict, |count| count.bytes);
        }
    }
    totals
}

fn state(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot, status: &Status) -> fmt::Result {
    let interfaces = status.interfaces.iter().map(|interface| {
        let mode = interface.mode.as_deref().unwrap_or_default();
        let labels = [("interface", interface.name.as_str()), ("mode", mode)];
        (labels, u32::from(interface.attached))
    });
    gauges(encoder, &names::INTERFACE_ATTACHED, interfaces)?;
    let failures = status.interfaces.iter().map(|interface| {
        let labels = [("interface", interface.name.as_str())];
        (labels, interface.failures)
    });
    counter(encoder, &names::ATTACH_FAILURES, failures)?;
    let ok = status.last_reload.as_ref().is_some_and(|reload| reload.ok);
    gauge(encoder, &names::LAST_RELOAD_SUCCESSFUL, &u32::from(ok))?;
    if let Some(at) = status.last_success {
        gauge(encoder, &names::LAST_RELOAD_SUCCESS, &at.unix_seconds())?;
    }
    let deadline = status.trial.as_ref().map(|trial| trial.until);
    let deadline = deadline.map_or(0.0, Timestamp::unix_seconds);
    gauge(encoder, &names::TRIAL_DEADLINE, &deadline)?;
    let refuses = u32::from(status.guard_refusal.is_some());
    gauge(encoder, &names::GUARD_REFUSES, &refuses)?;
    let left_out = u32::try_from(status.left_out.len()).unwrap_or(u32::MAX);
    gauge(encoder, &names::LEFT_OUT, &left_out)?;
    gauge(encoder, &names::RULES, &snapshot.generation.rules)?;
    gauge(encoder, &names::PREFIXES, &snapshot.generation.prefixes)?;
    let Metric { name, help } = names::BUILD;
    encoder
        .encode_descriptor(name, help, None, MetricType::Info)?
        .encode_info(&[("version", status.version.as_str())])
}

type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

fn counter<'a, T: EncodeCounterValue, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    samples: impl Iterator<Item = (Labels<'a, N>, T)>,
) -> fmt::Result {
    let Metric { name, help } = *metric;
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in samples {
        let mut sample = family.encode_family(&labels)?;
        sample.encode_counter::<[(&str, &str); 0], _, u64>(&value, None)?;
    }
    Ok(())
}

fn gauges<'a, T: EncodeGaugeValue, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    samples: impl Iterator<Item = (Labels<'a, N>, T)>,
) -> fmt::Result {
    let Metric { name, help } = *metric;
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in samples {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    value: &impl EncodeGaugeValue,
) -> fmt::Result {
    let Metric { name, help } = *metric;
    encoder
        .encode_descriptor(name, help, None, MetricType::Gauge)?
        .encode_gauge(value)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::daemon::testing::{snapshot, status};

    #[derive(Debug)]
    struct Fixed;

    impl Collector for Fixed {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
            counters(&mut encoder, &snapshot())?;
            state(&mut encoder, &snapshot(), &status())
        }
    }

    #[test]
    fn the_text_keeps_its_contract() {
        let mut registry = Registry::with_prefix(names::PREFIX);
        registry.register_collector(Box::new(Fixed));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn rules_that_are_gone_stay_in_the_total() {
        let snapshot = snapshot();
        let drops: u64 = totals(&snapshot)
            .iter()
            .filter(|(verdict, reason, _)| (*verdict, *reason) == (Verdict::Drop, Reason::Rule))
            .map(|(_, _, count)| count.packets)
            .sum();
        // One rule in force with 1,500,000 and a hundred from one that is gone.
        assert_eq!(drops, 1_500_100);
    }
}
