//! Fragments: which are tiny, and what criteria see of the rest.

use super::*;
use crate::packet::*;
use crate::ruleset::{Criteria, drop};

/// Every protocol whose fixed header is looked at, with a header and that header's size.
fn transports() -> Vec<(Packet, usize)> {
    vec![
        (tcp(1, 2).into(), 20),
        (udp(1, 2).into(), 8),
        (udplite(1, 2).into(), 8),
        (sctp(1, 2).into(), 12),
        (dccp(1, 2).into(), 12),
        (icmp(8, 0).into(), 8),
        (icmpv6(128, 0).into(), 8),
    ]
}

/// The header's number and its first `size` bytes.
fn first_bytes(header: &Packet, size: usize) -> Packet {
    let bytes = (v4() / header.clone()).bytes();
    let (ip, header) = bytes.split_at(20);
    protocol(ip[9]) / payload_bytes(&header[..size])
}

#[test]
fn a_first_fragment_without_its_whole_fixed_header_is_tiny() {
    for (header, size) in transports() {
        let short = first_bytes(&header, size - 1);
        let packet = eth() / v4().fragment(0, true) / short.clone();
        assert_eq!(reason(packet), Reason::TinyFragment, "{header:?}");
        let packet = eth() / v6() / fragment6(0, true, 1) / short;
        assert_eq!(reason(packet), Reason::TinyFragment, "{header:?}");

        let whole = first_bytes(&header, size);
        let packet = eth() / v4().fragment(0, true) / whole.clone();
        assert_eq!(reason(packet), Reason::Default, "{header:?}");
        let packet = eth() / v6() / fragment6(0, true, 1) / whole;
        assert_eq!(reason(packet), Reason::Default, "{header:?}");
    }
}

#[test]
fn padding_does_not_complete_a_tiny_fragment() {
    let packet = eth() / v4().fragment(0, true) / tcp(1, 2).cut(16) / pad_to(60);
    assert_eq!(reason(packet), Reason::TinyFragment);
}

#[test]
fn a_whole_or_atomic_packet_with_a_short_header_is_not_malformed() {
    for (header, size) in transports() {
        let short = first_bytes(&header, size - 1);
        assert_eq!(reason(eth() / v4() / short.clone()), Reason::Default);
        assert_eq!(reason(eth() / v6() / short.clone()), Reason::Default);
        let atomic = eth() / v6() / fragment6(0, false, 1) / short;
        assert_eq!(reason(atomic), Reason::Default);
    }
}

#[test]
fn a_first_fragment_of_another_protocol_is_never_tiny() {
    let packet = eth() / v4().fragment(0, true) / protocol(47) / payload(1);
    assert_eq!(reason(packet), Reason::Default);
}

#[test]
fn a_tcp_fragment_at_eight_bytes_is_tiny() {
    for more in [false, true] {
        let packet = eth() / v4().fragment(1, more).protocol(6) / payload(100);
        assert_eq!(reason(packet), Reason::TinyFragment);
        let packet = eth() / v6() / fragment6(1, more, 1).next_header(6) / payload(100);
        assert_eq!(reason(packet), Reason::TinyFragment);
    }
    let later = eth() / v4().fragment(2, false).protocol(6) / payload(4);
    assert_eq!(reason(later), Reason::Default);
    let of_udp = eth() / v4().fragment(1, false).protocol(17) / payload(4);
    assert_eq!(reason(of_udp), Reason::Default);
    let of_udp = eth() / v6() / fragment6(1, false, 1).next_header(17) / payload(4);
    assert_eq!(reason(of_udp), Reason::Default);
}

#[test]
fn a_short_last_fragment_is_no_fault() {
    for size in 0..4 {
        let packet = eth() / v4().fragment(185, false).protocol(6) / payload(size);
        assert_eq!(reason(packet), Reason::Default);
    }
}

#[test]
fn dont_fragment_and_the_reserved_flag_mean_nothing() {
    let packet = eth() / v4().dont_fragment().reserved_flag() / tcp(1, 2).cut(10);
    assert_eq!(reason(packet), Reason::Default);
}

#[test]
fn the_reserved_bits_of_a_fragment_header_mean_nothing() {
    let packet = eth() / v6() / fragment6(0, false, 1).reserved(0xff) / tcp(1, 2).cut(10);
    assert_eq!(reason(packet), Reason::Default);
}

#[test]
fn ports_are_never_read_out_of_a_later_fragment() {
    let rules = config([
        drop("port").destination_port("443"),
        drop("any-port").source_port("!1"),
    ]);
    let v4_later = eth() / v4().fragment(185, true) / tcp(40000, 443);
    assert_eq!(decided_by(&rules, v4_later), None);
    let v6_later = eth() / v6() / fragment6(185, true, 1) / tcp(40000, 443);
    assert_eq!(decided_by(&rules, v6_later), None);
}

#[test]
fn ports_are_read_out_of_a_first_fragment() {
    let rules = config([drop("port").destination_port("443")]);
    let first = eth() / v4().fragment(0, true) / tcp(40000, 443);
    assert_eq!(decided_by(&rules, first).as_deref(), Some("port"));
    let first = eth() / v6() / fragment6(0, true, 1) / tcp(40000, 443);
    assert_eq!(decided_by(&rules, first).as_deref(), Some("port"));
}

#[test]
fn the_protocol_of_a_later_fragment_is_its_headers_field() {
    let rules = config([drop("udp").protocol("17")]);
    let later = eth() / v4().fragment(185, false).protocol(17) / payload(4);
    assert_eq!(decided_by(&rules, later).as_deref(), Some("udp"));
    let later = eth() / v6() / fragment6(185, false, 1).next_header(17) / payload(4);
    assert_eq!(decided_by(&rules, later).as_deref(), Some("udp"));
}

#[test]
fn a_later_fragment_behind_a_hidden_extension_header_has_no_protocol() {
    let rules = config([
        drop("any").protocol("0-255"),
        drop("not-tcp").protocol("!6"),
    ]);
    for next in [43, 44, 51, 60] {
        let later = eth() / v6() / fragment6(1, false, 1).next_header(next) / payload(40);
        assert_eq!(decided_by(&rules, later), None, "{next}");
    }
    // Hop-by-hop options come first or not at all: behind a fragment header 0 is the protocol.
    for next in [0, 50] {
        let later = eth() / v6() / fragment6(1, false, 1).next_header(next) / payload(40);
        assert_eq!(decided_by(&rules, later).as_deref(), Some("any"), "{next}");
    }
}

#[test]
fn the_walk_ends_at_a_later_fragment() {
    // What looks like a cut-off header behind it is payload.
    let later = eth() / v6() / fragment6(9, true, 1).next_header(60) / payload_bytes(&[6, 200]);
    assert_eq!(reason(later), Reason::Default);
}

#[test]
fn a_first_fragment_goes_on_to_be_walked() {
    let rules = config([drop("web").protocol("6").destination_port("443")]);
    let chain = fragment6(0, true, 1) / destination_options().size(24);
    let first = eth() / v6() / chain / tcp(40000, 443);
    assert_eq!(decided_by(&rules, first).as_deref(), Some("web"));
    let cut = eth() / v6() / fragment6(0, true, 1) / destination_options().declared(3);
    assert_eq!(reason(cut), Reason::ExtensionHeaders);
}

#[test]
fn a_first_fragment_stays_first_behind_an_atomic_header() {
    let chain = fragment6(0, true, 1) / fragment6(0, false, 2);
    assert_eq!(
        reason(eth() / v6() / chain / tcp(1, 2).cut(10)),
        Reason::TinyFragment
    );
}
