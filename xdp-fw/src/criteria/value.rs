//! What a rule says for a criterion, by kind of value.

use super::{
    AddressList, FragmentList, IcmpTypeList, InterfaceList, MacList, NumberEntry, NumberList,
    TcpFlags,
};

/// The list that a rule has for a criterion.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Numbers of any width.
    Numbers(NumberList<u32>),
    /// IP addresses.
    Addresses(&'a AddressList),
    /// Interfaces.
    Interfaces(&'a InterfaceList),
    /// Ethernet addresses.
    Macs(&'a MacList),
    /// Types of ICMP.
    IcmpTypes(&'a IcmpTypeList),
    /// Combinations of flags.
    Flags(&'a [TcpFlags]),
    /// Kinds of fragments.
    Fragments(&'a FragmentList),
}

/// A list as it lies in a rule.
pub trait List {
    /// The same by kind.
    fn value(&self) -> Value<'_>;
}

impl<T: Copy + Into<u32>> List for NumberList<T> {
    fn value(&self) -> Value<'_> {
        let entries = self.0.iter().map(|entry| NumberEntry {
            negated: entry.negated,
            range: (*entry.range.start()).into()..=(*entry.range.end()).into(),
        });
        Value::Numbers(NumberList(entries.collect()))
    }
}

impl List for AddressList {
    fn value(&self) -> Value<'_> {
        Value::Addresses(self)
    }
}

impl List for InterfaceList {
    fn value(&self) -> Value<'_> {
        Value::Interfaces(self)
    }
}

impl List for MacList {
    fn value(&self) -> Value<'_> {
        Value::Macs(self)
    }
}

impl List for IcmpTypeList {
    fn value(&self) -> Value<'_> {
        Value::IcmpTypes(self)
    }
}

impl List for Vec<TcpFlags> {
    fn value(&self) -> Value<'_> {
        Value::Flags(self)
    }
}

impl List for FragmentList {
    fn value(&self) -> Value<'_> {
        Value::Fragments(self)
    }
}
