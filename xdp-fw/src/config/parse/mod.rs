//! Text to a checked [`Config`](super::Config): every problem at once, each with its position.
//!
//! Owns the order of the steps. Never opens a file itself: set files come through [`Files`].
//!
//! `top` leads to `interface`, `set` and `rule`, each a table of fields (`field`) read by the
//! kinds of values (`value`, `address`, `numbers`, `icmp`, `flags`, `mac`); `check` then looks at them together.

mod address;
mod check;
mod families;
mod field;
mod flags;
mod icmp;
mod interface;
mod mac;
mod number;
mod numbers;
mod report;
mod rule;
mod set;
mod set_file;
mod syntax;
mod top;
mod value;
mod words;

use std::path::Path;

use toml::de::DeTable;

pub use field::{Key, Presence, Shape};

use self::field::{Field, Scope, read_table};
use self::report::Report;
use self::set_file::Shelf;
use self::top::Draft;
use super::load::{Loaded, ReadFile};
use super::model::Config;
use super::problem::{Problem, Problems};
use super::source::Files;

/// One kind of table of the configuration, for references and tests.
#[derive(Debug)]
pub struct Section {
    /// How it begins in a file; empty for the top level.
    pub header: &'static str,
    /// Its keys, in the order of the reference.
    pub keys: Vec<&'static Key>,
}

/// Every key there is, by the table that it belongs to.
#[must_use]
pub fn reference() -> Vec<Section> {
    fn section<T>(header: &'static str, fields: &'static [Field<T>]) -> Section {
        Section {
            header,
            keys: fields.iter().map(|field| &field.key).collect(),
        }
    }
    vec![
        section("", top::FIELDS),
        section("[interface.\"PATTERN\"]", interface::FIELDS),
        section("[set.NAME]", set::FIELDS),
        section("[[rule]]", rule::FIELDS),
        section("[metrics]", top::METRICS),
    ]
}

/// Parses the main file and the set files that it names.
pub(super) fn parse(main: ReadFile, files: &impl Files) -> Result<Loaded, Problems> {
    let mut shelf = Shelf::new(files);
    let (config, mut problems, warnings) = parse_main(&main, &mut shelf);
    problems.append(&mut shelf.problems);
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let files = std::iter::once(main).chain(shelf.read).collect();
    Ok(Loaded {
        config,
        warnings,
        files,
    })
}

/// The configuration, its problems and its warnings.
fn parse_main<F: Files>(
    main: &ReadFile,
    shelf: &mut Shelf<'_, F>,
) -> (Config, Vec<Problem>, Vec<Problem>) {
    let (document, errors) = DeTable::parse_recoverable(&main.text);
    let document = document.get_ref();
    let mut report = Report::new(&main.path, &main.text);
    syntax::report(&main.text, errors, &mut report);

    let mut scope = Scope {
        report,
        set_names: set::names(document),
    };
    let mut draft = Draft::blank();
    read_table(
        &mut draft,
        top::FIELDS,
        ("the configuration", 0),
        document,
        &mut scope,
    );

    let Draft {
        mut config,
        sets,
        rules,
    } = draft;
    let mut report = scope.report;
    set::report_unused(&sets, &rules, &mut report);
    let directory = main.path.parent().unwrap_or(Path::new(""));
    for set in sets {
        config
            .sets
            .insert(set.name.clone(), set.fill(directory, shelf, &mut report));
    }
    check::rules(&rules, &config.sets, &mut report);
    config.rules = rules.into_iter().map(|draft| draft.rule).collect();
    let (problems, warnings) = report.finish();
    (config, problems, warnings)
}
