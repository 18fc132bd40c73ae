//! What the lists of rules come to, each different one once.
//!
//! Owns the memory that this takes: lists beyond [`MAX_RANGES`] stand for themselves alone.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use ipnetwork::IpNetwork;

use super::interfaces;
use super::large::Large;
use crate::config::model::Set;
use crate::criteria::Ranges;
use crate::criteria::{AddressEntry, AddressList, Addresses, InterfaceList};

/// Most ranges that all addresses together may take: 8 MiB.
const MAX_RANGES: usize = 256 << 10;

/// A set of more prefixes is not written out as ranges, if a list has no other.
const MANY: usize = 4_096;

/// Names a value; equal values have equal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ValueId(usize);

/// What a list comes to.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Value {
    Numbers(Ranges),
    /// Addresses, or ICMP types: by family.
    Families(Ranges, Ranges),
    /// Addresses, most of them those of one long set.
    Large(Large),
    Interfaces(InterfaceList),
    /// A list of addresses that is too long to be looked at.
    Unseen(AddressList),
}

impl Value {
    /// Whether `other` has all that this has; false if that is not known.
    fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Numbers(these), Self::Numbers(those)) => these.is_within(those),
            (Self::Families(v4, v6), Self::Families(other_v4, other_v6)) => {
                v4.is_within(other_v4) && v6.is_within(other_v6)
            }
            (Self::Large(this), Self::Families(v4, v6)) => this.is_within(v4, v6),
            (Self::Families(v4, v6), Self::Large(other)) => other.has(v4, v6),
            (Self::Large(this), Self::Large(other)) => this.is_within_large(other),
            (Self::Interfaces(these), Self::Interfaces(those)) => {
                interfaces::are_within(these, those)
            }
            _ => false,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.is_empty(),
            Self::Families(v4, v6) => v4.is_empty() && v6.is_empty(),
            Self::Large(_) | Self::Interfaces(_) | Self::Unseen(_) => false,
        }
    }
}

/// The least and the greatest number of a value, by family where it has those: to see at once
/// that another one does not have both.
type Hull = [(u128, u128); 2];

const NONE: (u128, u128) = (u128::MAX, 0);
const ALL: (u128, u128) = (0, u128::MAX);

impl Value {
    fn hull(&self) -> Hull {
        match self {
            Self::Numbers(numbers) => [numbers.hull().unwrap_or(NONE), NONE],
            Self::Families(v4, v6) => [v4, v6].map(|ranges| ranges.hull().unwrap_or(NONE)),
            Self::Large(large) => large.hull().map(|hull| hull.unwrap_or(NONE)),
            Self::Interfaces(_) | Self::Unseen(_) => [ALL, ALL],
        }
    }
}

fn is_inside(inner: Hull, outer: Hull) -> bool {
    let ([a, b], [c, d]) = (inner, outer);
    let is_in = |(from, to), (start, end)| from > to || (start <= from && to <= end);
    is_in(a, c) && is_in(b, d)
}

/// Ranges of IPv4 and of IPv6.
type Pair = (Ranges, Ranges);

/// The values of all rules.
pub(super) struct Values<'a> {
    sets: &'a BTreeMap<String, Set>,
    set_ranges: HashMap<&'a str, Option<Rc<Pair>>>,
    lists: HashMap<&'a AddressList, ValueId>,
    known: HashMap<Rc<Value>, ValueId>,
    values: Vec<(Hull, Rc<Value>)>,
    /// Answers, for the values that take long.
    within: HashMap<(ValueId, ValueId), bool>,
    ranges_left: usize,
}

impl<'a> Values<'a> {
    pub(super) fn of(sets: &'a BTreeMap<String, Set>) -> Self {
        Self {
            sets,
            set_ranges: HashMap::new(),
            lists: HashMap::new(),
            known: HashMap::new(),
            values: Vec::new(),
            within: HashMap::new(),
            ranges_left: MAX_RANGES,
        }
    }

    pub(super) fn numbers(&mut self, numbers: Ranges) -> ValueId {
        self.id(Value::Numbers(numbers))
    }

    pub(super) fn families(&mut self, v4: Ranges, v6: Ranges) -> ValueId {
        self.id(Value::Families(v4, v6))
    }

    pub(super) fn interfaces(&mut self, list: &InterfaceList) -> ValueId {
        self.id(Value::Interfaces(list.clone()))
    }

    pub(super) fn addresses(&mut self, list: &'a AddressList) -> ValueId {
        if let Some(&id) = self.lists.get(list) {
            return id;
        }
        let value = if let Some(large) = self.large(list) {
            Value::Large(large)
        } else if let Some((v4, v6)) = self.pair(list) {
            Value::Families(v4, v6)
        } else {
            Value::Unseen(list.clone())
        };
        let id = self.id(value);
        self.lists.insert(list, id);
        id
    }

    fn id(&mut self, value: Value) -> ValueId {
        if let Some(&id) = self.known.get(&value) {
            return id;
        }
        let (id, value) = (ValueId(self.values.len()), Rc::new(value));
        self.known.insert(Rc::clone(&value), id);
        self.values.push((value.hull(), value));
        id
    }

    /// Whether every packet that has a value of `these` has one of `those`; false if that is not
    /// known.
    pub(super) fn are_within(&mut self, these: ValueId, those: ValueId) -> bool {
        if these == those {
            return true;
        }
        let (a, b) = (self.values.get(these.0), self.values.get(those.0));
        let (Some((hull, a)), Some((outer, b))) = (a, b) else {
            return false;
        };
        if !is_inside(*hull, *outer) {
            return false;
        }
        if !matches!(**a, Value::Families(..) | Value::Large(_)) {
            return a.is_within(b);
        }
        *self
            .within
            .entry((these, those))
            .or_insert_with(|| a.is_within(b))
    }

    /// Whether there may be a packet that has a value of both; true if that is not known.
    pub(super) fn may_meet(&self, one: ValueId, other: ValueId) -> bool {
        let (a, b) = (self.values.get(one.0), self.values.get(other.0));
        let (Some((_, a)), Some((_, b))) = (a, b) else {
            return true;
        };
        match (&**a, &**b) {
            (Value::Numbers(these), Value::Numbers(those)) => !these.and(those).is_empty(),
            (Value::Families(v4, v6), Value::Families(other_v4, other_v6)) => {
                !v4.and(other_v4).is_empty() || !v6.and(other_v6).is_empty()
            }
            _ => true,
        }
    }

    /// The numbers of a value of numbers.
    pub(super) fn numbers_of(&self, id: ValueId) -> Option<Ranges> {
        match self.values.get(id.0).map(|(_, value)| &**value) {
            Some(Value::Numbers(numbers)) => Some(numbers.clone()),
            _ => None,
        }
    }

    /// The addresses of a value in one family; `None` if they are not known as ranges.
    pub(super) fn addresses_of(&self, id: ValueId, family: u8) -> Option<Ranges> {
        match self.values.get(id.0).map(|(_, value)| &**value) {
            Some(Value::Families(v4, v6)) => Some(if family == 4 { v4 } else { v6 }.clone()),
            _ => None,
        }
    }

    /// Between which numbers a value is.
    pub(super) fn hull(&self, id: ValueId) -> Hull {
        self.values.get(id.0).map_or([ALL, ALL], |(hull, _)| *hull)
    }

    pub(super) fn is_empty(&self, id: ValueId) -> bool {
        self.values
            .get(id.0)
            .is_some_and(|(_, value)| value.is_empty())
    }

    /// The family of a value by family, if it reaches just one.
    pub(super) fn only_family(&self, id: ValueId) -> Option<u8> {
        match self.values.get(id.0).map(|(_, value)| &**value) {
            Some(Value::Families(v4, v6)) => match (v4.is_empty(), v6.is_empty()) {
                (false, true) => Some(4),
                (true, false) => Some(6),
                _ => None,
            },
            Some(Value::Large(large)) => {
                match (large.set.v4().is_empty(), large.set.v6().is_empty()) {
                    (false, true) => Some(4),
                    (true, false) => Some(6),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// What of a value is of this family.
    pub(super) fn of_family(&mut self, id: ValueId, family: u8) -> ValueId {
        let Some((_, value)) = self.values.get(id.0) else {
            return id;
        };
        let Value::Families(v4, v6) = &**value else {
            return id;
        };
        let (kept, other) = if family == 4 { (v4, v6) } else { (v6, v4) };
        if other.is_empty() || self.ranges_left < kept.len() {
            return id;
        }
        self.ranges_left -= kept.len();
        let (kept, none) = (kept.clone(), Ranges::default());
        if family == 4 {
            self.families(kept, none)
        } else {
            self.families(none, kept)
        }
    }

    /// A list whose only plain entry is a long set.
    fn large(&mut self, list: &'a AddressList) -> Option<Large> {
        let (negated, plain): (Vec<_>, Vec<_>) = list.0.iter().partition(|entry| entry.negated);
        let [plain] = plain[..] else {
            return None;
        };
        let Addresses::Set(name) = &plain.addresses else {
            return None;
        };
        let set = Arc::clone(&self.sets.get(name)?.prefixes);
        if set.len() <= MANY {
            return None;
        }
        let negated = negated.into_iter().map(|entry| self.entry(entry));
        let negated = negated.collect::<Option<Vec<_>>>()?;
        Some(Large {
            set,
            without: union(&negated),
        })
    }

    fn entry(&mut self, entry: &'a AddressEntry) -> Option<Rc<Pair>> {
        match &entry.addresses {
            Addresses::Prefix(prefix) => Some(Rc::new(ranges([*prefix]))),
            Addresses::Set(name) => self.set(name),
        }
    }

    /// What is left of a list; `None` if that is too much.
    fn pair(&mut self, list: &'a AddressList) -> Option<Pair> {
        let (mut plain, mut negated) = (Vec::new(), Vec::new());
        for entry in &list.0 {
            let pair = self.entry(entry)?;
            if entry.negated {
                &mut negated
            } else {
                &mut plain
            }
            .push(pair);
        }
        let (v4, v6) = if plain.is_empty() {
            let all = |bits| Ranges::union([(0, last(bits))]);
            (all(32), all(128))
        } else {
            union(&plain)
        };
        let (without_v4, without_v6) = union(&negated);
        let pair = (v4.without(&without_v4), v6.without(&without_v6));
        self.take(&pair)?;
        Some(pair)
    }

    fn set(&mut self, name: &'a str) -> Option<Rc<Pair>> {
        if let Some(known) = self.set_ranges.get(name) {
            return known.clone();
        }
        let set = self.sets.get(name);
        let prefixes = set.map_or_else(Arc::default, |set| Arc::clone(&set.prefixes));
        let fits = prefixes.len() <= self.ranges_left;
        let pair = fits.then(|| Rc::new(ranges(prefixes.iter())));
        let pair = pair.filter(|pair| self.take(pair).is_some());
        self.set_ranges.insert(name, pair.clone());
        pair
    }

    /// Reserves memory.
    fn take(&mut self, (v4, v6): &Pair) -> Option<()> {
        self.ranges_left = self.ranges_left.checked_sub(v4.len() + v6.len())?;
        Some(())
    }
}

/// The largest number of so many bits.
fn last(bits: u8) -> u128 {
    u128::MAX >> (128 - u32::from(bits.clamp(1, 128)))
}

fn ranges(prefixes: impl IntoIterator<Item = IpNetwork>) -> Pair {
    let (v4, v6): (Vec<_>, Vec<_>) = prefixes.into_iter().partition(IpNetwork::is_ipv4);
    let of = |prefixes: Vec<IpNetwork>| Ranges::union(prefixes.iter().map(ends));
    (of(v4), of(v6))
}

/// The first and the last address of a prefix.
fn ends(prefix: &IpNetwork) -> (u128, u128) {
    let number = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    (number(prefix.network()), number(prefix.broadcast()))
}

fn union(pairs: &[Rc<Pair>]) -> Pair {
    let v4 = pairs.iter().flat_map(|pair| pair.0.iter());
    let v6 = pairs.iter().flat_map(|pair| pair.1.iter());
    (Ranges::union(v4), Ranges::union(v6))
}
