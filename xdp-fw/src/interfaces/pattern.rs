//! Globs over interface names: `*` is any run of characters, `?` is one.
//!
//! Owns the two wildcards. There are no character classes and no escapes: no kernel lets `*` or
//! `?` into a name where an operator would want them literally.

/// Whether a pattern has a wildcard; one without names a single interface.
#[must_use]
pub fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Whether `pattern` matches the whole of `name`.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    // Where to go on after the last `*`, should what follows it not fit: one character later.
    let mut resume = None;
    loop {
        let rest = name.clone();
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                name = rest;
                resume = Some((pattern.clone(), name.clone()));
                continue;
            }
            (Some('?'), Some(_)) => continue,
            (Some(wanted), Some(found)) if wanted == found => continue,
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
    fn wildcards_match_as_in_a_shell() {
        for (pattern, name) in [
            ("eth0", "eth0"),
            ("wan*", "wan"),
            ("wan*", "wan0.100"),
            ("*", "lo"),
            ("e?h*0", "eth10"),
            ("*a*b*", "xxaxxbxx"),
            ("en?s?", "enps0"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("eth0", "eth01"),
            ("eth0", "eth"),
            ("wan?", "wan"),
            ("?", ""),
            ("*a*b", "ab0"),
            ("", "lo"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_name_without_wildcards_is_no_glob() {
        assert!(!is_glob("eth0") && is_glob("eth*") && is_glob("eth?"));
    }

    /// The definition, slow and plain.
    fn by_definition(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['*', rest @ ..] => (0..=name.len()).any(|skip| by_definition(rest, &name[skip..])),
            ['?', rest @ ..] => !name.is_empty() && by_definition(rest, &name[1..]),
            [wanted, rest @ ..] => name.first() == Some(wanted) && by_definition(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            let (p, n): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
            prop_assert_eq!(matches(&pattern, &name), by_definition(&p, &n));
        }
    }
}
