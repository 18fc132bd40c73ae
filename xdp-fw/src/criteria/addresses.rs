//! Lists of IP addresses.

use ipnetwork::IpNetwork;

/// A set of addresses of both families, by the rule of all lists.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressList(pub Vec<AddressEntry>);

/// One entry of an [`AddressList`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressEntry {
    /// Written with a leading `!`.
    pub negated: bool,
    /// What it names.
    pub addresses: Addresses,
}

/// What an address entry names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// A prefix or a single address.
    Prefix(IpNetwork),
    /// `@name`: every address of that set, which exists.
    Set(String),
}
