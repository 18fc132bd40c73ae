//! The Prometheus text format 0.0.4, made of OpenMetrics.
//!
//! Owns the differences: in the older format a family has the name of its samples, so that a counter
//! is called `…_total`; there is no `info`, no unit and no end mark. The encoder knows OpenMetrics
//! alone.

use std::fmt::Write as _;

/// The same samples in the older format.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut help = None;
    for line in text.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            sample(&mut out, line);
            continue;
        };
        let (keyword, rest) = comment.split_once(' ').unwrap_or((comment, ""));
        let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
        match keyword {
            // It bears the family's name, which the type decides.
            "HELP" => help = Some(value),
            "TYPE" => family(&mut out, name, value, help.take()),
            // `UNIT` and `EOF` would be comments, and mean nothing.
            _ => {}
        }
    }
    out
}

fn family(out: &mut String, name: &str, kind: &str, help: Option<&str>) {
    let (suffix, kind) = match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "gauge" | "stateset" => ("", "gauge"),
        "histogram" => ("", "histogram"),
        "summary" => ("", "summary"),
        _ => ("", "untyped"),
    };
    if let Some(help) = help {
        // The older format knows no quote to escape here.
        let help = help.replace("\\\"", "\"");
        let _ = writeln!(out, "# HELP {name}{suffix} {help}");
    }
    let _ = writeln!(out, "# TYPE {name}{suffix} {kind}");
}

/// A sample is the same in both.
fn sample(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_infos_are_called_as_their_samples() {
        let open = "# HELP a Help: with \\\"quotes\\\" and \\\\.\n# TYPE a counter\n\
                    a_total{x=\"1 # 2\"} 7\n# HELP b B\n# TYPE b info\nb_info{v=\"1\"} 1\n\
                    # HELP c_seconds C\n# TYPE c_seconds gauge\n# UNIT c_seconds seconds\n\
                    c_seconds 0.5\n# EOF\n";
        let text = "# HELP a_total Help: with \"quotes\" and \\\\.\n# TYPE a_total counter\n\
                    a_total{x=\"1 # 2\"} 7\n# HELP b_info B\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n\
                    # HELP c_seconds C\n# TYPE c_seconds gauge\nc_seconds 0.5\n";
        assert_eq!(from_open_metrics(open), text);
    }
}
