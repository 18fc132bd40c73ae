//! The version and the directories of the compiler.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::{command, workspace::Workspace};

/// The compiler that cargo uses in this checkout.
pub(crate) struct Rustc {
    /// The versions of rustc and LLVM, and the host.
    pub(crate) version: Version,
    /// The directory with its libraries.
    pub(crate) sysroot: PathBuf,
}

/// The parts of `rustc -vV` that a build depends on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// "1.95.0".
    pub(crate) release: String,
    /// The full hash, or "unknown" for a compiler built from a tarball.
    pub(crate) commit: String,
    /// "x86_64-unknown-linux-gnu".
    pub(crate) host: String,
    /// "22.1.2".
    pub(crate) llvm: String,
}

impl Rustc {
    /// Runs the compiler and reads its answer.
    pub(crate) fn ask(workspace: &Workspace) -> Result<Self> {
        let text = command::output(workspace.command("rustc")?.arg("-vV"))?;
        let sysroot = command::output(workspace.command("rustc")?.args(["--print", "sysroot"]))?;
        Ok(Self {
            version: Version::parse(&text)?,
            sysroot: PathBuf::from(sysroot.trim()),
        })
    }

    /// The path at which cargo expects the source of the standard library.
    pub(crate) fn rust_src(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust")
    }

    /// The directory of the compiler's shared libraries, including its LLVM.
    pub(crate) fn library_dir(&self) -> PathBuf {
        self.sysroot.join("lib")
    }

    /// The `objcopy` that comes with the compiler.
    pub(crate) fn objcopy(&self) -> PathBuf {
        self.sysroot
            .join("lib/rustlib")
            .join(&self.version.host)
            .join("bin/rust-objcopy")
    }
}

impl Version {
    /// Parses the output of `rustc -vV`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let field = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim().to_owned())
                .with_context(|| format!("`rustc -vV` prints no \"{name}\""))
        };
        Ok(Self {
            release: field("release")?,
            commit: field("commit-hash")?,
            host: field("host")?,
            llvm: field("LLVM version")?,
        })
    }

    /// The major version of LLVM, which names a feature of bpf-linker.
    pub(crate) fn llvm_major(&self) -> &str {
        self.llvm.split('.').next().unwrap_or(&self.llvm)
    }

    /// The release and commit, which differ between compilers.
    pub(crate) fn identity(&self) -> String {
        format!("{} ({})", self.release, self.commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STABLE: &str = "\
rustc 1.95.0 (59807616e 2026-04-14)
binary: rustc
commit-hash: 59807616e1fa2540724bfbac14d7976d7e4a3860
commit-date: 2026-04-14
host: x86_64-unknown-linux-gnu
release: 1.95.0
LLVM version: 22.1.2
";

    #[test]
    fn compiler_version_is_parsed() {
        let version = Version::parse(STABLE).unwrap();
        assert_eq!(version.release, "1.95.0");
        assert_eq!(version.commit, "59807616e1fa2540724bfbac14d7976d7e4a3860");
        assert_eq!(version.host, "x86_64-unknown-linux-gnu");
        assert_eq!(version.llvm, "22.1.2");
        assert_eq!(version.llvm_major(), "22");
    }

    #[test]
    fn a_missing_line_is_named() {
        let error = Version::parse("release: 1.95.0\n").unwrap_err();
        assert!(error.to_string().contains("\"commit-hash\""), "{error}");
    }

    #[test]
    fn a_short_llvm_version_still_has_a_major() {
        let text = STABLE.replace("22.1.2", "23");
        assert_eq!(Version::parse(&text).unwrap().llvm_major(), "23");
    }
}
