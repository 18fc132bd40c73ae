//! Compares the goals of the project with the measurements: a row per goal, met or not.

use crate::contestants::OURS;
use crate::cost::{Cost, Other, PEER};
use crate::flood::Flood;
use crate::policy::{Dimensions, Family};
use crate::rate::Rate;
use crate::reload::{Idle, Reloads};
use crate::results::Results;
use crate::sample::Sample;

/// A goal and its measurement.
pub(super) struct Goal {
    pub(super) work: &'static str,
    pub(super) goal: String,
    pub(super) got: String,
    /// The measurement that it is compared with.
    pub(super) peer: String,
    pub(super) met: bool,
}

impl Goal {
    /// Why the goal is missed and what was tried; `None` if it is met or nothing is known.
    pub(super) fn shortfall(&self) -> Option<&'static str> {
        let known = SHORTFALLS.iter().find(|(work, _)| *work == self.work);
        known.filter(|_| !self.met).map(|(_, why)| *why)
    }
}

const TEN_RULES: &str = "10 rules, one hot packet, whole program";
const MANY_RULES_HOT: &str = "4,096 rules, one hot packet";
const MANY_RULES_RANDOM: &str = "4,096 rules, random sources";
const MILLION_V6: &str = "1,000,000 IPv6 prefixes behind one rule, random sources";
const SHARE_OF_BARE: &str = "drop rate on veth, random sources, 1,000 rules";
const SHARE_WITH_PREFIXES: &str = "the same with 100,000 prefixes on top";

/// The missed goals with the reasons.
const SHORTFALLS: [(&str, &str); 6] = [
    (
        TEN_RULES,
        "Of it, dropping alone takes 4 ns, the jump from root to filter 1.5, the counter and its time 2, the \
         parser 6 ([ADR 18](adr/0018-most-packets-are-plain.md)). Tried without gain: reads that may be \
         misaligned, which the verifier refuses on the stack, and the first look-up of an address taken out of \
         its function. Not tried: another clock for the time of the last packet.",
    ),
    (
        MANY_RULES_HOT,
        "Up to 64 rules a row is one word; from there on it is 64 words under a summary, which takes 5 ns more \
         ([ADR 19](adr/0019-rows-are-as-wide-as-the-rules.md)): the step is between 64 and 65 rules, from there \
         on it is flat. Tried without gain: rows aligned to cache lines, the summary first.",
    ),
    (
        MANY_RULES_RANDOM,
        "The same step; and rows of 520 bytes for each of 4,096 hosts are more than the second-level cache holds.",
    ),
    (
        MILLION_V6,
        "A bucket of the hash is a cache line and holds three IPv6 prefixes, half of them free: what a million \
         take, no cache here holds, and most look-ups wait for memory \
         ([ADR 22](adr/0022-one-kind-of-address-table.md)). Tried: one to four lengths per leaf. Not tried: \
         shorter keys for prefixes up to /64.",
    ),
    (
        SHARE_OF_BARE,
        "By CPU time a bare drop leaves so little of a packet that the goal allows a filter 12 ns in all, about \
         half of what xdp-filter's program takes by itself, which does less and gets 59 to 64 % here.",
    ),
    (
        SHARE_WITH_PREFIXES,
        "As above: the goal allows 23 ns in all.",
    ),
];

/// All goals with complete measurements.
pub(super) fn all(results: &Results) -> Vec<Goal> {
    let costs = results
        .cost
        .as_ref()
        .map(|part| part.results.policies.as_slice());
    let others = results
        .cost
        .as_ref()
        .map(|part| part.results.others.as_slice());
    let costs = Costs {
        policies: costs.unwrap_or_default(),
        others: others.unwrap_or_default(),
    };
    let rates = results
        .rate
        .as_ref()
        .map(|part| part.results.rates.as_slice());
    let rates = Rates(rates.unwrap_or_default());
    let hot: fn(&Cost) -> Sample = |cost| cost.hot;
    let random: fn(&Cost) -> Sample = |cost| cost.random;
    let reloads = results.reload.as_ref().map(|part| &part.results);
    let mut goals = vec![
        costs.against_peer(),
        costs.ratio(
            MANY_RULES_HOT,
            ((Family::V4, 4096, 10), (Family::V4, 10, 10)),
            hot,
            1.1,
            "10 rules",
        ),
        costs.ratio(
            MANY_RULES_RANDOM,
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
            MILLION_V6,
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
        rates.share(SHARE_OF_BARE, THOUSAND_RULES, 75.0),
        rates.share(SHARE_WITH_PREFIXES, PREFIXES_ON_TOP, 60.0),
    ];
    goals.extend(reloads.into_iter().flat_map(reload_goals).map(Some));
    goals.into_iter().flatten().collect()
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

    /// The goal to drop at least `limit` times as much as a peer.
    fn times(&self, work: &'static str, flood: Flood, peer: &str, limit: f64) -> Option<Goal> {
        let (ours, theirs) = (self.of(OURS, flood)?, self.of(peer, flood)?);
        let ratio = ours / theirs;
        Some(Goal {
            work,
            goal: format!("≥ {limit} × {peer}"),
            got: format!("{ratio:.1} × ({ours:.2} Mpps)"),
            peer: format!("{peer}: {theirs:.3} Mpps"),
            met: ratio >= limit,
        })
    }

    /// The goal to drop at least `limit` percent of what a bare drop does.
    fn share(&self, work: &'static str, flood: Flood, limit: f64) -> Option<Goal> {
        let (ours, bare) = (self.of(OURS, flood)?, self.of("bare XDP_DROP", flood)?);
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

/// The goals for a load of a million prefixes, and for an idle daemon.
fn reload_goals(reloads: &Reloads) -> Vec<Goal> {
    let million = Flood {
        rules: 0,
        prefixes: 1_000_000,
    };
    let edit = reloads.edits.iter().find(|it| it.flood == million);
    let loads = || reloads.loads.iter().filter(|it| it.flood == million);
    let load = loads().find(|it| it.contestant == OURS);
    let peers: Vec<String> = loads()
        .filter(|it| it.contestant != OURS)
        .map(|it| format!("{}: {:.0} ms", it.contestant, it.load.median))
        .collect();
    let peers = peers.join("; ");
    let most = |work, got: f64, limit: f64, unit, peer: &str| Goal {
        work,
        goal: format!("≤ {limit} {unit}"),
        got: format!("{got:.0} {unit}"),
        peer: peer.to_owned(),
        met: got <= limit,
    };
    let mut goals = Vec::new();
    if let (Some(edit), Some(load)) = (edit, load) {
        goals = vec![
            most(
                "a one-line edit with 1,000,000 prefixes loaded, until in force",
                edit.edit.median,
                150.0,
                "ms",
                "",
            ),
            most(
                "a fresh load of 1,000,000 prefixes from a file",
                load.load.median,
                1_000.0,
                "ms",
                &peers,
            ),
            most("resident during that load", edit.peak.max, 250.0, "MB", ""),
            most("resident after that load", edit.settled.max, 40.0, "MB", ""),
        ];
    }
    let Idle {
        seconds,
        wakeups,
        resident,
    } = reloads.idle;
    goals.push(most(
        "idle daemon, 100 rules, resident",
        resident,
        12.0,
        "MB",
        "",
    ));
    goals.push(Goal {
        work: "idle daemon, 100 rules, wake-ups",
        goal: "0 beyond timers it needs".to_owned(),
        got: format!("{wakeups} in {seconds} s"),
        peer: String::new(),
        met: wakeups == 0,
    });
    goals
}

/// Family, rules, prefixes.
type Size = (Family, u32, u32);

struct Costs<'a> {
    policies: &'a [Cost],
    others: &'a [Other],
}

impl Costs<'_> {
    fn of(&self, (family, rules, prefixes): Size) -> Option<&Cost> {
        self.policies.iter().find(|cost| {
            let shape = &cost.shape;
            shape.dimensions == Dimensions::Basic
                && (shape.family, shape.rules, shape.prefixes) == (family, rules, prefixes)
        })
    }

    /// The goal that ten rules cost at most three quarters of the peer's cheapest packet.
    fn against_peer(&self) -> Option<Goal> {
        const LIMIT: f64 = 0.75;
        let ours = self.of((Family::V4, 10, 10))?.hot.median;
        let theirs = self.others.iter().filter(|it| it.program.starts_with(PEER));
        let theirs = theirs.map(|it| it.hot.median).reduce(f64::min)?;
        let ratio = ours / theirs;
        Some(Goal {
            work: TEN_RULES,
            goal: format!("≤ {LIMIT} × xdp-filter's own program"),
            got: format!("{ratio:.2} × ({ours:.1} ns)"),
            peer: format!("{PEER}: {theirs:.1} ns"),
            met: ratio <= LIMIT,
        })
    }

    /// The goal that a large policy costs at most `limit` times as much as a small one.
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
