//! The configuration, read by the code that the daemon runs.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::config::{self, Config, Disk};
use crate::explain::{Judge, compile_named, unmet};
use crate::names::quantity::counted;

use super::{Finding, Group};

const GROUP: Group = Group("configuration");

/// What was seen.
pub(super) struct Configuration {
    pub(super) path: PathBuf,
    /// How much there is in it, or every mistake.
    pub(super) summary: Result<String, Vec<String>>,
    pub(super) warnings: Vec<String>,
    /// What it says.
    pub(super) config: Option<Config>,
}

pub(super) fn look(path: &Path) -> Configuration {
    let loaded = config::load(path, &Disk);
    let (summary, warnings, config) = match loaded {
        Ok(loaded) => {
            let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
            (
                summary(path, &loaded.config),
                warnings,
                Some(std::sync::Arc::unwrap_or_clone(loaded.config)),
            )
        }
        Err(problems) => {
            let problems = problems.problems.iter().map(ToString::to_string).collect();
            (Err(problems), Vec::new(), None)
        }
    };
    Configuration {
        path: path.to_owned(),
        summary,
        warnings,
        config,
    }
}

fn summary(path: &Path, config: &Config) -> Result<String, Vec<String>> {
    let told = |error: &dyn Error| vec![format!("{}: {error}", path.display())];
    let (tables, interfaces) = compile_named(config).map_err(|error| told(&error))?;
    let unmet = unmet(&mut Judge::host(&tables), config, &interfaces);
    let unmet = unmet.map_err(|error| told(&error))?;
    if !unmet.is_empty() {
        return Err(unmet.iter().map(ToString::to_string).collect());
    }
    let rules = counted(tables.rules.len() as u64, "rule");
    Ok(format!("{rules}, {}", counted(tables.prefixes, "prefix")))
}

pub(super) fn check(configuration: &Configuration) -> Vec<Finding> {
    let path = configuration.path.display();
    let mut findings = match &configuration.summary {
        Ok(summary) => vec![GROUP.ok(format!("{path}: {summary}"))],
        Err(problems) => problems
            .iter()
            .map(|problem| match problem.split_once("; run ") {
                Some((what, command)) => GROUP.problem(what, command),
                None => GROUP.problem(problem, format!("correct it, then `xdp-fw check {path}`")),
            })
            .collect(),
    };
    let warnings = configuration.warnings.iter();
    findings.extend(warnings.map(|warning| {
        let fix = format!("see `xdp-fw check {path}`");
        GROUP.warning(warning, fix)
    }));
    findings
}
