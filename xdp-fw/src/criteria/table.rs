//! The one table of criteria.
//!
//! A row: the variant of [`super::Criterion`], the key in a rule, the list that a rule holds, the
//! documentation, and the rest of the [`super::Spec`]. What needs a field or an arm per criterion is
//! generated from these rows: to add a criterion of a kind that there is, add a row.

/// Hands every row to the macro `$with`.
macro_rules! criteria_table {
    ($with:ident) => {
        $with! {
            Interface interface: InterfaceList,
            "Interfaces that the packet came in by, by name or glob." {
                expects: "a name such as \"eth0\" or a glob such as \"wan*\", each with an optional leading \"!\"",
                kind: ValueKind::Interfaces,
                packets: Packets::All,
                of_malformed: true,
                dimension: Dimension::Interface,
            }
            Family family: NumberList<u8>,
            "IP versions." {
                expects: "\"ipv4\" or \"ipv6\"",
                kind: ValueKind::Numbers(&numbers::FAMILY),
                packets: Packets::Ip,
                of_malformed: true,
                dimension: Dimension::Family,
            }
            Vlan vlan: NumberList<u16>,
            "VLAN ids of the outermost tag that has one; \"none\" is a frame without." {
                expects: "a VLAN id from 1 to 4094, a range such as \"100-199\" or \"none\"",
                kind: ValueKind::Numbers(&numbers::VLAN),
                packets: Packets::All,
                of_malformed: true,
                dimension: Dimension::Vlan,
            }
            Source source: AddressList,
            "Source addresses." {
                expects: "an address, a prefix or \"@set\", each with an optional leading \"!\"",
                kind: ValueKind::Addresses,
                packets: Packets::Ip,
                of_malformed: true,
                dimension: Dimension::Source,
            }
            Destination destination: AddressList,
            "Destination addresses." {
                expects: "an address, a prefix or \"@set\", each with an optional leading \"!\"",
                kind: ValueKind::Addresses,
                packets: Packets::Ip,
                of_malformed: true,
                dimension: Dimension::Destination,
            }
            Protocol protocol: NumberList<u8>,
            "Upper-layer protocols, by IANA name or number." {
                expects: "a protocol such as \"tcp\", a number from 0 to 255 or a range such as \"1-5\"",
                kind: ValueKind::Numbers(&numbers::PROTOCOL),
                packets: Packets::Ip,
                of_malformed: false,
                dimension: Dimension::Protocol,
            }
            SourcePort source_port: NumberList<u16>,
            "Source ports of TCP, UDP, DCCP, SCTP and UDP-Lite." {
                expects: "a port from 0 to 65535 or a range such as \"8000-8099\"",
                kind: ValueKind::Numbers(&numbers::PORT),
                packets: Packets::WithPorts,
                of_malformed: false,
                dimension: Dimension::SourcePort,
            }
            DestinationPort destination_port: NumberList<u16>,
            "Destination ports of the same protocols." {
                expects: "a port from 0 to 65535 or a range such as \"8000-8099\"",
                kind: ValueKind::Numbers(&numbers::PORT),
                packets: Packets::WithPorts,
                of_malformed: false,
                dimension: Dimension::DestinationPort,
            }
            IcmpType icmp_type: IcmpTypeList,
            "Types of ICMP in IPv4 and of ICMPv6 in IPv6; a name stands for its number in each, a number for itself in both." {
                expects: "a type such as \"echo-request\", a number from 0 to 255 or a range such as \"133-137\"",
                kind: ValueKind::IcmpTypes,
                packets: Packets::Icmp,
                of_malformed: false,
                dimension: Dimension::Icmp,
            }
            IcmpCode icmp_code: NumberList<u8>,
            "Codes of the same; a name needs its type as `icmp_type`." {
                expects: "a code such as \"port-unreachable\", a number from 0 to 255 or a range such as \"0-3\"",
                kind: ValueKind::IcmpCodes,
                packets: Packets::Icmp,
                of_malformed: false,
                dimension: Dimension::Icmp,
            }
            TcpFlags tcp_flags: Vec<TcpFlags>,
            "Flags of TCP that are set, and with \"!\" clear; any combination of a list may match." {
                expects: "flags such as \"syn,!ack\" of fin, syn, rst, psh, ack, urg, ece, cwr",
                kind: ValueKind::Flags,
                packets: Packets::Tcp,
                of_malformed: false,
                dimension: Dimension::TcpFlags,
            }
            Fragment fragment: FragmentList,
            "Which part of a datagram the packet is: all of it, any fragment, the first, a later one, or (IPv6) one around a whole datagram." {
                expects: "\"none\", \"any\", \"first\", \"later\" or \"atomic\"",
                kind: ValueKind::Fragments,
                packets: Packets::Ip,
                of_malformed: false,
                dimension: Dimension::Fragment,
            }
            Length length: NumberList<u16>,
            "Lengths of the IP packet in bytes, header included. In generic mode, packets that offloads have joined (GRO, GSO) are seen as one, of up to 64 KiB; a longer one (BIG TCP) has 65535." {
                expects: "a length from 0 to 65535 or a range such as \"1400-1500\"",
                kind: ValueKind::Numbers(&numbers::LENGTH),
                packets: Packets::Ip,
                of_malformed: false,
                dimension: Dimension::Length,
            }
            Ttl ttl: NumberList<u8>,
            "Times to live, in IPv6 hop limits." {
                expects: "a TTL from 0 to 255 or a range such as \"64-255\"",
                kind: ValueKind::Numbers(&numbers::TTL),
                packets: Packets::Ip,
                of_malformed: false,
                dimension: Dimension::Ttl,
            }
            Dscp dscp: NumberList<u8>,
            "Differentiated services code points." {
                expects: "a name such as \"ef\", a number from 0 to 63 or a range such as \"8-15\"",
                kind: ValueKind::Numbers(&numbers::DSCP),
                packets: Packets::Ip,
                of_malformed: false,
                dimension: Dimension::Dscp,
            }
            Ecn ecn: NumberList<u8>,
            "Explicit congestion notification: the two lowest bits of the byte that has the DSCP." {
                expects: "\"not-ect\", \"ect1\", \"ect0\" or \"ce\", a number from 0 to 3 or a range such as \"1-3\"",
                kind: ValueKind::Numbers(&numbers::ECN),
                packets: Packets::Ip,
                of_malformed: false,
                dimension: Dimension::Ecn,
            }
            SourceMac source_mac: MacList,
            "Source addresses of the Ethernet header." {
                expects: "an Ethernet address such as \"02:00:5e:10:00:01\"",
                kind: ValueKind::Macs { groups: false },
                packets: Packets::All,
                of_malformed: true,
                dimension: Dimension::SourceMac,
            }
            DestinationMac destination_mac: MacList,
            "Destination addresses of the Ethernet header." {
                expects: "an Ethernet address such as \"02:00:5e:10:00:01\"",
                kind: ValueKind::Macs { groups: true },
                packets: Packets::All,
                of_malformed: true,
                dimension: Dimension::DestinationMac,
            }
        }
    };
}

pub(crate) use criteria_table;
