use super::*;
use xdp_fw_common::packet::Network;
use xdp_fw_common::{Frame as _, Packet as Parsed};

const THEIRS: Mac = [2, 0, 0, 0, 0, 1];
const OURS: Mac = [2, 0, 0, 0, 0, 2];

fn session(remote: SocketAddr, local: SocketAddr, mtu: u32) -> Vec<Packet> {
    let near = true;
    Connection {
        remote,
        local,
        near,
        mtu,
    }
    .packets()
}

fn neighbour(address: IpAddr, local: IpAddr, on_the_way: bool) -> Vec<Packet> {
    Neighbour {
        address,
        local,
        theirs: THEIRS,
        ours: OURS,
        on_the_way,
    }
    .packets()
}

fn frames(packets: &[Packet], tags: &[Tag]) -> Vec<Vec<u8>> {
    packets
        .iter()
        .map(|packet| packet.frame(THEIRS, OURS, tags))
        .collect()
}

#[test]
fn nothing_is_malformed_and_the_essentials_are_essential() {
    let v4: IpAddr = "192.0.2.9".parse().unwrap();
    let v6: IpAddr = "2001:db8::9".parse().unwrap();
    let [ours4, ours6] = ["192.0.2.1", "2001:db8::1"].map(|ip| ip.parse::<IpAddr>().unwrap());
    for (theirs, ours) in [(v4, ours4), (v6, ours6)] {
        let (remote, local) = (SocketAddr::new(theirs, 999), SocketAddr::new(ours, 22));
        let mut packets = session(remote, local, 1500);
        packets.extend(answer(theirs, ours, false));
        assert_eq!(packets.len(), 4);
        let neighbours = neighbour(theirs, ours, false);
        assert_eq!(neighbours.len(), 2);
        packets.extend(neighbours);
        for (packet, frame) in packets.iter().zip(frames(&packets, &[])) {
            let parsed = Parsed::parse(&frame[..], frame[..].length());
            assert_eq!(parsed.malformed, None, "{}", packet.what);
            if packet.ether_type == EtherType::ARP {
                assert!(matches!(parsed.network, Network::Arp));
            }
        }
    }
}

#[test]
fn a_full_sized_segment_fills_the_mtu_and_no_more_than_1500_bytes() {
    let [remote, local] =
        ["192.0.2.9:999", "192.0.2.1:22"].map(|ip| ip.parse::<SocketAddr>().unwrap());
    for (mtu, expected) in [(1400, 1400), (1500, 1500), (9000, 1500)] {
        let packets = session(remote, local, mtu);
        assert_eq!(packets[1].bytes.len(), expected, "MTU {mtu}");
        assert_eq!(packets[0].bytes.len(), 52);
    }
}

#[test]
fn tags_stand_before_the_packet_outermost_first() {
    let [remote, local] =
        ["192.0.2.9:999", "192.0.2.1:22"].map(|ip| ip.parse::<SocketAddr>().unwrap());
    let tag = |ether_type, id| Tag { ether_type, id };
    let packets = session(remote, local, 1500);
    let frame = packets[0].frame(THEIRS, OURS, &[tag(0x88a8, 100), tag(0x8100, 7)]);
    let head = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    assert_eq!(frame[..12], head);
    let tags = [0x88, 0xa8, 0, 100, 0x81, 0, 0, 7, 8, 0, 0x45];
    assert_eq!(frame[12..23], tags);
}

#[test]
fn a_solicitation_goes_to_the_groups_of_our_address() {
    let packets = neighbour(
        "fe80::9".parse().unwrap(),
        "fe80::1:2345:6789".parse().unwrap(),
        true,
    );
    let frame = packets[1].frame(THEIRS, OURS, &[]);
    assert_eq!(frame[..6], [0x33, 0x33, 0xff, 0x45, 0x67, 0x89]);
    assert_eq!(
        frame[38..54],
        [
            0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x45, 0x67, 0x89
        ]
    );
}
