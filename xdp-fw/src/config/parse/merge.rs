//! Merges prefixes that are there twice or lie inside others.
//!
//! Owns the count of what was merged. Never joins neighbours: that would be another list than
//! the operator's.

use ipnetwork::IpNetwork;

/// Prefixes without those that add nothing, and how many these were.
pub(super) struct Merged {
    /// Sorted; none lies inside another.
    pub(super) prefixes: Vec<IpNetwork>,
    duplicates: usize,
    inside: usize,
}

/// Sorts and merges canonical prefixes.
pub(super) fn merged(mut prefixes: Vec<IpNetwork>) -> Merged {
    // By family, then by address, the shortest prefix of an address first: what lies inside a
    // prefix follows it, with nothing in between that does not.
    if !prefixes.is_sorted() {
        prefixes.sort_unstable();
    }
    let (mut duplicates, mut inside) = (0, 0);
    prefixes.dedup_by(|next, kept| {
        let is_same = next == kept;
        let is_inside = !is_same && kept.contains(next.ip());
        duplicates += usize::from(is_same);
        inside += usize::from(is_inside);
        is_same || is_inside
    });
    Merged {
        prefixes,
        duplicates,
        inside,
    }
}

impl Merged {
    /// What was merged, if anything.
    pub(super) fn what(&self) -> Option<String> {
        let duplicates = match self.duplicates {
            0 => None,
            1 => Some("1 duplicate".to_owned()),
            count => Some(format!("{count} duplicates")),
        };
        let inside = match self.inside {
            0 => None,
            1 => Some("1 prefix inside another".to_owned()),
            count => Some(format!("{count} prefixes inside others")),
        };
        let parts: Vec<String> = duplicates.into_iter().chain(inside).collect();
        let verb = if self.duplicates + self.inside == 1 {
            "is"
        } else {
            "are"
        };
        (!parts.is_empty()).then(|| format!("{} {verb} merged", parts.join(" and ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(prefixes: &str) -> (String, Option<String>) {
        let parse = |text: &str| text.parse().unwrap();
        let merged = merged(prefixes.split(' ').map(parse).collect());
        let text: Vec<_> = merged.prefixes.iter().map(ToString::to_string).collect();
        (text.join(" "), merged.what())
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
