//! What the packet notation says of a frame is in the frame, as others read it: the oracle, by
//! rules whose criteria have the same words, and etherparse.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed test panics")]

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;
use proptest::sample::select;
use xdp_fw::config::{Config, FileError, Files, Role, load};
use xdp_fw::packet;
use xdp_fw_tests::oracle;
use xdp_fw_tests::packet::{
    ah, dccp, destination_options, eth, fragment6, hop_by_hop, icmp, ipv4, ipv6, routing, sctp,
    tcp, udp, udplite, vlan,
};

/// One configuration file.
struct Memory(String);

impl Files for Memory {
    fn read(&self, _: &Path, _: Role) -> Result<String, FileError> {
        Ok(self.0.clone())
    }

    fn glob(&self, _: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

/// What is said, in the notation and as criteria: key and value.
#[derive(Debug, Clone)]
struct Said {
    text: String,
    criteria: Vec<(&'static str, String)>,
}

impl Said {
    /// A rule with all criteria, behind one for each that asks for anything else.
    fn config(&self) -> Config {
        let mut text = String::from("interfaces = [\"test0\"]\nessentials = false\n");
        let negated = self.criteria.iter().filter(|(key, _)| *key != "tcp_flags");
        for (key, value) in negated {
            text += &format!(
                "[[rule]]\nname = \"not-{key}\"\naction = \"drop\"\n{key} = \"!{value}\"\n"
            );
        }
        text += "[[rule]]\nname = \"said\"\naction = \"drop\"\n";
        for (key, value) in &self.criteria {
            text += &format!("{key} = \"{value}\"\n");
        }
        match load(Path::new("said.toml"), &Memory(text.clone())) {
            Ok(loaded) => std::sync::Arc::unwrap_or_clone(loaded.config),
            Err(problems) => panic!("{text}\n{problems}"),
        }
    }
}

/// Flags as `tcp_flags` asks for exactly these.
fn exactly(flags: u8) -> (String, String) {
    let names = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
    let set = |(bit, _): &(usize, &&str)| flags >> bit & 1 == 1;
    let said: Vec<&str> = names
        .iter()
        .enumerate()
        .filter(set)
        .map(|(_, name)| *name)
        .collect();
    let asked = names.iter().enumerate().map(|it| match set(&it) {
        true => (*it.1).to_owned(),
        false => format!("!{}", it.1),
    });
    (said.join(" "), asked.collect::<Vec<_>>().join(","))
}

/// Addresses of one family, none of which is a martian: those have no zero in front.
fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    let v4 = |number: u32| IpAddr::V4((number | 1 << 31).into());
    let v6 = |number: u128| IpAddr::V6((number | 1 << 127).into());
    prop_oneof![
        any::<(u32, u32)>().prop_map(move |(a, b)| (v4(a), v4(b))),
        any::<(u128, u128)>().prop_map(move |(a, b)| (v6(a), v6(b))),
    ]
}

/// What stands behind the IP header: text before and behind the addresses, ports, criteria.
fn said() -> impl Strategy<Value = Said> {
    let protocol = select(vec![
        "tcp", "udp", "sctp", "dccp", "udplite", "icmp", "gre", "esp", "200",
    ]);
    let link = (
        proptest::option::of(1u16..=4094),
        proptest::option::of(0u16..=4094),
        select(vec!["test0", "test1"]),
        any::<[u8; 6]>(),
    );
    let header = (any::<u8>(), 0u8..64, 0u16..1400, 0usize..=10, 0u8..16);
    let fragment = select(vec!["none", "first", "later"]);
    let transport = any::<(u16, u16, u8)>();
    (addresses(), protocol, link, header, fragment, transport).prop_map(say)
}

type Link = (Option<u16>, Option<u16>, &'static str, [u8; 6]);
type Header = (u8, u8, u16, usize, u8);
type Packet<'a> = (
    (IpAddr, IpAddr),
    &'a str,
    Link,
    Header,
    &'a str,
    (u16, u16, u8),
);

fn say(((source, destination), protocol, link, header, fragment, transport): Packet<'_>) -> Said {
    let v6 = source.is_ipv6();
    let protocol = if v6 && protocol == "icmp" {
        "icmpv6"
    } else {
        protocol
    };
    let mut said = Said {
        text: String::new(),
        criteria: vec![
            ("source", source.to_string()),
            ("destination", destination.to_string()),
            ("protocol", protocol.to_owned()),
            ("family", if v6 { "ipv6" } else { "ipv4" }.to_owned()),
            ("fragment", fragment.to_owned()),
        ],
    };
    said.transport(
        (source, destination),
        protocol,
        fragment == "later",
        transport,
    );
    if fragment != "none" {
        said.text += &format!(" fragment {fragment}");
    }
    said.header(v6, header);
    said.link(link);
    said
}

impl Said {
    fn transport(
        &mut self,
        (source, destination): (IpAddr, IpAddr),
        protocol: &str,
        later: bool,
        (a, b, flags): (u16, u16, u8),
    ) {
        let with_ports = ["tcp", "udp", "sctp", "dccp", "udplite"].contains(&protocol);
        if with_ports && !later {
            let end = |address: IpAddr, port| std::net::SocketAddr::new(address, port).to_string();
            self.text = format!("{protocol} {} > {}", end(source, a), end(destination, b));
            self.criteria.push(("source_port", a.to_string()));
            self.criteria.push(("destination_port", b.to_string()));
            if protocol == "tcp" {
                let (said, asked) = exactly(flags);
                self.text += &format!(" {said}");
                self.criteria.push(("tcp_flags", asked));
            }
        } else {
            self.text = format!("{protocol} {source} > {destination}");
            if protocol.starts_with("icmp") && !later {
                let (kind, code) = (a as u8, b as u8);
                self.text += &format!(" type {kind} code {code}");
                self.criteria.push(("icmp_type", kind.to_string()));
                self.criteria.push(("icmp_code", code.to_string()));
            }
        }
    }

    fn header(&mut self, v6: bool, (ttl, dscp, payload, options, extensions): Header) {
        let mut headers = 20 + 20 + payload;
        if v6 {
            headers += 20;
            // Where they stand among the others means something: hop-by-hop options come first.
            if !self.text.contains("fragment") {
                for (bit, name, size) in [
                    (1, "hop-by-hop", 8),
                    (2, "destination-options", 8),
                    (4, "routing", 8),
                    (8, "ah", 24),
                ] {
                    if extensions & bit != 0 {
                        self.text += &format!(" {name}");
                        headers += size;
                    }
                }
            } else {
                headers += 8;
            }
        } else {
            self.text += &format!(" options {}", options * 4);
            headers += options as u16 * 4;
        }
        self.text += &format!(" ttl {ttl} dscp {dscp} length {headers}");
        self.criteria.push(("ttl", ttl.to_string()));
        self.criteria.push(("dscp", dscp.to_string()));
        self.criteria.push(("length", headers.to_string()));
    }

    fn link(&mut self, (outer, inner, interface, mac): Link) {
        let [first, rest @ ..] = mac;
        let mac = |first: u8| {
            let bytes = [&[first][..], &rest].concat();
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            digits.join(":")
        };
        let (source, destination) = (mac(first & 0xfe), mac(first | 1));
        let inner = inner.filter(|_| outer.is_some());
        for id in outer.into_iter().chain(inner) {
            self.text += &format!(" vlan {id}");
        }
        self.text += &format!(" in {interface} mac {source} > {destination}");
        let vlan = outer.map_or_else(|| "none".to_owned(), |id| id.to_string());
        self.criteria.push(("vlan", vlan));
        self.criteria.push(("interface", interface.to_owned()));
        self.criteria.push(("source_mac", source));
        self.criteria.push(("destination_mac", destination));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_oracle_finds_in_the_frame_what_was_said(said in said()) {
        let packet = packet::parse(&said.text).map_err(|mistake| {
            TestCaseError::fail(format!("{}: {mistake}", said.text))
        })?;
        let interface = packet.interface.as_deref().unwrap_or_default();
        let judged = oracle::judge(&said.config(), interface, &packet.frame);
        prop_assert_eq!(judged.rule.as_deref(), Some("said"), "{}", said.text);
    }

    #[test]
    fn etherparse_finds_true_lengths_and_checksums(said in said()) {
        let frame = packet::parse(&said.text).unwrap().frame;
        let sliced = SlicedPacket::from_ethernet(&frame);
        let sliced = sliced.map_err(|error| TestCaseError::fail(format!("{}: {error}", said.text)))?;
        if let Some(NetSlice::Ipv4(v4)) = &sliced.net {
            let header = v4.header().to_header();
            prop_assert_eq!(header.header_checksum, header.calc_header_checksum());
        }
        prop_assert!(transport_checksum_holds(&sliced), "{}", said.text);
    }
}

/// Whether the checksum is right, where etherparse knows the protocol.
fn transport_checksum_holds(sliced: &SlicedPacket<'_>) -> bool {
    match (&sliced.net, &sliced.transport) {
        (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) => {
            let ip = ip.header().to_header();
            tcp.to_header()
                .calc_checksum_ipv4(&ip, tcp.payload())
                .unwrap()
                == tcp.checksum()
        }
        (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Tcp(tcp))) => {
            let ip = ip.header().to_header();
            tcp.to_header()
                .calc_checksum_ipv6(&ip, tcp.payload())
                .unwrap()
                == tcp.checksum()
        }
        (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Udp(udp))) => {
            let ip = ip.header().to_header();
            udp.to_header()
                .calc_checksum_ipv4(&ip, udp.payload())
                .unwrap()
                == udp.checksum()
        }
        (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Udp(udp))) => {
            let ip = ip.header().to_header();
            udp.to_header()
                .calc_checksum_ipv6(&ip, udp.payload())
                .unwrap()
                == udp.checksum()
        }
        (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Icmpv6(icmp))) => {
            let ip = ip.header().to_header();
            icmp.is_checksum_valid(ip.source, ip.destination)
        }
        (_, Some(TransportSlice::Icmpv4(icmp))) => {
            let sum = etherparse::checksum::Sum16BitWords::new().add_slice(icmp.slice());
            sum.ones_complement() == 0
        }
        _ => true,
    }
}

/// The frames that the tests write themselves, byte for byte behind the Ethernet addresses, but
/// for what nobody looks at: identifications, sequence numbers, windows and checksums over these.
#[test]
fn a_notation_is_the_frame_that_the_tests_would_write() {
    let v4 = || ipv4("192.0.2.1", "198.51.100.1");
    let v6 = || ipv6("2001:db8::1", "2001:db8::2");
    let pairs = [
        (
            "udp 192.0.2.1:1 > 198.51.100.1:2",
            (eth() / v4().id(1) / udp(1, 2)).bytes(),
        ),
        (
            "udplite [2001:db8::1]:1 > [2001:db8::2]:2",
            (eth() / v6() / udplite(1, 2)).bytes(),
        ),
        (
            "udp 192.0.2.1:1 > 198.51.100.1:2 vlan 7",
            (eth() / vlan(7) / v4().id(1) / udp(1, 2)).bytes(),
        ),
    ];
    for (text, written) in pairs {
        let frame = packet::parse(text).unwrap().frame;
        assert_eq!(frame.get(12..), written.get(12..), "{text}");
    }
    let same_length = [
        (
            "tcp 192.0.2.1:1 > 198.51.100.1:2 syn",
            (eth() / v4() / tcp(1, 2).syn()).bytes(),
        ),
        (
            "sctp 192.0.2.1:1 > 198.51.100.1:2",
            (eth() / v4() / sctp(1, 2)).bytes(),
        ),
        (
            "dccp 192.0.2.1:1 > 198.51.100.1:2",
            (eth() / v4() / dccp(1, 2)).bytes(),
        ),
        (
            "icmp 192.0.2.1 > 198.51.100.1",
            (eth() / v4() / icmp(8, 0)).bytes(),
        ),
        (
            "udp [2001:db8::1]:1 > [2001:db8::2]:2 hop-by-hop routing ah destination fragment atomic",
            (eth()
                / v6()
                / hop_by_hop()
                / routing()
                / ah()
                / destination_options()
                / fragment6(0, false, 1)
                / udp(1, 2))
            .bytes(),
        ),
    ];
    for (text, written) in same_length {
        let frame = packet::parse(text).unwrap().frame;
        assert_eq!(frame.len(), written.len(), "{text}");
    }
}
