//! The name of a network interface: bytes, as in the kernel, and a text that stands for them.
//!
//! Owns the escapes. The text is lossless: a byte that is no printable text is `\xff`, and a
//! backslash is `\\`. Past the listing a name travels as this text.

use std::fmt;
use std::ops::Deref;

use super::printable::is_printable;

/// Longest name of an interface, in bytes (`IFNAMSIZ` less its NUL).
pub const MAX_INTERFACE_LENGTH: usize = 15;

/// The name of an interface; compares by its bytes, and reads as its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName {
    bytes: Box<[u8]>,
    text: Box<str>,
}

impl InterfaceName {
    /// A name of the kernel's.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.into(),
            text: escape(bytes).into(),
        }
    }

    /// The name that a text stands for. A backslash that begins no escape stands for itself.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self::from_bytes(&unescape(text))
    }

    /// As the kernel has it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As a word of a command that is pasted into a shell.
    #[must_use]
    pub fn shell(&self) -> String {
        super::shell::word(&self.bytes)
    }

    /// With escapes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Deref for InterfaceName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq<str> for InterfaceName {
    fn eq(&self, text: &str) -> bool {
        *self.text == *text
    }
}

impl PartialEq<&str> for InterfaceName {
    fn eq(&self, text: &&str) -> bool {
        *self == **text
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.text.into()
    }
}

/// The text that stands for some bytes.
fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    let hex = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    };
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\\' => text.push_str("\\\\"),
                // White space is in no name, and would split a column.
                char if is_printable(char) && !char.is_whitespace() => text.push(char),
                char => hex(&mut text, char.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        hex(&mut text, chunk.invalid());
    }
    text
}

/// The bytes that a text stands for.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((piece, after)) = Piece::first(rest) {
        match piece {
            Piece::Escaped(byte) => bytes.push(byte),
            Piece::Plain(char) => bytes.extend(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = after;
    }
    bytes
}

/// One character of a text with escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A byte that stands for itself whatever it means else: `\xff`, `\\`, `\*`.
    Escaped(u8),
    /// A character as it is.
    Plain(char),
}

impl Piece {
    /// The first one, and what follows it.
    pub(super) fn first(text: &str) -> Option<(Self, &str)> {
        let mut chars = text.chars();
        let first = chars.next()?;
        if first == '\\' {
            let escaped = chars.as_str();
            if let Some((byte, rest)) = hexadecimal(escaped) {
                return Some((Self::Escaped(byte), rest));
            }
            if let Some(char) = escaped.chars().next().filter(char::is_ascii_punctuation) {
                return Some((Self::Escaped(char as u8), escaped.get(1..)?));
            }
        }
        Some((Self::Plain(first), chars.as_str()))
    }
}

/// The byte of `x41`, and what follows it.
fn hexadecimal(text: &str) -> Option<(u8, &str)> {
    let digits = text.strip_prefix('x')?.get(..2)?;
    let are_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| are_digits)?;
    Some((byte, text.get(3..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_printable_stays_as_it_is() {
        for name in [
            "eth0",
            "wan0.100",
            "-x0",
            "w\u{e2}n0",
            "a*b?",
            "$x;'\"`%",
            "[",
        ] {
            assert_eq!(InterfaceName::from_bytes(name.as_bytes()), name);
        }
    }

    #[test]
    fn what_is_not_printable_is_escaped() {
        for (bytes, text) in [
            (&b"\xff0"[..], r"\xff0"),
            (b"a\x1b[31mb", r"a\x1b[31mb"),
            (b"a\x7f\\", r"a\x7f\\"),
            ("a\u{202e}b".as_bytes(), r"a\xe2\x80\xaeb"),
            ("a\u{9b}".as_bytes(), r"a\xc2\x9b"),
        ] {
            assert_eq!(InterfaceName::from_bytes(bytes), text);
            assert_eq!(InterfaceName::from_text(text).as_bytes(), bytes);
        }
    }

    #[test]
    fn a_backslash_without_an_escape_is_itself() {
        for text in [r"a\b", r"a\", r"a\xg0", r"\x+f", r"\x4"] {
            assert_eq!(InterfaceName::from_text(text).as_bytes(), text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn the_text_loses_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
            let name = InterfaceName::from_bytes(&bytes);
            prop_assert_eq!(InterfaceName::from_text(name.as_str()), name);
        }
    }
}
