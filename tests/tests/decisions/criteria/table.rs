//! What a row of the table is, and how it is held against the kernel.
//!
//! Owns the list of operators and which field has which. The rows are in `link`, `header` and
//! `transport`.

use xdp_fw::config::{Action, Config, Essentials, Rule};
use xdp_fw_tests::compiled::Said;
use xdp_fw_tests::packet::Packet;
use xdp_fw_tests::ruleset::{config, drop, sets};
use xdp_fw_tests::shapes::EveryShape;

/// A way to write a criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operator {
    /// One value.
    Single,
    /// Several.
    List,
    /// An entry that stands for many values: a range, a prefix, a glob, a word such as `any`.
    Range,
    /// A word that stands for a number, or for one in each family.
    Name,
    /// `@set`.
    Set,
    /// Plain entries less negated ones.
    Negation,
    /// Negated entries alone.
    NegationOnly,
    /// Flags that are set and flags that are not, in one entry.
    Combination,
    /// Several of these.
    Alternatives,
}

use Operator::{Alternatives, Combination, List, Name, Negation, NegationOnly, Range, Set, Single};

/// What `[[rule]]` has besides criteria.
pub(crate) const NO_CRITERIA: [&str; 4] = ["name", "action", "enabled", "shadow"];

/// The operators of a field; none for one that this table does not know.
pub(crate) fn operators(field: &str) -> &'static [Operator] {
    match field {
        "source" | "destination" => &[Single, List, Range, Set, Negation, NegationOnly],
        "protocol" | "source_port" | "destination_port" | "icmp_code" | "length" | "ttl"
        | "dscp" | "ecn" | "interface" | "fragment" => {
            &[Single, List, Range, Negation, NegationOnly]
        }
        "vlan" | "icmp_type" => &[Single, List, Range, Name, Negation, NegationOnly],
        "family" | "source_mac" | "destination_mac" => &[Single, List, Negation, NegationOnly],
        "tcp_flags" => &[Single, Combination, Alternatives, NegationOnly],
        _ => &[],
    }
}

/// A criterion: packets that differ in what it asks for, and lists of it.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// Adds a list of it to a rule.
    pub(crate) with: fn(Rule, &str) -> Rule,
    /// Packets by the value that they have.
    pub(crate) specimens: Vec<Specimen>,
    /// Packets that have none: no list matches them, negated ones included.
    pub(crate) absent: Vec<Packet>,
    pub(crate) cases: &'static [Case],
}

/// A list, and the specimens that it matches.
pub(crate) type Case = (Operator, &'static str, &'static [&'static str]);

/// A packet, and where it comes in.
pub(crate) struct Specimen {
    pub(crate) value: &'static str,
    pub(crate) packet: Packet,
    pub(crate) interface: &'static str,
}

/// The packet with this value, on the interface that every test has.
pub(crate) fn specimen(value: &'static str, packet: impl Into<Packet>) -> Specimen {
    Specimen {
        value,
        packet: packet.into(),
        interface: "test0",
    }
}

impl Field {
    /// Nothing but one rule decides, and also over what is malformed.
    pub(crate) fn config(&self, list: &str) -> Config {
        Config {
            malformed: Action::Pass,
            essentials: Essentials::NONE,
            sets: sets([
                ("lan", "192.0.2.0/25, 192.0.2.64/26, 2001:db8::/48"),
                ("one", "192.0.2.1/32, 2001:db8::1/128"),
            ]),
            ..config([(self.with)(drop("r"), list)])
        }
    }

    /// Every case against every packet.
    pub(crate) fn check(&self) {
        for (operator, list, matching) in self.cases {
            let config = self.config(list);
            let mut kernel = EveryShape::load(&config);
            let mut check = |packet: &Packet, interface: &str, expected: bool| {
                let frame = packet.bytes();
                let said = kernel.judge(interface, &frame);
                let context = format!("{} = {list} ({operator:?}) over {packet:?}", self.name);
                assert_eq!(said.rule.is_some(), expected, "{context}: {said:?}");
                let (expected, _) = Said::by_oracle(&config, interface, &frame);
                assert_eq!(said, expected, "{context}: the oracle says otherwise");
            };
            for specimen in &self.specimens {
                let expected = matching.contains(&specimen.value);
                check(&specimen.packet, specimen.interface, expected);
            }
            for packet in &self.absent {
                check(packet, "test0", false);
            }
        }
    }
}
