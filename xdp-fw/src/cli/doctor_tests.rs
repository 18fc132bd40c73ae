use super::*;

fn finding(group: &'static str, level: Level, what: &str, fix: Option<&str>) -> Finding {
    Finding {
        group,
        level,
        what: what.to_owned(),
        fix: fix.map(str::to_owned),
    }
}

fn report() -> Report {
    let problem = "eth0: ena, MTU 9001, but ena takes the filter up to 3498 only";
    let warning = "constants in programs are blinded, root's too, which slows them down \
                   (net.core.bpf_jit_harden is 2)";
    Report {
        ready: false,
        findings: vec![
            finding("kernel", Level::Ok, "Linux 6.18.44", None),
            finding(
                "kernel",
                Level::Warning,
                warning,
                Some("`sysctl -w net.core.bpf_jit_harden=1`"),
            ),
            finding(
                "rights",
                Level::Unknown,
                "CAP_BPF missing: what the kernel keeps from others was not looked at",
                Some("`sudo xdp-fw doctor`"),
            ),
            finding(
                "interfaces",
                Level::Problem,
                problem,
                Some("`ip link set dev eth0 mtu 3498`"),
            ),
        ],
    }
}

#[test]
fn what_is_wrong_stands_with_what_to_do_in_80_columns() {
    let text = text(&report(), false);
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
    insta::assert_snapshot!(text);
}

#[test]
fn colours_change_nothing_but_colours() {
    let coloured = text(&report(), true);
    let mut plain = coloured;
    for code in ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[35m", "\x1b[0m"] {
        assert!(plain.contains(code), "{code:?}");
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, text(&report(), false));
}

#[test]
fn json_keeps_its_contract() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&report()).unwrap());
}

#[test]
fn the_last_line_says_whether_the_host_is_ready() {
    let summary_of = summary;
    let summary = |levels: &[Level]| {
        let findings = levels.iter().map(|level| finding("x", *level, "y", None));
        let ready = levels.iter().all(|level| *level < Level::Unknown);
        summary_of(&Report {
            ready,
            findings: findings.collect(),
        })
    };
    let told = [
        summary(&[Level::Ok]),
        summary(&[Level::Ok, Level::Warning]),
        summary(&[Level::Unknown, Level::Warning]),
        summary(&[Level::Problem, Level::Problem, Level::Unknown]),
    ];
    insta::assert_snapshot!(told.concat());
}
