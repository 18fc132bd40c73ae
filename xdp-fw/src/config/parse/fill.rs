//! Fills the sets: from their own lists, their files, and the sets that they name.
//!
//! Owns the order in which sets are filled and the search for one that contains itself. Never
//! reads a set file: `shelf` has them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnetwork::IpNetwork;
use toml::Spanned;

use super::Document;
use super::merge;
use super::report::Report;
use super::set::SetDraft;
use super::shelf::{Shelf, Shelved};
use super::within::{Meter, Taken};
use crate::config::defaults::MAX_SET_FILES;
use crate::config::meter::{Amount, Room};
use crate::config::model::{Position, Set};
use crate::config::prefixes::{Merged, Prefixes, Unsorted};
use crate::config::problem::{Place, Problem};
use crate::config::source::Files;
use crate::names::words;

/// A set on its way: what it has by itself, and which sets it waits for.
struct Filling {
    /// Index of the document that defines it.
    document: usize,
    /// Byte offset of its table there.
    offset: usize,
    position: Position,
    /// What it lists itself and what its files list; `None` when some could not be read.
    parts: Option<Vec<Merged>>,
    /// What it lists itself.
    inline: Merged,
    files: Vec<PathBuf>,
    members: Vec<Spanned<String>>,
}

type Fillings = BTreeMap<String, Filling>;
/// The sets that are filled; `None` for one that cannot be.
type Full = BTreeMap<String, Option<Arc<Prefixes>>>;

/// Every set of all documents. One that cannot be filled completely comes out empty, so that the
/// checks of the rules that use it claim nothing.
pub(super) fn sets<F: Files>(
    documents: &mut [Document<'_>],
    shelf: &mut Shelf<'_, F>,
) -> BTreeMap<String, Set> {
    let mut fillings = Fillings::new();
    for (index, document) in documents.iter_mut().enumerate() {
        let directory = document.path.parent().unwrap_or(Path::new(""));
        for draft in std::mem::take(&mut document.sets) {
            let name = draft.name.clone();
            let filling = draft.read(index, directory, shelf, &mut document.report);
            // A name that is taken is a mistake of its own.
            fillings.entry(name).or_insert(filling);
        }
    }
    let mut full = Full::new();
    for name in in_order(&fillings) {
        if let Some(filling) = fillings.get_mut(&name) {
            let prefixes = filling.finish(&name, &full, documents, &mut shelf.meter);
            full.insert(name, prefixes);
        }
    }
    report_circles(&fillings, &full, documents);
    let set = |(name, filling): (String, Filling)| {
        let prefixes = full.remove(&name).flatten().unwrap_or_default();
        let members = filling.members().map(str::to_owned).collect();
        let Filling {
            files,
            position,
            inline,
            ..
        } = filling;
        let set = Set {
            prefixes,
            inline: inline.prefixes,
            members,
            files,
            position,
        };
        (name, set)
    };
    fillings.into_iter().map(set).collect()
}

/// The names of the sets, each after all that it contains; without those that wait for
/// themselves.
fn in_order(fillings: &Fillings) -> Vec<String> {
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut containing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, filling) in fillings {
        let members: BTreeSet<&str> = filling.members().collect();
        waiting.insert(name, members.len());
        for member in members {
            containing.entry(member).or_default().push(name);
        }
    }
    let ready = waiting.iter().filter(|(_, count)| **count == 0);
    let mut ready: Vec<&str> = ready.map(|(name, _)| *name).collect();
    let mut order = Vec::with_capacity(fillings.len());
    while let Some(name) = ready.pop() {
        order.push(name.to_owned());
        for container in containing.get(name).into_iter().flatten() {
            let count = waiting.entry(container).or_default();
            *count = count.saturating_sub(1);
            if *count == 0 {
                ready.push(container);
            }
        }
    }
    order
}

/// Reports each circle among the sets that still wait for each other, once.
fn report_circles(all: &Fillings, full: &Full, documents: &mut [Document<'_>]) {
    let waiting = all.iter().filter(|(name, _)| !full.contains_key(*name));
    let waiting: BTreeMap<&str, &Filling> = waiting
        .map(|(name, filling)| (name.as_str(), filling))
        .collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut starts: Vec<(&&str, &&Filling)> = waiting.iter().collect();
    starts.sort_by_key(|(_, filling)| (filling.document, filling.offset));
    for (start, _) in starts {
        let mut walk: Vec<(&str, &Filling, usize)> = Vec::new();
        let mut at = *start;
        while seen.insert(at) {
            // Each of these waits for another one, or it would not be here.
            let Some((name, filling)) = waiting.get_key_value(at) else {
                break;
            };
            let mut members = filling.members.iter();
            let is_waiting =
                |member: &&Spanned<String>| waiting.contains_key(member.get_ref().as_str());
            let Some(next) = members.find(is_waiting) else {
                break;
            };
            walk.push((name, filling, next.span().start));
            at = next.get_ref();
        }
        let Some(from) = walk.iter().position(|(name, _, _)| *name == at) else {
            continue;
        };
        let circle = walk.get(from..).unwrap_or_default();
        if let Some((name, filling, offset)) = circle.first()
            && let Some(document) = documents.get_mut(filling.document)
        {
            let names = circle.iter().map(|(name, _, _)| format!("`{name}` → "));
            let message = format!(
                "set `{name}` contains itself: {}`{name}`; expected one of these without the next",
                names.collect::<String>()
            );
            document.report.wrong(*offset, message);
        }
    }
}

impl Filling {
    fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.get_ref().as_str())
    }

    /// Adds the members, which are all in `full`, and merges what is there twice.
    fn finish(
        &mut self,
        name: &str,
        full: &Full,
        documents: &mut [Document<'_>],
        meter: &mut Meter,
    ) -> Option<Arc<Prefixes>> {
        let mut parts = self.parts.take()?;
        for member in self.members() {
            let prefixes = full.get(member)?.clone()?;
            let amount = Amount::of(&prefixes);
            self.counted(name, documents, meter.take(|room| room.take(amount)))?;
            parts.push(Merged {
                prefixes,
                ..Merged::default()
            });
        }
        if parts.len() > 1 {
            let copies = |room: &mut Room| {
                let mut parts = parts.iter();
                parts.try_for_each(|part| room.take_copy(Amount::of(&part.prefixes)))
            };
            self.counted(name, documents, meter.take(copies))?;
        }
        let merged = Merged::union(&parts);
        if let Some(what) = merge::what(merged.repeated)
            && let Some(document) = documents.get_mut(self.document)
        {
            let message = format!("set {}: {what}", words::quoted(name));
            // Feeds overlap: there is nothing to do about it.
            document.report.note(self.offset, message);
        }
        Some(merged.prefixes)
    }
}

impl Filling {
    /// Whether there is room for the set; where there is none from here on, says so.
    fn counted(&self, name: &str, documents: &mut [Document<'_>], taken: Taken) -> Option<()> {
        let passed = match taken {
            Taken::All => return Some(()),
            Taken::Passes(passed) => passed,
            Taken::Nothing => return None,
        };
        let document = documents.get_mut(self.document)?;
        let message = format!("set {}: {passed}", words::quoted(name));
        document.report.wrong(self.offset, message);
        None
    }
}

/// The prefixes of a list, each of which was warned of where it is repeated.
fn listed(prefixes: Vec<IpNetwork>) -> Vec<Merged> {
    let mut unsorted = Unsorted::default();
    prefixes
        .into_iter()
        .for_each(|prefix| unsorted.push(prefix));
    vec![unsorted.merged()]
}

impl SetDraft {
    /// Reads the files.
    fn read<F: Files>(
        self,
        document: usize,
        directory: &Path,
        shelf: &mut Shelf<'_, F>,
        report: &mut Report<'_>,
    ) -> Filling {
        let parts = self.prefixes.map(listed);
        let mut filling = Filling {
            document,
            offset: self.offset,
            position: report.position(self.offset),
            inline: Merged::union(parts.as_deref().unwrap_or_default()),
            parts,
            files: Vec::new(),
            members: self.members,
        };
        let own = filling.parts.iter().flatten();
        let own = own.map(|part| Amount::of(&part.prefixes)).next();
        let own = own.unwrap_or_default();
        if let Taken::Passes(passed) = shelf.meter.take(|room| room.take(own)) {
            let message = format!("set {}: {passed}", words::quoted(&self.name));
            report.wrong(self.offset, message);
        }
        for file in self.files {
            let offset = file.span().start;
            let pattern = directory.join(file.into_inner());
            let mut wrong = |why: String| {
                report.wrong(offset, format!("set `{}`: {why}", self.name));
            };
            let paths = match shelf.expand(&pattern) {
                Ok(paths) => paths,
                Err(why) => {
                    wrong(why);
                    filling.parts = None;
                    continue;
                }
            };
            if paths.is_empty() && !self.allow_empty {
                let pattern = pattern.display();
                wrong(format!(
                    "no file matches {pattern}; expected one, or `allow_empty = true`"
                ));
            }
            for path in paths {
                shelf.named += 1;
                if shelf.named > MAX_SET_FILES {
                    wrong(format!(
                        "with {} there are more than {MAX_SET_FILES} set files; expected fewer and longer ones",
                        path.display()
                    ));
                    filling.parts = None;
                    break;
                }
                filling.add((&self.name, &path), self.allow_empty, shelf, &mut wrong);
                filling.files.push(path);
            }
        }
        filling
    }
}

impl Filling {
    fn add<F: Files>(
        &mut self,
        (name, path): (&str, &Path),
        allow_empty: bool,
        shelf: &mut Shelf<'_, F>,
        wrong: &mut impl FnMut(String),
    ) {
        let shown = path.display();
        match shelf.prefixes(path) {
            Shelved::Prefixes(none) if none.prefixes.is_empty() && !allow_empty => wrong(format!(
                "{shown} has no prefix; expected one, or `allow_empty = true`"
            )),
            Shelved::Prefixes(more) => {
                let more = more.clone();
                let amount = Amount::of(&more.prefixes);
                match shelf.meter.take(|room| room.take(amount)) {
                    Taken::All => {
                        let parts = self.parts.iter_mut();
                        parts.for_each(|parts| parts.push(more.clone()));
                    }
                    Taken::Passes(passed) => {
                        wrong(format!("{shown}: {passed}"));
                        self.parts = None;
                    }
                    Taken::Nothing => self.parts = None,
                }
            }
            Shelved::Passes(line, why) => {
                let place = Place::At(Position {
                    file: path.to_path_buf(),
                    line,
                    column: 1,
                });
                let message = format!("set {}: {why}", words::quoted(name));
                shelf.problems.push(Problem { place, message });
                self.parts = None;
            }
            Shelved::Unreadable(why) => {
                wrong(format!("{shown} {why}"));
                self.parts = None;
            }
            Shelved::Faulty => self.parts = None,
        }
    }
}
