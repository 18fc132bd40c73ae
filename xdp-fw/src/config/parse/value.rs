//! Reads the kinds of values that keys have in common: text, flags, choices, names, lists.
//!
//! Owns "is a string; expected …". Never knows which key it reads for.

use std::collections::HashSet;
use std::hash::Hash;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::field::{Item, Presence, Scope};
use crate::config::defaults::{MAX_NAME_LENGTH, MAX_PATH_BYTES};
use crate::names::glob::is_glob;
use crate::names::words::{character, quoted, suggestion};

/// Puts a value that could be read where it belongs.
pub(super) fn assign<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// Reports that the value is of the wrong kind.
pub(super) fn wrong_kind(item: &Item<'_>, scope: &mut Scope<'_>) {
    let Item {
        key,
        value,
        in_list,
    } = item;
    let kind = kind(value.get_ref());
    let message = if *in_list {
        format!(
            "an entry of `{}` is {kind}; expected {}",
            key.name, key.expects
        )
    } else {
        format!(
            "`{}` is {kind}; expected {}",
            key.name,
            key.expects_as_a_whole()
        )
    };
    scope.report.wrong(item.offset(), message);
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(true) => "`true`",
        DeValue::Boolean(false) => "`false`",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A string.
pub(super) fn text<'a>(item: &Item<'a>, scope: &mut Scope<'_>) -> Option<&'a str> {
    let text = item.value.get_ref().as_str();
    if text.is_none() {
        wrong_kind(item, scope);
    }
    text
}

/// `true` or `false`.
pub(super) fn flag(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<bool> {
    let flag = item.value.get_ref().as_bool();
    if flag.is_none() {
        wrong_kind(item, scope);
    }
    flag
}

/// A table.
pub(super) fn table<'a>(item: &Item<'a>, scope: &mut Scope<'_>) -> Option<&'a DeTable<'a>> {
    let table = item.value.get_ref().as_table();
    if table.is_none() {
        wrong_kind(item, scope);
    }
    table
}

/// One of a few words. A word that comes with several spellings is suggested by its first.
pub(super) fn choice<T: Copy>(
    item: &Item<'_>,
    scope: &mut Scope<'_>,
    choices: &[(&'static str, T)],
    other_words: &[(&str, &'static str)],
) -> Option<T> {
    let word = text(item, scope)?;
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word) {
        return Some(*value);
    }
    let meant = other_words
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(word));
    let hint = match meant {
        Some((_, name)) => format!("; did you mean `{name}`?"),
        None => suggestion(
            word,
            choices.iter().map(|(name, _)| *name),
            item.key.expects,
        ),
    };
    let message = format!("`{}` cannot be {}{hint}", item.key.name, quoted(word));
    scope.report.wrong(item.offset(), message);
    None
}

/// The path of a file, or a glob in its last part.
pub(super) fn path(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<PathBuf> {
    let text = text(item, scope)?;
    let path = PathBuf::from(text);
    let expects = item.key.expects;
    let message = if text.is_empty() {
        format!("empty path; expected {expects}")
    } else if text.len() > MAX_PATH_BYTES {
        format!(
            "path {} has {} bytes; expected at most {MAX_PATH_BYTES}",
            quoted(text),
            text.len()
        )
    } else if text.contains('\0') || path.file_name().is_none() {
        format!(
            "{} is not a path of a file; expected {expects}",
            quoted(text)
        )
    } else if path
        .parent()
        .is_some_and(|parent| is_glob(&parent.to_string_lossy()))
    {
        format!(
            "{} has a wildcard in a directory; expected * and ? in the last part alone",
            quoted(text)
        )
    } else {
        return Some(path);
    };
    scope.report.wrong(item.offset(), message);
    None
}

/// A list, or one value that stands for a list of one. `None` unless every entry could be read.
/// An empty list is a mistake, a repeated entry a warning.
pub(super) fn list<'a, T: Eq + Hash + Clone>(
    item: &Item<'a>,
    scope: &mut Scope<'_>,
    read: impl Fn(&Item<'a>, &mut Scope<'_>) -> Option<T>,
) -> Option<Vec<Spanned<T>>> {
    let DeValue::Array(array) = item.value.get_ref() else {
        return Some(vec![Spanned::new(item.value.span(), read(item, scope)?)]);
    };
    if array.is_empty() {
        let name = item.key.name;
        let instead = match item.key.presence {
            Presence::Required => String::new(),
            _ => format!(", or no `{name}`"),
        };
        let message = format!("`{name}` is an empty list; expected at least one entry{instead}");
        scope.report.wrong(item.offset(), message);
        return None;
    }
    let mut entries = Vec::with_capacity(array.len());
    let mut seen = HashSet::new();
    for value in array.iter() {
        let entry = read(
            &Item {
                value,
                in_list: true,
                ..*item
            },
            scope,
        );
        if let Some(entry) = &entry
            && !seen.insert(entry.clone())
        {
            let message = format!(
                "repeats an entry of this `{}`; one of them can go",
                item.key.name
            );
            scope.report.warn(value.span().start, message);
        }
        entries.push(entry.map(|entry| Spanned::new(value.span(), entry)));
    }
    entries.into_iter().collect()
}

/// The entries of a list without their places.
pub(super) fn entries<T>(list: Vec<Spanned<T>>) -> Vec<T> {
    list.into_iter().map(Spanned::into_inner).collect()
}

/// Whether an entry is negated, and the entry without its `!`.
pub(super) fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    }
}

/// Whether `name` may name a rule or a set.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    (1..=MAX_NAME_LENGTH).contains(&name.len()) && name.bytes().all(fits)
}

/// What is wrong with a name that is none.
pub(super) fn bad_name(name: &str) -> String {
    let what = match name.chars().count() {
        0 => "empty name".into(),
        length if length > MAX_NAME_LENGTH => {
            format!("name {} has {length} characters", quoted(name))
        }
        _ => {
            let fits = |char: &char| char.is_ascii_alphanumeric() || "_.:-".contains(*char);
            let odd = name.chars().find(|char| !fits(char)).unwrap_or_default();
            format!("name {} contains {}", quoted(name), character(odd))
        }
    };
    format!("{what}; expected 1 to {MAX_NAME_LENGTH} of A-Z a-z 0-9 _ . : -")
}
