//! What the project wants to be, and what it is: a row per goal, also where it falls short.

use crate::cost::Cost;
use crate::flood::Flood;
use crate::policy::{Dimensions, Family};
use crate::rate::Rate;
use crate::results::Results;
use crate::sample::Sample;

/// A goal against what was measured.
pub(super) struct Goal {
    pub(super) work: &'static str,
    pub(super) goal: String,
    pub(super) got: String,
    /// What it is compared with, as measured here.
    pub(super) peer: String,
    pub(super) met: bool,
}

/// Every goal for which everything was measured.
pub(super) fn all(results: &Results) -> Vec<Goal> {
    let costs = results.cost.as_ref().map(|part| part.results.as_slice());
    let costs = Costs(costs.unwrap_or_default());
    let rates = results
        .rate
        .as_ref()
        .map(|part| part.results.rates.as_slice());
    let rates = Rates(rates.unwrap_or_default());
    let hot: fn(&Cost) -> Sample = |cost| cost.hot;
    let random: fn(&Cost) -> Sample = |cost| cost.random;
    [
        costs.ratio(
            "4,096 rules, one hot packet",
            ((Family::V4, 4096, 10), (Family::V4, 10, 10)),
            hot,
            1.1,
            "10 rules",
        ),
        costs.ratio(
            "4,096 rules, random sources",
            ((Family::V4, 4096, 10), (Family::V4, 10, 10)),
            random,
            1.5,
            "10 rules",
        ),
        costs.ratio(
            "1,000,000 IPv4 prefixes behind one rule, random sources",
            ((Family::V4, 10, 1_000_000), (Family::V4, 10, 10)),
            random,
            2.0,
            "10 prefixes",
        ),
        costs.ratio(
            "1,000,000 IPv6 prefixes behind one rule, random sources",
            ((Family::V6, 10, 1_000_000), (Family::V6, 10, 10)),
            random,
            3.0,
            "10 prefixes",
        ),
        rates.times(
            "drop rate on veth, 1,000 rules",
            THOUSAND_RULES,
            "nft ingress",
            50.0,
        ),
        rates.share(
            "drop rate on veth, random sources, 1,000 rules",
            THOUSAND_RULES,
            75.0,
        ),
        rates.share(
            "the same with 100,000 prefixes on top",
            PREFIXES_ON_TOP,
            60.0,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const THOUSAND_RULES: Flood = Flood {
    rules: 1_000,
    prefixes: 0,
};
const PREFIXES_ON_TOP: Flood = Flood {
    rules: 1_000,
    prefixes: 100_000,
};

struct Rates<'a>(&'a [Rate]);

impl Rates<'_> {
    fn of(&self, contestant: &str, flood: Flood) -> Option<f64> {
        let is = |rate: &&Rate| rate.contestant == contestant && rate.flood == flood;
        Some(self.0.iter().find(is)?.rate.median / 1e6)
    }

    /// That we drop at least `limit` times what a peer does.
    fn times(&self, work: &'static str, flood: Flood, peer: &str, limit: f64) -> Option<Goal> {
        let (ours, theirs) = (self.of("xdp-fw", flood)?, self.of(peer, flood)?);
        let ratio = ours / theirs;
        Some(Goal {
            work,
            goal: format!("≥ {limit} × {peer}"),
            got: format!("{ratio:.1} × ({ours:.2} Mpps)"),
            peer: format!("{peer}: {theirs:.3} Mpps"),
            met: ratio >= limit,
        })
    }

    /// That we drop at least `limit` percent of what a program does that only drops.
    fn share(&self, work: &'static str, flood: Flood, limit: f64) -> Option<Goal> {
        let (ours, bare) = (self.of("xdp-fw", flood)?, self.of("bare XDP_DROP", flood)?);
        let share = ours / bare * 100.0;
        Some(Goal {
            work,
            goal: format!("≥ {limit} % of a bare `XDP_DROP`"),
            got: format!("{share:.0} % ({ours:.2} Mpps)"),
            peer: format!("bare `XDP_DROP`: {bare:.2} Mpps"),
            met: share >= limit,
        })
    }
}

/// Family, rules, prefixes.
type Size = (Family, u32, u32);

struct Costs<'a>(&'a [Cost]);

impl Costs<'_> {
    fn of(&self, (family, rules, prefixes): Size) -> Option<&Cost> {
        self.0.iter().find(|cost| {
            let shape = &cost.shape;
            shape.dimensions == Dimensions::Basic
                && (shape.family, shape.rules, shape.prefixes) == (family, rules, prefixes)
        })
    }

    /// That a large policy costs at most `limit` times what a small one does.
    fn ratio(
        &self,
        work: &'static str,
        (large, small): (Size, Size),
        value: fn(&Cost) -> Sample,
        limit: f64,
        named: &str,
    ) -> Option<Goal> {
        let (large, small) = (value(self.of(large)?), value(self.of(small)?));
        let ratio = large.median / small.median;
        Some(Goal {
            work,
            goal: format!("≤ {limit} × {named}"),
            got: format!("{ratio:.2} × ({:.1} ns)", large.median),
            peer: format!("{named}: {:.1} ns", small.median),
            met: ratio <= limit,
        })
    }
}
