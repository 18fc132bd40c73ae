//! `[set.NAME]`: inline prefixes, other sets, and set files.
//!
//! Owns the keys of a set, its name and whether it is used. Never fills one: `fill` does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ipnetwork::IpNetwork;
use toml::Spanned;
use toml::de::DeTable;

use super::Document;
use super::address::{Member, member};
use super::field::{Field, Item, Key, Scope, Shape, Target, in_order, no_value, read_table};
use super::value::{assign, bad_name, flag, is_name, list, path, table};
use crate::config::defaults::SET_ALLOW_EMPTY;
use crate::config::model::{Rule, Set};
use crate::config::print;
use crate::criteria::Addresses;
use crate::names::words::quoted;

/// The keys of `[set.NAME]`.
pub(super) static FIELDS: &[Field<SetDraft>] = &[
    Field {
        key: Key::list(
            "prefixes",
            Shape::Text,
            "an address, a prefix or \"@set\"",
            "Addresses and prefixes of both families, and other sets as a whole.",
        ),
        read: prefixes,
        print: |set, _| print::prefixes(set),
    },
    Field {
        key: Key::list(
            "files",
            Shape::Text,
            "a path such as \"/etc/xdp-fw.d/*.txt\"",
            "Files with a prefix or a range per line, comments after #, ; or //; relative to the directory of the file that names them.",
        ),
        read: |set, item, scope| assign(&mut set.files, list(item, scope, path)),
        print: no_value,
    },
    Field {
        key: Key::default(
            "allow_empty",
            "false",
            Shape::Flag,
            "true or false",
            "Whether a file without a prefix is fine, and a glob without a file.",
        ),
        read: |set, item, scope| assign(&mut set.allow_empty, flag(item, scope)),
        print: |set, _| set.prefixes.is_empty().then(|| "true".to_owned()),
    },
];

/// A set whose files are not read yet.
pub(super) struct SetDraft {
    pub(super) name: String,
    /// Byte offset of the table.
    pub(super) offset: usize,
    /// `None` when some could not be read.
    pub(super) prefixes: Option<Vec<IpNetwork>>,
    /// Sets that belong to it as a whole.
    pub(super) members: Vec<Spanned<String>>,
    /// Files and globs.
    pub(super) files: Vec<Spanned<PathBuf>>,
    pub(super) allow_empty: bool,
}

impl Target for SetDraft {
    type Model = Set;
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
        members: Vec::new(),
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

fn prefixes(set: &mut SetDraft, item: &Item<'_>, scope: &mut Scope<'_>) {
    set.prefixes = None;
    let Some(list) = list(item, scope, member) else {
        return;
    };
    let mut prefixes = Vec::with_capacity(list.len());
    for member in list {
        let span = member.span();
        match member.into_inner() {
            Member::Prefix(prefix) => prefixes.push(prefix),
            Member::Set(name) => set.members.push(Spanned::new(span, name)),
        }
    }
    // Repeated ones were warned of, each at its place.
    prefixes.sort_unstable();
    prefixes.dedup();
    set.prefixes = Some(prefixes);
}

/// Reports names that an earlier file has taken; within one file, they are a syntax error.
pub(super) fn report_repeated_names(documents: &mut [Document<'_>]) {
    let mut first = BTreeMap::new();
    for document in documents {
        for set in &document.sets {
            let position = document.report.position(set.offset);
            let taken = first
                .entry(set.name.clone())
                .or_insert_with(|| position.clone());
            if *taken != position {
                let (name, place) = (quoted(&set.name), taken.seen_from(document.path));
                let message =
                    format!("set {name} is already defined at {place}; expected a name of its own");
                document.report.wrong(set.offset, message);
            }
        }
    }
}

/// Warns of sets that no rule names, nor a set that one does.
pub(super) fn report_unused(documents: &mut [Document<'_>]) {
    let used = used(documents);
    for document in documents {
        for set in &document.sets {
            if !used.contains(&set.name) {
                let message = format!(
                    "set `{0}` is never used; expected a rule with \"@{0}\"",
                    set.name
                );
                document.report.warn(set.offset, message);
            }
        }
    }
}

fn used(documents: &[Document<'_>]) -> BTreeSet<String> {
    let mut members: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for set in documents.iter().flat_map(|document| &document.sets) {
        let names = set.members.iter().map(|member| member.get_ref().as_str());
        members.entry(&set.name).or_default().extend(names);
    }
    let rules = documents.iter().flat_map(|document| &document.rules);
    let mut named: Vec<&str> = rules.flat_map(|draft| names_in(&draft.rule)).collect();
    let mut used = BTreeSet::new();
    while let Some(name) = named.pop() {
        if used.insert(name.to_owned()) {
            named.extend(members.get(name).into_iter().flatten());
        }
    }
    used
}

fn names_in(rule: &Rule) -> impl Iterator<Item = &str> {
    rule.address_lists()
        .flat_map(|list| &list.0)
        .filter_map(|entry| match &entry.addresses {
            Addresses::Set(name) => Some(name.as_str()),
            Addresses::Prefix(_) => None,
        })
}
