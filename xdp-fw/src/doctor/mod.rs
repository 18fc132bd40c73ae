//! Is this host ready: what is looked at, what is found, and the command that fixes it.
//!
//! Each file is one group of checks: it looks at something first, and then judges what it has seen
//! by a pure function. Nothing here changes anything, and a daemon is not needed.

mod bpffs;
mod configuration;
mod directories;
mod guard;
mod interfaces;
mod kernel;
mod rights;
mod service;
mod source_routes;

use serde::Serialize;

use crate::daemon::Settings;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but not as well as it could, or not for long.
    Warning,
    /// This process may not look.
    Unknown,
    /// It does not work.
    Problem,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it belongs to, such as `kernel`.
    pub group: &'static str,
    /// How much it weighs.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to do, mostly a command in backquotes; `None` where there is nothing to do.
    pub fix: Option<String>,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether all was looked at, and nothing of it is a problem.
    pub ready: bool,
    /// In the order of the groups.
    pub findings: Vec<Finding>,
}

/// Looks at everything.
pub async fn examine(settings: &Settings) -> Report {
    let configuration = configuration::look(&settings.config);
    let listing = crate::interfaces::list().await;
    let daemon = service::ask(&settings.run_dir).await;
    let mut findings = Vec::new();
    findings.extend(kernel::check(&kernel::look()));
    findings.extend(rights::check(&rights::look()));
    findings.extend(bpffs::check(&bpffs::look(&settings.pin_dir)));
    findings.extend(configuration::check(&configuration));
    let config = configuration.config.as_ref();
    let interfaces = interfaces::look(config, &listing, &settings.pin_dir);
    findings.extend(interfaces::check(&interfaces));
    let guard = guard::look(daemon.as_ref().ok(), config);
    findings.extend(guard::check(&guard));
    let service = service::look(daemon, config, &settings.pin_dir);
    findings.extend(service::check(&service));
    for (what, path) in [("state", &settings.state_dir), ("run", &settings.run_dir)] {
        findings.extend(directories::check(&directories::look(what, path)));
    }
    Report::of(findings)
}

impl Report {
    fn of(findings: Vec<Finding>) -> Self {
        let fine = |finding: &Finding| finding.level < Level::Unknown;
        Self {
            ready: findings.iter().all(fine),
            findings,
        }
    }

    /// How many findings there are of a level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.level == level).count()
    }
}

/// Makes the findings of one group.
#[derive(Debug, Clone, Copy)]
struct Group(&'static str);

impl Group {
    fn ok(self, what: impl Into<String>) -> Finding {
        self.finding(Level::Ok, what, None)
    }

    fn warning(self, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        self.finding(Level::Warning, what, Some(fix.into()))
    }

    fn unknown(self, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        self.finding(Level::Unknown, what, Some(fix.into()))
    }

    fn problem(self, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        self.finding(Level::Problem, what, Some(fix.into()))
    }

    fn finding(self, level: Level, what: impl Into<String>, fix: Option<String>) -> Finding {
        Finding {
            group: self.0,
            level,
            what: what.into(),
            fix,
        }
    }
}

/// What helps where this process may not look.
const AS_ROOT: &str = "`sudo xdp-fw doctor`";

#[cfg(test)]
mod tests;
