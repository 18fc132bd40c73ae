//! Patterns of interface names: `*` is any run of bytes, `?` is one, and an escape stands for the
//! byte that it names.
//!
//! Owns what a pattern means. Two patterns that mean the same have the same canonical text.

use super::interface::{InterfaceName, Piece};

/// One place of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    /// This byte.
    Byte(u8),
}

/// Whether a pattern has a wildcard; one without names a single interface.
#[must_use]
pub fn is_glob(pattern: &str) -> bool {
    tokens(pattern)
        .iter()
        .any(|token| !matches!(token, Token::Byte(_)))
}

/// Whether `pattern` matches the whole of the name that the text `name` stands for.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let name = InterfaceName::from_text(name);
    match_tokens(&tokens(pattern), name.as_bytes())
}

/// The one name that a pattern without wildcards matches.
#[must_use]
pub fn exact(pattern: &str) -> Option<InterfaceName> {
    let bytes: Option<Vec<u8>> = tokens(pattern)
        .iter()
        .map(|token| match token {
            Token::Byte(byte) => Some(*byte),
            _ => None,
        })
        .collect();
    bytes.map(|bytes| InterfaceName::from_bytes(&bytes))
}

/// The text that all patterns of this meaning have in common.
#[must_use]
pub fn canonical(pattern: &str) -> String {
    let mut text = String::new();
    let mut bytes = Vec::new();
    let flush = |text: &mut String, bytes: &mut Vec<u8>| {
        for char in InterfaceName::from_bytes(bytes).chars() {
            if matches!(char, '*' | '?') {
                text.push('\\');
            }
            text.push(char);
        }
        bytes.clear();
    };
    for token in tokens(pattern) {
        let wildcard = match token {
            Token::Byte(byte) => {
                bytes.push(byte);
                continue;
            }
            Token::Any => '*',
            Token::One => '?',
        };
        flush(&mut text, &mut bytes);
        text.push(wildcard);
    }
    flush(&mut text, &mut bytes);
    // A rule reads a leading `!` as its negation.
    if text.starts_with('!') {
        text.insert(0, '\\');
    }
    text
}

/// The pattern that matches this name and no other.
#[must_use]
pub fn of_name(name: &InterfaceName) -> String {
    let escaped: String = name
        .as_bytes()
        .iter()
        .map(|byte| format!("\\x{byte:02x}"))
        .collect();
    canonical(&escaped)
}

/// The bytes of every name that a pattern matches, up to its first wildcard.
#[must_use]
pub fn literal_start(pattern: &str) -> Vec<u8> {
    let start = tokens(pattern).into_iter().map_while(|token| match token {
        Token::Byte(byte) => Some(byte),
        _ => None,
    });
    start.collect()
}

/// What a pattern begins with that is nothing but a start: `wan` of `wan*`.
#[must_use]
pub fn prefix_of(pattern: &str) -> Option<Vec<u8>> {
    let tokens = tokens(pattern);
    let start = literal_start(pattern);
    let is_prefix = tokens.len() == start.len() + 1 && tokens.last() == Some(&Token::Any);
    is_prefix.then_some(start)
}

/// Bytes that every name has which the pattern matches.
#[must_use]
pub fn shortest(pattern: &str) -> usize {
    let tokens = tokens(pattern);
    tokens.iter().filter(|token| **token != Token::Any).count()
}

/// The first character that may not stand in a configuration without an escape, or the
/// backslash that begins none.
#[must_use]
pub fn needs_escape(pattern: &str) -> Option<char> {
    let fits = |char: char| char.is_alphanumeric() || "_.-+*?#$%&=~".contains(char);
    let mut rest = pattern;
    while let Some((piece, after)) = Piece::first(rest) {
        match piece {
            Piece::Plain(char) if !fits(char) => return Some(char),
            _ => rest = after,
        }
    }
    None
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some((piece, after)) = Piece::first(rest) {
        match piece {
            Piece::Plain('*') => tokens.push(Token::Any),
            Piece::Plain('?') => tokens.push(Token::One),
            Piece::Escaped(byte) => tokens.push(Token::Byte(byte)),
            Piece::Plain(char) => {
                let mut buffer = [0; 4];
                let bytes = char.encode_utf8(&mut buffer).bytes();
                tokens.extend(bytes.map(Token::Byte));
            }
        }
        rest = after;
    }
    tokens
}

fn match_tokens(pattern: &[Token], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern.iter(), name.iter());
    // Where to go on after the last `*`, should what follows it not fit: one byte later.
    let mut resume = None;
    loop {
        let rest = name.clone();
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some(Token::Any), _) => {
                name = rest;
                resume = Some((pattern.clone(), name.clone()));
                continue;
            }
            (Some(Token::One), Some(_)) => continue,
            (Some(Token::Byte(wanted)), Some(found)) if wanted == found => continue,
            _ => {}
        }
        let Some((after, mut from)) = resume.take() else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        pattern = after.clone();
        name = from.clone();
        resume = Some((after, from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_match_bytes() {
        for (pattern, name) in [
            ("eth0", "eth0"),
            ("wan*", "wan"),
            ("e?h*0", "eth10"),
            ("*", r"\xff"),
            ("?", r"\xff"),
            ("a?b", r"a\\b"),
            (r"\xff*", r"\xff0"),
            (r"\x65th0", "eth0"),
            (r"a\*b", "a*b"),
            (r"a\\b", r"a\\b"),
            ("a*b", "a*b"),
            ("??", "\u{e2}"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("eth0", "eth01"),
            ("wan?", "wan"),
            (r"a\*b", "axb"),
            (r"\xff", "xff"),
            ("", "lo"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn an_escaped_wildcard_is_no_wildcard() {
        assert!(is_glob("eth*") && is_glob(r"\\*") && is_glob("eth?"));
        assert!(!is_glob(r"eth\*") && !is_glob(r"eth\x2a") && !is_glob("eth0"));
        assert_eq!(exact(r"eth\*").unwrap(), "eth*");
        assert_eq!(exact("eth*"), None);
    }

    #[test]
    fn a_canonical_pattern_means_the_same() {
        for (pattern, text) in [
            ("eth*", "eth*"),
            (r"\x65th\x2a", r"eth\*"),
            (r"\xFF?", r"\xff?"),
            (r"\!a", r"\!a"),
            (r"a\[b", "a[b"),
        ] {
            assert_eq!(canonical(pattern), text);
        }
    }

    #[test]
    fn a_prefix_ends_in_the_only_wildcard() {
        assert_eq!(prefix_of("wan*").unwrap(), b"wan");
        assert_eq!(prefix_of("*").unwrap(), b"");
        for pattern in ["wan", "w*n*", r"wan\*", "wan?"] {
            assert_eq!(prefix_of(pattern), None, "{pattern}");
        }
    }

    /// The definition, slow and plain.
    fn by_definition(pattern: &[u8], name: &[u8]) -> bool {
        match pattern {
            [] => name.is_empty(),
            [b'*', rest @ ..] => (0..=name.len()).any(|skip| by_definition(rest, &name[skip..])),
            [b'?', rest @ ..] => !name.is_empty() && by_definition(rest, &name[1..]),
            [wanted, rest @ ..] => name.first() == Some(wanted) && by_definition(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,8}", name in "[ab*?]{0,8}") {
            let wanted = by_definition(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(matches(&pattern, &name), wanted);
            prop_assert_eq!(matches(&canonical(&pattern), &name), wanted);
        }

        #[test]
        fn a_name_is_matched_by_its_own_pattern(
            bytes in proptest::collection::vec(any::<u8>(), 1..16)
        ) {
            let name = InterfaceName::from_bytes(&bytes);
            prop_assert_eq!(exact(&of_name(&name)), Some(name));
        }
    }
}
