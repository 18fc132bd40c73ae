//! The packets, read back by etherparse.

use etherparse::{LaxSlicedPacket, LinkExtSlice, NetSlice, SlicedPacket, TransportSlice};

use super::*;

fn parse(frame: &[u8]) -> SlicedPacket<'_> {
    SlicedPacket::from_ethernet(frame).expect("etherparse reads the frame")
}

fn v4() -> Ipv4 {
    ipv4("192.0.2.1", "198.51.100.2")
}

fn v6() -> Ipv6 {
    ipv6("2001:db8::1", "2001:db8::2")
}

#[test]
fn the_example_reads_as_it_is_written() {
    let frame = (eth() / vlan(7) / v4() / tcp(40000, 443).syn()).bytes();
    let packet = parse(&frame);
    assert_eq!(packet.vlan_ids().first().map(|id| id.value()), Some(7));
    let Some(NetSlice::Ipv4(ip)) = &packet.net else {
        panic!("no IPv4 in {packet:?}")
    };
    assert_eq!(ip.header().source(), [192, 0, 2, 1]);
    assert_eq!(ip.header().destination(), [198, 51, 100, 2]);
    assert_eq!(
        ip.header().header_checksum(),
        ip.header().to_header().calc_header_checksum()
    );
    let Some(TransportSlice::Tcp(tcp)) = &packet.transport else {
        panic!("no TCP in {packet:?}")
    };
    assert_eq!((tcp.source_port(), tcp.destination_port()), (40000, 443));
    assert!(tcp.syn() && !tcp.ack());
}

#[test]
fn tags_come_in_any_order_and_depth() {
    let frame = (eth() / qinq(5) / vlan(0).priority(3, true) / vlan(9) / v4() / udp(1, 2)).bytes();
    let packet = parse(&frame);
    let ids: Vec<u16> = packet.vlan_ids().iter().map(|id| id.value()).collect();
    assert_eq!(ids, [5, 0, 9]);
    assert_eq!(frame.get(12..14), Some(&[0x88, 0xa8][..]));
    let Some(LinkExtSlice::Vlan(second)) = packet.link_exts.get(1) else {
        panic!("no second tag")
    };
    assert_eq!(second.priority_code_point().value(), 3);
    assert!(second.drop_eligible_indicator());
}

#[test]
fn ipv4_fields_are_where_they_belong() {
    let header = v4()
        .ttl(3)
        .dscp(46)
        .id(77)
        .header_words(15)
        .fragment(185, true);
    let frame = (eth() / header.dont_fragment() / protocol(47) / payload(4)).bytes();
    let packet = LaxSlicedPacket::from_ethernet(&frame).expect("a header");
    let Some(etherparse::LaxNetSlice::Ipv4(ip)) = packet.net else {
        panic!("no IPv4 in {packet:?}")
    };
    let ip = ip.header();
    assert_eq!(
        (ip.ttl(), ip.dcp().value(), ip.identification(), ip.ihl()),
        (3, 46, 77, 15)
    );
    assert_eq!(ip.fragments_offset().value(), 185);
    assert!(ip.more_fragments() && ip.dont_fragment());
    assert_eq!((ip.total_len(), ip.protocol().0), (64, 47));
    assert_eq!(ip.header_checksum(), ip.to_header().calc_header_checksum());
}

#[test]
fn ipv4_can_lie() {
    let header = v4()
        .version(5)
        .ihl(3)
        .total_length(9)
        .protocol(255)
        .reserved_flag();
    let bytes = (header / udp(1, 2)).bytes();
    assert_eq!(
        bytes.get(..10),
        Some(&[0x53, 0, 0, 9, 0, 0, 0x80, 0, 64, 255][..])
    );
    assert_eq!(bytes.len(), 28);
}

#[test]
fn ipv6_headers_chain() {
    let chain = hop_by_hop().router_alert() / routing() / destination_options().size(264);
    let frame = (eth()
        / v6().hop_limit(1).traffic_class(0xb8)
        / chain
        / ah()
        / fragment6(0, false, 9)
        / udp(53, 53)
        / payload(3))
    .bytes();
    let packet = parse(&frame);
    let Some(NetSlice::Ipv6(ip)) = &packet.net else {
        panic!("no IPv6 in {packet:?}")
    };
    assert_eq!(
        (ip.header().hop_limit(), ip.header().traffic_class()),
        (1, 0xb8)
    );
    assert_eq!(
        usize::from(ip.header().payload_length()),
        8 + 8 + 264 + 24 + 8 + 8 + 3
    );
    let Some(TransportSlice::Udp(udp)) = &packet.transport else {
        panic!("no UDP in {packet:?}")
    };
    assert_eq!((udp.source_port(), udp.length()), (53, 11));
}

#[test]
fn ipv6_can_lie() {
    let header = v6().version(4).payload_length(7).next_header(60);
    let bytes = (header / tcp(1, 2)).bytes();
    assert_eq!(bytes.get(..7), Some(&[0x40, 0, 0, 0, 0, 7, 60][..]));
}

#[test]
fn a_v6_fragment_holds_offset_flag_and_id() {
    let bytes = (fragment6(185, true, 7).reserved(0xff) / tcp(1, 2)).bytes();
    let expected = [6, 0xff, 0x05, 0xcf, 0, 0, 0, 7];
    assert_eq!(bytes.get(..8), Some(&expected[..]));
}

#[test]
fn checksums_are_those_of_etherparse() {
    for payload_length in [0, 1, 7, 8] {
        let frame =
            (eth() / v4() / tcp(1, 2).ack().options(&[1]) / payload(payload_length)).bytes();
        check_transport(&parse(&frame));
        let frame = (eth() / v6() / udp(1, 2) / payload(payload_length)).bytes();
        check_transport(&parse(&frame));
        let frame = (eth() / v6() / icmpv6(135, 0) / payload(payload_length)).bytes();
        check_transport(&parse(&frame));
        let frame =
            (eth() / v4() / icmp(8, 0).rest([0, 1, 0, 2]) / payload(payload_length)).bytes();
        check_transport(&parse(&frame));
    }
}

fn check_transport(packet: &SlicedPacket<'_>) {
    let (v4, v6) = match packet.net.as_ref().expect("an IP header") {
        NetSlice::Ipv4(ip) => (Some(ip.header().to_header()), None),
        NetSlice::Ipv6(ip) => (None, Some(ip.header())),
        NetSlice::Arp(_) => panic!("ARP has no transport"),
    };
    match packet.transport.as_ref().expect("a transport header") {
        TransportSlice::Tcp(tcp) => {
            let ip = v4.expect("v4");
            let expected = tcp.calc_checksum_ipv4(ip.source, ip.destination);
            assert_eq!(Ok(tcp.checksum()), expected.map_err(|_| ()));
        }
        TransportSlice::Udp(udp) => {
            let header = v6.expect("v6").to_header();
            let expected = udp.to_header().calc_checksum_ipv6(&header, udp.payload());
            assert_eq!(Ok(udp.checksum()), expected.map_err(|_| ()));
        }
        TransportSlice::Icmpv6(icmp) => {
            let header = v6.expect("v6");
            assert!(icmp.is_checksum_valid(header.source(), header.destination()));
        }
        TransportSlice::Icmpv4(icmp) => {
            let expected = icmp.header().icmp_type.calc_checksum(icmp.payload());
            assert_eq!(icmp.checksum(), expected);
        }
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn layers_name_themselves_to_the_one_in_front() {
    let numbers: Vec<(Packet, u8)> = vec![
        (icmp(8, 0).into(), 1),
        (v4().into(), 4),
        (tcp(1, 2).into(), 6),
        (udp(1, 2).into(), 17),
        (dccp(1, 2).into(), 33),
        (v6().into(), 41),
        (gre().into(), 47),
        (esp().into(), 50),
        (ah().into(), 51),
        (icmpv6(128, 0).into(), 58),
        (sctp(1, 2).into(), 132),
        (udplite(1, 2).into(), 136),
        (protocol(200) / tcp(1, 2), 200),
    ];
    for (packet, number) in numbers {
        let bytes = (v4() / packet).bytes();
        assert_eq!(bytes.get(9), Some(&number), "{bytes:?}");
    }
}

#[test]
fn a_cut_header_is_counted_as_what_is_left_of_it() {
    let bytes = (v4() / tcp(1, 2).cut(10)).bytes();
    assert_eq!(bytes.len(), 30);
    assert_eq!(bytes.get(2..4), Some(&[0, 30][..]));
    assert_eq!(bytes.get(9), Some(&6));
}

#[test]
fn padding_and_truncation_change_no_length_field() {
    let whole = (eth() / v4() / udp(1, 2)).bytes();
    let padded = (eth() / v4() / udp(1, 2) / pad_to(60).filled_with(0x16)).bytes();
    assert_eq!(padded.len(), 60);
    assert!(padded.starts_with(&whole));
    assert_eq!(padded.last(), Some(&0x16));
    let short = (eth() / v4() / udp(1, 2) / pad(&[1, 2, 3]) / truncate(20)).bytes();
    assert_eq!(whole.get(..20), Some(&short[..]));
}

#[test]
fn arp_and_gre_and_nested_packets_parse() {
    let frame = (eth() / arp("192.0.2.1", "192.0.2.2").reply()).bytes();
    let Some(NetSlice::Arp(arp)) = parse(&frame).net else {
        panic!("no ARP")
    };
    assert_eq!(arp.sender_protocol_addr(), [192, 0, 2, 1]);
    let bytes = (gre() / v6() / tcp(1, 2)).bytes();
    assert_eq!(bytes.get(..4), Some(&[0, 0, 0x86, 0xdd][..]));
    let frame = (eth() / v4() / v4() / tcp(1, 2)).bytes();
    assert_eq!(frame.len(), 14 + 20 + 20 + 20);
}
