//! A rule's criteria as values that can be compared.
//!
//! Owns what one criterion says about another: flags are TCP's, an address has a family. Never
//! says that a criterion which allows every value is none: a packet may lack the field.

use std::collections::HashSet;

use super::values::{ValueId, Values};
use crate::config::model::Rule;
use crate::criteria::{Criterion, FragmentKind, MacList, Packets, Ranges, Value, ValueKind};
use crate::names::protocols::{ICMP, ICMPV6};

const COUNT: usize = Criterion::COUNT;

/// Protocols whose long datagrams IP cuts into fragments; the others fit theirs to the path.
const UDP: u8 = 17;
const UDPLITE: u8 = 136;

/// The criteria of a rule: a value each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Criteria {
    /// A bit per criterion that the rule has.
    asked: u32,
    /// By criterion.
    values: [Option<ValueId>; COUNT],
}

/// Criteria by number, in the order in which to compare them.
pub(super) struct Order(Vec<usize>);

impl Order {
    /// Those first that tell most rules apart.
    pub(super) fn of(rules: &[&Criteria]) -> Self {
        let different = |criterion: &usize| {
            let values = rules.iter().map(|rule| rule.values.get(*criterion));
            std::cmp::Reverse(values.collect::<HashSet<_>>().len())
        };
        let mut order: Vec<usize> = (0..COUNT).collect();
        order.sort_by_cached_key(different);
        Self(order)
    }
}

impl Criteria {
    /// The criteria of `rule`, and those that they imply.
    pub(super) fn of<'a>(rule: &'a Rule, values: &mut Values<'a>) -> Self {
        let mut criteria = Self {
            asked: 0,
            values: [None; COUNT],
        };
        for (criterion, value) in rule.criteria() {
            let kind = criterion.spec().kind;
            criteria.set(criterion, id(value, kind, values));
        }
        let families = criteria.families(values);
        if let Some(families) = &families {
            criteria.set(Criterion::Family, values.numbers(families.clone()));
            criteria.narrow(families, values);
        }
        if let Some(protocols) = criteria.protocols(families.as_ref(), values) {
            criteria.set(Criterion::Protocol, values.numbers(protocols));
        }
        criteria
    }

    /// Leaves out what is of a family that the rule does not match.
    fn narrow(&mut self, families: &Ranges, values: &mut Values<'_>) {
        for family in [4u8, 6] {
            if *families != numbers([family]) {
                continue;
            }
            for criterion in by_family() {
                if let Some(value) = self.get(criterion) {
                    self.set(criterion, values.of_family(value, family));
                }
            }
        }
    }

    fn set(&mut self, criterion: Criterion, value: ValueId) {
        self.asked |= 1 << criterion as u8;
        if let Some(slot) = self.values.get_mut(criterion as usize) {
            *slot = Some(value);
        }
    }

    /// Each criterion that it has, by number, and its value.
    pub(super) fn asked(&self) -> impl Iterator<Item = (usize, ValueId)> {
        let values = self.values.iter().enumerate();
        values.filter_map(|(criterion, value)| Some((criterion, (*value)?)))
    }

    fn get(&self, criterion: Criterion) -> Option<ValueId> {
        self.values.get(criterion as usize).copied().flatten()
    }

    /// The families that are left, if the rule says anything about them.
    fn families(&self, values: &Values<'_>) -> Option<Ranges> {
        let listed = self.get(Criterion::Family);
        let listed = listed.and_then(|listed| values.numbers_of(listed));
        let by_family = by_family().filter_map(|criterion| self.get(criterion));
        let implied = by_family.filter_map(|value| values.only_family(value));
        implied
            .map(|family| numbers([family]))
            .chain(listed)
            .reduce(|one, other| one.and(&other))
    }

    /// The protocols that are left, if the rule says anything about them: what is in a transport
    /// header does.
    fn protocols(&self, families: Option<&Ranges>, values: &Values<'_>) -> Option<Ranges> {
        let listed = self.get(Criterion::Protocol);
        let listed = listed.and_then(|listed| values.numbers_of(listed));
        let asked = in_transport_header().filter(|criterion| self.asks(*criterion));
        let implied = asked.filter_map(|criterion| match criterion.spec().packets {
            Packets::Icmp => Some(match families {
                Some(families) if *families == numbers([4]) => numbers([ICMP]),
                Some(families) if *families == numbers([6]) => numbers([ICMPV6]),
                _ => numbers([ICMP, ICMPV6]),
            }),
            packets => Some(numbers(packets.protocols()?.iter().copied())),
        });
        implied.chain(listed).reduce(|one, other| one.and(&other))
    }

    /// Whether a packet of this family may match.
    pub(super) fn may_be(&self, family: u8, values: &mut Values<'_>) -> bool {
        let wanted = values.numbers(numbers([family]));
        let known = self.get(Criterion::Family);
        known.is_none_or(|known| values.are_within(wanted, known))
    }

    /// Whether there is no criterion.
    pub(super) fn is_none(&self) -> bool {
        self.asked == 0
    }

    /// Whether nothing is left of one of them.
    pub(super) fn has_empty(&self, values: &Values<'_>) -> bool {
        let mut given = self.values.iter().flatten();
        given.any(|value| values.is_empty(*value))
    }

    /// Whether nothing is left of this criterion.
    pub(super) fn is_empty(&self, criterion: Criterion, values: &Values<'_>) -> bool {
        self.get(criterion)
            .is_some_and(|value| values.is_empty(value))
    }

    /// Whether they match everything that `others` do; false if that is not known.
    pub(super) fn cover(&self, others: &Self, order: &Order, values: &mut Values<'_>) -> bool {
        // What only the first asks, a packet of the second may lack.
        if self.asked & !others.asked != 0 {
            return false;
        }
        order.0.iter().all(|&criterion| {
            let (this, other) = (self.values.get(criterion), others.values.get(criterion));
            match (this, other) {
                (Some(Some(this)), Some(Some(other))) => values.are_within(*other, *this),
                _ => true,
            }
        })
    }

    /// Whether a packet that matches may have one of these values.
    pub(super) fn may_have(
        &self,
        criterion: Criterion,
        wanted: ValueId,
        values: &Values<'_>,
    ) -> bool {
        let known = self.get(criterion);
        known.is_none_or(|known| values.may_meet(wanted, known))
    }

    /// Whether the rule asks this.
    pub(super) const fn asks(&self, criterion: Criterion) -> bool {
        self.asked >> criterion as u8 & 1 == 1
    }

    /// Whether a packet of `others` may match. `others` are later fragments: they lack what is in the
    /// header of a transport protocol.
    pub(super) fn may_match_fragments(&self, others: &Self, values: &Values<'_>) -> bool {
        in_transport_header().all(|criterion| !self.asks(criterion))
            && self.asked().all(|(criterion, value)| {
                let other = others.values.get(criterion).copied().flatten();
                other.is_none_or(|other| values.may_meet(value, other))
            })
    }

    /// The later fragments of this family that belong to first ones which match by their ports; `None`
    /// if there are none, or it is none of the protocols that leave fragments to IP.
    pub(super) fn later_fragments(&self, family: u8, values: &mut Values<'_>) -> Option<Self> {
        const FIRST: u128 = 2;
        const LATER: u128 = 3;
        let by_port = self.asks(Criterion::SourcePort) || self.asks(Criterion::DestinationPort);
        let first = values.numbers(Ranges::union([(FIRST, FIRST)]));
        if !by_port
            || self.asks(Criterion::TcpFlags)
            || self.asks(Criterion::IcmpType)
            || self.asks(Criterion::IcmpCode)
            || !self.may_have(Criterion::Fragment, first, values)
            || !self.may_be(family, values)
        {
            return None;
        }
        let protocols = self.get(Criterion::Protocol)?;
        let protocols = values.numbers_of(protocols)?.and(&numbers([UDP, UDPLITE]));
        if protocols.is_empty() {
            return None;
        }
        let mut later = self.clone();
        for criterion in [
            Criterion::SourcePort,
            Criterion::DestinationPort,
            // Each fragment has a length of its own.
            Criterion::Length,
        ] {
            later.clear(criterion);
        }
        let families = numbers([family]);
        later.set(Criterion::Protocol, values.numbers(protocols));
        later.set(
            Criterion::Fragment,
            values.numbers(Ranges::union([(LATER, LATER)])),
        );
        later.set(Criterion::Family, values.numbers(families.clone()));
        later.narrow(&families, values);
        (!later.has_empty(values)).then_some(later)
    }

    /// The source addresses of one family; `None` if that is not known.
    pub(super) fn sources(&self, family: u8, values: &Values<'_>) -> Option<Ranges> {
        match self.get(Criterion::Source) {
            Some(source) => values.addresses_of(source, family),
            None if family == 4 => Some(Ranges::union([(0, u32::MAX.into())])),
            None => Some(Ranges::union([(0, u128::MAX)])),
        }
    }

    fn clear(&mut self, criterion: Criterion) {
        self.asked &= !(1 << criterion as u8);
        if let Some(slot) = self.values.get_mut(criterion as usize) {
            *slot = None;
        }
    }

    /// The same for this protocol and destination port alone; `None` if that matches nothing.
    pub(super) fn at_port(&self, protocol: u8, port: u16, values: &mut Values<'_>) -> Option<Self> {
        let mut narrowed = self.clone();
        let at = [
            (Criterion::Protocol, u128::from(protocol)),
            (Criterion::DestinationPort, u128::from(port)),
        ];
        for (criterion, number) in at {
            let wanted = values.numbers(Ranges::union([(number, number)]));
            let known = self.get(criterion);
            if known.is_some_and(|known| !values.are_within(wanted, known)) {
                return None;
            }
            narrowed.set(criterion, wanted);
        }
        Some(narrowed)
    }
}

fn numbers(numbers: impl IntoIterator<Item = u8>) -> Ranges {
    let numbers = numbers.into_iter().map(u128::from);
    Ranges::union(numbers.map(|number| (number, number)))
}

/// Those whose values differ between the families.
fn by_family() -> impl Iterator<Item = Criterion> {
    let all = Criterion::ALL.into_iter();
    all.filter(|criterion| criterion.spec().kind.is_by_family())
}

/// Those that a later fragment cannot have.
fn in_transport_header() -> impl Iterator<Item = Criterion> {
    let all = Criterion::ALL.into_iter();
    all.filter(|criterion| criterion.spec().packets.protocols().is_some())
}

/// The value of a list.
fn id<'a>(value: Value<'a>, kind: ValueKind, values: &mut Values<'a>) -> ValueId {
    let numbers = match value {
        Value::Addresses(list) => return values.addresses(list),
        Value::Interfaces(list) => return values.interfaces(list),
        Value::IcmpTypes(list) => {
            let of_family = |v6| Ranges::of_bytes(|kind| list.contains(v6, kind));
            return values.families(of_family(false), of_family(true));
        }
        Value::Numbers(list) => {
            let everything = kind.numbers().map_or(&[][..], |numbers| numbers.values);
            Ranges::of(&list, everything)
        }
        Value::Flags(list) => Ranges::of_bytes(|flags| list.iter().any(|it| it.fits(flags))),
        Value::Fragments(list) => {
            let kinds = FragmentKind::ALL.into_iter().zip(0..);
            let kinds = kinds.filter(|(kind, _)| list.contains(*kind));
            Ranges::union(kinds.map(|(_, number)| (number, number)))
        }
        Value::Macs(list) => macs(list),
    };
    values.numbers(numbers)
}

fn macs(list: &MacList) -> Ranges {
    let entries = list.0.iter().map(|entry| {
        let number = entry
            .address
            .iter()
            .fold(0, |number, byte| number << 8 | u128::from(*byte));
        (entry.negated, (number, number))
    });
    Ranges::listed(entries, &[(0, (1 << 48) - 1)])
}
