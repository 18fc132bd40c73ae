//! What fuzzing begins with: packets of the tests, and configurations of the documentation.
//!
//! Owns the seeds. The files in `fuzz/corpus` are these, and whatever a fuzzer once found.

use super::frames::POLICY;
use crate::capture::{ETHERNET, pcap, pcapng};
use crate::packet::*;

/// The names of the targets.
pub const TARGETS: [&str; 6] = [
    "parser", "decide", "config", "set_file", "packet", "capture",
];

/// An input of a target.
#[derive(Debug, Clone)]
pub struct Seed {
    /// One of [`TARGETS`].
    pub target: &'static str,
    /// The name of its file.
    pub name: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Every seed.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (index, (name, packet)) in packets().into_iter().enumerate() {
        let frame = packet.bytes();
        seeds.push(Seed {
            target: "decide",
            name,
            bytes: [&[index as u8; POLICY][..], &frame].concat(),
        });
        seeds.push(Seed {
            target: "parser",
            name,
            bytes: frame,
        });
    }
    let texts = configs()
        .into_iter()
        .map(|(name, text)| ("config", name, text));
    let feeds = feeds()
        .into_iter()
        .map(|(name, text)| ("set_file", name, text));
    let lines = lines()
        .into_iter()
        .map(|(name, text)| ("packet", name, text));
    seeds.extend(captures());
    seeds.extend(
        texts
            .chain(feeds)
            .chain(lines)
            .map(|(target, name, text)| Seed {
                target,
                name,
                bytes: text.into(),
            }),
    );
    seeds
}

/// Packets in the notation.
fn lines() -> [(&'static str, &'static str); 6] {
    [
        (
            "tcp",
            "tcp 203.0.113.9:40000 > 192.0.2.1:22 syn vlan 7 in eth0",
        ),
        (
            "everything",
            "udp [2001:db8::1]:53 > [2001:db8::2]:9 hop-by-hop fragment first ttl 3 dscp ef length 1500",
        ),
        (
            "icmp",
            "icmp 192.0.2.1 > 198.51.100.1 destination-unreachable code 4 options 8",
        ),
        ("later", "tcp 192.0.2.1 > 198.51.100.1 fragment 8 frame 60"),
        (
            "other",
            "ethertype 0x88cc mac 02:00:00:00:00:01 > 01:80:c2:00:00:0e",
        ),
        ("digits", "0x02:00:00:00:00:02 020000000001 0806 0001"),
    ]
}

fn captures() -> [Seed; 4] {
    let frames: Vec<Vec<u8>> = packets().iter().take(3).map(|it| it.1.bytes()).collect();
    let files = [
        ("three.pcap", pcap(ETHERNET, &frames)),
        ("three.pcapng", pcapng(&frames)),
        ("none.pcap", pcap(ETHERNET, &[])),
        ("odd.pcapng", pcapng(&[vec![0; 61]])),
    ];
    files.map(|(name, bytes)| Seed {
        target: "capture",
        name,
        bytes,
    })
}

fn packets() -> Vec<(&'static str, Packet)> {
    let v4 = || ipv4("192.0.2.1", "198.51.100.2");
    let v6 = || ipv6("2001:db8::1", "2001:db8:1::2");
    let mut packets = vec![
        ("tcp4", eth() / v4() / tcp(40000, 443).syn()),
        ("tcp6", eth() / v6() / tcp(40000, 443).syn().ack()),
        ("udp4-options", eth() / v4().header_words(15) / udp(67, 68)),
        ("udp6-vlan", eth() / vlan(7) / v6() / udp(547, 546)),
        ("icmp-qinq", eth() / qinq(5) / vlan(0) / v4() / icmp(8, 0)),
        (
            "too-many-tags",
            eth() / vlan(1) / vlan(2) / vlan(3) / v4() / icmp(8, 0),
        ),
        ("first4", eth() / v4().fragment(0, true) / tcp(1, 2).syn()),
        (
            "later4",
            eth() / v4().fragment(185, false).protocol(6) / payload(4),
        ),
        ("tiny4", eth() / v4().fragment(0, true) / tcp(1, 2).cut(8)),
        (
            "overlap4",
            eth() / v4().fragment(1, false).protocol(6) / payload(20),
        ),
        (
            "atomic6",
            eth() / v6() / fragment6(0, false, 1) / sctp(1, 2),
        ),
        (
            "later6",
            eth() / v6() / fragment6(185, true, 1).next_header(60) / payload(8),
        ),
        (
            "headers6",
            eth() / v6() / hop_by_hop() / destination_options() / routing() / ah() / dccp(1, 2),
        ),
        (
            "discovery",
            eth() / ipv6("fe80::1", "ff02::1").hop_limit(255) / icmpv6(135, 0),
        ),
        (
            "listener",
            eth()
                / ipv6("fe80::1", "ff02::1").hop_limit(1)
                / hop_by_hop().router_alert()
                / icmpv6(143, 0),
        ),
        ("arp", eth() / arp("192.0.2.1", "192.0.2.2")),
        ("gre", eth() / v4() / gre() / v6() / udplite(1, 2)),
        ("esp", eth() / v6() / esp() / tcp(1, 2)),
        ("short-header", eth() / v4().ihl(3) / tcp(1, 2)),
        ("long-length", eth() / v6().payload_length(9000) / tcp(1, 2)),
        ("padded", eth() / v4() / icmp(3, 4) / pad_to(60)),
        ("truncated", eth() / vlan(7) / v4() / truncate(33)),
    ];
    let chain = (0..9).fold(eth() / v6(), |packet, _| packet / destination_options());
    packets.push(("too-many-headers", chain / tcp(1, 2)));
    packets
}

fn configs() -> Vec<(&'static str, &'static str)> {
    vec![
        ("default.toml", include_str!("../../../config/xdp-fw.toml")),
        ("demo.toml", include_str!("../../../config/demo.toml")),
        (
            "default-drop.toml",
            include_str!("../../../config/examples/default-drop.toml"),
        ),
        (
            "web-server.toml",
            include_str!("../../../config/examples/web-server.toml"),
        ),
        ("criteria.toml", CRITERIA),
        ("wrong.toml", WRONG),
    ]
}

/// Every key of a rule.
const CRITERIA: &str = r#"interfaces = ["eth0", "wan*"]
malformed = "pass"
[set.feed]
files = ["feed.txt"]
[[rule]]
name = "all"
action = "drop"
shadow = true
interface = ["wan?", "!wan1"]
family = "ipv4"
vlan = [7, "100-199", "none", "!150"]
source = ["@feed", "!192.0.2.66"]
destination = "198.51.100.0/24"
protocol = ["tcp", 17, "132-136"]
source_port = "!0-1023"
destination_port = [22, "8000-8099"]
length = "40-1500"
ttl = ["!255", 64]
dscp = [46, "ef"]
fragment = ["any", "!first"]
source_mac = "02:00:00:00:00:01"
destination_mac = "!ff:ff:ff:ff:ff:ff"
[[rule]]
name = "flags"
action = "pass"
tcp_flags = ["syn,!ack", "fin"]
[[rule]]
name = "ping"
action = "pass"
icmp_type = ["echo-request", 3, "!133-137"]
icmp_code = [0, "1-4"]
"#;

/// Mistakes of many kinds.
const WRONG: &str = r#"interfaces = []
mode = "fast"
defualt_action = "drop"
[[rule]]
name = "a b"
action = "reject"
source = ["192.0.2.1/24", "@nowhere", "2001:db8::1::2"]
destination_port = [70000, "9-1", true]
tcp_flags = "syn,!syn"
vlan = 4095
[[rule]]
name = "a b"
"#;

fn feeds() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            "blocklist.txt",
            include_str!("../../../config/examples/web-server-blocklist.txt"),
        ),
        (
            "ranges.txt",
            "192.0.2.1 - 192.0.2.77\n2001:db8::1 - 2001:db8::ff\n",
        ),
        (
            "comments.txt",
            "# head\n; other\n192.0.2.0/24 ; SBL1\r\n\n2001:db8::/32 # v6\n",
        ),
        (
            "edges.txt",
            "0.0.0.0/0\n::/0\n255.255.255.255\nffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128\n",
        ),
        (
            "wrong.txt",
            "example.org\n192.0.2.1/24\n192.0.2.0/33\n300.1.1.1\n",
        ),
        (
            "mapped.txt",
            "::ffff:203.0.113.50\n::ffff:cb00:7100/120\n::ffff:0:0/96\n\
             ::ffff:192.0.2.1 - ::ffff:192.0.2.9\n::1 - ::ffff:1.2.3.4\n::/0\n",
        ),
        (
            "notations.txt",
            "// head\n192.0.2.0/24, // x\n010.1.1.1\n192.0.2.0/255.255.255.0\n192.0.2.*\n\
             192.0.2.1-9\n[2001:db8::1]:443\nfe80::1%eth0\n\"192.0.2.1\"\n3221225985\nAS64496\n",
        ),
        (
            "list.json",
            "{\"prefixes\": [\n  \"192.0.2.0/24\",\n  \"2001:db8::/32\"\n]}\n",
        ),
        (
            "list.csv",
            "network,name\n192.0.2.0/24,x\n192.0.2.0\t192.0.2.255\t24\n",
        ),
        (
            "saved.ipset",
            "create bad hash:net\nadd bad 192.0.2.0/24 timeout 5\n",
        ),
        ("carriage.txt", "192.0.2.1\r192.0.2.2\r"),
        ("utf16.txt", "1\u{0}:\u{0}:\u{0}\n\u{0}"),
    ]
}
