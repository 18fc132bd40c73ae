//! The counters for people.

use xdp_fw_common::{Reason, Verdict};

use crate::cli::table::{self, Audience};
use crate::cli::units;
use crate::names::printable;
use crate::names::quantity::grouped;
use crate::timestamp::Timestamp;

use super::report::{Counted, Report};

/// Rules, then the default, then what else there was; totals; interfaces.
pub(super) fn all(report: &Report, audience: Audience, now: Timestamp) -> String {
    let mut rows = rule_rows(report, now);
    rows.push(row(
        "(default)",
        report.default.action,
        report.default.counted,
        now,
    ));
    for reason in report.reasons.iter().filter(|row| row.counted.packets > 0) {
        let name = label(reason.reason);
        rows.push(row(&name, reason.verdict, reason.counted, now));
        if reason.reason == Reason::Essential {
            rows.extend(kinds(report, now));
        }
    }
    let mut text = lay_out(rows, audience);
    text.push_str(&totals(report));
    text.push_str(&interfaces(report));
    text
}

/// What the essentials are made of; their sum stands above them.
fn kinds(report: &Report, now: Timestamp) -> impl Iterator<Item = [String; 5]> {
    let kinds = report.essentials.iter().filter(|row| row.packets > 0);
    kinds.map(move |kind| {
        let counted = Counted {
            packets: kind.packets,
            bytes: kind.bytes,
            last_seen: kind.last_seen,
        };
        row(&format!("  {}", kind.kind), "pass", counted, now)
    })
}

/// The rules alone.
pub(super) fn rules(report: &Report, audience: Audience, now: Timestamp) -> String {
    lay_out(rule_rows(report, now), audience)
}

fn rule_rows(report: &Report, now: Timestamp) -> Vec<[String; 5]> {
    let rules = report.rules.iter();
    rules
        .map(|rule| row(&rule.name, &rule.action_in_words(), rule.counted, now))
        .collect()
}

fn row(name: &str, action: &str, counted: Counted, now: Timestamp) -> [String; 5] {
    let last_seen = counted
        .last_seen
        .map(|seen| format!("{} ago", seen.age(now)));
    [
        name.to_owned(),
        action.to_owned(),
        grouped(counted.packets),
        units::bytes(counted.bytes),
        last_seen.unwrap_or_else(|| "never".to_owned()),
    ]
}

/// In parentheses, which no rule's name has.
fn label(reason: Reason) -> String {
    match reason {
        Reason::Rule => "(removed rules)".to_owned(),
        // Under the other action, which `default_action` had before.
        Reason::Default => "(default, earlier)".to_owned(),
        reason => format!("({})", reason.name()),
    }
}

fn lay_out(rows: Vec<[String; 5]>, audience: Audience) -> String {
    let header = ["rule", "action", "packets", "bytes", "last seen"].map(str::to_owned);
    table::render(audience, header, rows, 2)
}

fn totals(report: &Report) -> String {
    let [passed, dropped] = Verdict::ALL.map(|verdict| {
        let Counted { packets, bytes, .. } = report.total(verdict);
        (grouped(packets), units::bytes(bytes))
    });
    let (passed, passed_bytes) = passed;
    let (dropped, dropped_bytes) = dropped;
    format!("\ntotal: {passed} passed ({passed_bytes}), {dropped} dropped ({dropped_bytes})\n")
}

fn interfaces(report: &Report) -> String {
    if report.interfaces.is_empty() {
        return "on no interface: nothing is filtered\n".to_owned();
    }
    let names = report.interfaces.iter().map(|interface| {
        let mode = interface.mode.unwrap_or("in another network namespace");
        format!("{} ({mode})", interface.name)
    });
    let names = names.collect::<Vec<_>>().join(", ");
    // What others have named; the rest of the text has passed the table.
    format!("on {}\n", printable(&names))
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;
    use crate::daemon::testing::now;

    #[test]
    fn a_terminal_of_80_columns() {
        let mut report = report();
        report.rules[2].name =
            "a-name-that-takes-all-of-the-sixty-three-characters-it-may-have".to_owned();
        report.rules[2].counted.packets = 18_446_744_073_709_551_615 / 4;
        let text = all(&report, Audience::Terminal(80), now().into());
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_pipe_gets_one_line_a_row() {
        insta::assert_snapshot!(all(&report(), Audience::Pipe, now().into()));
    }

    #[test]
    fn one_rule_alone() {
        let mut report = report();
        report.keep("spamhaus").unwrap();
        insta::assert_snapshot!(rules(&report, Audience::Pipe, now().into()));
    }

    #[test]
    fn nothing_attached_is_said() {
        let mut report = report();
        report.interfaces.clear();
        assert!(
            all(&report, Audience::Pipe, now().into())
                .ends_with("\non no interface: nothing is filtered\n")
        );
    }
}
