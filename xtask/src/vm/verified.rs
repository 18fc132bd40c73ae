//! Summarizes in one sentence how many instructions the verifier of a kernel walked.

/// Parses a line of the test: instructions of a filter and its probe, and the criteria in use.
fn programs(line: &str) -> Option<(Option<u32>, Option<u32>)> {
    let mut words = line.split_whitespace();
    let mut number = || match words.next()? {
        "?" => Some(None),
        word => Some(Some(word.parse().ok()?)),
    };
    Some((number()?, number()?))
}

/// Summarizes all lines; `None` if there are none.
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
            "{count} filters and their probes; this kernel does not report instructions"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_the_largest_filter_and_probe() {
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
    fn an_old_kernel_reports_no_instructions() {
        let lines = ["      ?       ?  source vlan +shadow"];
        let of = |lines: &[&'static str]| summary(lines.iter().copied());
        assert!(of(&lines).unwrap().contains("does not report"));
        assert_eq!(of(&["running 5 tests", "", "3 of"]), None);
    }
}
