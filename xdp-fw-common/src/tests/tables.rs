//! Tables that answer every question the same way.

use crate::tables::{Row, Rule};
use crate::{Dimension, Tables, Verdict};

/// Tables of one class per dimension; what the compiler would never make is possible too.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    pub(super) default_action: Verdict,
    pub(super) malformed: Verdict,
    pub(super) non_ip: Verdict,
    pub(super) essentials: bool,
    pub(super) has_rules: bool,
    pub(super) used: [bool; Dimension::COUNT],
    /// Class of every address.
    pub(super) address: u32,
    /// Class of every number.
    pub(super) number: Option<u32>,
    /// Rows of every dimension.
    pub(super) rows: Vec<Row>,
    pub(super) rules: Vec<Rule>,
}

/// No rules; everything else as by default, with `default_action = "drop"`.
pub(super) fn default_drop() -> Plain {
    Plain {
        default_action: Verdict::Drop,
        malformed: Verdict::Drop,
        non_ip: Verdict::Pass,
        essentials: true,
        has_rules: false,
        used: [false; Dimension::COUNT],
        address: 1,
        number: Some(1),
        rows: Vec::new(),
        rules: Vec::new(),
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
        reserved: [0; 3],
        slot,
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

    fn essentials(&self) -> bool {
        self.essentials
    }

    fn has_rules(&self) -> bool {
        self.has_rules
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

    fn class_narrow(&self, _: Dimension, _: u8) -> Option<u32> {
        self.number
    }

    fn class_wide(&self, _: Dimension, _: u16) -> Option<u32> {
        self.number
    }

    fn row(&self, _: Dimension, class: u32) -> Option<&Row> {
        self.rows.get(class as usize)
    }

    fn rule(&self, index: u32) -> Option<Rule> {
        self.rules.get(index as usize).copied()
    }
}
