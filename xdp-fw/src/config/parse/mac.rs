//! `source_mac` and `destination_mac`.
//!
//! Owns the two ways to write an Ethernet address.

use super::field::{Item, Scope};
use super::value::{entries, list, signed, text};
use crate::criteria::{MacEntry, MacList};
use crate::names::mac;
use crate::names::words::{means_any, quoted};

/// The bit of the first byte that makes an address one of a group.
const GROUP: u8 = 1;

/// A list of Ethernet addresses, those of groups among them if they make sense there.
pub(super) fn macs(item: &Item<'_>, scope: &mut Scope<'_>, groups: bool) -> Option<MacList> {
    let list = list(item, scope, |item, scope| {
        let (negated, text) = signed(text(item, scope)?);
        let message = match mac::address(text) {
            None => explain(text, item),
            Some(address) if groups || !is_group(address) => {
                return Some(MacEntry { negated, address });
            }
            Some(_) => format!(
                "{} is a multicast address, which no frame comes from; expected the address of one station",
                quoted(text)
            ),
        };
        scope.report.wrong(item.offset(), message);
        None
    })?;
    Some(MacList(entries(list)))
}

const fn is_group([first, ..]: [u8; 6]) -> bool {
    first & GROUP != 0
}

fn explain(text: &str, item: &Item<'_>) -> String {
    let subject = quoted(text);
    let expects = item.key.expects;
    if means_any(text) {
        let key = item.key.name;
        return format!(
            "{subject} is not an Ethernet address; leave `{key}` out to match every one"
        );
    }
    if text.contains('/') {
        return format!(
            "{subject} has a mask, and Ethernet addresses are matched as a whole; expected {expects}"
        );
    }
    match meant(text) {
        Some(meant) => format!("{subject} is not an Ethernet address; expected \"{meant}\""),
        None => format!("{subject} is not an Ethernet address; expected {expects}"),
    }
}

/// The address that another notation stands for: in groups of four digits, without separators,
/// without leading zeros.
fn meant(text: &str) -> Option<String> {
    let digits: String = if text.contains(':') || text.contains('-') {
        text.split([':', '-'])
            .map(|byte| format!("{byte:0>2}"))
            .collect()
    } else {
        text.chars().filter(|&char| char != '.').collect()
    };
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let bytes: Vec<&str> = (0..12)
        .step_by(2)
        .filter_map(|at| digits.get(at..at + 2))
        .collect();
    Some(bytes.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_notations_are_understood_enough_to_correct_them() {
        let right = Some("02:00:ab:cd:ef:0f".to_owned());
        for text in [
            "0200.abcd.ef0f",
            "0200abcdef0f",
            "2:0:ab:cd:ef:f",
            "2-0-ab-cd-ef-f",
        ] {
            assert_eq!(meant(text), right, "{text}");
        }
        for text in ["", "02:00", "éé:éé:éé", "0200abcdef0g"] {
            assert_eq!(meant(text), None, "{text}");
        }
    }
}
