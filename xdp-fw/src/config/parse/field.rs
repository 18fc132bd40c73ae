//! A table of the configuration as data: its keys, what each accepts, and how it is read.
//!
//! Owns unknown and missing keys. Never knows a key by name: the tables of fields do.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::elsewhere;
use super::report::Report;
use crate::criteria::Criterion;
use crate::names::words::{nearest, one_of, quoted};

/// What there is to say about a key.
#[derive(Debug)]
pub struct Key {
    /// The key, as written in the file.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
    /// What its value may be; completes "expected …".
    pub expects: &'static str,
    /// The same for programs: what one value looks like.
    pub shape: Shape,
    /// Whether a list of such values may stand in place of one.
    pub is_list: bool,
    /// What leaving it out means.
    pub presence: Presence,
    /// The criterion that it is.
    pub criterion: Option<Criterion>,
}

/// What a value looks like, as far as an editor can tell.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Text, of which nothing more is said.
    Text,
    /// Text; these words are worth suggesting.
    Words(fn() -> Vec<&'static str>),
    /// A number within these bounds, or text: a range, a word, any of them with `!`.
    Number {
        /// The smallest.
        min: u32,
        /// The largest.
        max: u32,
        /// The words that stand for numbers.
        words: fn() -> Vec<&'static str>,
    },
    /// `true`, `false`, or one or several of these words.
    WordsOrFlag(fn() -> Vec<&'static str>),
    /// Text, or `false` for none.
    TextOrFalse,
    /// A number from 1 on, or `false` for none.
    NumberOrFalse,
    /// A table: `[key]`.
    Table,
    /// Tables by name: `[key.NAME]`.
    NamedTables,
    /// A list of tables: `[[key]]`.
    ListOfTables,
}

impl Key {
    /// A key that says nothing when it is left out.
    pub(super) const fn optional(
        name: &'static str,
        shape: Shape,
        expects: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            doc,
            expects,
            shape,
            is_list: false,
            presence: Presence::Optional,
            criterion: None,
        }
    }

    /// A criterion: a list of values that some packets have.
    pub(super) const fn criterion(criterion: Criterion, shape: Shape) -> Self {
        let spec = criterion.spec();
        let mut key = Self::list(spec.key, shape, spec.expects, spec.doc);
        key.criterion = Some(criterion);
        key
    }

    /// The same, for a list of such values.
    pub(super) const fn list(
        name: &'static str,
        shape: Shape,
        expects: &'static str,
        doc: &'static str,
    ) -> Self {
        let mut key = Self::optional(name, shape, expects, doc);
        key.is_list = true;
        key
    }

    /// A key that must be there.
    pub(super) const fn required(
        name: &'static str,
        shape: Shape,
        expects: &'static str,
        doc: &'static str,
    ) -> Self {
        let mut key = Self::optional(name, shape, expects, doc);
        key.presence = Presence::Required;
        key
    }

    /// The same, for a list of such values.
    pub(super) const fn required_list(
        name: &'static str,
        shape: Shape,
        expects: &'static str,
        doc: &'static str,
    ) -> Self {
        let mut key = Self::required(name, shape, expects, doc);
        key.is_list = true;
        key
    }

    /// A key that stands for `value`, as TOML, when it is left out.
    pub(super) const fn default(
        name: &'static str,
        value: &'static str,
        shape: Shape,
        expects: &'static str,
        doc: &'static str,
    ) -> Self {
        let mut key = Self::optional(name, shape, expects, doc);
        key.presence = Presence::Default(value);
        key
    }

    /// What the value as a whole may be; completes "expected …".
    #[must_use]
    pub fn expects_as_a_whole(&self) -> Cow<'static, str> {
        match self.is_list {
            true => format!("{}, or a list of these", self.expects).into(),
            false => self.expects.into(),
        }
    }
}

/// What leaving a key out means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// An error.
    Required,
    /// This value, as TOML.
    Default(&'static str),
    /// Nothing is said: a criterion that is left out matches every packet.
    Optional,
}

/// What a table is read into, on its way to the model.
pub(super) trait Target {
    /// What becomes of it.
    type Model;
}

/// A key, how its value is read into a `T`, and how it is written.
pub(super) struct Field<T: Target> {
    pub(super) key: Key,
    /// Reads the value; reports what is wrong and then leaves the target as it was.
    pub(super) read: fn(&mut T, &Item<'_>, &mut Scope<'_>),
    /// Writes the value as TOML; `None` where nothing is said, and for tables of their own.
    pub(super) print: fn(&T::Model, &Key) -> Option<String>,
}

/// A field that stands for tables of their own, or leaves nothing in the model.
pub(super) const fn no_value<M>(_: &M, _: &Key) -> Option<String> {
    None
}

/// What every key says that says something.
pub(super) fn print_table<T: Target>(
    model: &T::Model,
    fields: &'static [Field<T>],
) -> Vec<(&'static str, String)> {
    let value =
        |field: &'static Field<T>| Some((field.key.name, (field.print)(model, &field.key)?));
    fields.iter().filter_map(value).collect()
}

/// A value in the document, and the key that it was written for.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) key: &'static Key,
    pub(super) value: &'a Spanned<DeValue<'a>>,
    /// Whether it is one entry of the list under that key.
    pub(super) in_list: bool,
}

impl Item<'_> {
    /// The byte offset of the value.
    pub(super) fn offset(&self) -> usize {
        self.value.span().start
    }
}

/// What reading a value needs to know besides the value.
pub(super) struct Scope<'a> {
    pub(super) report: Report<'a>,
    /// The name of every `[set.NAME]` in any file, also of those that are wrong.
    pub(super) set_names: &'a BTreeSet<String>,
    /// How many `[[rule]]` there are in the files before this one, and in all of them.
    pub(super) earlier_rules: usize,
    pub(super) all_rules: usize,
}

impl<'a> Scope<'a> {
    /// A scope for what stands by itself.
    pub(super) fn bare(report: Report<'a>) -> Self {
        const NONE: &BTreeSet<String> = &BTreeSet::new();
        Self {
            report,
            set_names: NONE,
            earlier_rules: 0,
            all_rules: 0,
        }
    }
}

/// The keys that a table has, with their byte offsets.
pub(super) type Offsets = BTreeMap<&'static str, usize>;

/// Reads every key of `table` into `target`; reports unknown and missing ones.
///
/// `name` and `offset` say which table it is and where it begins.
pub(super) fn read_table<T: Target>(
    target: &mut T,
    fields: &'static [Field<T>],
    (name, offset): (&str, usize),
    table: &DeTable<'_>,
    scope: &mut Scope<'_>,
) -> Offsets {
    let mut offsets = Offsets::new();
    for (key, value) in in_order(table) {
        let Some(field) = fields.iter().find(|field| field.key.name == key.get_ref()) else {
            let word = key.get_ref();
            let message = unknown(word, name, fields);
            scope.report.wrong(key.span().start, message);
            if holds_tables(value)
                && let Some(field) = near(word, fields)
            {
                // What is wrong below a misspelt `[[rules]]` is reported at once as well.
                read(target, field, value, scope);
            }
            continue;
        };
        offsets.insert(field.key.name, key.span().start);
        read(target, field, value, scope);
    }
    for Field { key, .. } in fields {
        if key.presence == Presence::Required && !offsets.contains_key(key.name) {
            let message = format!(
                "{name} has no `{}`; expected {}",
                key.name,
                key.expects_as_a_whole()
            );
            scope.report.absent(offset, message);
        }
    }
    offsets
}

/// The entries of a table in the order of the file; the parser keeps them by name.
pub(super) fn in_order<'a>(
    table: &'a DeTable<'a>,
) -> Vec<(&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn read<T: Target>(
    target: &mut T,
    field: &'static Field<T>,
    value: &Spanned<DeValue<'_>>,
    scope: &mut Scope<'_>,
) {
    let item = Item {
        key: &field.key,
        value,
        in_list: false,
    };
    (field.read)(target, &item, scope);
}

/// Whether the value is a table, or a list of tables.
fn holds_tables(value: &Spanned<DeValue<'_>>) -> bool {
    match value.get_ref() {
        DeValue::Table(_) => true,
        DeValue::Array(items) => items
            .iter()
            .any(|item| matches!(item.get_ref(), DeValue::Table(_))),
        _ => false,
    }
}

/// The field whose key was probably meant.
fn near<T: Target>(word: &str, fields: &'static [Field<T>]) -> Option<&'static Field<T>> {
    let near = nearest(word, fields.iter().map(|field| field.key.name))?;
    fields.iter().find(|field| field.key.name == near)
}

fn unknown<T: Target>(word: &str, table: &str, fields: &'static [Field<T>]) -> String {
    let subject = quoted(word);
    if let Some(answer) = elsewhere::answer(table, word) {
        return format!("unknown key {subject}; {answer}");
    }
    match near(word, fields) {
        Some(near) => format!("unknown key {subject}; did you mean `{}`?", near.key.name),
        None => {
            let names = fields.iter().map(|field| field.key.name);
            format!(
                "unknown key {subject} in {table}; expected {}",
                one_of(names)
            )
        }
    }
}
