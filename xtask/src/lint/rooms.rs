//! Which room of `xdp-fw/src` may know which others.
//!
//! Owns the table of allowed arrows, and finds every `use` and path that is not in it. A room is a
//! module of the first level, or of the second where the table names it. Code of tests may know all.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, UseTree};

mod table;

use table::ROOMS;

/// A reference from one room to another that the table does not allow.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Upward {
    file: PathBuf,
    line: usize,
    from: String,
    to: String,
}

/// Fails with every arrow that the table does not allow.
pub(super) fn check(source: &Path) -> Result<()> {
    let mut files = Vec::new();
    collect(source, source, &mut files)?;
    let mut found = BTreeSet::new();
    for file in files {
        let path = source.join(&file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        found.extend(upward(&file, &text)?);
    }
    if found.is_empty() {
        return Ok(());
    }
    for it in &found {
        let (file, line) = (it.file.display(), it.line);
        eprintln!(
            "xdp-fw/src/{file}:{line}: `{}` may not know `{}`",
            it.from, it.to
        );
    }
    bail!(
        "{} arrows between rooms are not allowed: turn them round, or change the table in \
         xtask/src/lint/rooms/table.rs and say why in an ADR",
        found.len()
    )
}

/// The Rust files below a directory, named from `root`, without those of tests.
fn collect(root: &Path, directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if stem == "tests" || stem.ends_with("_tests") || stem == "testing" {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path.strip_prefix(root)?.to_owned());
        }
    }
    Ok(())
}

/// What a file refers to and should not.
fn upward(file: &Path, text: &str) -> Result<Vec<Upward>> {
    let module = module_of(file);
    if module.is_empty() {
        return Ok(Vec::new());
    }
    let parsed = syn::parse_file(text).with_context(|| file.display().to_string())?;
    let mut references = References {
        module,
        found: Vec::new(),
    };
    references.visit_file(&parsed);
    let from = room(&references.module).with_context(|| {
        format!(
            "{}: its room has no row in the table of rooms",
            file.display()
        )
    })?;
    let found = references.found.into_iter().filter_map(|(line, target)| {
        let to = room(&target)?;
        let is_allowed = to.name == from.name || from.may_know.contains(&to.name);
        (!is_allowed).then(|| Upward {
            file: file.to_owned(),
            line,
            from: from.name.to_owned(),
            to: to.name.to_owned(),
        })
    });
    Ok(found.collect())
}

/// The module of a file: `daemon/guard/mod.rs` is `daemon`, `guard`. `lib.rs` and `main.rs` are none.
fn module_of(file: &Path) -> Vec<String> {
    let parts = file.with_extension("");
    let mut parts: Vec<String> = parts
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    match parts.as_slice() {
        [only] if only == "lib" || only == "main" => Vec::new(),
        _ => parts,
    }
}

/// The room that a module is in: the longest name of the table that it begins with. What the crate
/// root itself exports is in none.
fn room(module: &[String]) -> Option<&'static Room> {
    let begins = |room: &&Room| {
        let mut parts = room.name.split('/');
        let count = parts.clone().count();
        module.len() >= count
            && parts.all({
                let mut module = module.iter();
                move |part| module.next().is_some_and(|it| it == part)
            })
    };
    ROOMS
        .iter()
        .filter(begins)
        .max_by_key(|room| room.name.len())
}

/// A room and the rooms that it may refer to.
struct Room {
    name: &'static str,
    may_know: &'static [&'static str],
}

/// Collects the modules that a file refers to, with the line of each.
struct References {
    module: Vec<String>,
    found: Vec<(usize, Vec<String>)>,
}

impl References {
    /// Notes a path that begins at the crate, at this module or above it.
    fn note(&mut self, line: usize, path: &[String]) {
        let mut base = match path.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            _ => return,
        };
        for part in path {
            match part.as_str() {
                "crate" | "self" => {}
                "super" => {
                    base.pop();
                }
                part => base.push(part.to_owned()),
            }
        }
        self.found.push((line, base));
    }

    fn note_use(&mut self, line: usize, tree: &UseTree, path: &mut Vec<String>) {
        match tree {
            UseTree::Path(it) => {
                path.push(it.ident.to_string());
                self.note_use(line, &it.tree, path);
                path.pop();
            }
            UseTree::Group(it) => {
                for tree in &it.items {
                    self.note_use(tree.span().start().line, tree, path);
                }
            }
            UseTree::Name(syn::UseName { ident })
            | UseTree::Rename(syn::UseRename { ident, .. }) => {
                path.push(ident.to_string());
                self.note(line, path);
                path.pop();
            }
            UseTree::Glob(_) => self.note(line, path),
        }
    }
}

impl<'ast> Visit<'ast> for References {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_of_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_use(item.span().start().line, &item.tree, &mut Vec::new());
    }

    /// `pub(in crate::room)` says who may see something: it refers to nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        self.note(path.span().start().line, &parts);
        visit::visit_path(self, path);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether something is compiled for tests alone.
fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident("cfg") && list.is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(file: &str, text: &str) -> Vec<String> {
        let found = upward(Path::new(file), text).unwrap();
        let arrows = found
            .iter()
            .map(|it| format!("{} {} > {}", it.line, it.from, it.to));
        arrows.collect()
    }

    #[test]
    fn upward_use_is_found() {
        assert_eq!(
            arrows(
                "packet/mod.rs",
                "//! A\nuse crate::names;\nuse crate::daemon::Status;\n"
            ),
            ["3 packet > daemon"]
        );
        let group = "use crate::{\n  names,\n  cli::{self, Exit},\n};";
        assert_eq!(
            arrows("packet/parse.rs", group),
            ["3 packet > cli", "3 packet > cli"]
        );
    }

    #[test]
    fn upward_path_is_found() {
        let text = "fn a() {\n  let _ = crate::daemon::b();\n}\nfn c(_: super::super::cli::D) {}";
        assert_eq!(
            arrows("packet/parse.rs", text),
            ["2 packet > daemon", "4 packet > cli"]
        );
    }

    #[test]
    fn own_room_tests_and_lower_rooms_are_allowed() {
        let text = "use super::word;\nuse crate::names;\n#[cfg(test)]\nmod tests {\n  use crate::daemon;\n}";
        assert_eq!(arrows("packet/parse.rs", text), [""; 0]);
    }

    #[test]
    fn room_without_a_row_is_refused() {
        let error = upward(Path::new("attic/mod.rs"), "").unwrap_err();
        assert!(error.to_string().contains("has no row"), "{error}");
    }

    #[test]
    fn table_has_no_circle() {
        // Kahn: a room that knows no remaining room leaves, until none is left.
        let mut left: Vec<&Room> = ROOMS.iter().collect();
        while !left.is_empty() {
            let names: Vec<&str> = left.iter().map(|room| room.name).collect();
            let before = left.len();
            left.retain(|room| room.may_know.iter().any(|known| names.contains(known)));
            let names: Vec<&str> = left.iter().map(|room| room.name).collect();
            assert!(left.len() < before, "a circle among {names:?}");
        }
    }

    #[test]
    fn every_known_room_has_a_row() {
        let names: BTreeSet<&str> = ROOMS.iter().map(|room| room.name).collect();
        for room in &ROOMS {
            for known in room.may_know {
                assert!(names.contains(known), "{} knows {known}", room.name);
            }
        }
    }

    #[test]
    fn tree_keeps_to_the_table() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xdp-fw/src");
        check(&source).unwrap();
    }
}
