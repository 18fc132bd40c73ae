//! Text to a checked [`Config`](super::Config): every problem at once, each with its position.
//!
//! Owns the order of the steps. Never opens a file itself: set files come through [`Files`].
//!
//! `top` leads to `interface`, `set` and `rule`, each a table of fields (`field`) read by the
//! kinds of values (`value`, `address`, `number`, `icmp`, `flags`, `mac`; `criterion` says which); `check` then looks at them together.

mod address;
mod check;
mod criterion;
mod elsewhere;
mod essentials;
mod expect;
mod extent;
mod families;
mod field;
mod fill;
mod flags;
mod icmp;
mod include;
mod interface;
mod mac;
mod mapped;
mod merge;
mod notation;
mod number;
mod range;
mod report;
mod rule;
mod set;
pub(super) mod set_line;
mod shelf;
mod stranger;
mod syntax;
mod top;
mod value;
mod within;

use std::collections::BTreeSet;
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

pub use field::{Key, Presence, Shape};

use self::expect::ExpectationDraft;
use self::extent::Extent;
use self::field::{Field, Scope, Target, print_table, read_table};
use self::report::Report;
use self::rule::RuleDraft;
use self::set::SetDraft;
use self::shelf::Shelf;
use self::top::Draft;
use self::within::Meter;
use super::lint;
use super::load::{self, Loaded, ReadFile};
use super::model::{Config, Expectation, InterfaceOverride, Limits, Metrics, Position, Rule, Set};
use super::print::Written;
use super::problem::{FirstProblems, Place, Problem, Problems};
use super::source::Files;

/// One kind of table of the configuration, for references and tests.
#[derive(Debug)]
pub struct Section {
    /// How it begins in a file; empty for the top level.
    pub header: &'static str,
    /// The key of the top level that it stands under; empty for the top level itself.
    pub name: &'static str,
    /// Its keys, in the order of the reference.
    pub keys: Vec<&'static Key>,
}

/// Every key there is, by the table that it belongs to.
#[must_use]
pub fn reference() -> Vec<Section> {
    fn section<T: Target>(
        header: &'static str,
        name: &'static str,
        fields: &'static [Field<T>],
    ) -> Section {
        Section {
            header,
            name,
            keys: fields.iter().map(|field| &field.key).collect(),
        }
    }
    vec![
        section("", "", top::FIELDS),
        section("[interface.\"PATTERN\"]", "interface", interface::FIELDS),
        section("[set.NAME]", "set", set::FIELDS),
        section("[[rule]]", "rule", &rule::FIELDS),
        section("[[expect]]", "expect", expect::FIELDS),
        section("[metrics]", "metrics", top::METRICS),
        section("[limits]", "limits", top::LIMITS),
    ]
}

/// The keys of a rule that say something.
pub(super) fn print_rule(rule: &Rule) -> Vec<Written> {
    print_table(rule, &rule::FIELDS)
}

/// The keys of `[[expect]]`.
pub(super) fn print_expectation(expectation: &Expectation) -> Vec<Written> {
    print_table(expectation, expect::FIELDS)
}

/// The keys of the top level that have a value.
pub(super) fn print_top(config: &Config) -> Vec<Written> {
    print_table(config, top::FIELDS)
}

/// The keys of `[set.NAME]`: all its prefixes, whatever they came from.
pub(super) fn print_set(set: &Set) -> Vec<Written> {
    print_table(set, set::FIELDS)
}

/// The keys of `[interface."PATTERN"]`.
pub(super) fn print_interface(interface: &InterfaceOverride) -> Vec<Written> {
    print_table(interface, interface::FIELDS)
}

/// The keys of `[metrics]`.
pub(super) fn print_metrics(metrics: &Metrics) -> Vec<Written> {
    print_table(metrics, top::METRICS)
}

/// The keys of `[limits]`.
pub(super) fn print_limits(limits: &Limits) -> Vec<Written> {
    print_table(limits, top::LIMITS)
}

/// A file of the configuration and what is in it.
struct Document<'a> {
    path: &'a Path,
    report: Report<'a>,
    sets: Vec<SetDraft>,
    rules: Vec<RuleDraft>,
    expectations: Vec<ExpectationDraft>,
}

/// Parses the main file, the files that it includes and the set files that they name.
pub(super) fn parse(main: ReadFile, files: &impl Files) -> Result<Loaded, Problems> {
    let mut shelf = Shelf::new(files);
    shelf.watched.insert(main.path.clone());
    let mut extent = Extent::default();
    if let Err(problem) = extent.take(&main) {
        return Err(Problems {
            problems: vec![problem],
            watched: shelf.watched.into_iter().collect(),
            ..Problems::default()
        });
    }
    let table = Toml::of(&main);
    let mut included = include::read(&main, table.document(), extent, &mut shelf);
    let mut tables = vec![table];
    tables.extend(included.files.iter().map(Toml::of));
    let faults = std::mem::take(&mut included.faults);
    let set_names = tables.iter().flat_map(|table| set::names(table.document()));
    let set_names = set_names.collect();
    let documents = read_documents(tables, &set_names);
    let (parsed, mut problems, mut warnings, mut notes) = assemble(documents, faults, &mut shelf);
    problems.extend(included.problems);
    problems.extend(shelf.problems.into_vec());
    let watched = shelf.watched.into_iter().collect();
    if !problems.is_empty() {
        return Err(Problems {
            problems: problems.into_vec(),
            watched,
            ..Problems::default()
        });
    }
    let Parsed {
        config,
        default_action,
    } = parsed;
    warnings.extend(lint::lint(&config, default_action.as_ref()));
    warnings.extend(shelf.warnings.into_vec());
    notes.extend(shelf.notes.into_vec());
    let order = |file: &Path| included.files.iter().position(|other| other.path == file);
    warnings.sort_by_key(|warning| match &warning.place {
        // The main file is none of them, and comes first.
        Place::At(at) => (order(&at.file), at.line, at.column),
        Place::File(file) => (order(file), 0, 0),
    });
    let mut first = FirstProblems::default();
    first.extend(warnings);
    let files: Vec<_> = std::iter::once(main).chain(included.files).collect();
    let set_files = shelf.read;
    Ok(Loaded {
        config: std::sync::Arc::new(config),
        warnings: first.into_vec(),
        notes,
        hash: load::hash(&files, &set_files),
        files,
        set_files,
        watched,
    })
}

/// A file as TOML.
struct Toml<'a> {
    file: &'a ReadFile,
    document: Spanned<DeTable<'a>>,
    errors: Vec<toml::de::Error>,
}

impl<'a> Toml<'a> {
    fn of(file: &'a ReadFile) -> Self {
        let (document, errors) = DeTable::parse_recoverable(&file.text);
        Self {
            file,
            document,
            errors,
        }
    }

    fn document(&self) -> &DeTable<'a> {
        self.document.get_ref()
    }
}

/// The configuration, and where it says what happens to the rest.
struct Parsed {
    config: Config,
    default_action: Option<Position>,
}

/// The configuration, its problems, its warnings and what is to be known of it. The main file comes first; `faults` is what
/// is wrong with the list of what it includes.
fn assemble<F: Files>(
    (mut parsed, mut documents): (Parsed, Vec<Document<'_>>),
    faults: Vec<(usize, String)>,
    shelf: &mut Shelf<'_, F>,
) -> (Parsed, FirstProblems, Vec<Problem>, Vec<Problem>) {
    if let Some(main) = documents.first_mut() {
        for (offset, message) in faults {
            main.report.wrong(offset, message);
        }
    }
    rule::report_repeated_names(&mut documents);
    rule::report_too_many_shadows(&mut documents);
    expect::report_impossible_rules(&mut documents);
    set::report_repeated_names(&mut documents);
    set::report_unused(&mut documents);
    let config = &mut parsed.config;
    shelf.meter = Meter::of(config.limits);
    within::count_rules(&mut documents, &mut shelf.meter);
    config.sets = fill::sets(&mut documents, shelf);
    check::rules(&mut documents, &config.sets);
    let (mut problems, mut warnings) = (FirstProblems::default(), Vec::new());
    let mut notes = Vec::new();
    for mut document in documents {
        let rules = document.rules.into_iter().map(|draft| draft.rule);
        config.rules.extend(rules);
        let expectations = document.expectations.into_iter();
        let expectations = expectations.map(|draft| draft.expectation);
        config.expectations.extend(expectations);
        notes.extend(document.report.take_notes());
        let (wrong, odd) = document.report.finish();
        problems.extend(wrong);
        warnings.extend(odd);
    }
    (parsed, problems, warnings, notes)
}

/// What each file says, and what the main file says besides sets and rules.
fn read_documents<'a>(
    tables: Vec<Toml<'a>>,
    set_names: &'a BTreeSet<String>,
) -> (Parsed, Vec<Document<'a>>) {
    let counts = tables.iter().map(|table| rule::count(table.document()));
    let all_rules = counts.sum();
    let mut earlier_rules = 0;
    let mut parsed = Parsed {
        config: Draft::blank().config,
        default_action: None,
    };
    let mut documents = Vec::with_capacity(tables.len());
    for (index, table) in tables.into_iter().enumerate() {
        let ReadFile { path, text } = table.file;
        let mut report = Report::new(path, text);
        let known = match index {
            0 => top::FIELDS.iter().map(|field| field.key.name).collect(),
            _ => include::keys(),
        };
        let (document, has_errors) = (table.document.get_ref(), !table.errors.is_empty());
        let said = stranger::report(document, text, &known, has_errors, &mut report);
        syntax::report(text, table.errors, said, &mut report);
        let mut scope = Scope {
            report,
            set_names,
            earlier_rules,
            all_rules,
        };
        let mut draft = Draft::blank();
        if index == 0 {
            let name = ("the configuration", 0);
            let offsets = read_table(&mut draft, top::FIELDS, name, document, &mut scope);
            let offset = offsets.get("default_action");
            parsed = Parsed {
                config: draft.config,
                default_action: offset.map(|&offset| scope.report.position(offset)),
            };
        } else {
            include::read_table(&mut draft, document, &mut scope);
        }
        earlier_rules += rule::count(document);
        documents.push(Document {
            path,
            report: scope.report,
            sets: draft.sets,
            rules: draft.rules,
            expectations: draft.expectations,
        });
    }
    (parsed, documents)
}
