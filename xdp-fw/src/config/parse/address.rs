//! Addresses: a prefix, a single address, `@set`, any of them with a leading `!`.
//!
//! Owns what a prefix looks like, in a rule as in a set file, and the explanation of one that
//! does not. Never resolves names: a rule must not depend on what DNS says at start.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;

use super::field::{Item, Scope};
use super::mapped;
use super::notation::{self, Odd};
use super::range;
use super::value::{entries, is_name, list, signed, text};
use crate::config::defaults::MAX_SUGGESTED_FROM;
use crate::criteria::{AddressEntry, AddressList, Addresses};
use crate::names::words::{decimal, means_any, nearest, quoted};

/// What completes "expected …" for one prefix.
pub(super) const EXPECTED: &str = "an address such as 192.0.2.1 or a prefix such as 2001:db8::/32";

/// Parses a prefix without host bits, or a single address; IPv4 whatever its notation. Does not allocate: a set file has a
/// million of them. [`explain`] says why there is none.
pub(super) fn prefix(text: &str) -> Option<IpNetwork> {
    let (ip, length) = split(text)?;
    let network = IpNetwork::new(ip, length).ok()?;
    (network.network() == ip).then(|| mapped::folded(network))
}

/// The address and the length of what looks like a prefix; the length may be too long.
fn split(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let (ip, bits) = if address.contains(':') {
        (IpAddr::V6(address.parse::<Ipv6Addr>().ok()?), 128)
    } else {
        (IpAddr::V4(address.parse::<Ipv4Addr>().ok()?), 32)
    };
    let length = match length {
        // Too long for `u8` is too long for any address; `IpNetwork::new` says so.
        Some(length) => u8::try_from(decimal(length)?).unwrap_or(u8::MAX),
        None => bits,
    };
    Some((ip, length))
}

/// Says what is wrong with a text that [`prefix`] refuses, and what was probably meant.
pub(super) fn explain(text: &str) -> String {
    Fault::of(text).to_string()
}

/// What is wrong with a text that is no prefix.
#[derive(Debug)]
pub(in crate::config) struct Fault {
    /// What it is about, as in the file.
    subject: String,
    /// What is wrong and what was expected; nothing else of the file.
    says: String,
    /// Whether the subject is an address in all its parts.
    pub(in crate::config) is_address: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subject.is_empty() {
            return f.write_str(&self.says);
        }
        write!(f, "{} {}", self.subject, self.says)
    }
}

impl Fault {
    /// Of something that may be a secret.
    pub(super) fn other(subject: &str, says: impl Into<String>) -> Self {
        Self {
            subject: quoted(subject),
            says: says.into(),
            is_address: false,
        }
    }

    /// Of something that is an address in all its parts.
    pub(super) fn address(subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            says: says.into(),
            is_address: true,
        }
    }

    /// The same without what the file says.
    pub(in crate::config) fn unquoted(&self) -> String {
        format!("this {}", self.says)
    }

    /// What is wrong with a text that [`prefix`] refuses.
    pub(super) fn of(text: &str) -> Self {
        if let Some((ip, length)) = split(text) {
            let bits = if ip.is_ipv4() { 32 } else { 128 };
            return match IpNetwork::new(ip, length) {
                Ok(network) => Self::address(
                    text,
                    format!("has host bits set; expected {}/{length}", network.network()),
                ),
                Err(_) => Self::address(
                    format!("prefix length of {text}"),
                    format!("is out of range; expected 0 to {bits}"),
                ),
            };
        }
        if text.trim().is_empty() {
            return Self::address("", format!("empty address; expected {EXPECTED}"));
        }
        if let Some(Odd { says, is_address }) = notation::odd(text) {
            return Self {
                subject: quoted(text),
                says,
                is_address,
            };
        }
        if let Ok(prefixes) = range::prefixes(text) {
            let says = format!("is a range; expected {}", list_of(&prefixes));
            return Self::address(quoted(text), says);
        }
        let is_more = text.contains(',') || text.trim().contains(char::is_whitespace);
        let says = match () {
            () if is_more && has_addresses(text) => {
                "is more than one address; expected each on its own".into()
            }
            () if notation::is_host_name(text) => {
                format!("is a host name, and names are not resolved; expected {EXPECTED}")
            }
            () => format!("is not an address; expected {EXPECTED}"),
        };
        Self::other(text, says)
    }
}

/// Whether two of the words of a text are addresses.
fn has_addresses(text: &str) -> bool {
    let words = text.split(|char: char| char == ',' || char.is_whitespace());
    let addresses = words.filter(|word| prefix(word).is_some());
    addresses.count() > 1
}

/// The prefixes of a range, as many as one would write.
fn list_of(prefixes: &[IpNetwork]) -> String {
    const MANY: usize = 8;
    if prefixes.len() > MANY {
        return "the prefixes that it consists of, or a set file with this line".into();
    }
    let prefixes: Vec<_> = prefixes
        .iter()
        .map(|prefix| format!("\"{prefix}\""))
        .collect();
    prefixes.join(", ")
}

/// The addresses of a rule.
pub(super) fn addresses(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<AddressList> {
    Some(AddressList(entries(list(item, scope, entry)?)))
}

fn entry(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<AddressEntry> {
    let text = text(item, scope)?;
    let (negated, rest) = signed(text);
    let addresses = match rest.strip_prefix('@') {
        Some(name) => Addresses::Set(set(name, item, scope)?),
        None => match prefix(rest) {
            Some(prefix) => {
                note_mapped(rest, &prefix, item, scope);
                Addresses::Prefix(prefix)
            }
            None => {
                let message = explain_entry(rest, item.key.name, scope);
                scope.report.wrong(item.offset(), message);
                return None;
            }
        },
    };
    Some(AddressEntry { negated, addresses })
}

/// Says that a prefix is of another family than its notation.
fn note_mapped(text: &str, prefix: &IpNetwork, item: &Item<'_>, scope: &mut Scope<'_>) {
    if !mapped::is_folded(text, prefix) {
        return;
    }
    match prefix.prefix() {
        0 => scope.report.warn(item.offset(), mapped::WHOLE),
        _ => scope.report.note(item.offset(), mapped::note(text, prefix)),
    }
}

/// The name of a set that exists.
fn set(name: &str, item: &Item<'_>, scope: &mut Scope<'_>) -> Option<String> {
    if scope.set_names.contains(name) {
        return Some(name.to_owned());
    }
    if !is_name(name) {
        scope.report.wrong(
            item.offset(),
            format!(
                "{} names no set; expected \"@NAME\"",
                quoted(&format!("@{name}"))
            ),
        );
        return None;
    }
    // Each wrong name would be compared with all of them.
    let names = scope.set_names.iter().take(MAX_SUGGESTED_FROM);
    let expected = match nearest(name, names.map(String::as_str)) {
        Some(near) => format!("did you mean `@{near}`?"),
        None => format!("expected a table `[set.{name}]`"),
    };
    let message = format!("unknown set {}; {expected}", quoted(&format!("@{name}")));
    scope.report.absent(item.offset(), message);
    None
}

/// As [`explain`], with what only makes sense in a rule.
fn explain_entry(text: &str, key: &str, scope: &Scope<'_>) -> String {
    if scope.set_names.contains(text) {
        return format!("`{text}` is a set; did you mean `@{text}`?");
    }
    if means_any(text) {
        return format!("`{text}` is not an address; leave `{key}` out to match every address");
    }
    explain(text)
}

/// An entry of a set's `prefixes`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Member {
    Prefix(IpNetwork),
    Set(String),
}

/// A prefix, or a set that exists.
pub(super) fn member(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Member> {
    let text = text(item, scope)?;
    if let Some(name) = text.strip_prefix('@') {
        return set(name, item, scope).map(Member::Set);
    }
    if let Some(prefix) = prefix(text) {
        note_mapped(text, &prefix, item, scope);
        return Some(Member::Prefix(prefix));
    }
    let message = if text.starts_with('!') {
        format!(
            "{} is negated, which only a rule can; expected {EXPECTED}",
            quoted(text)
        )
    } else if scope.set_names.contains(text) {
        format!("`{text}` is a set; did you mean `@{text}`?")
    } else {
        explain(text)
    };
    scope.report.wrong(item.offset(), message);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_canonical_or_a_single_address() {
        for (text, canonical) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:DB8:0:0::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ] {
            assert_eq!(prefix(text).unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn what_is_not_a_prefix_is_explained() {
        let explained = |text: &str| {
            assert_eq!(prefix(text), None, "{text}");
            explain(text)
        };
        insta::assert_snapshot!(
            [
                "192.0.2.1/24",
                "2001:db8::1/32",
                "192.0.2.0/33",
                "::/129",
                "::/300",
                "",
                " ",
                " 192.0.2.1",
                "192.0.2.0/255.255.255.0",
                "192.0.2.7/255.255.255.0",
                "10/8",
                "172.16/12",
                "10",
                "192.0.02.1",
                "10.0.0.0/08",
                "10.0.0.0/+8",
                "fe80::1%eth0",
                "192.0.2.1, 192.0.2.2",
                "192.0.2.1 192.0.2.2",
                "192.0.2.1-192.0.2.9",
                "www.example.com",
                "localhost",
                "192.0.2.256",
                "192.0.2.1.5",
                "1.2.3.4/8/9",
                "2001:db8:::1",
                "2001:db8::/032",
                "!192.0.2.1",
                "192.0.2.0/",
                "/24",
                "\u{7}",
            ]
            .map(explained)
            .join("\n")
        );
    }
}
