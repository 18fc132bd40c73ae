//! The difference for people: `+` comes, `-` goes, `~` changes, `>` moves.

use std::fmt::Write as _;

use crate::config::{ExpectationChange, KeyChange, RuleChange, SetChange};
use crate::names::quantity::counted;
use crate::names::quantity::grouped;
use crate::timestamp::Timestamp;

use super::report::Report;

/// How many prefixes of a set are shown, each way, unless all are asked for.
const SHOWN: usize = 5;

/// Settings, rules, sets, and a sum.
pub(super) fn text(report: &Report, full: bool, now: Timestamp) -> String {
    let difference = &report.difference;
    let file = report.file.display();
    let generation = report.generation;
    if !report.changed {
        return format!("{file}: no difference to generation {generation}, which is in force\n");
    }
    let mut text = format!("generation {generation} -> {file}\n");
    heading(&mut text, "settings", difference.settings.is_empty());
    for key in &difference.settings {
        push(&mut text, &format!("~ {}", changed_key(key)));
    }
    heading(&mut text, "rules", difference.rules.is_empty());
    for rule in &difference.rules {
        rule_lines(&mut text, rule, report, now);
    }
    heading(&mut text, "sets", difference.sets.is_empty());
    for set in &difference.sets {
        set_lines(&mut text, set, full);
    }
    heading(
        &mut text,
        "expectations",
        difference.expectations.is_empty(),
    );
    for expectation in &difference.expectations {
        expectation_lines(&mut text, expectation);
    }
    push(&mut text, &format!("\n{}", sum(report)));
    text
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn heading(text: &mut String, heading: &str, is_empty: bool) {
    if !is_empty {
        push(text, &format!("\n{heading}"));
    }
}

fn changed_key(key: &KeyChange) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
    format!(
        "{}: {} -> {}",
        key.key,
        value(&key.before),
        value(&key.after)
    )
}

fn rule_lines(text: &mut String, rule: &RuleChange, report: &Report, now: Timestamp) {
    let (sign, place) = match (rule.before, rule.after) {
        (Some(before), None) => ('-', format!("was #{before}")),
        (None, Some(after)) => ('+', format!("#{after}")),
        (Some(before), Some(after)) if rule.moved => ('>', format!("#{before} -> #{after}")),
        (_, after) => ('~', format!("#{}", after.unwrap_or_default())),
    };
    let mut line = format!("{sign} {}  {place}", rule.name);
    if let Some(counted) = report.counted.get(&rule.name) {
        let seen = counted
            .last_seen
            .map_or_else(String::new, |seen| format!(", last {} ago", seen.age(now)));
        let _ = write!(line, "; {} packets{seen}", grouped(counted.packets));
    }
    push(text, &line);
    key_lines(text, &rule.keys);
}

fn key_lines(text: &mut String, keys: &[KeyChange]) {
    for key in keys {
        let side = |sign, value: &Option<String>| {
            let value = value.as_ref()?;
            Some(format!("    {sign} {} = {value}\n", key.key))
        };
        text.extend(side('-', &key.before));
        text.extend(side('+', &key.after));
    }
}

fn expectation_lines(text: &mut String, expectation: &ExpectationChange) {
    let sign = if expectation.added { '+' } else { '-' };
    push(text, &format!("{sign} {}", expectation.packet));
    let is_other = |key: &&KeyChange| key.key != "packet";
    let keys: Vec<_> = expectation.keys.iter().filter(is_other).cloned().collect();
    key_lines(text, &keys);
}

fn set_lines(text: &mut String, set: &SetChange, full: bool) {
    let sign = match (set.before, set.after) {
        (_, None) => '-',
        (None, _) => '+',
        _ => '~',
    };
    let prefixes = |number: Option<usize>| number.map(|number| counted(number as u64, "prefix"));
    let sizes: Vec<String> = [prefixes(set.before), prefixes(set.after)]
        .into_iter()
        .flatten()
        .collect();
    push(
        text,
        &format!("{sign} {}  {}", set.name, sizes.join(" -> ")),
    );
    for (sign, prefixes) in [('-', &set.removed), ('+', &set.added)] {
        let shown = if full { prefixes.len() } else { SHOWN };
        for prefix in prefixes.iter().take(shown) {
            push(text, &format!("    {sign} {prefix}"));
        }
        if prefixes.len() > shown {
            let more = grouped((prefixes.len() - shown) as u64);
            push(
                text,
                &format!("    {sign} and {more} more (--full shows them)"),
            );
        }
    }
}

/// `2 rules added, 1 removed`, and so on, a line each.
fn sum(report: &Report) -> String {
    let rules = &report.difference.rules;
    let rule_counts = [
        (
            "added",
            rules.iter().filter(|rule| rule.before.is_none()).count(),
        ),
        (
            "removed",
            rules.iter().filter(|rule| rule.after.is_none()).count(),
        ),
        (
            "changed",
            rules.iter().filter(|rule| is_changed(rule)).count(),
        ),
        ("moved", rules.iter().filter(|rule| rule.moved).count()),
    ];
    let sets = &report.difference.sets;
    let prefix_counts = [
        ("added", sets.iter().map(|set| set.added.len()).sum()),
        ("removed", sets.iter().map(|set| set.removed.len()).sum()),
    ];
    let expectations = &report.difference.expectations;
    let added = expectations.iter().filter(|it| it.added).count();
    let expectation_counts = [("added", added), ("removed", expectations.len() - added)];
    let settings = report.difference.settings.len();
    let parts = [
        phrase("setting", &[("changed", settings)]),
        phrase("rule", &rule_counts),
        phrase("prefix", &prefix_counts),
        phrase("expectation", &expectation_counts),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join("\n")
}

fn is_changed(rule: &RuleChange) -> bool {
    rule.before.is_some() && rule.after.is_some() && !rule.keys.is_empty()
}

fn phrase(noun: &str, counts: &[(&str, usize)]) -> Option<String> {
    let mut counts = counts.iter().filter(|(_, number)| *number > 0);
    let (verb, first) = counts.next()?;
    let first = format!("{} {verb}", counted(*first as u64, noun));
    let others = counts.map(|(verb, number)| format!(", {number} {verb}"));
    Some(first + &others.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Disk, load};
    use crate::daemon::testing::{now, snapshot};

    fn config(text: &str) -> Config {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fw.toml");
        std::fs::write(&path, format!("interfaces = \"eth0\"\n{text}")).unwrap();
        std::sync::Arc::unwrap_or_clone(load(&path, &Disk).unwrap().config)
    }

    fn told(before: &str, after: &str, full: bool) -> String {
        let file = Path::new("/etc/xdp-fw.toml");
        let report = Report::new(&snapshot(), &config(before), file, &config(after));
        text(&report, full, now().into())
    }

    const BEFORE: &str = "
        [set.office]
        prefixes = ['192.0.2.0/24', '2001:db8::/32']
        [set.spamhaus]
        prefixes = ['198.51.100.1', '198.51.100.3', '198.51.100.5', '198.51.100.7', '198.51.100.9',
                    '198.51.100.11', '198.51.100.13']
        [[rule]]
        name = 'ssh-from-office'
        action = 'pass'
        source = '@office'
        [[rule]]
        name = 'spamhaus'
        action = 'drop'
        source = '@spamhaus'
        [[rule]]
        name = 'web'
        action = 'pass'
        destination_port = 80
    ";

    #[test]
    fn everything_that_can_change_is_told_within_80_columns() {
        let after = "
            default_action = 'drop'
            metrics.listen = false
            [set.office]
            prefixes = ['192.0.2.0/25', '2001:db8::/32']
            [[rule]]
            name = 'web'
            action = 'pass'
            destination_port = [80, 443]
            protocol = 'tcp'
            [[rule]]
            name = 'ssh-from-office'
            action = 'drop'
            source = '@office'
            [[rule]]
            name = 'ping'
            action = 'pass'
            icmp_type = 'echo-request'
        ";
        let text = told(BEFORE, after, false);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn every_prefix_is_shown_when_asked_for() {
        let without = BEFORE.replace("'198.51.100.1', ", "");
        insta::assert_snapshot!(told(BEFORE, &without, true));
        assert_eq!(
            told("", BEFORE, true).matches("    + 198.51.100").count(),
            7
        );
    }

    #[test]
    fn nothing_is_said_in_one_line() {
        insta::assert_snapshot!(told(BEFORE, BEFORE, false));
    }
    #[test]
    fn an_expectation_that_changes_goes_and_comes() {
        let expectation = |verdict: &str| {
            let packet = "icmp 192.0.2.1 > 198.51.100.1 echo-request";
            format!("{BEFORE}\n[[expect]]\npacket = '{packet}'\nverdict = '{verdict}'\n")
        };
        insta::assert_snapshot!(told(&expectation("pass"), &expectation("drop"), false));
    }
}
