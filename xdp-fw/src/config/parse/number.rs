//! Numbers of every kind: one, an inclusive range "a-b", a name, any of them with `!`.
//!
//! Owns what such an entry looks like and how its mistakes are worded. Never knows a kind of
//! number: [`crate::criteria::numbers`] does.

use std::ops::RangeInclusive;

use toml::de::{DeInteger, DeValue};

use super::field::{Item, Scope};
use super::value::{entries, list, signed, wrong_kind};
use crate::criteria::{NumberEntry, NumberList, Numbers};
use crate::names::words::{decimal, means_any, nearest, quoted};

/// Why a text is not a range of numbers.
enum Bad {
    NotANumber,
    OutOfRange,
    Reversed(u32, u32),
}

/// A list of numbers of this kind.
pub(super) fn numbers<T>(
    item: &Item<'_>,
    scope: &mut Scope<'_>,
    kind: &Numbers,
) -> Option<NumberList<T>>
where
    T: TryFrom<u32> + Clone + Eq + std::hash::Hash,
{
    let list = list(item, scope, |item, scope| entry(item, scope, kind))?;
    Some(NumberList(entries(list)))
}

/// One entry of such a list.
pub(super) fn entry<T: TryFrom<u32>>(
    item: &Item<'_>,
    scope: &mut Scope<'_>,
    kind: &Numbers,
) -> Option<NumberEntry<T>> {
    let (negated, text, range) = match item.value.get_ref() {
        DeValue::Integer(number) => {
            let text = number.to_string();
            let named = kind.named(&text).map(|number| number..=number);
            (false, text, named.map_or_else(|| integer(number, kind), Ok))
        }
        DeValue::String(text) => {
            let (negated, rest) = signed(text);
            if let Some(warning) = (kind.warn)(rest) {
                scope.report.warn(item.offset(), warning);
            }
            let named = kind.named(rest).map(|number| number..=number);
            let range = named.map_or_else(|| range(rest, kind), Ok);
            (negated, rest.to_owned(), range)
        }
        _ => {
            wrong_kind(item, scope);
            return None;
        }
    };
    match range.and_then(converted) {
        Ok(range) => Some(NumberEntry { negated, range }),
        Err(bad) => {
            let message = message(&bad, &text, kind, item);
            scope.report.wrong(item.offset(), message);
            None
        }
    }
}

fn converted<T: TryFrom<u32>>(range: RangeInclusive<u32>) -> Result<RangeInclusive<T>, Bad> {
    let end = |number| T::try_from(number).map_err(|_| Bad::OutOfRange);
    Ok(end(*range.start())?..=end(*range.end())?)
}

fn integer(number: &DeInteger<'_>, kind: &Numbers) -> Result<RangeInclusive<u32>, Bad> {
    let value = u32::from_str_radix(number.as_str(), number.radix());
    let value = value.map_err(|_| Bad::OutOfRange)?;
    within(value..=value, kind)
}

/// `a` or `a-b`, inclusive.
fn range(text: &str, kind: &Numbers) -> Result<RangeInclusive<u32>, Bad> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (number(from)?, number(to)?);
    if from > to {
        return Err(Bad::Reversed(from, to));
    }
    within(from..=to, kind)
}

fn within(range: RangeInclusive<u32>, kind: &Numbers) -> Result<RangeInclusive<u32>, Bad> {
    let fits = !kind.only_names && *range.start() >= kind.min && *range.end() <= kind.max;
    fits.then_some(range).ok_or(Bad::OutOfRange)
}

fn number(text: &str) -> Result<u32, Bad> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match decimal(text) {
        Some(number) => Ok(number),
        None if is_number && !text.starts_with('0') => Err(Bad::OutOfRange),
        None => Err(Bad::NotANumber),
    }
}

fn message(bad: &Bad, text: &str, kind: &Numbers, item: &Item<'_>) -> String {
    if let Some(message) = (kind.explain)(text, item.key.name, item.key.expects) {
        return message;
    }
    let noun = bare_noun(kind);
    match bad {
        Bad::NotANumber => not_a_number(text, kind, item),
        Bad::OutOfRange => format!(
            "{noun} {} is out of range; expected {} to {}",
            quoted(text),
            kind.min,
            kind.max
        ),
        Bad::Reversed(from, to) => {
            format!(
                "{noun} range {} is reversed; expected {to}-{from}",
                quoted(text)
            )
        }
    }
}

fn not_a_number(text: &str, kind: &Numbers, item: &Item<'_>) -> String {
    let (noun, subject) = (kind.noun, quoted(text));
    let expects = item.key.expects;
    if text.is_empty() {
        return format!("empty {}; expected {expects}", bare_noun(kind));
    }
    if means_any(text) {
        let key = item.key.name;
        return format!("{subject} is not {noun}; leave `{key}` out to match every one");
    }
    if text.contains(',') {
        let more = bare_noun(kind);
        return format!(
            "{subject} is more than one {more}; expected a list such as {}",
            kind.example
        );
    }
    if let Some((from, to)) = text.split_once(':')
        && range(&format!("{from}-{to}"), kind).is_ok()
    {
        return format!("{subject} is not a range; expected \"{from}-{to}\"");
    }
    let names = (kind.names)();
    if names.is_empty() {
        return format!("{subject} is not {noun}; expected {expects}");
    }
    let expected = match nearest(text, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("expected {expects}"),
    };
    format!("unknown {} {subject}; {expected}", bare_noun(kind))
}

fn bare_noun(kind: &Numbers) -> &'static str {
    kind.noun
        .split_once(' ')
        .map_or(kind.noun, |(_, noun)| noun)
}
