//! `xdp-fw check`: what is wrong with a configuration.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{self, Disk};
use crate::daemon::counted;
use crate::policy::{Policy, compile};

use super::{Exit, Failure, Places, output};

/// Check a configuration, without touching anything
#[derive(Debug, Args)]
#[command(after_help = "\
Runs the code that the daemon runs, and prints every problem as file:line:column: what is wrong; \
what was expected. Exits with 0, with 2 if there is a problem, or with 3 if this user may not read \
one of the files.

Examples:
  xdp-fw check
  xdp-fw check ./new.toml --strict && mv ./new.toml /etc/xdp-fw.toml")]
pub(super) struct Check {
    /// The file [default: that of --config]
    file: Option<PathBuf>,
    /// Count warnings as problems
    #[arg(long)]
    strict: bool,
}

impl Check {
    pub(super) fn run(self, places: &Places) -> Result<Exit, Failure> {
        let path = self.file.as_deref().unwrap_or(places.config());
        let (summary, warnings) = check(path)?;
        if self.strict && !warnings.is_empty() {
            return Err(Failure::problems(&warnings.join("\n")));
        }
        output::warn(&warnings);
        output::print(&summary)?;
        Ok(Exit::Ok)
    }
}

/// What there is to say of a good configuration, and its warnings.
fn check(path: &Path) -> Result<(String, Vec<String>), Failure> {
    let loaded = config::load(path, &Disk)?;
    let tables = compile(&Policy::from_config(&loaded.config), &[])
        .map_err(|error| Failure::problems(&format!("{}: {error}", path.display())))?;
    let rules = counted(tables.rules.len() as u64, "rule");
    let prefixes = counted(tables.prefixes, "prefix");
    let interfaces = loaded.config.interfaces.join(", ");
    let path = path.display();
    let summary = format!("{path}: ok: {rules}, {prefixes}, for {interfaces}\n");
    let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
    Ok((summary, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(String, Vec<String>), String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fw.toml");
        std::fs::write(&path, text).unwrap();
        let here = format!("{}/", directory.path().display());
        let result = check(&path);
        result
            .map(|(summary, warnings)| (summary.replace(&here, ""), warnings))
            .map_err(|failure| failure.message.replace(&here, ""))
    }

    #[test]
    fn a_good_file_is_summed_up() {
        let text = "interfaces = [\"eth0\", \"wan*\"]\n\
                    [[rule]]\nname = \"a\"\naction = \"drop\"\nsource = [\"192.0.2.0/24\"]\n";
        let (summary, warnings) = checked(text).unwrap();
        insta::assert_snapshot!(summary, @"fw.toml: ok: 1 rule, 1 prefix, for eth0, wan*");
        assert!(warnings.is_empty());
    }

    #[test]
    fn every_problem_has_its_place() {
        let text = "interface = [\"eth0\"]\n[[rule]]\nname = \"a\"\naction = \"deny\"\n";
        insta::assert_snapshot!(checked(text).unwrap_err());
    }
}
