//! What holds for every frame, however odd, and for tables however corrupt.

use etherparse::{IpNumber, PacketBuilder};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::stack::{
    Ipv4, Layer, Stack, eth, extension, fragment, icmp, icmp6, ipv4, ipv4_fragment, ipv6,
    service_vlan, tcp, udp, upper, vlan, with_ports,
};
use super::tables::{Plain, default_drop};
use super::{decide_bytes, parse_bytes};
use crate::packet::{Network, Transport};
use crate::tables::{Row, Rule};
use crate::wire::reason_slot;
use crate::{Decision, Dimension, Essential, Essentials, Packet, Reason, Verdict};

fn transport() -> impl Strategy<Value = Layer> {
    prop_oneof![
        any::<(u16, u16)>().prop_map(|(from, to)| tcp(from, to)),
        any::<(u16, u16)>().prop_map(|(from, to)| udp(from, to)),
        any::<(u8, u8)>().prop_map(|(kind, code)| icmp(kind, code)),
        any::<(u8, u8)>().prop_map(|(kind, code)| icmp6(kind, code)),
        (any::<u8>(), 0..24_usize).prop_map(|(n, size)| with_ports(n, 0x1234, 0x5678, size.max(4))),
        (any::<u8>(), 0..4_usize).prop_map(|(number, size)| upper(number, &[7; 4][..size])),
    ]
}

fn extensions() -> impl Strategy<Value = Vec<Layer>> {
    let one = prop_oneof![
        3 => (select(&[0, 43, 51, 60][..]), 0..3_u8).prop_map(|(kind, units)| extension(kind, units)),
        1 => (0..3_u16, any::<bool>()).prop_map(|(offset, more)| fragment(offset, more)),
    ];
    prop::collection::vec(one, 0..10)
}

/// Frames that are well-formed, or nearly so.
fn any_stack() -> impl Strategy<Value = Stack> {
    let tags = prop::collection::vec(prop_oneof![Just(vlan(7)), Just(service_vlan(0))], 0..4);
    let v4 =
        (4..=15_u8, select(&[0, 0, 1, 9][..]), any::<bool>()).prop_map(|(words, offset, more)| {
            vec![
                Ipv4 {
                    words,
                    ..ipv4_fragment(offset, more)
                }
                .into(),
            ]
        });
    let v6 = extensions().prop_map(|mut extensions| {
        extensions.insert(0, ipv6().into());
        extensions
    });
    let padding = prop::collection::vec(any::<u8>(), 0..20);
    (tags, prop_oneof![v4, v6], transport(), padding).prop_map(|(tags, network, top, padding)| {
        let layers = tags.into_iter().chain(network).chain([top]);
        layers
            .fold(eth(), |stack, layer| stack / layer)
            .padded(&padding)
    })
}

/// Bytes that begin as a frame does, then anything, then perhaps an early end.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec((any::<Index>(), any::<u8>()), 0..6);
    let odd =
        (any_stack(), noise, any::<Index>(), any::<bool>()).prop_map(|(stack, noise, end, cut)| {
            let mut frame = stack.bytes();
            for (at, byte) in noise {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            if cut {
                frame.truncate(end.index(frame.len() + 1));
            }
            frame
        });
    prop_oneof![4 => odd, 1 => prop::collection::vec(any::<u8>(), 0..120)]
}

/// Plain packets, and frames that differ from one in a few bytes.
fn nearly_plain() -> impl Strategy<Value = Vec<u8>> {
    let top = any::<(u16, u16, bool)>().prop_map(|(from, to, is_tcp)| match is_tcp {
        true => tcp(from, to),
        false => udp(from, to),
    });
    let noise = prop::collection::vec((12..60_usize, any::<u8>()), 0..3);
    (top, noise, any::<Option<Index>>()).prop_map(|(top, noise, end)| {
        let mut frame = (eth() / ipv4() / top).bytes();
        for (at, value) in noise {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        let end = end.map_or(frame.len(), |end| end.index(frame.len() + 1));
        frame.truncate(end);
        frame
    })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    select(&Verdict::ALL[..])
}

/// Tables of which nothing fits together.
fn corrupt_tables() -> impl Strategy<Value = Plain> {
    let row = any::<(u64, [u64; 16])>().prop_map(|(summary, some)| {
        let mut row = Row {
            summary,
            ..Row::EMPTY
        };
        for (word, some) in row.words.iter_mut().zip(some.iter().cycle()) {
            *word = *some;
        }
        row
    });
    let rule = any::<(u8, u8, u32)>().prop_map(|(verdict, kind, slot)| Rule {
        verdict,
        kind: kind % 3,
        reserved: [0; 2],
        slot,
    });
    let policies = (
        verdict(),
        verdict(),
        verdict(),
        any::<u32>().prop_map(Essentials::from_bits),
        any::<bool>(),
        any::<bool>(),
    );
    let classes = (
        any::<[bool; Dimension::COUNT]>(),
        0..5_u32,
        prop::option::of(0..5_u32),
        0..5_u32,
    );
    let tables = (
        prop::collection::vec(row, 0..4),
        prop::collection::vec(rule, 0..200),
    );
    (policies, classes, tables).prop_map(|(policies, classes, tables)| Plain {
        default_action: policies.0,
        malformed: policies.1,
        non_ip: policies.2,
        essentials: policies.3,
        has_rules: policies.4,
        used: classes.0,
        address: classes.1,
        number: classes.2,
        key: classes.3,
        has_shadow_rules: policies.5,
        rows: tables.0,
        rules: tables.1,
        ..default_drop()
    })
}

/// What must hold between the parts of any decision.
fn check(decision: &Decision, tables: &Plain) -> Result<(), TestCaseError> {
    match decision.rule {
        Some(index) => {
            prop_assert_eq!(decision.reason, Reason::Rule);
            let rule = tables.rules[index as usize];
            prop_assert_eq!(decision.slot, rule.slot);
            prop_assert_eq!(decision.verdict, Verdict::from_wire(rule.verdict));
        }
        None => {
            prop_assert_ne!(decision.reason, Reason::Rule);
            let kind = Essential::from_slot(decision.slot);
            prop_assert_eq!(kind.is_some(), decision.reason == Reason::Essential);
            if kind.is_none() {
                let slot = reason_slot(decision.reason, decision.verdict);
                prop_assert_eq!(decision.slot, slot);
            }
        }
    }
    if decision.reason == Reason::Internal {
        prop_assert_eq!(decision.verdict, Verdict::Drop);
    }
    Ok(())
}

/// What a packet may not have beside what it has.
fn check_packet(packet: &Packet) -> Result<(), TestCaseError> {
    prop_assert_ne!(packet.malformed, Some(Reason::Internal));
    if !packet.is_read {
        prop_assert_eq!(packet.transport, Transport::Absent);
    }
    if !matches!(packet.network, Network::V4 | Network::V6) {
        prop_assert_eq!((packet.source, packet.destination), ([0; 2], [0; 2]));
        prop_assert_eq!(packet.transport, Transport::Absent);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn nothing_panics_whatever_the_frame_and_the_tables(
        frame in any_frame(),
        tables in corrupt_tables(),
    ) {
        check_packet(&parse_bytes(&frame))?;
        let decision = decide_bytes(&frame, &tables);
        check(&decision, &tables)?;
    }

    #[test]
    fn what_is_read_at_once_is_what_the_parser_reads(
        frame in prop_oneof![nearly_plain(), any_frame()],
    ) {
        if let Some(plain) = Packet::parse_plain(frame.as_slice(), frame.len()) {
            prop_assert_eq!(plain, parse_bytes(&frame));
        }
    }

    #[test]
    fn a_frame_cut_off_inside_its_packet_has_no_ports(stack in any_stack(), end in any::<Index>()) {
        let frame = stack.bytes();
        let whole = parse_bytes(&frame);
        let packet = stack.padded(&[]).bytes().len();
        let cut = end.index(frame.len());
        let short = parse_bytes(&frame[..cut]);
        if cut >= packet {
            prop_assert_eq!(short, whole);
        } else {
            prop_assert!(short.malformed.is_some());
            prop_assert_eq!(short.transport, Transport::Absent);
        }
    }

    #[test]
    fn what_stands_behind_the_packet_means_nothing(
        stack in any_stack(),
        padding in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let bare = parse_bytes(&stack.clone().padded(&[]).bytes());
        prop_assert_eq!(parse_bytes(&stack.padded(&padding).bytes()), bare);
    }

    #[test]
    fn frames_of_another_builder_are_read_as_it_meant_them(
        id in prop::option::of(0..4096_u16),
        source in any::<[u8; 16]>(),
        destination in any::<[u8; 16]>(),
        ports in any::<(u16, u16)>(),
        is_v6 in any::<bool>(),
        is_tcp in any::<bool>(),
        payload in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let tagged = match id {
            Some(id) => {
                let tagged = ethernet.single_vlan(id.try_into().unwrap());
                tagged.ip(header(is_v6, source, destination))
            }
            None => ethernet.ip(header(is_v6, source, destination)),
        };
        let mut frame = Vec::new();
        let protocol = if is_tcp {
            tagged.tcp(ports.0, ports.1, 1, 1024).write(&mut frame, &payload).unwrap();
            IpNumber::TCP
        } else {
            tagged.udp(ports.0, ports.1).write(&mut frame, &payload).unwrap();
            IpNumber::UDP
        };
        let packet = parse_bytes(&frame);
        prop_assume!(packet.malformed != Some(Reason::Martian));
        prop_assert_eq!(packet.malformed, None);
        prop_assert_eq!(packet.protocol, u16::from(protocol.0));
        prop_assert_eq!(packet.transport, Transport::Ports);
        prop_assert_eq!((packet.source_port, packet.destination_port), ports);
        let kept = if is_v6 { 16 } else { 4 };
        let address = |bytes: [u8; 16]| {
            let mut address = [0; 16];
            address[..kept].copy_from_slice(&bytes[..kept]);
            bytemuck::cast::<_, [u64; 2]>(address)
        };
        prop_assert_eq!(packet.source, address(source));
        prop_assert_eq!(packet.destination, address(destination));
    }
}

fn header(is_v6: bool, source: [u8; 16], destination: [u8; 16]) -> etherparse::IpHeaders {
    let v4 = |address: [u8; 16]| [address[0], address[1], address[2], address[3]];
    if is_v6 {
        let header = etherparse::Ipv6Header {
            source,
            destination,
            hop_limit: 64,
            ..Default::default()
        };
        etherparse::IpHeaders::Ipv6(header, etherparse::Ipv6Extensions::default())
    } else {
        let header = etherparse::Ipv4Header {
            source: v4(source),
            destination: v4(destination),
            time_to_live: 64,
            ..Default::default()
        };
        etherparse::IpHeaders::Ipv4(header, etherparse::Ipv4Extensions::default())
    }
}
