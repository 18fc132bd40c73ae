//! Address lists to classes: one longest match says which lists an address lies in.
//!
//! Owns the sweep over all prefixes of a dimension. Never knows which rules use a list, nor in
//! which order: the table depends on what the lists contain and on nothing else.
//!
//! Prefixes nest or are disjoint. In ascending order, the prefixes that contain the present one
//! are therefore a stack, and what the lists think of an address is what they thought one level up
//! plus what the groups of this prefix change: a state. States are few even where prefixes are
//! many, and each step from one to another is worked out once.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use xdp_fw_common::tables::{CLASS_OUTSIDE, Row};

use super::address_table::AddressEntries;
use super::criteria::{Membership, insert, words};
use super::intern::Interner;
use super::model::AddressList;
use super::weight::Left;
use crate::config::Prefixes;

/// The classes of one dimension.
#[derive(Debug)]
pub(super) struct Classified {
    /// Prefixes to classes.
    pub(super) entries: AddressEntries,
    /// Per class from [`CLASS_OUTSIDE`] on, the lists that its addresses lie in.
    pub(super) memberships: Vec<Membership>,
}

/// Classifies all addresses by the lists that they lie in. Classes are numbered from
/// [`CLASS_OUTSIDE`] in order of first encounter, IPv4 before IPv6. There is a row for each: whoever
/// checks that rows can be numbered in 32 bits has checked classes too.
///
/// What the lists tell apart is taken from `left`; where that is passed, the result is unfinished.
pub(super) fn classify(lists: &[AddressList], groups: &[Arc<Prefixes>], left: &Left) -> Classified {
    let mut states = States::new(lists, groups.len(), left);
    let (v4, v6) = prefixes(&states, groups);
    let entries = AddressEntries {
        v4: sweep(&v4, &mut states),
        v6: sweep(&v6, &mut states),
    };
    Classified {
        entries,
        memberships: states.memberships.into_slices(),
    }
}

/// An address, its prefix length, and the group that names the prefix. The order is that of the
/// sweep: what encloses a prefix stands before it.
type Prefix<A> = (A, u8, usize);

/// The prefixes of all groups that a list uses, in order and each once per group.
fn prefixes(
    states: &States<'_>,
    groups: &[Arc<Prefixes>],
) -> (Vec<Prefix<Ipv4Addr>>, Vec<Prefix<Ipv6Addr>>) {
    let used = || {
        let groups = groups.iter().enumerate();
        groups.filter(|(group, _)| states.is_used(*group))
    };
    // Neither grows: twice as much would be taken for a moment.
    let mut v4 = Vec::with_capacity(used().map(|(_, group)| group.v4().len()).sum());
    let mut v6 = Vec::with_capacity(used().map(|(_, group)| group.v6().len()).sum());
    for (group, prefixes) in used() {
        v4.extend(
            prefixes
                .v4()
                .iter()
                .map(|&(at, length)| (at, length, group)),
        );
        v6.extend(
            prefixes
                .v6()
                .iter()
                .map(|&(at, length)| (at, length, group)),
        );
    }
    v4.sort_unstable();
    v6.sort_unstable();
    (v4, v6)
}

/// An address of either family.
trait Address: Copy + Ord {
    /// The last address that shares the first `length` bits.
    fn last(self, length: u8) -> Self;
}

impl Address for Ipv4Addr {
    fn last(self, length: u8) -> Self {
        let host = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
        Self::from_bits(self.to_bits() | host)
    }
}

impl Address for Ipv6Addr {
    fn last(self, length: u8) -> Self {
        let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
        Self::from_bits(self.to_bits() | host)
    }
}

/// A prefix that encloses the present one, and what holds for its addresses.
struct Enclosing<A> {
    last: A,
    state: usize,
    class: u32,
}

/// The entries of one family's table.
fn sweep<A: Address>(prefixes: &[Prefix<A>], states: &mut States<'_>) -> Vec<(A, u8, u32)> {
    let mut entries = Vec::with_capacity(prefixes.len());
    let mut stack: Vec<Enclosing<A>> = Vec::new();
    let mut groups = Vec::new();
    for same in prefixes.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let Some(&(address, length, _)) = same.first() else {
            continue;
        };
        if states.left.is_passed() {
            break;
        }
        while stack.pop_if(|top| top.last < address).is_some() {}
        let (outer, outer_class) = stack
            .last()
            .map_or((States::OUTSIDE, CLASS_OUTSIDE), |top| {
                (top.state, top.class)
            });
        groups.clear();
        groups.extend(same.iter().map(|prefix| prefix.2));
        let state = states.enter(outer, &groups);
        let class = states.class(state);
        if class != outer_class {
            entries.push((address, length, class));
        }
        let last = address.last(length);
        stack.push(Enclosing { last, state, class });
    }
    entries
}

/// What the numbers and places of a state and of its membership take, bytes.
const KEPT_BESIDE: usize = 256;

/// What the lists think of an address, by the groups that contain it. A state is two sets of
/// lists, one after the other: those of which a plain group contains the address (or that have
/// none), and those that take it away.
struct States<'l> {
    left: &'l Left,
    /// Words of either set.
    words: usize,
    /// Per group, the bits that it sets in a state.
    effects: Vec<Vec<usize>>,
    states: Interner<u64>,
    /// The class of each state.
    classes: Vec<u32>,
    memberships: Interner<u64>,
    /// Groups that name the same prefix.
    groups: Interner<usize>,
    /// Outer state and the groups of a prefix, to the state within.
    steps: HashMap<(usize, usize), usize>,
}

impl<'l> States<'l> {
    /// The state of an address in no prefix.
    const OUTSIDE: usize = 0;

    fn new(lists: &[AddressList], groups: usize, left: &'l Left) -> Self {
        let mut states = Self {
            left,
            words: words(lists.len()),
            effects: vec![Vec::new(); groups],
            states: Interner::default(),
            classes: Vec::new(),
            memberships: Interner::default(),
            groups: Interner::default(),
            steps: HashMap::new(),
        };
        let taken_away = states.words * 64;
        let mut outside = vec![0; states.words * 2];
        for (number, list) in lists.iter().enumerate() {
            if list.plain.is_empty() {
                insert(&mut outside, number);
            }
            states.affect(&list.plain, number);
            states.affect(&list.negated, taken_away + number);
        }
        states.state(&outside);
        states
    }

    fn affect(&mut self, groups: &[usize], bit: usize) {
        for &group in groups {
            if let Some(effects) = self.effects.get_mut(group) {
                effects.push(bit);
            }
        }
    }

    fn is_used(&self, group: usize) -> bool {
        self.effects.get(group).is_some_and(|bits| !bits.is_empty())
    }

    /// The state within a prefix that `groups` name, where `outer` is the one around it.
    fn enter(&mut self, outer: usize, groups: &[usize]) -> usize {
        let step = (outer, self.groups.intern(groups));
        if let Some(&state) = self.steps.get(&step) {
            return state;
        }
        let mut bits = self.states.get(outer).to_vec();
        for group in groups {
            for &bit in self.effects.get(*group).map_or(&[][..], Vec::as_slice) {
                insert(&mut bits, bit);
            }
        }
        let state = self.state(&bits);
        self.steps.insert(step, state);
        state
    }

    /// The number of a state; a new one gets its class here.
    fn state(&mut self, bits: &[u64]) -> usize {
        let state = self.states.intern(bits);
        if state == self.classes.len() {
            // The state and its membership, each with its place and its number, and rows: one here, one in
            // the kernel, and one in hand while they grow.
            let words = self.words * size_of::<u64>();
            let bytes = 3 * words + 3 * size_of::<Row>() + KEPT_BESIDE;
            if !self.left.take(bytes as u64) {
                return States::OUTSIDE;
            }
            let (plain, negated) = bits.split_at(bits.len().min(self.words));
            let lists: Vec<u64> = plain.iter().zip(negated).map(|(p, n)| p & !n).collect();
            let class = self.memberships.intern(&lists) as u32 + CLASS_OUTSIDE;
            self.classes.push(class);
        }
        state
    }

    fn class(&self, state: usize) -> u32 {
        self.classes.get(state).copied().unwrap_or(CLASS_OUTSIDE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTSIDE: u32 = CLASS_OUTSIDE;

    /// A group per string of prefixes, separated by spaces.
    fn groups(groups: &[&str]) -> Vec<Arc<Prefixes>> {
        let group = |text: &&str| Arc::new(text.split(' ').map(|p| p.parse().unwrap()).collect());
        groups.iter().map(group).collect()
    }

    /// Lists as (plain groups, negated groups).
    fn lists(lists: &[(&[usize], &[usize])]) -> Vec<AddressList> {
        let list = |&(plain, negated): &(&[usize], &[usize])| AddressList {
            plain: plain.to_vec(),
            negated: negated.to_vec(),
        };
        lists.iter().map(list).collect()
    }

    /// The table as text, and the first word of each membership.
    fn classified(lists: &[AddressList], groups: &[Arc<Prefixes>]) -> (Vec<String>, Vec<u64>) {
        let Classified {
            entries: table,
            memberships,
        } = classify(lists, groups, &Left::endless());
        let v4 = table.v4.iter().map(|(a, l, c)| format!("{a}/{l} {c}"));
        let v6 = table.v6.iter().map(|(a, l, c)| format!("{a}/{l} {c}"));
        let memberships = memberships.iter().map(|m| m[0]).collect();
        (v4.chain(v6).collect(), memberships)
    }

    #[test]
    fn a_prefix_that_says_the_same_as_the_one_around_it_is_left_out() {
        let groups = groups(&["10.0.0.0/8 10.1.0.0/16 10.1.2.0/24"]);
        let (table, memberships) = classified(&lists(&[(&[0], &[])]), &groups);
        assert_eq!(table, ["10.0.0.0/8 2"]);
        assert_eq!(memberships, [0b0, 0b1]);
    }

    #[test]
    fn an_entry_says_all_lists_around_it_too() {
        let groups = groups(&["10.0.0.0/8", "10.1.0.0/16"]);
        let (table, memberships) = classified(&lists(&[(&[0], &[]), (&[1], &[])]), &groups);
        assert_eq!(table, ["10.0.0.0/8 2", "10.1.0.0/16 3"]);
        assert_eq!(memberships, [0b00, 0b01, 0b11]);
    }

    #[test]
    fn what_is_taken_away_stays_away_at_any_length() {
        let groups = groups(&["10.0.0.0/8 10.1.2.0/24", "10.1.0.0/16"]);
        let (table, _) = classified(&lists(&[(&[0], &[1])]), &groups);
        assert_eq!(
            table,
            ["10.0.0.0/8 2", format!("10.1.0.0/16 {OUTSIDE}").as_str()]
        );
    }

    #[test]
    fn a_list_without_plain_entries_contains_both_families() {
        let groups = groups(&["10.0.0.0/8"]);
        let (table, memberships) = classified(&lists(&[(&[], &[0])]), &groups);
        assert_eq!(table, ["10.0.0.0/8 2"]);
        assert_eq!(memberships, [0b1, 0b0]);
    }

    #[test]
    fn families_share_classes() {
        let groups = groups(&["10.0.0.0/8 2001:db8::/32", "2001:db8::/32"]);
        let (table, memberships) = classified(&lists(&[(&[0], &[]), (&[1], &[])]), &groups);
        assert_eq!(table, ["10.0.0.0/8 2", "2001:db8::/32 3"]);
        assert_eq!(memberships, [0b00, 0b01, 0b11]);
    }

    #[test]
    fn whole_families_and_single_addresses_are_prefixes_as_any_other() {
        let groups = groups(&["0.0.0.0/0 ::/0", "255.255.255.255/32 ::/128", "0.0.0.0/32"]);
        let three = lists(&[(&[0], &[]), (&[1], &[]), (&[2], &[])]);
        let (table, _) = classified(&three, &groups);
        assert_eq!(
            table,
            [
                "0.0.0.0/0 2",
                "0.0.0.0/32 3",
                "255.255.255.255/32 4",
                "::/0 2",
                "::/128 4"
            ]
        );
    }

    #[test]
    fn prefixes_with_host_bits_are_read_as_their_networks() {
        let groups = groups(&["10.1.2.3/8"]);
        let (table, _) = classified(&lists(&[(&[0], &[])]), &groups);
        assert_eq!(table, ["10.0.0.0/8 2"]);
    }

    #[test]
    fn the_order_of_lists_does_not_change_the_table() {
        let groups = groups(&[
            "10.0.0.0/8 10.1.0.0/16",
            "10.1.0.0/16 10.2.0.0/16",
            "10.2.3.0/24",
        ]);
        let mut lists = lists(&[(&[0], &[2]), (&[1], &[]), (&[], &[1]), (&[2], &[0])]);
        let (table, _) = classified(&lists, &groups);
        lists.reverse();
        assert_eq!(classified(&lists, &groups).0, table);
        lists.swap(0, 2);
        assert_eq!(classified(&lists, &groups).0, table);
    }

    #[test]
    fn groups_that_no_list_uses_leave_no_trace() {
        let groups = groups(&["10.0.0.0/8", "10.1.0.0/16 192.0.2.0/24"]);
        let (table, _) = classified(&lists(&[(&[0], &[])]), &groups);
        assert_eq!(table, ["10.0.0.0/8 2"]);
    }
}
