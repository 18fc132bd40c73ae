//! The kinds of numbers: protocols, ports, families, VLAN ids, lengths, times to live, DSCP.
//!
//! Owns their bounds and their names. Never parses an entry: `number` does; never looks at two
//! criteria at once: `check` does.

use toml::de::DeValue;

use super::field::{Item, Scope};
use super::number::{Kind, numbers};
use super::value::{means_any, signed};
use crate::config::model::{NumberList, VLAN_NONE};
use crate::names::words::quoted;
use crate::names::{dscp, protocols};

const NO_NAME: fn(&str) -> Option<u32> = |_| None;
const NO_NAMES: fn() -> Vec<&'static str> = Vec::new;

const PORT: Kind = Kind {
    noun: "a port",
    min: 0,
    max: 65535,
    list: "[80, \"8000-8099\"]",
    named: NO_NAME,
    names: NO_NAMES,
    explain: explain_port,
};

const PROTOCOL: Kind = Kind {
    noun: "a protocol",
    min: 0,
    max: 255,
    list: "[\"tcp\", \"udp\"]",
    named: |name| protocols::number(name).map(u32::from),
    names: || protocols::names().collect(),
    explain: explain_protocol,
};

const FAMILY: Kind = Kind {
    noun: "a family",
    // No number but the two below: an empty range.
    min: 1,
    max: 0,
    list: "[\"ipv4\", \"ipv6\"]",
    named: |name| match name.to_ascii_lowercase().as_str() {
        "ipv4" | "4" => Some(4),
        "ipv6" | "6" => Some(6),
        _ => None,
    },
    names: || vec!["ipv4", "ipv6"],
    explain: explain_family,
};

const VLAN: Kind = Kind {
    noun: "a VLAN id",
    min: 1,
    max: 4094,
    list: "[7, \"100-199\"]",
    named: |name| {
        name.eq_ignore_ascii_case("none")
            .then_some(VLAN_NONE.into())
    },
    names: || vec!["none"],
    explain: explain_vlan,
};

const LENGTH: Kind = Kind {
    noun: "a length",
    min: 0,
    max: 65535,
    list: "[40, \"1400-1500\"]",
    named: NO_NAME,
    names: NO_NAMES,
    explain: |_, _| None,
};

const TTL: Kind = Kind {
    noun: "a TTL",
    min: 0,
    max: 255,
    list: "[1, \"64-255\"]",
    named: NO_NAME,
    names: NO_NAMES,
    explain: |_, _| None,
};

const DSCP: Kind = Kind {
    noun: "a DSCP",
    min: 0,
    max: 63,
    list: "[\"ef\", \"cs6\"]",
    named: |name| {
        let is_it = |(known, _): &&(&str, u32)| known.eq_ignore_ascii_case(name);
        dscp::NAMES.iter().find(is_it).map(|(_, number)| *number)
    },
    names: dscp::names,
    explain: |_, _| None,
};

/// A list of ports.
pub(super) fn ports(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<NumberList<u16>> {
    numbers(item, scope, &PORT)
}

/// A list of protocols.
pub(super) fn protocols(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<NumberList<u8>> {
    warn_of_ipip(item, scope);
    numbers(item, scope, &PROTOCOL)
}

/// A list of families.
pub(super) fn families(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<NumberList<u8>> {
    numbers(item, scope, &FAMILY)
}

/// A list of VLAN ids, or none.
pub(super) fn vlans(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<NumberList<u16>> {
    numbers(item, scope, &VLAN)
}

/// A list of lengths of a packet.
pub(super) fn lengths(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<NumberList<u16>> {
    numbers(item, scope, &LENGTH)
}

/// A list of times to live.
pub(super) fn ttls(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<NumberList<u8>> {
    numbers(item, scope, &TTL)
}

/// A list of differentiated services code points.
pub(super) fn dscps(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<NumberList<u8>> {
    numbers(item, scope, &DSCP)
}

fn warn_of_ipip(item: &Item<'_>, scope: &mut Scope<'_>) {
    let values = match item.value.get_ref() {
        DeValue::Array(values) => values.iter().collect(),
        _ => vec![item.value],
    };
    for value in values {
        let word = value.get_ref().as_str().unwrap_or_default();
        if signed(word).1.eq_ignore_ascii_case("ipip") {
            let message =
                "`ipip` means protocol 4, as on Linux; IANA calls 94 so: write `ipencap` or 94";
            scope.report.warn(value.span().start, message);
        }
    }
}

fn explain_port(text: &str, item: &Item<'_>) -> Option<String> {
    let is_word = text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !text.contains(',')
        && !means_any(text);
    is_word.then(|| {
        format!(
            "{} is not a number, and names of services are not looked up; expected {}",
            quoted(text),
            item.key.expects
        )
    })
}

fn explain_protocol(text: &str, item: &Item<'_>) -> Option<String> {
    text.eq_ignore_ascii_case("ip").then(|| {
        format!(
            "{} is not a protocol; leave `{}` out to match every one",
            quoted(text),
            item.key.name
        )
    })
}

fn explain_family(text: &str, item: &Item<'_>) -> Option<String> {
    let near = match text.to_ascii_lowercase().as_str() {
        "ip" => {
            return Some(format!(
                "{} is not a family; leave `{}` out to match every one",
                quoted(text),
                item.key.name
            ));
        }
        "inet" | "ip4" | "v4" => "ipv4",
        "inet6" | "ip6" | "v6" => "ipv6",
        // There is nothing between 4 and 6: a range is a slip.
        _ if !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-') =>
        {
            return Some(format!(
                "{} is not a family; expected {}",
                quoted(text),
                item.key.expects
            ));
        }
        _ => return None,
    };
    Some(format!(
        "unknown family {}; did you mean `{near}`?",
        quoted(text)
    ))
}

fn explain_vlan(text: &str, _: &Item<'_>) -> Option<String> {
    let why = match text {
        "0" => "only carries a priority, and the frame counts as untagged; expected \"none\"",
        "4095" => "is reserved (IEEE 802.1Q); expected 1 to 4094",
        "untagged" => return Some("unknown VLAN id `untagged`; did you mean `none`?".into()),
        _ => return None,
    };
    Some(format!("VLAN id {text} {why}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_of_a_code_point_repeats_and_the_classes_are_where_they_belong() {
        let names: BTreeSet<_> = dscp::names().into_iter().collect();
        assert_eq!(names.len(), dscp::NAMES.len());
        for class in 0..=7 {
            assert_eq!((DSCP.named)(&format!("CS{class}")), Some(class * 8));
        }
        for (class, drop) in (1..=4).flat_map(|class| (1..=3).map(move |drop| (class, drop))) {
            let name = format!("af{class}{drop}");
            assert_eq!((DSCP.named)(&name), Some(class * 8 + drop * 2), "{name}");
        }
    }
}
