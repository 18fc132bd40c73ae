//! Tables that answer every question the same way, and effects that are written down.

use std::cell::RefCell;

use crate::packet::Mac;
use crate::tables::{Row, Rule, RuleKind};
use crate::{Arrival, Dimension, Effects, Essentials, Tables, Verdict};

/// Tables of one class per dimension; what the compiler would never make is possible too.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    pub(super) default_action: Verdict,
    pub(super) malformed: Verdict,
    pub(super) non_ip: Verdict,
    pub(super) essentials: Essentials,
    pub(super) has_rules: bool,
    pub(super) used: [bool; Dimension::COUNT],
    /// Class of every address.
    pub(super) address: u32,
    /// Class of every number.
    pub(super) number: Option<u32>,
    /// Class of every interface and every Ethernet address.
    pub(super) key: u32,
    pub(super) has_shadow_rules: bool,
    pub(super) has_single_word_rows: bool,
    /// Rows of every dimension.
    pub(super) rows: Vec<Row>,
    pub(super) rules: Vec<Rule>,
    /// What was asked for, by dimension: numbers, interfaces, Ethernet addresses.
    pub(super) asked: RefCell<Vec<(Dimension, u64)>>,
}

/// No rules; everything else as by default, with `default_action = "drop"`.
pub(super) fn default_drop() -> Plain {
    Plain {
        default_action: Verdict::Drop,
        malformed: Verdict::Drop,
        non_ip: Verdict::Pass,
        essentials: Essentials::ALL,
        has_rules: false,
        used: [false; Dimension::COUNT],
        address: 1,
        number: Some(1),
        key: 1,
        has_shadow_rules: false,
        has_single_word_rows: false,
        rows: Vec::new(),
        rules: Vec::new(),
        asked: RefCell::default(),
    }
}

/// The rules of a row.
pub(super) fn row(rules: &[usize]) -> Row {
    let mut row = Row::EMPTY;
    for &rule in rules {
        row.insert(rule);
    }
    row
}

/// A rule that counts in `slot`.
pub(super) fn rule(verdict: Verdict, slot: u32) -> Rule {
    Rule {
        verdict: verdict as u8,
        kind: RuleKind::Decides as u8,
        reserved: [0; 2],
        slot,
    }
}

/// One that is only counted, in `slot`.
pub(super) fn shadow(slot: u32) -> Rule {
    Rule {
        kind: RuleKind::CountsOnly as u8,
        ..rule(Verdict::Drop, slot)
    }
}

impl Tables for Plain {
    fn default_action(&self) -> Verdict {
        self.default_action
    }

    fn malformed(&self) -> Verdict {
        self.malformed
    }

    fn non_ip(&self) -> Verdict {
        self.non_ip
    }

    fn essentials(&self) -> Essentials {
        self.essentials
    }

    fn has_rules(&self) -> bool {
        self.has_rules
    }

    fn has_shadow_rules(&self) -> bool {
        self.has_shadow_rules
    }

    fn is_basic(&self) -> bool {
        !self.has_shadow_rules
            && Dimension::ALL
                .iter()
                .all(|it| it.is_basic() || !self.used[*it as usize])
    }

    fn uses(&self, dimension: Dimension) -> bool {
        self.used[dimension as usize]
    }

    fn class_v4(&self, _: Dimension, _: [u8; 4]) -> u32 {
        self.address
    }

    fn class_v6(&self, _: Dimension, _: [u8; 16]) -> u32 {
        self.address
    }

    fn class_number(&self, dimension: Dimension, value: u32) -> Option<u32> {
        self.asked.borrow_mut().push((dimension, value.into()));
        self.number
    }

    fn class_interface(&self, interface: u32) -> u32 {
        let asked = (Dimension::Interface, interface.into());
        self.asked.borrow_mut().push(asked);
        self.key
    }

    fn class_mac(&self, dimension: Dimension, address: Mac) -> u32 {
        self.asked.borrow_mut().push((dimension, address));
        self.key
    }

    fn has_single_word_rows(&self) -> bool {
        self.has_single_word_rows
    }

    fn single_word_rule(&self, slot: usize) -> Option<Rule> {
        let mut bits = 0..u64::BITS;
        self.rule(bits.find(|bit| crate::tables::bit_slot(1 << bit) == slot)?)
    }

    fn single_word_row(&self, dimension: Dimension, class: u32) -> Option<u64> {
        self.row(dimension, class).map(|row| row.words[0])
    }

    fn row(&self, _: Dimension, class: u32) -> Option<&Row> {
        self.rows.get(class as usize)
    }

    fn rule(&self, index: u32) -> Option<Rule> {
        self.rules.get(index as usize).copied()
    }
}

/// What a decision did.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// Slots that do not exist.
    pub(super) missing: Vec<u32>,
    /// What was counted: slots, and what arrived.
    pub(super) counted: Vec<(u32, Arrival)>,
    /// What was counted for shadow rules, likewise.
    pub(super) shadows: Vec<(u32, Arrival)>,
}

impl Effects for Recorder {
    fn count(&mut self, slot: u32, arrival: &Arrival) -> bool {
        let exists = !self.missing.contains(&slot);
        if exists {
            self.counted.push((slot, *arrival));
        }
        exists
    }

    fn count_shadow(&mut self, slot: u32, arrival: &Arrival) {
        self.shadows.push((slot, *arrival));
    }
}
