//! `include`: files that go on where the main one ends.
//!
//! Owns which files these are and what may stand in them: sets, rules, expectations. Never reads their
//! tables' keys: `set` and `rule` do, as in the main file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::extent::Extent;
use super::field::{Field, Item, Key, Scope, Shape, in_order, no_value};
use super::report::Report;
use super::shelf::Shelf;
use super::top::{self, Draft};
use super::value::{list, path};
use crate::config::load::{ReadFile, unreadable};
use crate::config::problem::Problem;
use crate::config::source::{FileError, Files, Role};
use crate::names::words::{nearest, quoted};

/// The key of the main file.
pub(super) const FIELD: Field<Draft> = Field {
    key: Key::list(
        "include",
        Shape::Text,
        "a path such as \"/etc/xdp-fw.d/*.toml\"",
        "Files with more sets and rules, in name order; their rules follow those of this file.",
    ),
    // They are read before anything else: their sets are known everywhere.
    read: |_, item, scope| {
        list(item, scope, path);
    },
    print: no_value,
};

/// The keys of an included file.
static INCLUDED: &[Field<Draft>] = &[top::SETS, top::RULES, top::EXPECTATIONS];

/// The names of the keys of an included file.
pub(super) fn keys() -> Vec<&'static str> {
    INCLUDED.iter().map(|field| field.key.name).collect()
}

/// What is included, and what could not be.
#[derive(Default)]
pub(super) struct Included {
    pub(super) files: Vec<ReadFile>,
    /// What is wrong with the list, by offset in the main file.
    pub(super) faults: Vec<(usize, String)>,
    /// What is wrong with the files.
    pub(super) problems: Vec<Problem>,
}

/// Reads every file that the main one includes. What is wrong with the list as such is left to
/// [`FIELD`].
pub(super) fn read<F: Files>(
    main: &ReadFile,
    document: &DeTable<'_>,
    mut extent: Extent,
    shelf: &mut Shelf<'_, F>,
) -> Included {
    let mut included = Included::default();
    let mut seen = BTreeSet::from([main.path.clone()]);
    let directory = main.path.parent().unwrap_or(Path::new(""));
    for entry in listed(main, document) {
        let offset = entry.span().start;
        let pattern = directory.join(entry.into_inner());
        let mut fault = |message| included.faults.push((offset, message));
        let paths = match shelf.expand(&pattern) {
            Ok(paths) => paths,
            Err(why) => {
                fault(why);
                continue;
            }
        };
        for path in paths {
            if path == main.path {
                let this = quoted(&path.display().to_string());
                fault(format!("{this} includes itself; expected other files"));
            }
            if !seen.insert(path.clone()) {
                continue;
            }
            match shelf.files.read(&path, Role::Main) {
                Ok(text) => {
                    let file = ReadFile { path, text };
                    match extent.take(&file) {
                        Ok(()) => included.files.push(file),
                        Err(problem) => {
                            included.problems.push(problem);
                            // Whatever else there is, there is no room for it.
                            return included;
                        }
                    }
                }
                Err(FileError::Missing) => fault(format!(
                    "{} does not exist; create it, or correct the path",
                    path.display()
                )),
                Err(error) => included.problems.push(unreadable(&path, &error)),
            }
        }
    }
    included
}

/// The good entries of `include`, without a word on the others.
fn listed(main: &ReadFile, document: &DeTable<'_>) -> Vec<Spanned<PathBuf>> {
    let field = top::FIELDS
        .iter()
        .find(|field| field.key.name == FIELD.key.name);
    let value = document.get(FIELD.key.name);
    let (Some(Field { key, .. }), Some(value)) = (field, value) else {
        return Vec::new();
    };
    let values: Vec<_> = match value.get_ref() {
        DeValue::Array(values) => values.iter().collect(),
        _ => vec![value],
    };
    let mut scope = Scope::bare(Report::new(&main.path, &main.text));
    let path = |value| {
        let item = Item {
            key,
            value,
            in_list: true,
        };
        Some(Spanned::new(value.span(), path(&item, &mut scope)?))
    };
    values.into_iter().filter_map(path).collect()
}

/// Reads the sets and rules of an included file.
pub(super) fn read_table(draft: &mut Draft, table: &DeTable<'_>, scope: &mut Scope<'_>) {
    for (key, value) in in_order(table) {
        let known = INCLUDED
            .iter()
            .find(|field| field.key.name == key.get_ref());
        let Some(Field { key, read, .. }) = known else {
            let message = misplaced(key.get_ref());
            scope.report.wrong(key.span().start, message);
            continue;
        };
        let item = Item {
            key,
            value,
            in_list: false,
        };
        read(draft, &item, scope);
    }
}

fn misplaced(word: &str) -> String {
    let subject = quoted(word);
    if top::FIELDS.iter().any(|field| field.key.name == word) {
        return format!(
            "{subject} belongs in the main file; expected only sets, rules and expectations here"
        );
    }
    match nearest(word, INCLUDED.iter().map(|field| field.key.name)) {
        Some(near) => format!("unknown key {subject}; did you mean `{near}`?"),
        None => {
            format!(
                "unknown key {subject} in an included file; expected [set.NAME], [[rule]] or [[expect]]"
            )
        }
    }
}
