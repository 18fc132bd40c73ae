//! The record beside the object: its digest, its inputs and the tools of the build.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::sources::{self, Inputs};
use crate::command;

const HEADER: &str = "\
# Written by `cargo xtask ebpf`: what xdp-fw.bpf.o was built from, and with what.
# `cargo xtask ebpf --check` builds it again and compares.
";

/// The record of an object.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    /// SHA-256 of the object.
    pub(crate) object: String,
    /// SHA-256 over all inputs.
    pub(crate) sources: String,
    /// The tools that built it.
    pub(crate) tools: Tools,
    /// SHA-256 of each input.
    pub(crate) inputs: Inputs,
}

/// The tools that build an object, and their flags.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Tools {
    /// Release and commit of rustc.
    pub(crate) rustc: String,
    /// The LLVM version of rustc.
    pub(crate) llvm: String,
    /// Version of bpf-linker.
    pub(crate) bpf_linker: String,
    /// The flags of rustc, without those that name directories of the machine.
    pub(crate) flags: Vec<String>,
}

impl Record {
    /// Reads the record in the tree.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = command::read_text(path).context("`cargo xtask ebpf` makes it")?;
        toml::from_str(&text).with_context(|| format!("{} is not a record", path.display()))
    }

    /// Writes it into the tree.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string_pretty(self).context("cannot write a record as TOML")?;
        fs::write(path, format!("{HEADER}\n{text}"))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// A line for each difference in tools and inputs.
    pub(crate) fn differences(&self, now: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let (before, after) = (&self.tools, &now.tools);
        for (tool, before, after) in [
            ("rustc", &before.rustc, &after.rustc),
            ("LLVM", &before.llvm, &after.llvm),
            ("bpf-linker", &before.bpf_linker, &after.bpf_linker),
            ("flags", &before.flags.join(" "), &after.flags.join(" ")),
        ] {
            if before != after {
                lines.push(format!("{tool}: recorded {before}, here {after}"));
            }
        }
        lines.extend(sources::differences(&self.inputs, &now.inputs));
        lines
    }
}

/// One digest over all inputs.
pub(crate) fn digest(inputs: &Inputs) -> String {
    let lines: String = inputs
        .iter()
        .map(|(name, sum)| format!("{sum}  {name}\n"))
        .collect();
    sources::sha256(lines.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            object: "00".to_owned(),
            sources: "11".to_owned(),
            tools: Tools {
                rustc: "1.95.0 (abc)".to_owned(),
                llvm: "22.1.2".to_owned(),
                bpf_linker: "0.13.0".to_owned(),
                flags: vec!["-Cdebuginfo=2".to_owned()],
            },
            inputs: Inputs::from([("xdp-fw-ebpf/src/main.rs".to_owned(), "22".to_owned())]),
        }
    }

    #[test]
    fn a_record_survives_being_written_and_read() {
        let text = toml::to_string_pretty(&record()).unwrap();
        let read: Record = toml::from_str(&text).unwrap();
        assert!(record().differences(&read).is_empty());
        assert_eq!(read.object, "00");
    }

    #[test]
    fn the_digest_over_all_inputs_follows_names_and_sums() {
        let inputs = |name: &str, sum: &str| Inputs::from([(name.to_owned(), sum.to_owned())]);
        assert_eq!(digest(&inputs("a", "1")), digest(&inputs("a", "1")));
        assert_ne!(digest(&inputs("a", "1")), digest(&inputs("b", "1")));
        assert_ne!(digest(&inputs("a", "1")), digest(&inputs("a", "2")));
    }

    #[test]
    fn differences_name_the_compiler_or_the_source() {
        let mut now = record();
        now.tools.rustc = "1.96.0 (def)".to_owned();
        assert_eq!(
            record().differences(&now),
            ["rustc: recorded 1.95.0 (abc), here 1.96.0 (def)"]
        );
        let mut now = record();
        now.inputs
            .insert("xdp-fw-ebpf/src/main.rs".to_owned(), "33".to_owned());
        assert_eq!(
            record().differences(&now),
            ["changed: xdp-fw-ebpf/src/main.rs"]
        );
    }
}
