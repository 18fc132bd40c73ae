//! Amounts of memory: the one reading and the one spelling of them.
//!
//! Owns their units, which are powers of 1,024 as in a unit of systemd.

use super::defaults::MIN_MEMORY;
use crate::names::words::quoted;

/// The units, the largest first.
const UNITS: [(char, u64); 3] = [('G', 1 << 30), ('M', 1 << 20), ('K', 1 << 10)];

/// Reads an amount such as `512M`.
///
/// # Errors
/// A sentence without the name of what was read, such as ``cannot be `1T`; …``.
pub(super) fn parse_memory(text: &str) -> Result<u64, String> {
    let amount = UNITS.iter().find_map(|(unit, bytes)| {
        let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        number.checked_mul(*bytes)
    });
    let amount =
        amount.ok_or_else(|| format!("cannot be {}; write `512M` or `2G`", quoted(text)))?;
    if amount < MIN_MEMORY {
        let least = memory(MIN_MEMORY);
        return Err(format!("cannot be {}; it is {least} or more", quoted(text)));
    }
    Ok(amount)
}

/// An amount in the largest unit that it is a multiple of, which [`parse_memory`] reads back.
pub(super) fn memory(bytes: u64) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(
        || bytes.to_string(),
        |(name, unit)| format!("{}{name}", bytes / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_unit_and_printed_as_they_are_read() {
        for text in ["1M", "512M", "2G", "1536K", "3000M"] {
            assert_eq!(memory(parse_memory(text).unwrap()), text);
        }
        assert_eq!(memory(parse_memory("1024M").unwrap()), "1G");
        for refused in [
            "",
            "M",
            "512",
            "512MB",
            "-1M",
            "1.5G",
            "99999999999G",
            "1K",
            "0M",
        ] {
            let error = parse_memory(refused).unwrap_err();
            assert!(error.starts_with("cannot be `"), "{error}");
        }
        insta::assert_snapshot!(parse_memory("512").unwrap_err(), @"cannot be `512`; write `512M` or `2G`");
        insta::assert_snapshot!(parse_memory("4K").unwrap_err(), @"cannot be `4K`; it is 1M or more");
    }
}
