use std::path::{Path, PathBuf};

use super::evaluator::By;
use super::replay::{Totals, line};
use super::*;
use crate::config::{FileError, Files, Role, load};
use crate::explain::Judgement;
use crate::packet::capture::Captured;
use crate::policy::{Policy, compile};

const CONFIG: &str = "\
interfaces = [\"eth0\", \"wan*\"]
default_action = \"drop\"

[set.office]
prefixes = [\"192.0.2.0/24\", \"2001:db8:10::/48\"]

[[rule]]
name = \"ssh-from-office\"
action = \"pass\"
source = [\"@office\", \"!192.0.2.66\"]
protocol = \"tcp\"
destination_port = 22

[[rule]]
name = \"old\"
action = \"drop\"
enabled = false

[[rule]]
name = \"odd-syn\"
action = \"drop\"
shadow = true
tcp_flags = [\"syn,ack\", \"syn,!ack\"]

[[rule]]
name = \"a-rule-with-a-rather-long-name\"
action = \"pass\"
interface = \"wan*\"
destination_port = [25, 80, 110, 143, 443, 465, 587, 853, 993, 995, 8080, 8443, \"9000-9999\"]
protocol = \"tcp\"

[[rule]]
name = \"no-telnet\"
action = \"drop\"
protocol = [\"tcp\", \"udp\"]
destination_port = 23
ttl = \"!1\"
";

struct Memory;

impl Files for Memory {
    fn read(&self, _: &Path, _: Role) -> Result<String, FileError> {
        Ok(CONFIG.to_owned())
    }

    fn glob(&self, _: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

fn basis() -> Basis {
    let path = PathBuf::from("/etc/xdp-fw.toml");
    let loaded = load(&path, &Memory).unwrap();
    let interfaces = vec![(2, "eth0".to_owned()), (5, "wan0".to_owned())];
    let tables = compile(&Policy::from_config(&loaded.config), &interfaces).unwrap();
    Basis {
        path,
        loaded,
        tables,
        interfaces,
    }
}

fn report(evaluator: &mut Evaluator<'_>, text: &str) -> Report {
    let packet = packet::parse(text).unwrap();
    Report::of(evaluator, &packet.frame, packet.interface.as_deref()).unwrap()
}

#[test]
fn each_rule_on_the_way_says_why_it_did_not_decide_within_80_columns() {
    let basis = basis();
    let mut evaluator = Evaluator::of_file(&basis, true).unwrap();
    let texts = [
        "tcp 192.0.2.10:40000 > 198.51.100.1:22 syn",
        "tcp 192.0.2.66:40000 > 198.51.100.1:22 syn in wan0",
        "udp 192.0.2.1:1 > 198.51.100.1:23 ttl 1",
        "udp [2001:db8::1]:1 > [2001:db8::2]:23 in eth9",
        "gre 192.0.2.1 > 198.51.100.1 dscp ef vlan 7",
        "tcp 192.0.2.1 > 198.51.100.1 fragment later",
        "icmp 192.0.2.1 > 198.51.100.1 destination-unreachable fragmentation-needed",
        "udp 192.0.2.1:1 > 198.51.100.1:2 frame 30",
        "ethertype 0x88cc",
        "arp",
    ];
    let told = texts.map(|text| {
        let text = render::text(&report(&mut evaluator, text), Audience::Terminal(80));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        text
    });
    insta::assert_snapshot!(told.join("----\n"));
}

#[test]
fn what_is_in_force_without_its_text_has_a_verdict_and_no_places() {
    let basis = basis();
    let mut evaluator = Evaluator::of_file(&basis, true).unwrap();
    evaluator.by = By::InForce(7);
    evaluator.config = Err("the text of what is in force is not in /var/lib/xdp-fw: it has another configuration; `xdp-fw reload` stores it".to_owned());
    let report = report(&mut evaluator, "tcp 192.0.2.10:40000 > 198.51.100.1:22 syn");
    insta::assert_snapshot!(render::text(&report, Audience::Terminal(80)));
}

#[test]
fn json_keeps_its_contract() {
    let basis = basis();
    let mut evaluator = Evaluator::of_file(&basis, true).unwrap();
    let report = report(
        &mut evaluator,
        "tcp 192.0.2.66:40000 > 198.51.100.1:80 syn in wan0",
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn a_capture_is_a_line_per_packet_then_totals() {
    let basis = basis();
    let mut evaluator = Evaluator::of_file(&basis, true).unwrap();
    let mut totals = Totals::default();
    let texts = [
        "tcp 192.0.2.10:40000 > 198.51.100.1:22 syn",
        "tcp 192.0.2.10:40000 > 198.51.100.1:22 ack length 1500",
        "tcp [2001:db8:10:aaaa:bbbb:cccc:dddd:eeee]:40000 > [2001:db8::1:2:3:4:5]:22 syn,ack vlan 7",
        "udp 192.0.2.1:1 > 198.51.100.1:23",
        "gre 192.0.2.1 > 198.51.100.1",
        "arp",
    ];
    let mut told = String::new();
    for (number, text) in (1..).zip(texts) {
        let frame = packet::parse(text).unwrap().frame;
        let captured = Captured {
            number,
            captured: frame.len().min(64),
            frame,
            interface: None,
        };
        let judgement: Judgement = evaluator.judge(&captured.frame, 2).unwrap();
        totals.add(&captured, &judgement);
        told += &line(&captured, Some(&judgement), Audience::Terminal(80));
    }
    let sent = Captured {
        number: 7,
        captured: 64,
        frame: packet::parse("udp 192.0.2.1:1 > 198.51.100.1:2")
            .unwrap()
            .frame,
        interface: None,
    };
    told += &line(&sent, None, Audience::Terminal(80));
    told += &totals.text(Audience::Terminal(80));
    insta::assert_snapshot!(told);
}

#[test]
fn a_mistake_is_pointed_at() {
    let asked = Explain {
        packet: vec![
            "tcp 192.0.2.1:1 >".to_owned(),
            "192.0.2.2:22 sny".to_owned(),
        ],
        pcap: None,
        interface: None,
        host: true,
        json: false,
    };
    let failure = asked.packet().unwrap_err();
    insta::assert_snapshot!(format!("{failure:?}").replace("\\n", "\n"));
}
