use proptest::prelude::*;
use xdp_fw_common::packet::{Transport, fragment, protocol};
use xdp_fw_common::{Packet as Core, Reason};

use super::transport::{has_ports, is_icmp};
use super::*;

fn frame(text: &str) -> Vec<u8> {
    parse(text)
        .unwrap_or_else(|mistake| panic!("{text}: {mistake}"))
        .frame
}

fn core(frame: &[u8]) -> Core {
    let mut packet = Core::parse(frame, frame.len());
    packet.read_macs(frame);
    packet.read_tcp_flags(frame);
    packet
}

#[test]
fn what_is_said_is_what_rules_see() {
    let lines = [
        "tcp 203.0.113.9:40000 > 192.0.2.1:22 syn",
        "TCP 203.0.113.9:40000>192.0.2.1:22 syn,ack ece",
        "tcp 203.0.113.9 > 192.0.2.1:22 flags none",
        "udp [2001:db8::1]:53 > [2001:db8::2]:40000 ttl 3 dscp ef length 1500 in eth0",
        "sctp 192.0.2.1:1 > 198.51.100.1:2 dscp 63",
        "dccp [2001:db8::1]:1 > [2001:db8::2]:2 interface wan0",
        "udplite 192.0.2.1:1 > 198.51.100.1:2 vlan 7",
        "136 192.0.2.1:1 > 198.51.100.1:2 vlan 100 vlan 7",
        "icmp 192.0.2.1 > 198.51.100.1",
        "icmp 192.0.2.1 > 198.51.100.1 destination-unreachable port-unreachable",
        "icmp 192.0.2.1 > 198.51.100.1 type 200 code 9",
        "icmp 192.0.2.1 > 198.51.100.1 icmp_type redirect icmp_code host-redirect",
        "icmpv6 fe80::1 > ff02::1 neighbour-solicitation",
        "icmpv6 [fe80::1] > [ff02::16] mld2-listener-report hop-by-hop",
        "icmpv6 2001:db8::1 > 2001:db8::2 packet-too-big ttl 9",
        "gre 192.0.2.1 > 198.51.100.1",
        "200 [2001:db8::1] > [2001:db8::2]",
        "ah 192.0.2.1 > 198.51.100.1",
        "tcp 192.0.2.1:1 > 198.51.100.1:2 fragment first",
        "tcp 192.0.2.1 > 198.51.100.1 fragment later",
        "udp 192.0.2.1 > 198.51.100.1 fragment 8 length 24",
        "udp [2001:db8::1]:1 > [2001:db8::2]:2 fragment atomic",
        "udp 2001:db8::1 > 2001:db8::2 hop-by-hop routing fragment later destination-options",
        "tcp [2001:db8::1]:1 > [2001:db8::2]:2 hop-by-hop destination routing ah fragment first",
        "tcp 192.0.2.1:1 > 198.51.100.1:2 options 40 syn",
        "tcp 192.0.2.1 > 198.51.100.1 length 28",
        "tcp 192.0.2.1:1 > 198.51.100.1:2 length 28 fragment first",
        "tcp 192.0.2.1 > 198.51.100.1 fragment 8",
        "udp 192.0.2.1:1 > 198.51.100.1:2 frame 60",
        "udp 192.0.2.1:1 > 198.51.100.1:2 frame 30",
        "arp",
        "arp 192.0.2.7 > 192.0.2.8 vlan 0",
        "ethertype 0x88cc",
        "ethertype 38 mac 02:00:5e:10:00:01 > 01:80:c2:00:00:00",
        "020000000002 020000000001 0800 4500",
    ];
    let seen = lines.map(|line| {
        let packet = parse(line).unwrap_or_else(|mistake| panic!("{line}: {mistake}"));
        let Printed { brief, details } = printed(&packet.frame);
        let interface = packet.interface.map(|name| format!(" in {name}"));
        let length = packet.frame.len();
        let interface = interface.unwrap_or_default();
        format!("{line}\n  {brief}{interface}, {length} bytes\n  {details}")
    });
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn a_mistake_has_a_column_and_says_what_was_expected() {
    let lines = [
        "",
        "tpc 192.0.2.1:1 > 192.0.2.2:2",
        "ping 192.0.2.1 > 192.0.2.2",
        "colour 192.0.2.1 > 192.0.2.2",
        "ip 192.0.2.1 > 192.0.2.2",
        "256 192.0.2.1 > 192.0.2.2",
        "tcp",
        "tcp > 192.0.2.1:22",
        "tcp 192.0.2.1:1",
        "tcp 192.0.2.1:1 192.0.2.2:2",
        "tcp 192.0.2.1:1 >",
        "tcp 192.0.2.1.40000 > 192.0.2.2.22",
        "tcp 192.0.2.0/24 > 192.0.2.2:22",
        "tcp @office > 192.0.2.2:22",
        "tcp 192.0.2.1:1 > [2001:db8::1]:22",
        "tcp 192.0.2.1:1 > 192.0.2.2:65536",
        "tcp 192.0.2.1:1 > 192.0.2.2",
        "tcp [2001:db8::1]:1 > 2001:db8::2:22",
        "tcp [2001:db8::1:1 > [2001:db8::2]:22",
        "tcp [2001:db8::1]1 > [2001:db8::2]:22",
        "tcp [192.0.2.1]:1 > 192.0.2.2:22",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 sny",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 established",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 flags syn,fni",
        "udp 192.0.2.1:1 > 192.0.2.2:22 syn",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 echo-request",
        "gre 192.0.2.1:1 > 192.0.2.2",
        "icmp 2001:db8::1 > 2001:db8::2",
        "icmpv6 192.0.2.1 > 192.0.2.2",
        "icmp 192.0.2.1 > 192.0.2.2 packet-too-big",
        "icmp 192.0.2.1 > 192.0.2.2 port-unreachable",
        "icmp 192.0.2.1 > 192.0.2.2 type echo-requset",
        "icmp 192.0.2.1 > 192.0.2.2 type 8 echo-reply",
        "icmp 192.0.2.1 > 192.0.2.2 ping",
        "icmp 192.0.2.1 > 192.0.2.2 code 256",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 ttl",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 ttl 256",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 ttl 3 ttl 4",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 dscp eff",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 length 19",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 options 8 length 24",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 options 3",
        "tcp [2001:db8::1]:1 > [2001:db8::2]:2 options 4",
        "tcp [2001:db8::1]:1 > [2001:db8::2]:2 routing length 47",
        "tcp [2001:db8::1]:1 > [2001:db8::2]:2 routing hop-by-hop",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 hop-by-hop",
        "ah 2001:db8::1 > 2001:db8::2",
        "tcp 192.0.2.1:1 > 192.0.2.2:22 fragment later",
        "udp 192.0.2.1 > 192.0.2.2 fragment 7",
        "udp 192.0.2.1 > 192.0.2.2 fragment frist",
        "udp 192.0.2.1:1 > 192.0.2.2:1 fragment atomic",
        "udp 192.0.2.1:1 > 192.0.2.2:1 vlan 4096",
        "udp 192.0.2.1:1 > 192.0.2.2:1 vlan 1 vlan 2 vlan 3",
        "udp 192.0.2.1:1 > 192.0.2.2:1 in wan*",
        "udp 192.0.2.1:1 > 192.0.2.2:1 in a-name-of-too-many-characters",
        "udp 192.0.2.1:1 > 192.0.2.2:1 mac 02:00:00:00:00:01",
        "udp 192.0.2.1:1 > 192.0.2.2:1 source_mac 02:00:00:00:00:01",
        "udp 192.0.2.1:1 > 192.0.2.2:1 frame 13",
        "udp 192.0.2.1:1 > 192.0.2.2:1 legnth 100",
        "arp 192.0.2.1:1 > 192.0.2.2",
        "arp ttl 3",
        "ethertype",
        "ethertype lldp",
        "ethertype 0x0800",
        "ethertype 0x8100",
        "0xzz",
        "0x00",
    ];
    let told = lines.map(|line| format!("{line}\n  {}", parse(line).unwrap_err()));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn every_example_of_the_reference_page_is_a_packet() {
    let page = include_str!("../../../docs/reference/packet-notation.md");
    let mut examples = 0;
    let blocks = page.split("```text\n").skip(1);
    for line in blocks
        .filter_map(|block| block.split("```").next())
        .flat_map(str::lines)
    {
        let text = line.split("  #").next().unwrap_or_default();
        if !text.trim().is_empty() {
            frame(text);
            examples += 1;
        }
    }
    assert!(examples > 20, "{examples}");
}

#[test]
fn a_frame_is_cut_or_padded_and_its_headers_are_not_touched() {
    let whole = frame("udp 192.0.2.1:1 > 192.0.2.2:2");
    assert_eq!(whole.len(), 42);
    let padded = frame("udp 192.0.2.1:1 > 192.0.2.2:2 frame 60");
    assert_eq!((padded.len(), &padded[..42]), (60, &whole[..]));
    let cut = frame("udp 192.0.2.1:1 > 192.0.2.2:2 frame 40");
    assert_eq!(core(&cut).malformed, Some(Reason::IpLength));
}

/// Whether the notation can say so: the transport header is all there, or is not meant to be.
fn can_be_said(packet: &Core) -> bool {
    let number = u8::try_from(packet.protocol).ok();
    let cut = packet.transport == Transport::Absent
        && packet.fragment & fragment::LATER == 0
        && number.is_some_and(|number| has_ports(number) || is_icmp(number));
    packet.malformed.is_none() && !cut && packet.protocol != protocol::UNKNOWN
}

/// Frames that are mostly sound: what a notation says, with some bytes changed.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let lines = proptest::sample::select(vec![
        "tcp 203.0.113.9:40000 > 192.0.2.1:22 syn vlan 7",
        "udp [2001:db8::1]:53 > [2001:db8::2]:40000 ttl 3",
        "icmp 192.0.2.1 > 198.51.100.1 length 100",
        "icmpv6 fe80::1 > ff02::1 neighbour-solicitation",
        "udp 2001:db8::1 > 2001:db8::2 fragment later length 60",
        "sctp 192.0.2.1:1 > 198.51.100.1:2 fragment first",
        "ethertype 0x88cc",
        "arp",
    ]);
    let changes = proptest::collection::vec((0usize..70, any::<u8>()), 0..4);
    (lines, changes).prop_map(|(line, changes)| {
        let mut frame = frame(line);
        for (at, byte) in changes {
            if let Some(place) = frame.get_mut(at) {
                *place = byte;
            }
        }
        frame
    })
}

proptest! {
    #[test]
    fn what_is_printed_says_the_same_packet(bytes in frames()) {
        let packet = core(&bytes);
        prop_assume!(can_be_said(&packet));
        let Printed { brief, details } = printed(&bytes);
        let text = format!("{brief} {details}");
        let again = parse(&text).map_err(|mistake| TestCaseError::fail(format!("{text}: {mistake}")))?;
        // Where the header is, no rule can ask; nor whether extension headers were there.
        let comparable = |packet: Core| Core { transport_at: 0, upper_length: 0, extended: false, ..packet };
        prop_assert_eq!(comparable(core(&again.frame)), comparable(packet), "{}", text);
    }

    #[test]
    fn any_text_is_a_packet_or_a_mistake_within_it(text in "\\PC{0,40}") {
        if let Err(mistake) = parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&mistake.column), "{}", mistake);
        }
    }

    #[test]
    fn any_words_are_a_packet_or_a_mistake(words in proptest::collection::vec(proptest::sample::select(vec![
        "tcp", "icmpv6", "gre", "arp", "ethertype", "192.0.2.1:1", "[2001:db8::1]:2", ">", "ttl",
        "255", "length", "65535", "fragment", "later", "first", "8", "hop-by-hop", "ah", "routing",
        "vlan", "options", "40", "frame", "14", "type", "code", "syn", "in", "eth0", "mac",
    ]), 0..14)) {
        if let Ok(packet) = parse(&words.join(" ")) {
            prop_assert!((FRAME_MIN..=FRAME_MAX).contains(&packet.frame.len()));
        }
    }
}

#[test]
fn a_martian_is_printed_with_its_addresses() {
    let frame = frame("udp [::ffff:198.51.100.9]:1 > [2001:db8::1]:2");
    let printed = printed(&frame);
    assert_eq!(printed.brief, "martian ::ffff:198.51.100.9 > 2001:db8::1");
}

#[test]
fn a_tiny_fragment_that_is_judged_is_printed_whole() {
    let frame = frame("tcp 192.0.2.1:1 > 198.51.100.1:22 length 36 fragment first");
    let printed = printed(&frame);
    let text = "malformed (tiny_fragment) tcp 192.0.2.1:1 > 198.51.100.1:22";
    assert!(printed.brief.starts_with(text), "{}", printed.brief);
}
