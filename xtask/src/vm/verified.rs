//! How far the verifier of a kernel walked, in one sentence out of what the test prints.

/// A filter and its probe, as the test prints them: instructions, and the criteria in use.
fn programs(line: &str) -> Option<(Option<u32>, Option<u32>)> {
    let mut words = line.split_whitespace();
    let mut number = || match words.next()? {
        "?" => Some(None),
        word => Some(Some(word.parse().ok()?)),
    };
    Some((number()?, number()?))
}

/// What came of all of them; `None` if there was none.
pub(super) fn summary<'a>(lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let programs: Vec<_> = lines.filter_map(programs).collect();
    let count = programs.len();
    let filters = programs.iter().filter_map(|(filter, _)| *filter);
    let probes = programs.iter().filter_map(|(_, probe)| *probe);
    match (count, filters.max(), probes.max()) {
        (0, ..) => None,
        (_, Some(filter), Some(probe)) => Some(format!(
            "{count} filters of at most {filter} instructions, and their probes of {probe}"
        )),
        _ => Some(format!(
            "{count} filters and their probes, of how many instructions it does not tell"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_filter_and_the_largest_probe_are_told() {
        let lines = [
            "running 5 tests",
            "  12809   22535  icmp_code",
            "   9000   41471  ",
            "test all_criteria ... ok",
        ];
        assert_eq!(
            summary(lines.into_iter()).unwrap(),
            "2 filters of at most 12809 instructions, and their probes of 41471"
        );
    }

    #[test]
    fn an_old_kernel_does_not_tell_and_a_broken_test_says_nothing() {
        let lines = ["      ?       ?  source vlan +shadow"];
        let of = |lines: &[&'static str]| summary(lines.iter().copied());
        assert!(of(&lines).unwrap().contains("does not tell"));
        assert_eq!(of(&["running 5 tests", "", "3 of"]), None);
    }
}
