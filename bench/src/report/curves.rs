//! Chooses the figures for each picture.

use crate::cost::Cost;
use crate::flood::Flood;
use crate::policy::{Dimensions, Family};
use crate::rate::Rate;
use crate::reload::{Edit, Load, Reloads};
use crate::report::chart::{Chart, Curve};
use crate::results::Results;
use crate::sample::Sample;

/// The sizes that stay fixed in a picture while another one grows.
const RULES: u32 = 10;
const PREFIXES: u32 = 10;

/// All pictures that have figures, by the names of their files.
pub(super) fn pictures(results: &Results) -> Vec<(&'static str, String)> {
    let costs = results
        .cost
        .as_ref()
        .map(|part| part.results.policies.as_slice());
    let costs = costs.unwrap_or_default();
    let rates = results
        .rate
        .as_ref()
        .map(|part| part.results.rates.as_slice());
    let rates = rates.unwrap_or_default();
    let reloads = results.reload.as_ref().map(|part| &part.results);
    let charts = [
        ("cost-rules", by_rules(costs)),
        ("cost-prefixes", by_prefixes(costs)),
        ("rate-rules", rate_by_rules(rates)),
        ("rate-prefixes", rate_by_prefixes(rates)),
        ("reload-rules", reload_by_rules(reloads)),
        ("reload-prefixes", reload_by_prefixes(reloads)),
    ];
    charts
        .into_iter()
        .filter_map(|(name, chart)| Some((name, chart.svg()?)))
        .collect()
}

fn by_rules(costs: &[Cost]) -> Chart<'static> {
    let curve = |name: &str, dimensions, value: fn(&Cost) -> Sample| {
        curve(name, costs, |cost| {
            let chosen = cost.shape.family == Family::V4
                && cost.shape.prefixes == PREFIXES
                && cost.shape.dimensions == dimensions;
            chosen.then(|| (f64::from(cost.shape.rules), value(cost)))
        })
    };
    Chart {
        title: "A packet, against the number of rules (set of 10 prefixes, IPv4)",
        across: "rules",
        up: "ns/packet",
        curves: vec![
            curve("one hot packet", Dimensions::Basic, |cost| cost.hot),
            curve("random sources", Dimensions::Basic, |cost| cost.random),
            curve("one hot packet, all criteria", Dimensions::All, |cost| {
                cost.hot
            }),
            curve("random sources, all criteria", Dimensions::All, |cost| {
                cost.random
            }),
        ],
    }
}

fn by_prefixes(costs: &[Cost]) -> Chart<'static> {
    let curve = |name: &str, family, value: fn(&Cost) -> Sample| {
        curve(name, costs, |cost| {
            let chosen = cost.shape.family == family
                && cost.shape.rules == RULES
                && cost.shape.dimensions == Dimensions::Basic;
            chosen.then(|| (f64::from(cost.shape.prefixes), value(cost)))
        })
    };
    Chart {
        title: "A packet, against the number of prefixes (10 rules)",
        across: "prefixes in a set behind one rule",
        up: "ns/packet",
        curves: vec![
            curve("IPv4, one hot packet", Family::V4, |cost| cost.hot),
            curve("IPv4, random sources", Family::V4, |cost| cost.random),
            curve("IPv6, one hot packet", Family::V6, |cost| cost.hot),
            curve("IPv6, random sources", Family::V6, |cost| cost.random),
        ],
    }
}

fn rate_by_rules(rates: &[Rate]) -> Chart<'static> {
    Chart {
        title: "A packet dropped on a veth, sending included, against rules",
        across: "rules, a host and a port each",
        up: "ns/packet",
        curves: of_each(rates, rate_point, by_rules_alone),
    }
}

fn rate_by_prefixes(rates: &[Rate]) -> Chart<'static> {
    Chart {
        title: "A packet dropped on a veth, sending included, against prefixes",
        across: "prefixes in a set behind one rule",
        up: "ns/packet",
        curves: of_each(rates, rate_point, by_prefixes_alone),
    }
}

fn rate_point(rate: &Rate) -> (&str, Flood, Sample) {
    (&rate.contestant, rate.flood, rate.rate.nanoseconds_each())
}

fn load_point(load: &Load) -> (&str, Flood, Sample) {
    (&load.contestant, load.flood, load.load)
}

fn reload_by_rules(reloads: Option<&Reloads>) -> Chart<'static> {
    Chart {
        title: "Until a policy is in force, against rules",
        across: "rules, a host and a port each",
        up: "milliseconds",
        curves: reload_curves(reloads, by_rules_alone),
    }
}

fn reload_by_prefixes(reloads: Option<&Reloads>) -> Chart<'static> {
    Chart {
        title: "Until a policy is in force, against prefixes",
        across: "prefixes in a set behind one rule",
        up: "milliseconds",
        curves: reload_curves(reloads, by_prefixes_alone),
    }
}

fn reload_curves(reloads: Option<&Reloads>, across: fn(Flood) -> Option<u32>) -> Vec<Curve> {
    let Some(reloads) = reloads else {
        return Vec::new();
    };
    let edit = |edit: &Edit| Some((f64::from(across(edit.flood)?), edit.edit));
    let mut curves = vec![curve("xdp-fw, edit of a line", &reloads.edits, edit)];
    curves.extend(of_each(&reloads.loads, load_point, across));
    curves
}

fn by_rules_alone(flood: Flood) -> Option<u32> {
    (flood.prefixes == 0).then_some(flood.rules)
}

fn by_prefixes_alone(flood: Flood) -> Option<u32> {
    (flood.rules == 0).then_some(flood.prefixes)
}

/// A curve for each contestant, in the order of their first figure.
fn of_each<T>(
    all: &[T],
    figure: fn(&T) -> (&str, Flood, Sample),
    across: fn(Flood) -> Option<u32>,
) -> Vec<Curve> {
    let mut names: Vec<&str> = Vec::new();
    for (name, ..) in all.iter().map(figure) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let of = |name: &str| {
        curve(name, all, |one| {
            let (contestant, flood, sample) = figure(one);
            let x = across(flood).filter(|_| contestant == name)?;
            Some((f64::from(x), sample))
        })
    };
    names
        .into_iter()
        .map(of)
        .filter(|curve| !curve.points.is_empty())
        .collect()
}

/// The points of one curve, from left to right.
fn curve<T>(name: &str, all: &[T], point: impl Fn(&T) -> Option<(f64, Sample)>) -> Curve {
    let mut points: Vec<(f64, Sample)> = all.iter().filter_map(point).collect();
    points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    Curve {
        name: name.to_owned(),
        points,
    }
}
