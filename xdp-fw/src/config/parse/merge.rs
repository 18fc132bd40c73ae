//! What is said of prefixes that are there twice or lie inside others.
//!
//! Owns the words. Never looks at a prefix.

use crate::config::prefixes::Repeated;

/// What was merged, if anything.
pub(super) fn what(repeated: Repeated) -> Option<String> {
    let Repeated { duplicates, inside } = repeated;
    let duplicates = match duplicates {
        0 => None,
        1 => Some("1 duplicate".to_owned()),
        count => Some(format!("{count} duplicates")),
    };
    let inside = match inside {
        0 => None,
        1 => Some("1 prefix inside another".to_owned()),
        count => Some(format!("{count} prefixes inside others")),
    };
    let verb = if repeated.duplicates + repeated.inside == 1 {
        "is"
    } else {
        "are"
    };
    let parts: Vec<String> = duplicates.into_iter().chain(inside).collect();
    (!parts.is_empty()).then(|| format!("{} {verb} merged", parts.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::prefixes::{Merged, Unsorted};

    fn merge(prefixes: &str) -> (String, Option<String>) {
        let mut unsorted = Unsorted::default();
        for text in prefixes.split(' ') {
            unsorted.push(text.parse().unwrap());
        }
        let Merged { prefixes, repeated } = unsorted.merged();
        let text: Vec<_> = prefixes.iter().map(|prefix| prefix.to_string()).collect();
        (text.join(" "), what(repeated))
    }

    #[test]
    fn duplicates_and_what_lies_inside_others_go() {
        let (kept, what) = merge(
            "10.1.0.0/16 10.0.0.0/8 10.0.0.0/8 10.1.2.3/32 ::/0 2001:db8::/32 10.1.2.3/32 11.0.0.0/8",
        );
        assert_eq!(kept, "10.0.0.0/8 11.0.0.0/8 ::/0");
        let expected = "1 duplicate and 4 prefixes inside others are merged";
        assert_eq!(what.unwrap(), expected);
    }

    #[test]
    fn neighbours_and_families_stay_apart() {
        let (kept, what) = merge("::a00:0/104 10.0.0.0/9 10.128.0.0/9 0.0.0.0/32");
        assert_eq!(kept, "0.0.0.0/32 10.0.0.0/9 10.128.0.0/9 ::a00:0/104");
        assert_eq!(what, None);
    }

    #[test]
    fn one_is_told_from_many() {
        let what = |prefixes| merge(prefixes).1.unwrap();
        assert_eq!(what("10.0.0.0/8 10.0.0.0/8"), "1 duplicate is merged");
        assert_eq!(
            what("10.0.0.0/8 10.1.0.0/16"),
            "1 prefix inside another is merged"
        );
    }
}
