//! Verdicts, and why a packet met one: a closed list shared by kernel and user space.
//!
//! The numbers are part of the pinned counter layout: a reason keeps its number for ever, and a
//! new one is appended.

/// What happens to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Handed to the network stack.
    Pass = 0,
    /// Dropped in the driver.
    Drop = 1,
}

impl Verdict {
    /// Both verdicts.
    pub const ALL: [Self; 2] = [Self::Pass, Self::Drop];

    /// The word that configuration, statistics and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
        }
    }

    /// From its number in a map. Whatever is not `Pass` drops: a corrupt table must not open up.
    #[must_use]
    #[inline(always)]
    pub const fn from_wire(value: u8) -> Self {
        if value == Self::Pass as u8 {
            Self::Pass
        } else {
            Self::Drop
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $number:literal, $name:literal;)+) => {
        /// Why a packet met its verdict. Every packet is counted under exactly one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason { $($(#[doc = $doc])+ $variant = $number),+ }

        impl Reason {
            /// Every reason, by number.
            pub const ALL: [Self; [$($number),+].len()] = [$(Self::$variant),+];

            /// The word that statistics and metrics use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// One sentence for people.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii()),+ }
            }

            /// From its number; `None` for one that this version does not know.
            #[must_use]
            pub const fn from_wire(value: u8) -> Option<Self> {
                match value { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

reasons! {
    /// A rule of the configuration matched.
    Rule = 0, "rule";
    /// No rule matched: `default_action`.
    Default = 1, "default";
    /// ARP, neighbour discovery, MLD, IGMP, path MTU or a DHCP reply: see `essentials`.
    Essential = 2, "essential";
    /// Neither IPv4 nor IPv6: see `non_ip`.
    NonIp = 3, "non_ip";
    /// Something that cannot happen did: dropped, and a reason to file a bug.
    Internal = 4, "internal";
    /// The frame is shorter than an Ethernet header.
    TruncatedEthernet = 5, "truncated_ethernet";
    /// The frame ends inside a VLAN tag.
    TruncatedVlan = 6, "truncated_vlan";
    /// More than two VLAN tags: always dropped.
    VlanDepth = 7, "vlan_depth";
    /// The frame ends inside the IP header.
    TruncatedIp = 8, "truncated_ip";
    /// The version in the IP header is not that of the EtherType.
    IpVersion = 9, "ip_version";
    /// An IPv4 header length below 20 bytes.
    IpHeaderLength = 10, "ip_header_length";
    /// An IP length beyond the frame or below the header.
    IpLength = 11, "ip_length";
    /// An IPv6 extension header beyond the packet, or more than eight of them: always dropped.
    ExtensionHeaders = 12, "extension_headers";
    /// A fragment that hides transport header fields (RFC 1858, RFC 3128).
    TinyFragment = 13, "tiny_fragment";
    /// A source or destination that cannot be on a wire, such as IPv4-mapped IPv6: always dropped.
    Martian = 14, "martian";
}

impl Reason {
    /// Whether the `malformed` policy decides over packets of this reason.
    #[must_use]
    pub const fn is_malformed(self) -> bool {
        self as u8 >= Self::TruncatedEthernet as u8 && self as u8 <= Self::TinyFragment as u8
    }

    /// Whether its packets drop under any policy. Linux delivers such packets, and rules cannot see
    /// in them what Linux does.
    #[must_use]
    #[inline(always)]
    pub const fn always_drops(self) -> bool {
        matches!(
            self,
            Self::Internal | Self::VlanDepth | Self::ExtensionHeaders | Self::Martian
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_found_by_its_number_and_has_a_name_of_its_own() {
        for (number, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            assert_eq!(Reason::from_wire(number as u8), Some(reason));
            assert!(!reason.description().is_empty());
            let same = Reason::ALL.iter().filter(|r| r.name() == reason.name());
            assert_eq!(same.count(), 1, "{}", reason.name());
        }
        assert_eq!(Reason::from_wire(Reason::ALL.len() as u8), None);
    }

    #[test]
    fn an_unknown_verdict_in_a_map_drops() {
        assert_eq!(Verdict::from_wire(0), Verdict::Pass);
        assert_eq!(Verdict::from_wire(1), Verdict::Drop);
        assert_eq!(Verdict::from_wire(77), Verdict::Drop);
    }
}
