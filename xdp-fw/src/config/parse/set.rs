//! `[set.NAME]`: inline prefixes and set files.
//!
//! Owns which files belong to a set and when a set may be empty. Never parses a set file:
//! `set_file` does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ipnetwork::IpNetwork;
use toml::Spanned;
use toml::de::DeTable;

use super::address::plain_prefix;
use super::field::{Field, Item, Key, Scope, Shape, in_order, read_table};
use super::report::Report;
use super::rule::RuleDraft;
use super::set_file::{Shelf, Shelved};
use super::value::{assign, bad_name, entries, flag, is_name, list, table, text};
use super::words::quoted;
use crate::config::defaults::SET_ALLOW_EMPTY;
use crate::config::model::{Addresses, Rule, Set};
use crate::config::source::Files;

/// The keys of `[set.NAME]`.
pub(super) static FIELDS: &[Field<SetDraft>] = &[
    Field {
        key: Key::list(
            "prefixes",
            Shape::Text,
            "an address or a prefix",
            "Addresses and prefixes of both families.",
        ),
        read: |set, item, scope| {
            set.prefixes = list(item, scope, plain_prefix).map(entries);
        },
    },
    Field {
        key: Key::list(
            "files",
            Shape::Text,
            "a path",
            "Files with a prefix per line, # and ; comments; relative to the directory of the configuration.",
        ),
        read: |set, item, scope| assign(&mut set.files, list(item, scope, path)),
    },
    Field {
        key: Key::optional(
            "allow_empty",
            Shape::Flag,
            "true or false",
            "Whether a file without a prefix is fine.",
        )
        .default("false"),
        read: |set, item, scope| assign(&mut set.allow_empty, flag(item, scope)),
    },
];

/// A set whose files are not read yet.
pub(super) struct SetDraft {
    pub(super) name: String,
    /// Byte offset of the table.
    pub(super) offset: usize,
    /// `None` when some could not be read.
    prefixes: Option<Vec<IpNetwork>>,
    files: Vec<Spanned<PathBuf>>,
    allow_empty: bool,
}

/// The names of all sets, known before anything else is read.
pub(super) fn names(document: &DeTable<'_>) -> BTreeSet<String> {
    let sets = document
        .get("set")
        .and_then(|value| value.get_ref().as_table());
    sets.into_iter()
        .flat_map(|sets| sets.keys())
        .map(|name| name.get_ref().to_string())
        .collect()
}

/// Reads every `[set.NAME]`, in file order.
pub(super) fn sets(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Vec<SetDraft>> {
    let mut sets = Vec::new();
    for (name, value) in in_order(table(item, scope)?) {
        let item = Item {
            value,
            in_list: true,
            ..*item
        };
        let Some(keys) = table(&item, scope) else {
            continue;
        };
        if !is_name(name.get_ref()) {
            scope
                .report
                .wrong(name.span().start, bad_name(name.get_ref()));
        }
        sets.push(set(name.get_ref(), item.offset(), keys, scope));
    }
    Some(sets)
}

fn set(name: &str, offset: usize, table: &DeTable<'_>, scope: &mut Scope<'_>) -> SetDraft {
    let mut set = SetDraft {
        name: name.to_owned(),
        offset,
        prefixes: Some(Vec::new()),
        files: Vec::new(),
        allow_empty: SET_ALLOW_EMPTY,
    };
    let label = format!("set {}", quoted(name));
    let keys = read_table(&mut set, FIELDS, (&label, offset), table, scope);
    let has_source = keys.contains_key("prefixes") || keys.contains_key("files");
    if !has_source && !set.allow_empty {
        let message = format!("{label} has neither `prefixes` nor `files`; expected one of them");
        scope.report.absent(offset, message);
    }
    set
}

/// Warns of sets that no rule names.
pub(super) fn report_unused(sets: &[SetDraft], rules: &[RuleDraft], report: &mut Report<'_>) {
    let used: BTreeSet<&str> = rules
        .iter()
        .flat_map(|draft| names_in(&draft.rule))
        .collect();
    for set in sets.iter().filter(|set| !used.contains(set.name.as_str())) {
        let message = format!(
            "set `{0}` is never used; expected a rule with \"@{0}\"",
            set.name
        );
        report.warn(set.offset, message);
    }
}

fn names_in(rule: &Rule) -> impl Iterator<Item = &str> {
    let lists = [&rule.source, &rule.destination].into_iter().flatten();
    lists
        .flat_map(|list| &list.0)
        .filter_map(|entry| match &entry.addresses {
            Addresses::Set(name) => Some(name.as_str()),
            Addresses::Prefix(_) => None,
        })
}

fn path(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<PathBuf> {
    let path = text(item, scope)?;
    if path.is_empty() || path.contains('\0') {
        let what = if path.is_empty() {
            "empty path".into()
        } else {
            format!("{} is not a path", quoted(path))
        };
        let message = format!("{what}; expected the path of a file with a prefix per line");
        scope.report.wrong(item.offset(), message);
        return None;
    }
    Some(PathBuf::from(path))
}

impl SetDraft {
    /// Reads the files. A set that cannot be read completely comes out empty, so that the checks
    /// of the rules that use it claim nothing.
    pub(super) fn fill<F: Files>(
        self,
        directory: &Path,
        shelf: &mut Shelf<'_, F>,
        report: &mut Report<'_>,
    ) -> Set {
        let mut prefixes = self.prefixes;
        let mut files = Vec::with_capacity(self.files.len());
        for file in self.files {
            let offset = file.span().start;
            let path = directory.join(file.into_inner());
            let subject = || format!("set `{}`: {}", self.name, path.display());
            match shelf.prefixes(&path) {
                Shelved::Prefixes([]) if !self.allow_empty => {
                    let message = format!(
                        "{} has no prefix; expected one, or `allow_empty = true`",
                        subject()
                    );
                    report.wrong(offset, message);
                }
                Shelved::Prefixes(more) => {
                    prefixes
                        .iter_mut()
                        .for_each(|all| all.extend_from_slice(more));
                }
                Shelved::Unreadable(why) => {
                    report.wrong(offset, format!("{} {why}", subject()));
                    prefixes = None;
                }
                Shelved::Faulty => prefixes = None,
            }
            files.push(path);
        }
        Set {
            prefixes: prefixes.unwrap_or_default(),
            files,
            position: report.position(self.offset),
        }
    }
}
