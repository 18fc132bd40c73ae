//! Targets that take frames: the parser, and decisions over any policy.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::thread::LocalKey;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config as Proptest, RngAlgorithm, TestRng, TestRunner};
use xdp_fw::config::{Action, Config};
use xdp_fw_common::Packet;

use crate::compiled::{Compiled, Host, Said};
use crate::generate;
use crate::ruleset::{self, Criteria as _, drop, pass};

/// Any frame: the parser keeps within it, padding changes nothing, and what rules on every
/// criterion make of it is what the oracle says.
pub fn parser(frame: &[u8]) {
    let packet = Packet::parse(frame, frame.len());
    // A longer frame may be that of a packet without a length (BIG TCP).
    if packet.malformed.is_none() && frame.len() < 65_000 {
        let padded = [frame, &[0xa5; 64]].concat();
        let same = Packet::parse(&padded[..], padded.len());
        assert_eq!(same, packet, "bytes behind the IP packet were read");
    }
    for standard in [&STRICT, &LENIENT] {
        agree(standard, frame);
    }
}

/// Bytes that choose a policy, in front of a frame.
pub(super) const POLICY: usize = 8;

/// A policy from the first [`POLICY`] bytes, and a frame from the rest.
pub fn decide(data: &[u8]) {
    let Some((policy, frame)) = data.split_first_chunk::<POLICY>() else {
        return;
    };
    let known = POLICIES.with_borrow_mut(|policies| {
        if policies.len() == MOST_POLICIES {
            policies.clear();
        }
        let known = policies.entry(*policy).or_insert_with(|| {
            let config = any_config(policy);
            Rc::new((Compiled::new(&config), config))
        });
        Rc::clone(known)
    });
    let (compiled, config) = &*known;
    let host = compiled.host();
    for interface in ["test0", "lan7"] {
        let said = host.judge(interface, frame);
        assert_eq!(said, Said::by_oracle(config, interface, frame));
    }
}

/// Policies that are kept: making one takes a hundred times as long as a decision.
const MOST_POLICIES: usize = 128;

type Policies = HashMap<[u8; POLICY], Rc<(Compiled, Config)>>;

thread_local! {
    static POLICIES: RefCell<Policies> = RefCell::default();
}

/// A configuration for each number. The generators' choices are not these bytes themselves:
/// they refuse some, and would ask for ever where there are no more.
fn any_config(policy: &[u8; POLICY]) -> Config {
    let mut seed = [0; 32];
    for (byte, chosen) in seed.iter_mut().zip(policy) {
        *byte = *chosen;
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Proptest::default(), rng);
    let tree = generate::few_rules().new_tree(&mut runner);
    tree.expect("no strategy rejects").current()
}

/// A configuration and its tables, made once.
struct Standard {
    config: Config,
    host: Host<'static>,
}

impl Standard {
    fn new(malformed: Action) -> Self {
        let config = Config {
            malformed,
            ..every_criterion()
        };
        // It lives as long as the process, which fuzzes.
        let compiled: &'static Compiled = Box::leak(Box::new(Compiled::new(&config)));
        Self {
            config,
            host: compiled.host(),
        }
    }
}

thread_local! {
    static STRICT: Standard = Standard::new(Action::Drop);
    static LENIENT: Standard = Standard::new(Action::Pass);
}

fn agree(standard: &'static LocalKey<Standard>, frame: &[u8]) {
    standard.with(|standard| {
        let said = standard.host.judge("test0", frame);
        assert_eq!(said, Said::by_oracle(&standard.config, "test0", frame));
    });
}

/// Shadow rules, each of which sees every packet; what they count tells what was read.
fn every_criterion() -> Config {
    let rules = [
        drop("source").source("192.0.2.0/24, 2001:db8::/32, !192.0.2.64/26"),
        drop("destination").destination("!198.51.100.0/24"),
        drop("protocol").protocol("0-6, 58, 132"),
        drop("source-port").source_port("0-1023, 65535"),
        drop("destination-port").destination_port("!443"),
        drop("interface").interface("test?"),
        drop("family").family("6"),
        drop("vlan").vlan("1-100"),
        drop("no-vlan").vlan("none"),
        drop("icmp-type").icmp_type("echo-request, 0-4"),
        drop("icmp-code").icmp_code("!0"),
        drop("tcp-flags").tcp_flags("syn !ack, fin urg"),
        drop("whole").fragment("none"),
        drop("atomic").fragment("atomic"),
        drop("first").fragment("first"),
        drop("later").fragment("later"),
        drop("length").length("0-576"),
        drop("ttl").ttl("0-127"),
        drop("dscp").dscp("!0-31"),
        drop("source-mac").source_mac("!02:00:00:00:00:01"),
        drop("destination-mac").destination_mac("02:00:00:00:00:02"),
    ];
    let shadows = rules.map(ruleset::Criteria::shadow);
    ruleset::config(shadows.into_iter().chain([pass("rest").ttl("0-255")]))
}
