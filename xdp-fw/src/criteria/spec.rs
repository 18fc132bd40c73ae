//! What the table says of a criterion.

use xdp_fw_common::Dimension;

use super::numbers::{self, Numbers};
use super::{icmp, table::criteria_table};
use crate::names::protocols::{ICMP, ICMPV6, TCP, WITH_PORTS};

/// What there is to say of a criterion.
#[derive(Debug)]
pub struct Spec {
    /// The key in a rule.
    pub key: &'static str,
    /// What it matches, in one sentence.
    pub doc: &'static str,
    /// What one value may be; completes "expected …".
    pub expects: &'static str,
    /// What its values are.
    pub kind: ValueKind,
    /// The packets that have what it asks for. No other matches it, negated or not.
    pub packets: Packets,
    /// Whether a malformed packet may have it.
    pub of_malformed: bool,
    /// What of a packet it is compared with.
    pub dimension: Dimension,
}

/// What the values of a criterion are.
#[derive(Debug, Clone, Copy)]
pub enum ValueKind {
    /// Numbers of a kind.
    Numbers(&'static Numbers),
    /// IP addresses and sets of them.
    Addresses,
    /// Names and globs of interfaces.
    Interfaces,
    /// Ethernet addresses.
    Macs {
        /// Whether a group may be one.
        groups: bool,
    },
    /// Types of ICMP by family.
    IcmpTypes,
    /// Codes of ICMP, whose names depend on the types in the same rule.
    IcmpCodes,
    /// Combinations of the flags of TCP.
    Flags,
    /// Kinds of fragments.
    Fragments,
}

impl ValueKind {
    /// The kind of number that its values may be.
    #[must_use]
    pub const fn numbers(self) -> Option<&'static Numbers> {
        match self {
            Self::Numbers(numbers) => Some(numbers),
            Self::IcmpTypes => Some(&icmp::TYPE),
            Self::IcmpCodes => Some(&icmp::CODE),
            Self::Addresses
            | Self::Interfaces
            | Self::Macs { .. }
            | Self::Flags
            | Self::Fragments => None,
        }
    }

    /// Whether its values are others in IPv4 than in IPv6.
    #[must_use]
    pub const fn is_by_family(self) -> bool {
        matches!(self, Self::Addresses | Self::IcmpTypes)
    }
}

/// Packets that have a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packets {
    /// Every frame.
    All,
    /// Either family.
    Ip,
    /// Transport protocols with ports, first fragments included.
    WithPorts,
    /// Either family's.
    Icmp,
    /// First fragments included.
    Tcp,
}

impl Packets {
    /// What they are called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "every frame",
            Self::Ip => "IPv4, IPv6",
            Self::WithPorts => "TCP, UDP, DCCP, SCTP, UDP-Lite",
            Self::Icmp => "ICMP, ICMPv6",
            Self::Tcp => "TCP",
        }
    }

    /// The protocols whose header has the field; `None` if it is in no transport header. A later
    /// fragment does not have it then.
    #[must_use]
    pub const fn protocols(self) -> Option<&'static [u8]> {
        match self {
            Self::All | Self::Ip => None,
            Self::WithPorts => Some(&WITH_PORTS),
            Self::Icmp => Some(&[ICMP, ICMPV6]),
            Self::Tcp => Some(&[TCP]),
        }
    }
}

macro_rules! criteria {
    ($($variant:ident $key:ident: $list:ty, $doc:literal { $($spec:tt)* })+) => {
        /// What a rule may ask, in the order of the reference.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Criterion {
            $(#[doc = $doc] $variant,)+
        }

        impl Criterion {
            /// Every criterion.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];

            /// What the table says of it.
            #[must_use]
            pub const fn spec(self) -> &'static Spec {
                match self {
                    $(Self::$variant => &Spec {
                        key: stringify!($key),
                        doc: $doc,
                        $($spec)*
                    },)+
                }
            }
        }
    };
}

criteria_table!(criteria);

impl Criterion {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The criteria that are compared with this dimension.
    pub fn of_dimension(dimension: Dimension) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter();
        all.filter(move |criterion| criterion.spec().dimension == dimension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_has_a_criterion() {
        for dimension in Dimension::ALL {
            assert!(
                Criterion::of_dimension(dimension).next().is_some(),
                "{dimension:?}"
            );
        }
    }

    #[test]
    fn a_value_kind_of_numbers_reaches_its_bounds() {
        for criterion in Criterion::ALL {
            let Some(numbers) = criterion.spec().kind.numbers() else {
                continue;
            };
            let has = |number: u32| {
                let number = u128::from(number);
                numbers
                    .values
                    .iter()
                    .any(|(from, to)| (*from..=*to).contains(&number))
            };
            assert!(
                has(numbers.min) && has(numbers.max),
                "{}",
                criterion.spec().key
            );
        }
    }
}
