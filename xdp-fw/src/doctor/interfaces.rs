//! The configured interfaces: whether they are there, and would take the filter.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::config::{Config, Mode};
use crate::daemon::rules_on_tags;
use crate::datapath::{self, Foreign, Link};
use crate::interfaces::{
    Device, Error, Interface, XdpFeatures, XdpMode, advice, device, drivers, hides_tags, is_glob,
    matches, why_unfit, xdp_features,
};
use crate::names::pattern::exact;

use super::{Finding, Group, source_routes};

const GROUP: Group = Group("interfaces");

/// What was seen.
pub(super) enum Interfaces {
    /// No configuration says which.
    NotNamed,
    /// The kernel does not tell.
    NotListed(String),
    Named {
        /// Names and globs that nothing matches.
        missing: Vec<String>,
        found: Vec<Seen>,
    },
}

/// A configured interface.
pub(super) struct Seen {
    pub(super) interface: Interface,
    /// Named itself, not only by a glob.
    pub(super) exact: bool,
    /// How it is to be attached.
    pub(super) wanted: Mode,
    /// Why it cannot be filtered in any mode.
    pub(super) unfit: Option<String>,
    /// What to do should its driver refuse, where it is made of others.
    pub(super) advice: Option<String>,
    /// What its driver can do; kernels before 6.3 do not tell.
    pub(super) features: Option<XdpFeatures>,
    pub(super) device: Device,
    pub(super) program: Program,
    /// How to leave VLAN tags on frames, where its device takes them off; or why that is not known.
    pub(super) tags: Result<Option<String>, io::Error>,
    /// Whether a rule asks for the VLAN ids of its frames.
    pub(super) vlan_rules: bool,
    /// The routes in packets that the host follows.
    pub(super) follows: Vec<source_routes::Setting>,
}

/// Whose program is on an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    Nobodys,
    Ours(XdpMode),
    Foreign(Foreign),
    /// Of this id; we may not look at our own pins.
    Unknown(u32),
}

pub(super) fn look(
    config: Option<&Config>,
    listing: &Result<Vec<Interface>, Error>,
    pins: &Path,
) -> Interfaces {
    let Some(config) = config else {
        return Interfaces::NotNamed;
    };
    let all = match listing {
        Ok(all) => all,
        Err(error) => return Interfaces::NotListed(error.to_string()),
    };
    let links = datapath::read_links(pins).ok();
    let mut missing = Vec::new();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for pattern in &config.interfaces {
        let matching: Vec<&Interface> =
            all.iter().filter(|it| matches(pattern, &it.name)).collect();
        if matching.is_empty() {
            missing.push(pattern.clone());
        }
        let new = matching.into_iter().filter(|it| seen.insert(it.index));
        found.extend(new.map(|interface| look_at(interface, config, all, links.as_deref())));
    }
    // Whether the configuration names those, nobody knows.
    let flawed = all
        .iter()
        .filter(|it| it.flaw.is_some() && seen.insert(it.index));
    found.extend(flawed.map(|interface| look_at(interface, config, all, links.as_deref())));
    Interfaces::Named { missing, found }
}

fn look_at(
    interface: &Interface,
    config: &Config,
    all: &[Interface],
    links: Option<&[Link]>,
) -> Seen {
    let name = &interface.name;
    Seen {
        exact: (config.interfaces.iter()).any(|pattern| exact(pattern).as_ref() == Some(name)),
        wanted: config.mode_of(name).unwrap_or(config.mode),
        unfit: why_unfit(interface, all),
        advice: advice(interface, all),
        features: xdp_features(interface.index).ok(),
        device: device(name).unwrap_or_default(),
        program: program(interface, links),
        tags: hides_tags(interface, all),
        vlan_rules: rules_on_tags(config, name).next().is_some(),
        follows: source_routes::look(name),
        interface: interface.clone(),
    }
}

fn program(interface: &Interface, links: Option<&[Link]>) -> Program {
    let Some(xdp) = interface.xdp else {
        return Program::Nobodys;
    };
    let Some(links) = links else {
        return Program::Unknown(xdp.program);
    };
    let mut links = links.iter();
    if links.any(|link| link.interface == Some(interface.index) && link.program == xdp.program) {
        return Program::Ours(xdp.mode);
    }
    Program::Foreign(datapath::foreign(interface.index, xdp.program))
}

pub(super) fn check(interfaces: &Interfaces) -> Vec<Finding> {
    match interfaces {
        Interfaces::NotNamed => vec![GROUP.unknown(
            "not looked at: no configuration says which",
            "correct the configuration first",
        )],
        Interfaces::NotListed(error) => vec![GROUP.unknown(error, super::AS_ROOT)],
        Interfaces::Named { missing, found } => {
            let missing = missing.iter().map(|pattern| absent(pattern));
            missing.chain(found.iter().flat_map(check_one)).collect()
        }
    }
}

fn absent(pattern: &str) -> Finding {
    if is_glob(pattern) {
        let what = format!("{pattern}: no interface of such a name yet");
        return GROUP.warning(
            what,
            "none, if one is to appear later; `ip -br link` shows what there is",
        );
    }
    GROUP.problem(
        format!("{pattern}: no such interface"),
        "`ip -br link` lists all; correct `interfaces`, or plug it in: it is filtered when it appears",
    )
}

fn check_one(seen: &Seen) -> Vec<Finding> {
    let name = &seen.interface.name;
    if let Some(flaw) = seen.interface.flaw {
        return vec![GROUP.problem(
            format!("{name}: the kernel's message about it cannot be read: {flaw}"),
            "give it another name, or report this with the output of `ip -d link`",
        )];
    }
    if let Some(why) = &seen.unfit {
        // A glob may well match what cannot be filtered.
        return Vec::from_iter(seen.exact.then(|| {
            let (what, fix) = halves(why);
            GROUP.problem(format!("{name}: {what}"), fix)
        }));
    }
    let mut findings = match &seen.program {
        Program::Foreign(foreign) => {
            let told = foreign.describe(name);
            let (what, fix) = halves(&told);
            vec![GROUP.problem(what, fix)]
        }
        Program::Unknown(id) => {
            let what = format!("{name}: has a program (id {id}); whose, was not looked at");
            vec![GROUP.unknown(what, super::AS_ROOT)]
        }
        Program::Ours(mode) => vec![attached(seen, *mode)],
        Program::Nobodys if seen.wanted == Mode::Generic => Vec::new(),
        Program::Nobodys => native(seen),
    };
    findings.extend(tags(seen));
    findings.extend(source_routes::check(GROUP, name, &seen.follows));
    if findings.is_empty() {
        findings.push(GROUP.ok(described(seen)));
    }
    findings
}

/// What is wrong, and what to do, of a sentence that has both.
fn halves(text: &str) -> (&str, &str) {
    text.split_once("; ").unwrap_or((text, "see above"))
}

fn described(seen: &Seen) -> String {
    let interface = &seen.interface;
    let driver = seen.device.driver.as_deref();
    let driver = driver.or(interface.kind.as_deref()).unwrap_or("no driver");
    format!("{}: {driver}, MTU {}", interface.name, interface.mtu)
}

fn attached(seen: &Seen, mode: XdpMode) -> Finding {
    let what = format!("{}, filtered in {mode} mode", described(seen));
    let as_wanted = match seen.wanted {
        Mode::Native => mode == XdpMode::Native,
        Mode::Generic => mode == XdpMode::Generic,
        Mode::Auto => true,
    };
    if as_wanted {
        return GROUP.ok(what);
    }
    GROUP.problem(
        format!("{what}, which is not the configured one"),
        "`xdp-fw reload` changes it, and opens the interface for a moment",
    )
}

/// What keeps a driver from taking the filter. With `auto` none of it is a problem.
fn native(seen: &Seen) -> Vec<Finding> {
    let name = &seen.interface.name;
    let word = name.shell();
    let refusal = |what: String, fix: String| match seen.wanted {
        Mode::Auto => GROUP.warning(
            format!("{what}: it will be filtered in the stack, which is slower"),
            fix,
        ),
        _ => GROUP.problem(what, fix),
    };
    let driver = seen.device.driver.as_deref().unwrap_or_default();
    if seen.features.is_some_and(|features| !features.native) {
        let (what, fix) = not_native(seen);
        return vec![refusal(what, fix)];
    }
    let mut findings = Vec::new();
    let large = |features: XdpFeatures| features.several_buffers;
    if let Some(limit) = drivers::mtu_limit(driver)
        && seen.interface.mtu > limit
        && !seen.features.is_some_and(large)
    {
        findings.push(refusal(
            format!(
                "{}, but {driver} takes the filter up to {limit} only",
                described(seen)
            ),
            format!("`ip link set dev {word} mtu {limit}`"),
        ));
    }
    if seen.device.lro {
        findings.push(refusal(
            format!(
                "{name}: joins segments on receipt (LRO), with which most drivers take no filter"
            ),
            format!("`ethtool -K {word} lro off`"),
        ));
    }
    if let Some(channels) = seen.device.channels
        && drivers::wants_queues_of_its_own(driver)
        && channels.combined * 2 > channels.max_combined
    {
        let half = (channels.max_combined / 2).max(1);
        findings.push(refusal(
            format!(
                "{name}: {} of {} channels are in use, and {driver} takes the filter with half of them",
                channels.combined, channels.max_combined
            ),
            format!("`ethtool -L {word} combined {half}`"),
        ));
    }
    findings
}

fn not_native(seen: &Seen) -> (String, String) {
    let (name, described) = (&seen.interface.name, described(seen));
    if let Some(advice) = &seen.advice {
        return (format!("{described}, has no native XDP"), advice.clone());
    }
    if seen.device.driver.as_deref() == Some("veth") {
        let rx = seen
            .device
            .channels
            .map_or(1, |channels| channels.rx.max(1));
        return (
            format!("{described}, has fewer rx queues ({rx}) than its peer has tx queues"),
            format!("`ethtool -L PEER tx {rx}`, or set `mode = \"generic\"` for {name} (slower)"),
        );
    }
    (
        format!("{described}, has no native XDP"),
        format!("set `mode = \"generic\"` for {name} (slower)"),
    )
}

/// A tag that was taken off is not there for rules to see.
fn tags(seen: &Seen) -> Option<Finding> {
    let name = &seen.interface.name;
    let word = name.shell();
    let fix = match &seen.tags {
        Ok(fix) => fix.as_ref()?,
        Err(error) => {
            return Some(GROUP.unknown(
                format!("{name}: not known whether VLAN tags are taken off: {error}"),
                format!("`ethtool -k {word}`"),
            ));
        }
    };
    let what = format!("{name}: VLAN tags are taken off before the filter sees a frame");
    // Only rules on `vlan` miss them.
    seen.vlan_rules
        .then(|| GROUP.problem(format!("{what}, and there are rules on `vlan`"), fix))
}
