//! The prefixes of a configuration against its limits, as its sets are filled.
//!
//! Owns that a limit is reported once, where it is passed: whatever follows has no room either.

use super::Document;
use crate::config::meter::{Amount, Passed, Room};
use crate::config::model::Limits;
use crate::criteria::{AddressList, Addresses};
use crate::names::words::quoted;

/// What is left of the limits; nothing from where one is passed.
pub(super) struct Meter(Option<Room>);

impl Meter {
    pub(super) fn endless() -> Self {
        Self(Some(Room::endless()))
    }

    pub(super) fn of(limits: Limits) -> Self {
        Self(Some(Room::of(limits)))
    }

    /// What is left, if no limit was passed.
    pub(super) fn room(&self) -> Option<Room> {
        self.0
    }

    /// A limit was passed, and that is reported.
    pub(super) fn fill(&mut self) {
        self.0 = None;
    }

    /// Takes room; the first time that there is none, says what is passed.
    pub(super) fn take(&mut self, take: impl FnOnce(&mut Room) -> Result<(), Passed>) -> Taken {
        let Some(room) = &mut self.0 else {
            return Taken::Nothing;
        };
        match take(room) {
            Ok(()) => Taken::All,
            Err(passed) => {
                self.0 = None;
                Taken::Passes(passed)
            }
        }
    }
}

/// What came of taking room.
#[derive(Clone, Copy)]
pub(super) enum Taken {
    All,
    /// This limit is passed here.
    Passes(Passed),
    /// One was passed before.
    Nothing,
}

/// Counts the prefixes that rules list themselves.
pub(super) fn count_rules(documents: &mut [Document<'_>], meter: &mut Meter) {
    for document in documents {
        for draft in &document.rules {
            let lists = draft.rule.address_lists();
            let amount = lists.fold(Amount::default(), with);
            if let Taken::Passes(passed) = meter.take(|room| room.take(amount)) {
                let name = quoted(&draft.rule.name);
                let message = format!("rule {name}: {passed}");
                document.report.wrong(draft.offset, message);
                return;
            }
        }
    }
}

/// An amount with the prefixes that stand in a list.
fn with(mut amount: Amount, list: &AddressList) -> Amount {
    for entry in &list.0 {
        match &entry.addresses {
            Addresses::Prefix(prefix) if prefix.is_ipv4() => amount.v4 += 1,
            Addresses::Prefix(_) => amount.v6 += 1,
            Addresses::Set(_) => {}
        }
    }
    amount
}
