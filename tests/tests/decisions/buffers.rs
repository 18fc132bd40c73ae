//! Frames whose bytes are not where a careless reader looks for them: in several buffers, behind
//! the IP packet's end, or not there at all. Judged by the real program in the kernel.

use xdp_fw::config::{Action, Config};
use xdp_fw_tests::compiled::{INGRESS, Said};
use xdp_fw_tests::encapsulations::{DENIED_V4, DENIED_V6, HOST_V4, HOST_V6, links};
use xdp_fw_tests::packet::{
    Layer as _, Packet, ah, destination_options, eth, fragment6, hop_by_hop, icmp, icmpv6, ipv4,
    ipv6, pad, pad_to, payload, payload_bytes, protocol, qinq, routing, tcp, udp, vlan,
};
use xdp_fw_tests::ruleset::{Criteria, config, drop, pass};
use xdp_fw_tests::shapes::EveryShape;

/// A frame as the kernel's test run takes it has at least an Ethernet header.
const FRAME_MIN: usize = 14;

/// The most that an IPv4 packet can be.
const IP_MAX: usize = 65_535;

fn drops_web() -> Config {
    config([drop("web").destination_port("443").protocol("6")])
}

/// The other way round, so that a misread port shows whichever way it errs.
fn passes_web() -> Config {
    Config {
        default_action: Action::Drop,
        ..config([pass("web").destination_port("443").protocol("6")])
    }
}

fn web() -> Packet {
    tcp(40000, 443).syn() / payload(20)
}

fn v4() -> Packet {
    ipv4(DENIED_V4, HOST_V4).into()
}

fn v6() -> Packet {
    ipv6(DENIED_V6, HOST_V6).into()
}

/// Two headers of 2,048 bytes: what is behind them is beyond the first buffer of any driver.
fn far() -> Packet {
    destination_options().size(2048) / routing().size(2048)
}

fn judge(kernel: &mut EveryShape, packet: &Packet) -> String {
    kernel.judge(INGRESS, &packet.bytes()).to_string()
}

#[test]
fn ports_beyond_the_first_buffer_are_read() {
    for (config, verdict) in [(drops_web(), "drop"), (passes_web(), "pass")] {
        let mut kernel = EveryShape::load(&config);
        for (name, link) in links() {
            let headers = link / v6() / far() / web();
            let rest = 9000 - headers.bytes().len();
            let said = judge(&mut kernel, &(headers / payload(rest)));
            assert_eq!(said, format!("{verdict} by rule web"), "{name}");
        }
    }
}

#[test]
fn eight_extension_headers_of_full_size_hide_nothing() {
    let chain = (0..8).fold(v6(), |packet, _| packet / destination_options().size(2048));
    let frame = (eth() / qinq(5) / vlan(7) / chain / web()).bytes();
    assert!(frame.len() > 16_384);
    for (config, verdict) in [(drops_web(), "drop"), (passes_web(), "pass")] {
        let mut kernel = EveryShape::load(&config);
        let said = kernel.judge(INGRESS, &frame).to_string();
        assert_eq!(said, format!("{verdict} by rule web"));
    }
}

/// Packets to port 443 in the shapes that put it at different offsets.
fn shapes() -> Vec<(&'static str, Packet)> {
    let tagged = || eth() / qinq(5) / vlan(7);
    vec![
        ("IPv4", eth() / v4() / web()),
        (
            "IPv4, IHL=15",
            eth() / ipv4(DENIED_V4, HOST_V4).header_words(15) / web(),
        ),
        ("IPv4, tagged", eth() / vlan(7) / v4() / web()),
        ("IPv4, QinQ", tagged() / v4() / web()),
        (
            "IPv4, fragment",
            eth() / ipv4(DENIED_V4, HOST_V4).fragment(0, true) / web(),
        ),
        ("IPv6", eth() / v6() / web()),
        ("IPv6, tagged", eth() / vlan(7) / v6() / web()),
        ("IPv6, QinQ", tagged() / v6() / web()),
        ("IPv6, hop-by-hop", eth() / v6() / hop_by_hop() / web()),
        ("IPv6, AH", eth() / v6() / ah() / web()),
        (
            "IPv6, fragment",
            eth() / v6() / fragment6(0, true, 1) / web(),
        ),
        (
            "IPv6, QinQ, chain",
            tagged() / v6() / hop_by_hop() / routing() / destination_options() / ah() / web(),
        ),
    ]
}

#[test]
fn every_split_of_a_packet_between_buffers_reads_the_same() {
    let configs = [
        (drops_web(), "drop by rule web"),
        (passes_web(), "pass by rule web"),
        (
            config([drop("source").source("192.0.2.0/24, 2001:db8:bad::/48")]),
            "drop by rule source",
        ),
    ];
    for (config, expected) in configs {
        let mut kernel = EveryShape::load(&config);
        for (name, packet) in shapes() {
            // Long enough for every split to leave something behind.
            let frame = (packet / payload(100)).bytes();
            for split in 14..=100 {
                let said = kernel.judge_split(INGRESS, &frame, Some(split)).to_string();
                assert_eq!(said, expected, "{name}, {split} bytes in the first buffer");
            }
        }
    }
}

#[test]
fn splits_around_far_headers_read_the_same() {
    let mut kernel = EveryShape::load(&drops_web());
    let frame = (eth() / v6() / far() / web() / payload(3000)).bytes();
    for split in [14, 54, 55, 56, 62, 2100, 2101, 2102, 2103, 3000, 3500] {
        let said = kernel.judge_split(INGRESS, &frame, Some(split)).to_string();
        assert_eq!(
            said, "drop by rule web",
            "{split} bytes in the first buffer"
        );
    }
}

#[test]
fn a_frame_of_64_kib_is_judged_and_counted_whole() {
    let mut kernel = EveryShape::load(&drops_web());
    for (name, packet) in [
        ("IPv4", eth() / v4() / web() / payload(IP_MAX - 60)),
        (
            "IPv6",
            eth() / v6() / far() / web() / payload(IP_MAX - 4136),
        ),
    ] {
        let frame = packet.bytes();
        assert!(frame.len() > 65_000, "{name}: {}", frame.len());
        // The length that the program saw is compared within.
        assert_eq!(
            kernel.judge(INGRESS, &frame).to_string(),
            "drop by rule web",
            "{name}"
        );
        let said = kernel.judge_split(INGRESS, &frame, Some(20)).to_string();
        assert_eq!(said, "drop by rule web", "{name}, split");
    }
}

/// What a header from and to port 443 looks like, where none belongs: ports, and a data offset.
const LOOKALIKE: [u8; 24] = [
    0x01, 0xbb, 0x01, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// Packets whose transport header is cut off by the IP length and completed by Ethernet padding.
fn completed_by_padding() -> Vec<(String, Packet)> {
    let v4_of = |length| ipv4(DENIED_V4, HOST_V4).total_length(length);
    let v6_of = |length| ipv6(DENIED_V6, HOST_V6).payload_length(length);
    let mut rows = Vec::new();
    for (number, size) in [(6, 20), (17, 8), (33, 12), (132, 12), (136, 8)] {
        let upper = protocol(number) / payload_bytes(&LOOKALIKE);
        for (link_name, link) in links() {
            for length in 0..size {
                let name =
                    |family| format!("{link_name}: {family}, {length} bytes of protocol {number}");
                let chain = v6_of(8 + length) / hop_by_hop() / upper.clone();
                for (family, ip) in [
                    ("IPv4", v4_of(20 + length) / upper.clone()),
                    ("IPv6", v6_of(length) / upper.clone()),
                    ("IPv6, chain", chain),
                ] {
                    rows.push((name(family), link.clone() / ip / pad_to(60)));
                }
            }
        }
    }
    rows
}

#[test]
fn padding_that_looks_like_a_port_is_no_port() {
    let drops = config([
        drop("to").destination_port("443"),
        drop("from").source_port("443"),
        drop("not-22").source_port("!22"),
    ]);
    let passes = Config {
        default_action: Action::Drop,
        ..config([
            pass("to").destination_port("443"),
            pass("any").source_port("0-65535"),
        ])
    };
    for (config, expected) in [(drops, "pass by default"), (passes, "drop by default")] {
        let mut kernel = EveryShape::load(&config);
        for (name, packet) in completed_by_padding() {
            assert_eq!(judge(&mut kernel, &packet), expected, "{name}");
        }
    }
}

#[test]
fn padding_completes_no_essential_and_no_extension_header() {
    let mut kernel = EveryShape::load(&Config {
        default_action: Action::Drop,
        ..config([])
    });
    let neighbour = ipv6("fe80::1", "ff02::1").hop_limit(255);
    for (name, packet, expected) in [
        (
            "neighbour solicitation",
            eth() / neighbour / protocol(58) / payload(4) / pad(&[0; 20]),
            "drop by default",
        ),
        (
            "path MTU",
            eth() / v4() / icmp(3, 4).cut(7) / pad(&[0; 20]),
            "drop by default",
        ),
        (
            "DHCP",
            eth() / v4() / udp(67, 68).cut(4) / pad(&[0; 40]),
            "drop by default",
        ),
        (
            "options",
            eth() / v6() / protocol(60) / pad(&[0; 40]),
            "drop by extension_headers",
        ),
        (
            "a fragment header",
            eth() / v6() / protocol(44) / payload(7) / pad(&[0; 40]),
            "drop by extension_headers",
        ),
        (
            "a tiny fragment",
            eth() / ipv4(DENIED_V4, HOST_V4).fragment(0, true) / tcp(1, 2).cut(19) / pad(&[0; 20]),
            "drop by tiny_fragment",
        ),
    ] {
        assert_eq!(judge(&mut kernel, &packet), expected, "{name}");
    }
}

/// Sound packets of every kind of header, none of them essential.
fn to_be_cut() -> Vec<(&'static str, Packet)> {
    let mut packets = shapes();
    packets.extend([
        ("UDP", eth() / v4() / udp(1, 2) / payload(4)),
        ("ICMP", eth() / v4() / icmp(8, 0) / payload(4)),
        ("ICMPv6", eth() / v6() / icmpv6(128, 0) / payload(4)),
        (
            "IPv6, long options",
            eth() / v6() / hop_by_hop().size(64) / udp(1, 2),
        ),
        (
            "IPv6, last fragment",
            eth() / v6() / fragment6(2, false, 1).next_header(6) / payload(4),
        ),
    ]);
    packets
}

/// Every length from the whole frame down to an Ethernet header.
fn every_truncation(mut check: impl FnMut(&str, &[u8])) {
    for (name, packet) in to_be_cut() {
        let whole = packet.bytes();
        for length in (FRAME_MIN..=whole.len()).rev() {
            check(
                &format!("{name}, {length} of {} bytes", whole.len()),
                whole.split_at(length).0,
            );
        }
    }
}

fn denies() -> Config {
    config([drop("denied").source("192.0.2.0/24, 2001:db8:bad::/48")])
}

#[test]
fn no_truncation_of_a_denied_packet_passes() {
    let mut kernel = EveryShape::load(&denies());
    every_truncation(|row, frame| {
        let said = kernel.judge(INGRESS, frame);
        assert_eq!(said, Said::by_oracle(&denies(), INGRESS, frame).0, "{row}");
        assert_eq!(said, kernel.judge_on_host(INGRESS, frame), "{row}");
        assert_eq!(said.verdict, "drop", "{row}: {said}");
    });
}

#[test]
fn a_truncation_is_judged_by_address_as_long_as_one_is_there() {
    let config = Config {
        malformed: Action::Pass,
        ..denies()
    };
    let mut kernel = EveryShape::load(&config);
    every_truncation(|row, frame| {
        let said = kernel.judge(INGRESS, frame);
        assert_eq!(said, Said::by_oracle(&config, INGRESS, frame).0, "{row}");
        // Without the whole fixed header there is no address to judge by.
        let addressless = ["truncated_ip", "truncated_vlan"].contains(&said.reason);
        let expected = if addressless { "pass" } else { "drop" };
        assert_eq!(said.verdict, expected, "{row}: {said}");
    });
}

#[test]
fn a_truncation_in_two_buffers_is_judged_like_one_in_one() {
    let mut kernel = EveryShape::load(&denies());
    every_truncation(|row, frame| {
        let split = FRAME_MIN.midpoint(frame.len());
        if split < frame.len() {
            let said = kernel.judge_split(INGRESS, frame, Some(split as u32));
            assert_eq!(
                said,
                Said::by_oracle(&denies(), INGRESS, frame).0,
                "{row}, at {split}"
            );
        }
    });
}

/// Shorter frames than the kernel's test run takes: the same core, compiled for the host.
#[test]
fn a_frame_without_an_ethernet_header_is_dropped() {
    let kernel = EveryShape::load(&denies());
    let frame = (eth() / v4() / web()).bytes();
    for length in 0..FRAME_MIN {
        let said = kernel
            .judge_on_host(INGRESS, frame.split_at(length).0)
            .to_string();
        assert_eq!(said, "drop by truncated_ethernet", "{length} bytes");
    }
}

/// Kernel, oracle and host core over frames of a length, whose IP length is zero.
#[test]
fn an_ip_length_of_zero_is_the_frames_only_where_no_field_can_say_it() {
    let web = || tcp(40000, 443).syn();
    let v4 = || ipv4(DENIED_V4, HOST_V4).total_length(0);
    let v6 = || ipv6(DENIED_V6, HOST_V6).payload_length(0);
    let config = config([drop("long").protocol("6").length("65535")]);
    let mut kernel = EveryShape::load(&config);
    for (name, link) in links() {
        let head = link.bytes().len();
        for (packet, length, expected) in [
            (v4() / web(), IP_MAX, "drop by ip_length"),
            (v4() / web(), IP_MAX + 1, "drop by rule long"),
            (v4() / web(), IP_MAX + 2_000, "drop by rule long"),
            (v6() / web(), IP_MAX, "pass by default"),
            (v6() / web(), IP_MAX + 1, "drop by rule long"),
            (
                v6() / hop_by_hop() / web(),
                IP_MAX,
                "drop by extension_headers",
            ),
            (v6() / hop_by_hop() / web(), IP_MAX + 1, "drop by rule long"),
        ] {
            let frame = (link.clone() / packet / pad_to(head + length)).bytes();
            let row = format!("{name}, {length} bytes: {expected}");
            let said = kernel.judge(INGRESS, &frame);
            assert_eq!(said.to_string(), expected, "{row}");
            assert_eq!(said, kernel.judge_on_host(INGRESS, &frame), "{row}");
            assert_eq!(said, Said::by_oracle(&config, INGRESS, &frame).0, "{row}");
        }
    }
}
