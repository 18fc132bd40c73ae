//! Names and globs of interfaces, and `[interface."PATTERN"]`.
//!
//! Owns what an interface may be called. Never asks which interfaces exist: they come and go.

use toml::de::DeTable;

use super::field::{Field, Item, Key, Scope, Shape, Target, in_order, read_table};
use super::value::{assign, choice, entries, list, signed, table, text};
use crate::config::model::{InterfaceOverride, Mode};
use crate::config::print;
use crate::criteria::{InterfaceEntry, InterfaceList};
use crate::names::interface::MAX_INTERFACE_LENGTH;
use crate::names::pattern::{canonical, exact, needs_escape, shortest};
use crate::names::words::{character, means_any, quoted};

/// The keys of `[interface."PATTERN"]`.
pub(super) static FIELDS: &[Field<InterfaceOverride>] = &[Field {
    key: Key::required(
        "mode",
        MODE_WORDS,
        MODES,
        "Attach mode for the interfaces that the pattern matches; the first match in the file counts.",
    ),
    read: |interface, item, scope| assign(&mut interface.mode, mode(item, scope)),
    print: |interface, _| Some(print::mode(interface.mode)),
}];

impl Target for InterfaceOverride {
    type Model = Self;
}

/// What completes "expected …" for an attach mode.
pub(super) const MODES: &str = "\"native\", \"generic\" or \"auto\"";

/// The same, for editors.
pub(super) const MODE_WORDS: Shape = Shape::Choice(&["native", "generic", "auto"]);

/// An attach mode.
pub(super) fn mode(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Mode> {
    let modes = [
        ("native", Mode::Native),
        ("generic", Mode::Generic),
        ("auto", Mode::Auto),
    ];
    let others = [("driver", "native"), ("drv", "native"), ("skb", "generic")];
    choice(item, scope, &modes, &others)
}

/// A list of names or globs.
pub(super) fn patterns(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Vec<String>> {
    let patterns = list(item, scope, |item, scope| {
        let text = text(item, scope)?;
        is_pattern(text, item.offset(), scope).then(|| canonical(text))
    })?;
    Some(entries(patterns))
}

/// The interfaces of a rule.
pub(super) fn interfaces(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<InterfaceList> {
    let list = list(item, scope, |item, scope| {
        let (negated, pattern) = signed(text(item, scope)?);
        if means_any(pattern) && pattern != "*" {
            let message = format!(
                "{} is not an interface; leave `{}` out to match every one",
                quoted(pattern),
                item.key.name
            );
            scope.report.wrong(item.offset(), message);
            return None;
        }
        is_pattern(pattern, item.offset(), scope).then(|| InterfaceEntry {
            negated,
            pattern: canonical(pattern),
        })
    })?;
    Some(InterfaceList(entries(list)))
}

/// Reads every `[interface."PATTERN"]`, in file order.
pub(super) fn overrides(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Vec<InterfaceOverride>> {
    let patterns: &DeTable<'_> = table(item, scope)?;
    let mut overrides = Vec::new();
    for (pattern, value) in in_order(patterns) {
        let item = Item {
            value,
            in_list: true,
            ..*item
        };
        let Some(keys) = table(&item, scope) else {
            continue;
        };
        is_pattern(pattern.get_ref(), pattern.span().start, scope);
        let mut interface = InterfaceOverride {
            pattern: canonical(pattern.get_ref()),
            mode: Mode::default(),
        };
        let name = format!("interface {}", quoted(pattern.get_ref()));
        read_table(&mut interface, FIELDS, (&name, item.offset()), keys, scope);
        overrides.push(interface);
    }
    Some(overrides)
}

/// Whether `text` can match the name of an interface; reports it if not.
fn is_pattern(text: &str, offset: usize, scope: &mut Scope<'_>) -> bool {
    match fault(text) {
        None => true,
        Some(message) => {
            scope.report.wrong(offset, message);
            false
        }
    }
}

/// What is wrong with a name or glob. What a name seldom has is written as an escape, to catch
/// `eth0,eth1`, `eth[01]` and `veth0@if2`.
fn fault(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(
            "empty interface name; expected a name such as `eth0` or a glob such as `wan*`".into(),
        );
    }
    let name = exact(text);
    if name.is_some_and(|name| name == "." || name == "..") {
        return Some(format!(
            "{} is no interface name; expected a name such as `eth0`",
            quoted(text)
        ));
    }
    if let Some(odd) = needs_escape(text) {
        return Some(format!(
            "interface name {} contains {}; expected letters, digits and _ . - +, or a glob with * and ?{}",
            quoted(text),
            character(odd),
            spelling(odd).unwrap_or_default()
        ));
    }
    // `*` may match nothing.
    let length = shortest(text);
    (length > MAX_INTERFACE_LENGTH).then(|| {
        format!(
            "interface name {} has {length} characters; expected at most {MAX_INTERFACE_LENGTH}",
            quoted(text)
        )
    })
}

/// How a character is written that is in the name; `None` where the kernel has no such name.
fn spelling(char: char) -> Option<String> {
    let mut buffer = [0; 4];
    let bytes = char.encode_utf8(&mut buffer).as_bytes();
    // White space of the kernel's: 0xa0 counts, as a part of a character, too.
    if char.is_whitespace() || matches!(char, '\0' | '/' | ':') || bytes.contains(&0xa0) {
        return None;
    }
    let written = match char {
        '\\' => {
            return Some("; a backslash is written `\\\\`, and a byte `\\xff`".to_owned());
        }
        char if char.is_ascii_punctuation() => format!("\\{char}"),
        _ => bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect(),
    };
    Some(format!(
        "; if it is in the name, write `{written}`, in single quotes"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::InterfaceName;

    #[test]
    fn advice_of_a_refused_character_is_a_pattern_of_the_name() {
        for (name, advice) in [
            ("[", r"\["),
            ("\u{301}", r"\xcc\x81"),
            ("\u{1b}", r"\x1b"),
            ("\u{20ac}", r"\xe2\x82\xac"),
        ] {
            let told = fault(name).unwrap();
            assert!(told.contains(&format!("write `{advice}`")), "{told}");
            assert_eq!(fault(advice), None, "{advice}");
            let name = InterfaceName::from_bytes(name.as_bytes());
            assert_eq!(exact(advice), Some(name));
        }
    }

    #[test]
    fn what_no_name_has_gets_no_advice() {
        for name in ["a b", "a/b", "a:b", "a\u{a0}b", "a\u{2003}b"] {
            let told = fault(name).unwrap();
            assert!(!told.contains("in the name"), "{told}");
        }
    }
}
