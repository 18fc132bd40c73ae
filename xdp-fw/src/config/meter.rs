//! What a configuration takes, counted while it is read and before it is allocated.
//!
//! Owns the price of a prefix and the counting against `[limits]`. The price is what the prefix takes when
//! the configuration is about to come into force: kept as read, swept, in a table on its way, and in the
//! kernel ([`policy`](crate::policy) counts the same exactly before it compiles). A test compares the
//! sum with what the allocator sees (`tests/bounds.rs`).

use std::fmt;

use super::model::Limits;
use super::prefixes::Prefixes;
use super::size;

/// As it is kept, bytes.
pub(crate) const KEPT_V4: u64 = 5;
/// The same of IPv6.
pub(crate) const KEPT_V6: u64 = 17;
/// While it is compiled for one dimension: 16 bytes to sweep it, then 12 as an entry; or the entry, and up to
/// 17 to shape the table.
pub(crate) const COMPILED_V4: u64 = 29;
/// The same of IPv6: 32 and 24.
pub(crate) const COMPILED_V6: u64 = 56;
/// In a hash in the kernel, half of which is free.
const TABLE_V4: u64 = 16;
/// The same of IPv6.
const TABLE_V6: u64 = 43;

/// What one prefix takes in all.
pub(crate) const PRICE_V4: u64 = KEPT_V4 + COMPILED_V4 + TABLE_V4;
/// The same of IPv6.
pub(crate) const PRICE_V6: u64 = KEPT_V6 + COMPILED_V6 + TABLE_V6;

/// A limit that a configuration passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// `[limits] prefixes`.
    Prefixes(u64),
    /// `[limits] memory`.
    Memory(u64),
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefixes(limit) => write!(
                f,
                "this is prefix {} of the configuration, and `[limits] prefixes` allows {limit}; \
                 shorten the lists, or allow more",
                limit.saturating_add(1)
            ),
            Self::Memory(limit) => write!(
                f,
                "up to here the configuration takes more than the {} that `[limits] memory` allows, at \
                 {PRICE_V4} bytes for an IPv4 prefix and {PRICE_V6} for an IPv6 one; shorten the lists, \
                 or allow more",
                size::memory(*limit)
            ),
        }
    }
}

/// Prefixes of both families.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    /// Of IPv4.
    pub v4: u64,
    /// Of IPv6.
    pub v6: u64,
}

impl Amount {
    pub(super) fn of(prefixes: &Prefixes) -> Self {
        Self {
            v4: prefixes.v4().len() as u64,
            v6: prefixes.v6().len() as u64,
        }
    }

    /// What has come since it was `before`.
    pub(super) fn without(self, before: Self) -> Self {
        Self {
            v4: self.v4.saturating_sub(before.v4),
            v6: self.v6.saturating_sub(before.v6),
        }
    }
}

/// What is left of `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    prefixes: u64,
    bytes: u64,
    limits: Limits,
}

impl Room {
    /// All that these limits allow.
    #[must_use]
    pub fn of(limits: Limits) -> Self {
        Self {
            prefixes: limits.prefixes.unwrap_or(u64::MAX),
            bytes: limits.memory.unwrap_or(u64::MAX),
            limits,
        }
    }

    /// Without an end.
    #[must_use]
    pub fn endless() -> Self {
        Self::of(Limits {
            prefixes: None,
            memory: None,
        })
    }

    /// Takes room for so many prefixes more.
    ///
    /// # Errors
    /// The limit that leaves no room for them.
    pub(super) fn take(&mut self, amount: Amount) -> Result<(), Passed> {
        let Amount { v4, v6 } = amount;
        let Some(prefixes) = self.prefixes.checked_sub(v4.saturating_add(v6)) else {
            return Err(Passed::Prefixes(self.limits.prefixes.unwrap_or_default()));
        };
        self.prefixes = prefixes;
        let price = v4.saturating_mul(PRICE_V4);
        self.take_bytes(price.saturating_add(v6.saturating_mul(PRICE_V6)))
    }

    /// Takes room for a copy of so many prefixes.
    pub(super) fn take_copy(&mut self, amount: Amount) -> Result<(), Passed> {
        let v4 = amount.v4.saturating_mul(KEPT_V4);
        self.take_bytes(v4.saturating_add(amount.v6.saturating_mul(KEPT_V6)))
    }

    fn take_bytes(&mut self, bytes: u64) -> Result<(), Passed> {
        match self.bytes.checked_sub(bytes) {
            Some(left) => self.bytes = left,
            None => return Err(Passed::Memory(self.limits.memory.unwrap_or_default())),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(prefixes: Option<u64>, memory: Option<u64>) -> Room {
        Room::of(Limits { prefixes, memory })
    }

    #[test]
    fn the_prefix_after_the_last_that_is_allowed_passes_the_limit() {
        let mut room = room(Some(3), None);
        assert_eq!(room.take(Amount { v4: 2, v6: 1 }), Ok(()));
        assert_eq!(room.take(Amount { v4: 0, v6: 1 }), Err(Passed::Prefixes(3)));
        insta::assert_snapshot!(Passed::Prefixes(3), @"this is prefix 4 of the configuration, and `[limits] prefixes` allows 3; shorten the lists, or allow more");
    }

    #[test]
    fn a_prefix_costs_what_it_takes_until_it_is_in_force() {
        let mut room = room(None, Some(PRICE_V4 + PRICE_V6 + KEPT_V4));
        assert_eq!(room.take(Amount { v4: 1, v6: 1 }), Ok(()));
        assert_eq!(room.take_copy(Amount { v4: 1, v6: 0 }), Ok(()));
        let passed = room.take_copy(Amount { v4: 1, v6: 0 }).unwrap_err();
        assert!(matches!(passed, Passed::Memory(_)));
        insta::assert_snapshot!(Passed::Memory(512 << 20), @"up to here the configuration takes more than the 512M that `[limits] memory` allows, at 50 bytes for an IPv4 prefix and 116 for an IPv6 one; shorten the lists, or allow more");
    }

    #[test]
    fn what_is_kept_is_as_large_as_it_says() {
        assert_eq!(KEPT_V4, size_of::<(std::net::Ipv4Addr, u8)>() as u64);
        assert_eq!(KEPT_V6, size_of::<(std::net::Ipv6Addr, u8)>() as u64);
    }
}
