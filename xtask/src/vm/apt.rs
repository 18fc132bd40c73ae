//! Reads other releases of Debian through this machine's mirrors, without a change to its state.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::command;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An apt with private package lists.
pub(super) struct Apt {
    configuration: PathBuf,
}

impl Apt {
    /// Reads the lists of these suites, from the mirrors of this machine.
    pub(super) fn for_suites(directory: &Path, suites: &[&str]) -> Result<Self> {
        for part in ["state/lists/partial", "cache/archives/partial"] {
            let path = directory.join(part);
            fs::create_dir_all(&path)
                .with_context(|| format!("cannot create {}", path.display()))?;
        }
        let mirrors = mirrors()?;
        let mut sources = String::new();
        for suite in suites {
            let mirror = mirror_of(suite, &mirrors)?;
            sources += &format!("deb [arch=amd64 signed-by={KEYRING}] {mirror} {suite} main\n");
        }
        let apt = Self {
            configuration: directory.join("apt.conf"),
        };
        write(&directory.join("sources.list"), &sources)?;
        write(&apt.configuration, &configuration(directory))?;
        command::run(apt.command("apt-get").args(["-qq", "update"])).with_context(|| {
            format!(
                "cannot read the package lists of {}: kernels are fetched over the network, from \
                 the mirrors that this machine's apt sources name; a release that Debian has \
                 withdrawn from them has to be replaced in xtask/src/vm/kernels.rs",
                suites.join(", ")
            )
        })?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(&self.configuration);
        command
    }

    /// The exact dependencies of a package of a suite or version: names and versions.
    pub(super) fn exact_dependencies(&self, package: &str) -> Result<Vec<(String, String)>> {
        let text = command::output(self.command("apt-cache").args([
            "show",
            "--no-all-versions",
            package,
        ]))?;
        Ok(exact_dependencies(&text))
    }

    /// Downloads `name=version` into a directory.
    pub(super) fn download(&self, packages: &[String], into: &Path) -> Result<()> {
        let mut command = self.command("apt-get");
        command.args(["-qq", "download"]).args(packages);
        command::run(command.current_dir(into))
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Keeps the state of apt below our directory, and ignores the machine's preferences. A mirror that
/// does not answer is an error, not a warning.
fn configuration(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "Dir::State \"{directory}/state\";\n\
         Dir::State::status \"/dev/null\";\n\
         Dir::Cache \"{directory}/cache\";\n\
         Dir::Etc::sourcelist \"{directory}/sources.list\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n\
         APT::Architecture \"amd64\";\n\
         APT::Sandbox::User \"root\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"3\";\n\
         APT::Update::Error-Mode \"any\";\n"
    )
}

/// The mirrors of this machine.
fn mirrors() -> Result<Vec<String>> {
    let mut command = Command::new("apt-get");
    command.args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
    ]);
    let text = command::output(&mut command)
        .context("kernels are taken from Debian's packages, which needs a Debian machine")?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Picks the mirror of a suite. Security updates have another archive; its name shows that.
fn mirror_of<'a>(suite: &str, mirrors: &'a [String]) -> Result<&'a str> {
    let (wanted, what) = if suite.ends_with("-security") {
        ("debian-security", "security updates")
    } else {
        ("debian", "packages")
    };
    let found = mirrors
        .iter()
        .find(|it| it.trim_end_matches('/').rsplit('/').next() == Some(wanted));
    match found {
        Some(mirror) => Ok(mirror),
        None => bail!(
            "this machine's apt knows no archive of Debian's {what} (one that ends in \
             `/{wanted}`), which {suite} would be taken from; add one to its sources"
        ),
    }
}

/// `Depends: linux-image-6.1.0-1-amd64 (= 6.1.1-1), …`; looser dependencies do not matter here.
fn exact_dependencies(text: &str) -> Vec<(String, String)> {
    text.lines()
        .find_map(|line| line.strip_prefix("Depends: "))
        .unwrap_or_default()
        .split([',', '|'])
        .filter_map(|dependency| {
            let (name, version) = dependency.trim().split_once(" (= ")?;
            Some((name.to_owned(), version.strip_suffix(')')?.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_dependencies_count() {
        let text = "Package: linux-image-cloud-amd64\n\
                    Depends: linux-image-6.1.0-1-cloud-amd64 (= 6.1.1-1), kmod, a (>= 2) | b (= 3)\n\
                    Description: x\n";
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(
            exact_dependencies(text),
            [
                pair("linux-image-6.1.0-1-cloud-amd64", "6.1.1-1"),
                pair("b", "3")
            ]
        );
    }

    #[test]
    fn security_updates_come_from_their_own_archive() {
        let mirrors = ["http://mirror/debian-security/", "http://mirror/debian"].map(str::to_owned);
        let of = |suite| mirror_of(suite, &mirrors).unwrap();
        assert_eq!(of("bullseye-security"), "http://mirror/debian-security/");
        assert_eq!(of("trixie-backports"), "http://mirror/debian");
        assert!(mirror_of("trixie", &[]).is_err());
    }
}
