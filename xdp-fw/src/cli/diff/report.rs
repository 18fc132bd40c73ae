//! The difference as `diff --json` has it, which is a contract: adding keys is compatible.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{Config, Difference};
use crate::datapath::Snapshot;
use crate::timestamp::Timestamp;

/// What a file would change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    /// The generation in force.
    pub(super) generation: u64,
    /// The file.
    #[serde(serialize_with = "crate::names::path_text::path")]
    pub(super) file: PathBuf,
    /// Whether it would change anything.
    pub(super) changed: bool,
    #[serde(flatten)]
    pub(super) difference: Difference,
    /// What the rules that go or change have counted, by name; a disabled rule counts nothing.
    pub(super) counted: BTreeMap<String, Counted>,
}

/// What a rule has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Counted {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) last_seen: Option<Timestamp>,
}

impl Report {
    pub(super) fn new(snapshot: &Snapshot, before: &Config, file: &Path, after: &Config) -> Self {
        let difference = Difference::between(before, after);
        let concerns = |name: &str| {
            let mut rules = difference.rules.iter();
            rules.any(|rule| rule.name == name && rule.before.is_some())
        };
        let counted = snapshot.rules.iter().filter(|rule| concerns(&rule.name));
        let counted = counted.map(|rule| {
            let counted = Counted {
                packets: rule.count.packets,
                bytes: rule.count.bytes,
                last_seen: rule.count.last_seen.map(Into::into),
            };
            (rule.name.clone(), counted)
        });
        Self {
            generation: snapshot.generation.number,
            file: file.to_owned(),
            changed: !difference.is_empty(),
            counted: counted.collect(),
            difference,
        }
    }
}
