//! Which frames are malformed, and by which name.

use super::*;
use crate::packet::*;

#[test]
fn a_frame_shorter_than_fourteen_bytes_is_truncated_ethernet() {
    assert_eq!(reason(eth() / truncate(13)), Reason::TruncatedEthernet);
    assert_eq!(reason(eth() / truncate(0)), Reason::TruncatedEthernet);
    assert_eq!(reason(eth() / truncate(14)), Reason::NonIp);
}

#[test]
fn a_tag_without_its_four_bytes_is_truncated_vlan() {
    for size in 14..18 {
        let packet = eth() / vlan(7) / v4() / truncate(size);
        assert_eq!(reason(packet), Reason::TruncatedVlan, "{size}");
        let packet = eth() / qinq(5) / vlan(7) / v4() / truncate(size + 4);
        assert_eq!(reason(packet), Reason::TruncatedVlan, "{size}");
    }
    assert_eq!(
        reason(eth() / vlan(7) / v4() / truncate(18)),
        Reason::TruncatedIp
    );
}

#[test]
fn two_tags_in_any_order_are_read() {
    for (outer, inner) in [
        (vlan(1), vlan(2)),
        (vlan(1), qinq(2)),
        (qinq(1), vlan(2)),
        (qinq(1), qinq(2)),
        (vlan(0), vlan(0)),
    ] {
        assert_eq!(
            reason(eth() / outer / inner / v4() / tcp(1, 2)),
            Reason::Default
        );
    }
}

#[test]
fn a_third_tag_is_one_too_many_even_with_vid_zero_or_cut_off() {
    let packet = eth() / vlan(0) / vlan(0) / vlan(0) / v4() / tcp(1, 2);
    assert_eq!(reason(packet), Reason::VlanDepth);
    let packet = eth() / qinq(1) / vlan(2) / qinq(3) / truncate(22);
    assert_eq!(reason(packet), Reason::VlanDepth);
}

#[test]
fn another_kind_of_tag_is_non_ip() {
    for tpid in [0x9100, 0x9200] {
        let packet = eth() / vlan(7).tpid(tpid) / v4() / tcp(1, 2);
        assert_eq!(reason(packet), Reason::NonIp);
    }
}

#[test]
fn other_ether_types_and_802_3_lengths_are_non_ip() {
    assert_eq!(reason(eth() / payload(46)), Reason::NonIp);
    assert_eq!(reason(eth().ether_type(46) / payload(46)), Reason::NonIp);
    assert_eq!(reason(eth() / vlan(7) / payload(46)), Reason::NonIp);
}

#[test]
fn an_ip_header_beyond_the_frame_is_truncated_ip() {
    for size in 14..34 {
        assert_eq!(
            reason(eth() / v4() / tcp(1, 2) / truncate(size)),
            Reason::TruncatedIp
        );
    }
    for size in 14..54 {
        assert_eq!(
            reason(eth() / v6() / tcp(1, 2) / truncate(size)),
            Reason::TruncatedIp
        );
    }
    let options = eth() / v4().header_words(15) / truncate(14 + 59);
    assert_eq!(reason(options), Reason::TruncatedIp);
    assert_eq!(reason(eth() / v4().ihl(6)), Reason::TruncatedIp);
}

#[test]
fn a_version_that_belies_the_ether_type_is_ip_version() {
    for version in (0..16).filter(|version| *version != 4) {
        assert_eq!(
            reason(eth() / v4().version(version) / tcp(1, 2)),
            Reason::IpVersion
        );
    }
    for version in (0..16).filter(|version| *version != 6) {
        assert_eq!(
            reason(eth() / v6().version(version) / tcp(1, 2)),
            Reason::IpVersion
        );
    }
    assert_eq!(
        reason(eth().ether_type(0x86dd) / v4() / payload(40)),
        Reason::IpVersion
    );
}

#[test]
fn an_ihl_below_five_is_ip_header_length() {
    for ihl in 0..5 {
        assert_eq!(
            reason(eth() / v4().ihl(ihl) / tcp(1, 2)),
            Reason::IpHeaderLength
        );
    }
}

#[test]
fn a_total_length_beyond_the_frame_or_below_the_header_is_ip_length() {
    let with = |total_length| eth() / v4().total_length(total_length) / udp(1, 2);
    assert_eq!(reason(with(28)), Reason::Default);
    assert_eq!(reason(with(29)), Reason::IpLength);
    assert_eq!(reason(with(20)), Reason::Default);
    assert_eq!(reason(with(19)), Reason::IpLength);
    assert_eq!(reason(with(0)), Reason::IpLength);
    assert_eq!(
        reason(eth() / v4().header_words(15).total_length(59)),
        Reason::IpLength
    );
}

#[test]
fn a_v6_payload_length_beyond_the_frame_is_ip_length() {
    let with = |length| eth() / v6().payload_length(length) / udp(1, 2);
    assert_eq!(reason(with(8)), Reason::Default);
    assert_eq!(reason(with(9)), Reason::IpLength);
    assert_eq!(reason(with(0)), Reason::Default);
}

#[test]
fn ipv4_checks_come_in_order() {
    // Each packet has every later fault too.
    let faulty = v4().version(5).ihl(3).total_length(5000);
    assert_eq!(
        reason(eth() / faulty.clone() / truncate(33)),
        Reason::TruncatedIp
    );
    assert_eq!(reason(eth() / faulty.clone()), Reason::IpVersion);
    assert_eq!(reason(eth() / faulty.version(4)), Reason::IpHeaderLength);
    assert_eq!(
        reason(eth() / v4().ihl(15).total_length(5000)),
        Reason::TruncatedIp
    );
    assert_eq!(reason(eth() / v4().total_length(5000)), Reason::IpLength);
}

#[test]
fn ipv6_checks_come_in_order() {
    let faulty = v6().version(5).payload_length(5000).next_header(60);
    assert_eq!(
        reason(eth() / faulty.clone() / truncate(53)),
        Reason::TruncatedIp
    );
    assert_eq!(reason(eth() / faulty.clone()), Reason::IpVersion);
    assert_eq!(reason(eth() / faulty.version(6)), Reason::IpLength);
    assert_eq!(
        reason(eth() / v6().next_header(60)),
        Reason::ExtensionHeaders
    );
}

#[test]
fn an_extension_header_not_wholly_within_the_ip_length_is_named_so() {
    for kind in [0, 43, 44, 51, 60] {
        for bytes in [0, 1, 7] {
            let packet = eth() / v6().next_header(kind) / payload_bytes(&vec![0; bytes]);
            assert_eq!(
                reason(packet / pad_to(200)),
                Reason::ExtensionHeaders,
                "{kind} {bytes}"
            );
        }
    }
    let longer = eth() / v6() / destination_options().declared(1) / payload(7) / pad_to(200);
    assert_eq!(reason(longer), Reason::ExtensionHeaders);
    let longer = eth() / v6() / ah().size(12).declared(2) / payload(3) / pad_to(200);
    assert_eq!(reason(longer), Reason::ExtensionHeaders);
}

#[test]
fn an_extension_header_may_end_where_the_packet_ends() {
    let exact = eth() / v6() / destination_options().declared(1).next_header(59) / payload(8);
    assert_eq!(reason(exact), Reason::Default);
    assert_eq!(
        reason(eth() / v6() / fragment6(0, false, 1).next_header(6)),
        Reason::Default
    );
}

#[test]
fn eight_extension_headers_are_read_and_nine_are_not() {
    let headers = |count: usize| {
        (1..count).fold(hop_by_hop() / Packet::default(), |chain, _| {
            chain / destination_options()
        })
    };
    let rules = config([crate::ruleset::drop("web")]);
    let eight = eth() / v6() / headers(8) / tcp(1, 443);
    assert_eq!(decided_by(&rules, eight).as_deref(), Some("web"));
    let nine = eth() / v6() / headers(9) / tcp(1, 443);
    assert_eq!(reason(nine), Reason::ExtensionHeaders);
}

#[test]
fn fragment_headers_count_among_the_eight() {
    let chain = (0..9).fold(Packet::default(), |chain, _| chain / fragment6(0, false, 1));
    assert_eq!(
        reason(eth() / v6() / chain / tcp(1, 2)),
        Reason::ExtensionHeaders
    );
}
