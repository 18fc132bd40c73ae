//! Ports and protocols: numbers, inclusive ranges "a-b", names of protocols, with `!`.
//!
//! Owns what such an entry looks like. Never knows which protocols have ports: `check` does.

use std::ops::RangeInclusive;

use toml::de::{DeInteger, DeValue};

use super::field::{Item, Scope};
use super::value::{entries, list, wrong_kind};
use super::words::{decimal, nearest, quoted};
use crate::config::model::{NumberEntry, NumberList};
use crate::config::protocols;

/// Why a text is not a range of numbers.
enum Bad {
    NotANumber,
    OutOfRange,
    Reversed(u32, u32),
}

/// A kind of number: how it is called in messages, and how far it goes.
struct Kind {
    noun: &'static str,
    max: u32,
    /// Says what is wrong with a text that is not a number.
    explain: fn(&str, &Item<'_>) -> String,
}

const PORT: Kind = Kind {
    noun: "port",
    max: 65535,
    explain: explain_port,
};
const PROTOCOL: Kind = Kind {
    noun: "protocol",
    max: 255,
    explain: explain_protocol,
};

/// A list of ports.
pub(super) fn ports(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<NumberList<u16>> {
    let list = list(item, scope, |item, scope| {
        entry(item, scope, &PORT, |_| None)
    })?;
    Some(NumberList(entries(list)))
}

/// A list of protocols.
pub(super) fn protocols(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<NumberList<u8>> {
    let list = list(item, scope, |item, scope| {
        warn_of_ipip(item, scope);
        entry(item, scope, &PROTOCOL, protocols::number)
    })?;
    Some(NumberList(entries(list)))
}

fn warn_of_ipip(item: &Item<'_>, scope: &mut Scope<'_>) {
    let word = item.value.get_ref().as_str().unwrap_or_default();
    if word.trim_start_matches('!').eq_ignore_ascii_case("ipip") {
        let message =
            "`ipip` means protocol 4, as on Linux; IANA calls 94 so: write `ipencap` or 94";
        scope.report.warn(item.offset(), message);
    }
}

fn entry<T: TryFrom<u32> + Copy>(
    item: &Item<'_>,
    scope: &mut Scope<'_>,
    kind: &Kind,
    by_name: fn(&str) -> Option<T>,
) -> Option<NumberEntry<T>> {
    let (negated, text, range) = match item.value.get_ref() {
        DeValue::Integer(number) => (false, number.to_string(), integer(number)),
        DeValue::String(text) => {
            let rest = text.strip_prefix('!').unwrap_or(text);
            let named = by_name(rest).map(|number| number..=number);
            (
                rest.len() < text.len(),
                rest.to_owned(),
                named.map_or_else(|| range(rest), Ok),
            )
        }
        _ => {
            wrong_kind(item, scope);
            return None;
        }
    };
    match range {
        Ok(range) => Some(NumberEntry { negated, range }),
        Err(bad) => {
            scope
                .report
                .wrong(item.offset(), message(&bad, &text, kind, item));
            None
        }
    }
}

fn message(bad: &Bad, text: &str, kind: &Kind, item: &Item<'_>) -> String {
    let Kind { noun, max, explain } = kind;
    match bad {
        Bad::NotANumber => explain(text, item),
        Bad::OutOfRange => format!(
            "{noun} {} is out of range; expected 0 to {max}",
            quoted(text)
        ),
        Bad::Reversed(from, to) => {
            format!(
                "{noun} range {} is reversed; expected {to}-{from}",
                quoted(text)
            )
        }
    }
}

fn integer<T: TryFrom<u32> + Copy>(number: &DeInteger<'_>) -> Result<RangeInclusive<T>, Bad> {
    let value = u32::from_str_radix(number.as_str(), number.radix());
    let value = value.map_err(|_| Bad::OutOfRange)?;
    let value = T::try_from(value).map_err(|_| Bad::OutOfRange)?;
    Ok(value..=value)
}

/// `a` or `a-b`, inclusive.
fn range<T: TryFrom<u32> + Copy>(text: &str) -> Result<RangeInclusive<T>, Bad> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (number(from)?, number(to)?);
    if from > to {
        return Err(Bad::Reversed(from, to));
    }
    let end = |number| T::try_from(number).map_err(|_| Bad::OutOfRange);
    Ok(end(from)?..=end(to)?)
}

fn number(text: &str) -> Result<u32, Bad> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match decimal(text) {
        Some(number) => Ok(number),
        None if is_number && !text.starts_with('0') => Err(Bad::OutOfRange),
        None => Err(Bad::NotANumber),
    }
}

fn explain_port(text: &str, item: &Item<'_>) -> String {
    if text.is_empty() {
        return format!("empty port; expected {}", item.key.expects);
    }
    let subject = quoted(text);
    if ["any", "all", "*"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text))
    {
        return format!(
            "{subject} is not a port; leave `{}` out to match every one",
            item.key.name
        );
    }
    if text.contains(',') {
        return format!(
            "{subject} is more than one port; expected a list such as [80, \"8000-8099\"]"
        );
    }
    if let Some((from, to)) = text.split_once(':')
        && range::<u16>(&format!("{from}-{to}")).is_ok()
    {
        return format!("{subject} is not a range; expected \"{from}-{to}\"");
    }
    if text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return format!(
            "{subject} is not a number, and names of services are not looked up; expected {}",
            item.key.expects
        );
    }
    format!("{subject} is not a port; expected {}", item.key.expects)
}

fn explain_protocol(text: &str, item: &Item<'_>) -> String {
    if text.is_empty() {
        return format!("empty protocol; expected {}", item.key.expects);
    }
    if ["any", "all", "ip", "*"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text))
    {
        return format!(
            "{} is not a protocol; leave `{}` out to match every one",
            quoted(text),
            item.key.name
        );
    }
    if text.contains(',') {
        return format!(
            "{} is more than one protocol; expected a list such as [\"tcp\", \"udp\"]",
            quoted(text)
        );
    }
    let expected = match nearest(text, protocols::names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("expected {}", item.key.expects),
    };
    format!("unknown protocol {}; {expected}", quoted(text))
}
