//! `icmp_type` and `icmp_code`.
//!
//! Owns what a name of a code means, which depends on the type and the family beside it: it is
//! looked up once the whole rule is read. Never guesses: a name of two meanings is a mistake.

use toml::Spanned;

use super::field::{Item, Scope};
use super::number::entry;
use super::rule::RuleDraft;
use super::value::{entries, list, signed};
use crate::criteria::icmp::{CODE, TYPE};
use crate::criteria::{IcmpTypeEntry, IcmpTypeList, NumberEntry, NumberList};
use crate::names::icmp::{self, Code};
use crate::names::protocols::{ICMP, ICMPV6};
use crate::names::words::{one_of, quoted};

/// A list of types.
pub(super) fn types(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<IcmpTypeList> {
    Some(IcmpTypeList(entries(list(item, scope, type_entry)?)))
}

fn type_entry(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<IcmpTypeEntry> {
    let (negated, word) = signed(item.value.get_ref().as_str().unwrap_or_default());
    if let Some(types) = icmp::types(word) {
        let one = |number: u8| number..=number;
        return Some(IcmpTypeEntry {
            negated,
            v4: types.v4.map(one),
            v6: types.v6.map(one),
        });
    }
    let NumberEntry { negated, range } = entry(item, scope, &TYPE)?;
    Some(IcmpTypeEntry {
        negated,
        v4: Some(range.clone()),
        v6: Some(range),
    })
}

/// An entry of `icmp_code`, before the rest of the rule is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum CodeEntry {
    Number(NumberEntry<u8>),
    Name { negated: bool, name: String },
}

/// A list of codes.
pub(super) fn codes(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Vec<Spanned<CodeEntry>>> {
    list(item, scope, code_entry)
}

fn code_entry(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<CodeEntry> {
    let (negated, name) = signed(item.value.get_ref().as_str().unwrap_or_default());
    if icmp::codes(name).next().is_some() {
        let name = name.to_owned();
        return Some(CodeEntry::Name { negated, name });
    }
    entry(item, scope, &CODE).map(CodeEntry::Number)
}

/// Looks up the codes of a rule of which everything else is read.
pub(super) fn resolve(draft: &mut RuleDraft, scope: &mut Scope<'_>) {
    let Some(codes) = draft.icmp_codes.take() else {
        return;
    };
    let reached = Reached::of(draft);
    let mut numbers = Vec::with_capacity(codes.len());
    for code in codes {
        let offset = code.span().start;
        match code.into_inner() {
            CodeEntry::Number(entry) => numbers.push(entry),
            CodeEntry::Name { negated, name } => match reached.as_ref().map(|r| r.number(&name)) {
                Some(Ok(code)) => numbers.push(NumberEntry {
                    negated,
                    range: code..=code,
                }),
                Some(Err(why)) => {
                    let message = format!("{} {why}", quoted(&name));
                    scope.report.wrong(offset, message);
                }
                None => {}
            },
        }
    }
    draft.rule.icmp_code = (!numbers.is_empty()).then_some(NumberList(numbers));
}

/// The types that a rule matches, as far as it says.
struct Reached {
    /// Family and type; empty when the rule has no `icmp_type`.
    types: Vec<(bool, u8)>,
}

impl Reached {
    /// `None` if the rule matches no type at all, which is a mistake of its own.
    fn of(draft: &RuleDraft) -> Option<Self> {
        let Some(list) = &draft.rule.icmp_type else {
            let types = Vec::new();
            return (!draft.keys.contains_key("icmp_type")).then_some(Self { types });
        };
        let in_family = |v6: bool| {
            let (family, number) = if v6 { (6, ICMPV6) } else { (4, ICMP) };
            let families = draft.rule.family.as_ref();
            let protocols = draft.rule.protocol.as_ref();
            families.is_none_or(|list| list.contains(&family))
                && protocols.is_none_or(|list| list.contains(&number))
        };
        let types = [false, true].into_iter().filter(|&v6| in_family(v6));
        let types: Vec<_> = types
            .flat_map(|v6| (0..=u8::MAX).map(move |kind| (v6, kind)))
            .filter(|&(v6, kind)| list.contains(v6, kind))
            .collect();
        (!types.is_empty()).then_some(Self { types })
    }

    /// The one number that a name has in every type that is reached, or why there is none.
    fn number(&self, name: &str) -> Result<u8, String> {
        let all: Vec<Code> = icmp::codes(name).collect();
        if self.types.is_empty() {
            return Err(format!(
                "is a code of {}; expected that as `icmp_type` beside it, or a number",
                one_of(type_names(&all))
            ));
        }
        let is_reached = |code: &&Code| self.types.contains(&(code.v6, code.kind));
        let meant: Vec<&Code> = all.iter().filter(is_reached).collect();
        let Some(first) = meant.first() else {
            let elsewhere: Vec<String> = all.iter().map(belongs_to).collect();
            return Err(format!(
                "is a code of {}, which this rule does not match; expected a code of its `icmp_type`",
                elsewhere.join(" and of ")
            ));
        };
        if let Some(other) = meant.iter().find(|other| other.code != first.code) {
            return Err(format!(
                "is {} in ICMP and {} in ICMPv6; expected `family = \"ipv4\"` or `\"ipv6\"` beside it, or a number",
                first.code, other.code
            ));
        }
        let has = |(v6, kind): &&(bool, u8)| {
            !meant
                .iter()
                .any(|code| (code.v6, code.kind) == (*v6, *kind))
        };
        match self.types.iter().find(has) {
            None => Ok(first.code),
            Some((v6, _)) if *v6 != first.v6 => Err(format!(
                "is a code of {} alone; expected `family = \"{}\"` beside it, or a number",
                if first.v6 { "ICMPv6" } else { "ICMP" },
                if first.v6 { "ipv6" } else { "ipv4" },
            )),
            Some(_) => Err(format!(
                "is a code of {} alone, and this rule has other types; expected a rule of its own, or a number",
                one_of(type_names(&all))
            )),
        }
    }
}

/// The type of a code, with its family.
fn belongs_to(code: &Code) -> String {
    let family = if code.v6 { "ICMPv6" } else { "ICMP" };
    match icmp::type_name(code.v6, code.kind) {
        Some(name) => format!("`{name}` in {family}"),
        None => format!("type {} in {family}", code.kind),
    }
}

/// The names of the types of some codes, each once.
fn type_names(codes: &[Code]) -> Vec<&'static str> {
    let mut names: Vec<_> = codes
        .iter()
        .filter_map(|code| icmp::type_name(code.v6, code.kind))
        .collect();
    names.dedup();
    names
}
