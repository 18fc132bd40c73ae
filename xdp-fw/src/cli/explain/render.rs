//! One packet's fate for people.

use std::fmt::Write as _;

use crate::cli::table::Audience;
use crate::cli::wrap::labelled;

use super::report::{Interface, JudgedBy, Named, Report};

/// Where values begin, in columns.
const MARGIN: usize = 11;

/// The verdict, what led to it, and every rule that was asked.
pub(super) fn text(report: &Report, audience: Audience) -> String {
    let width = audience.text_width();
    let mut text = String::new();
    line(&mut text, width, "verdict", &verdict(report));
    let reason = report.reason.unwrap_or("unknown to this version");
    // The verdict says it where the default decides.
    let is_said = report.rule.is_some() || report.reason == Some("default");
    if let Some(meaning) = report.meaning.filter(|_| !is_said) {
        let reason = [Some(reason), report.essential].into_iter().flatten();
        let reason = reason.collect::<Vec<_>>().join(" ");
        line(&mut text, width, "reason", &format!("{reason}: {meaning}"));
    }
    line(&mut text, width, "packet", &report.packet.text);
    if !report.packet.details.is_empty() {
        line(&mut text, width, "", &report.packet.details);
    }
    line(&mut text, width, "interface", &interface(&report.interface));
    line(&mut text, width, "judged by", &judged_by(&report.judged_by));
    for left_out in &report.left_out {
        line(&mut text, width, "left out", left_out);
    }
    match (&report.rules, &report.unknown) {
        (_, Some(unknown)) => {
            let note = format!("which ones were asked is not known: {unknown}");
            line(&mut text, width, "rules", &note);
        }
        (Some(rules), None) if rules.is_empty() && report.reason != Some("default") => {
            line(&mut text, width, "rules", "none was asked");
        }
        _ => {}
    }
    text.push_str(&rules(report, width));
    text
}

fn verdict(report: &Report) -> String {
    match (&report.rule, report.reason) {
        (Some(rule), _) => format!("{} by rule {}", report.verdict, place(rule)),
        (None, Some("default")) => format!("{} by default_action", report.verdict),
        (None, reason) => format!("{} ({})", report.verdict, reason.unwrap_or("unknown")),
    }
}

/// `2 no-ssh, /etc/xdp-fw.toml:20:1`.
fn place(rule: &Named) -> String {
    let mut text = match rule.number {
        Some(number) => format!("{number} {}", rule.name),
        None => rule.name.clone(),
    };
    if let Some(at) = &rule.position {
        let _ = write!(text, ", {}:{}:{}", at.file.display(), at.line, at.column);
    }
    text
}

fn interface(interface: &Interface) -> String {
    match (&interface.name, interface.known) {
        (Some(name), true) => format!("{name} ({})", interface.why),
        (Some(name), false) => {
            format!("{name} does not exist on this host: judged as an interface that no rule names")
        }
        (None, true) => format!(
            "an interface of another network namespace ({})",
            interface.why
        ),
        (None, false) => "no interface is filtered: this host passes the packet".to_owned(),
    }
}

pub(super) fn judged_by(by: &JudgedBy) -> String {
    match (by.generation, &by.file) {
        (Some(number), _) => format!("the kernel: generation {number}, in force"),
        (None, Some(file)) if by.program == "kernel" => {
            format!("the kernel: a private instance of {}", file.display())
        }
        (None, file) => {
            let file = file.as_deref().unwrap_or_else(|| std::path::Path::new(""));
            format!(
                "this program on the host, not the kernel: {}",
                file.display()
            )
        }
    }
}

/// A line per rule that was asked.
fn rules(report: &Report, width: usize) -> String {
    let asked = report.rules.as_deref().unwrap_or_default();
    let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let number = longest(
        &mut asked
            .iter()
            .map(|it| it.rule.number.unwrap_or(0).to_string().len()),
    );
    let name = longest(&mut asked.iter().map(|it| it.rule.name.len())).min(32);
    let mut text = String::new();
    for (index, step) in asked.iter().enumerate() {
        if index == 0 {
            text.push('\n');
        }
        let shown = step.rule.number.unwrap_or(0);
        let label = format!("{shown:>number$} {:<name$}", step.rule.name);
        text += &labelled(&label, number + name + 3, &step.text, width);
    }
    text
}

fn line(text: &mut String, width: usize, label: &str, value: &str) {
    text.push_str(&labelled(label, MARGIN, value, width));
}
