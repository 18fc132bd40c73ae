//! `xdp-fw check`: what is wrong with a configuration.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{self, Config, Disk, Handed, Problem};
use crate::explain::{Judge, compile_named, unmet};
use crate::names::printable;
use crate::names::quantity::{counted, few};
use crate::policy::Tables;

use super::{Exit, Failure, Paths, output};

/// Check a configuration, without touching anything
#[derive(Debug, Args)]
#[command(after_help = "\
Runs the code that the daemon runs, and prints every problem as file:line:column: what is wrong; \
what was expected. Runs the packets of [[expect]] too, by the code of the filter built for the host; \
with --kernel in the kernel itself, in a private instance that filters nothing. Exits with 0, with 2 \
if there is a problem, or with 3 if this user may not read one of the files or ask the kernel.

Examples:
  xdp-fw check
  sudo xdp-fw check ./new.toml --kernel
  ./generate-rules | xdp-fw check -
  xdp-fw check ./new.toml --strict && mv ./new.toml /etc/xdp-fw.toml")]
pub(super) struct Check {
    /// The file, or - for standard input [default: that of --config]
    file: Option<PathBuf>,
    /// Count warnings as problems
    #[arg(long)]
    strict: bool,
    /// Have the kernel load it, and run its expectations there
    #[arg(long)]
    kernel: bool,
}

impl Check {
    pub(super) fn run(self, paths: &Paths) -> Result<Exit, Failure> {
        let path = self.file.as_deref().unwrap_or(paths.config());
        let Checked {
            summary,
            warnings,
            notes,
        } = check(path, self.kernel)?;
        if self.strict && !warnings.is_empty() {
            return Err(Failure::problems(&warnings.join("\n")));
        }
        output::warn(&warnings);
        output::note(&notes);
        output::print(&summary)?;
        Ok(Exit::Ok)
    }
}

/// What there is to say of a good configuration.
struct Checked {
    summary: String,
    warnings: Vec<String>,
    notes: Vec<Problem>,
}

fn check(path: &Path, kernel: bool) -> Result<Checked, Failure> {
    let handed = Handed::of(path);
    let (path, loaded) = match &handed {
        Some(handed) => (handed.name(), config::load(handed.name(), handed)?),
        None => (path, config::load(path, &Disk)?),
    };
    let config = &loaded.config;
    let (tables, interfaces) = compile_named(config)
        .map_err(|error| Failure::problems(&format!("{}: {error}", printable(&path.display()))))?;
    let mut judge = if kernel {
        Judge::verify(&tables)?
    } else {
        Judge::host(&tables)
    };
    let unmet = unmet(&mut judge, config, &interfaces)?;
    if !unmet.is_empty() {
        let lines: Vec<String> = unmet.iter().map(ToString::to_string).collect();
        return Err(Failure::problems(&lines.join("\n")));
    }
    let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
    Ok(Checked {
        summary: summary(path, config, &tables, kernel),
        warnings,
        notes: loaded.notes,
    })
}

fn summary(path: &Path, config: &Config, tables: &Tables, kernel: bool) -> String {
    let rules = counted(tables.rules.len() as u64, "rule");
    let prefixes = counted(tables.prefixes, "prefix");
    let expectations = counted(config.expectations.len() as u64, "expectation");
    let done = match (kernel, config.expectations.is_empty()) {
        (false, true) => String::new(),
        (false, false) => format!(", {expectations} met on the host"),
        (true, true) => ", loaded in the kernel".to_owned(),
        (true, false) => format!(", {expectations} met in the kernel"),
    };
    let interfaces = few(config.interfaces.iter(), config.interfaces.len(), ", ");
    let path = path.display();
    let path = printable(&path);
    format!("{path}: ok: {rules}, {prefixes}{done}, for {interfaces}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(String, Vec<String>), String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fw.toml");
        std::fs::write(&path, text).unwrap();
        let here = format!("{}/", directory.path().display());
        let result = check(&path, false);
        result
            .map(|checked| (checked.summary.replace(&here, ""), checked.warnings))
            .map_err(|failure| failure.message.replace(&here, ""))
    }

    #[test]
    fn expectations_are_run_and_counted() {
        let rules = "interfaces = \"eth0\"\n[[rule]]\nname = \"a\"\naction = \"drop\"\nprotocol = \"gre\"\n";
        let expect = |verdict| {
            format!(
                "{rules}[[expect]]\npacket = \"gre 192.0.2.1 > 192.0.2.2\"\nverdict = \"{verdict}\"\n"
            )
        };
        insta::assert_snapshot!(checked(&expect("drop")).unwrap().0, @"fw.toml: ok: 1 rule, 0 prefixes, 1 expectation met on the host, for eth0");
        insta::assert_snapshot!(checked(&expect("pass")).unwrap_err(), @"fw.toml:6:1: `gre 192.0.2.1 > 192.0.2.2` is dropped by rule `a` (line 2); expected pass");
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
