//! A strict reader of the Prometheus text format 0.0.4.
//!
//! Owns what the format demands, from its specification and from what `promtool check metrics` refuses;
//! shares nothing with the encoder. Panics where a text is wrong.

use std::collections::{BTreeMap, BTreeSet};

/// A family: its type, and its samples by name and labels.
#[derive(Debug, Default)]
pub struct Family {
    /// `counter`, `gauge` or `untyped`; this reader knows no other.
    pub kind: String,
    /// Values by name with labels.
    pub samples: BTreeMap<String, f64>,
}

/// Reads a body; panics with the line that is wrong.
pub fn read(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "the last line has no end");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            check_name(name, line);
            check_escapes(help, "\\n", line);
            assert!(!help.is_empty(), "no help: {line}");
            assert!(helped.insert(name.to_owned()), "twice: {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("{line}"));
            check_name(name, line);
            assert!(["counter", "gauge", "untyped"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(helped.contains(name), "no help before: {line}");
            let kind = kind.to_owned();
            let family = Family {
                kind,
                ..Family::default()
            };
            let before = families.insert(name.to_owned(), family);
            assert!(before.is_none(), "twice: {line}");
            name.clone_into(&mut current);
        } else {
            assert!(!line.starts_with('#'), "no line of this format: {line}");
            let (sample, name, value) = read_sample(line);
            assert_eq!(name, current, "not of the family before: {line}");
            let family = families.get_mut(name).unwrap_or_else(|| panic!("{line}"));
            if family.kind == "counter" {
                assert!(value >= 0.0, "{line}");
            }
            let before = family.samples.insert(sample.to_owned(), value);
            assert!(before.is_none(), "twice: {line}");
        }
    }
    assert!(!families.is_empty(), "nothing in it");
    families
}

/// The sample with its labels, its name, and its value.
fn read_sample(line: &str) -> (&str, &str, f64) {
    let name_end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, rest) = line.split_at(name_end);
    check_name(name, line);
    let labels = rest
        .strip_prefix('{')
        .map_or(0, |inner| 2 + labels(inner, line));
    let (sample, value) = line.split_at(name_end + labels);
    let value = value.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no value: {line}"));
    (sample, name, value)
}

/// Reads `name="value",…` up to the brace, and gives its length.
fn labels(text: &str, line: &str) -> usize {
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        check_name(name, line);
        assert!(!name.contains(':'), "no name of a label: {line}");
        let mut escaped = false;
        let end = after.find(|it| {
            let is_end = it == '"' && !escaped;
            escaped = it == '\\' && !escaped;
            is_end
        });
        let (value, after) = after.split_at(end.unwrap_or_else(|| panic!("{line}")));
        check_escapes(value, "\\n\"", line);
        rest = after.strip_prefix('"').unwrap_or_else(|| panic!("{line}"));
        if rest.starts_with('}') {
            return text.len() - rest.len();
        }
        rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("{line}"));
    }
}

fn check_name(name: &str, line: &str) {
    let is_start = |it: char| it.is_ascii_alphabetic() || it == '_' || it == ':';
    let ok =
        name.starts_with(is_start) && name.chars().all(|it| is_start(it) || it.is_ascii_digit());
    assert!(ok, "no name {name:?}: {line}");
}

/// After a backslash stands one of these.
fn check_escapes(text: &str, allowed: &str, line: &str) {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            let next = characters.next();
            assert!(next.is_some_and(|it| allowed.contains(it)), "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    const GOOD: &str =
        "# HELP a_total A \\\\ \\n.\n# TYPE a_total counter\na_total{x=\"\\\"}\",y=\"\"} 3\n";

    #[test]
    fn a_right_text_is_read() {
        let families = read(GOOD);
        let family = families.get("a_total").unwrap();
        let value = family.samples.get("a_total{x=\"\\\"}\",y=\"\"}");
        assert_eq!((family.kind.as_str(), value), ("counter", Some(&3.0)));
    }

    #[test]
    fn open_metrics_is_refused() {
        for wrong in [
            "# HELP a A\n# TYPE a counter\na_total 1\n".to_owned(),
            "# HELP a A\n# TYPE a info\na_info 1\n".to_owned(),
            format!("{GOOD}# EOF\n"),
            format!("{GOOD}# UNIT a_total seconds\n"),
            GOOD.replace("\\n", "\\\""),
            GOOD.trim_end().to_owned(),
        ] {
            assert!(catch_unwind(|| read(&wrong)).is_err(), "{wrong}");
        }
    }
}
