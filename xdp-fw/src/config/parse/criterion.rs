//! A criterion of a rule, read by its kind of value.
//!
//! Owns which reader a list has. Never knows a criterion by its key: the table of criteria does.

use super::field::{Field, Item, Key, Scope, Shape};
use super::rule::RuleDraft;
use super::{address, flags, icmp, interface, mac, number};
use crate::config::print;
use crate::criteria::{
    AddressList, Criterion, FragmentList, IcmpTypeList, InterfaceList, MacList, NumberList,
    TcpFlags, ValueKind, criteria_table, fragments,
};

/// The field of a rule that a criterion is.
pub(super) fn field(criterion: Criterion) -> Field<RuleDraft> {
    Field {
        key: Key::criterion(criterion, shape(criterion.spec().kind)),
        read,
        print: |rule, key| {
            let criterion = key.criterion?;
            print::criterion(criterion.spec().kind, &rule.value(criterion)?)
        },
    }
}

fn shape(kind: ValueKind) -> Shape {
    if let Some(numbers) = kind.numbers() {
        return Shape::Number {
            min: numbers.min,
            max: numbers.max,
            words: numbers.names,
        };
    }
    match kind {
        ValueKind::Flags => Shape::Words(|| vec!["syn,!ack", "ack", "rst", "fin"]),
        ValueKind::Fragments => {
            Shape::Words(|| fragments::WORDS.iter().map(|(word, _)| *word).collect())
        }
        _ => Shape::Text,
    }
}

/// A list that a rule holds for a criterion.
trait Read: Sized {
    fn read(item: &Item<'_>, scope: &mut Scope<'_>, kind: ValueKind) -> Option<Self>;
}

impl<T> Read for NumberList<T>
where
    T: TryFrom<u32> + Clone + Eq + std::hash::Hash,
{
    fn read(item: &Item<'_>, scope: &mut Scope<'_>, kind: ValueKind) -> Option<Self> {
        number::numbers(item, scope, kind.numbers()?)
    }
}

impl Read for AddressList {
    fn read(item: &Item<'_>, scope: &mut Scope<'_>, _: ValueKind) -> Option<Self> {
        address::addresses(item, scope)
    }
}

impl Read for InterfaceList {
    fn read(item: &Item<'_>, scope: &mut Scope<'_>, _: ValueKind) -> Option<Self> {
        interface::interfaces(item, scope)
    }
}

impl Read for MacList {
    fn read(item: &Item<'_>, scope: &mut Scope<'_>, kind: ValueKind) -> Option<Self> {
        mac::macs(
            item,
            scope,
            matches!(kind, ValueKind::Macs { groups: true }),
        )
    }
}

impl Read for IcmpTypeList {
    fn read(item: &Item<'_>, scope: &mut Scope<'_>, _: ValueKind) -> Option<Self> {
        icmp::types(item, scope)
    }
}

impl Read for Vec<TcpFlags> {
    fn read(item: &Item<'_>, scope: &mut Scope<'_>, _: ValueKind) -> Option<Self> {
        flags::tcp_flags(item, scope)
    }
}

impl Read for FragmentList {
    fn read(item: &Item<'_>, scope: &mut Scope<'_>, _: ValueKind) -> Option<Self> {
        flags::fragments(item, scope)
    }
}

macro_rules! read {
    ($($variant:ident $key:ident: $list:ty, $doc:literal { $($spec:tt)* })+) => {
        fn read(draft: &mut RuleDraft, item: &Item<'_>, scope: &mut Scope<'_>) {
            let Some(criterion) = item.key.criterion else {
                return;
            };
            let kind = criterion.spec().kind;
            if matches!(kind, ValueKind::IcmpCodes) {
                // What their names stand for shows when the whole rule is read.
                draft.icmp_codes = icmp::codes(item, scope);
                return;
            }
            match criterion {
                $(Criterion::$variant => draft.rule.$key = Read::read(item, scope, kind),)+
            }
        }
    };
}

criteria_table!(read);
