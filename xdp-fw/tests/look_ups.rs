//! How many tables a packet is looked up in: a budget for each kind of packet, which holds
//! whatever the clock says. A look-up is what costs most of a packet, and the policy core decides
//! how many there are; the kernel runs the same core. Counted is what the core asks for: an address
//! is one class, whichever table answers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use xdp_fw::config::{self, FileError, Files, Role};
use xdp_fw::packet;
use xdp_fw::policy::{self, HostTables, Policy, Recorder, compile};
use xdp_fw_common::packet::Mac;
use xdp_fw_common::tables::{Row, Rule, Tables};
use xdp_fw_common::{Arrival, Dimension, Essentials, Verdict, decide};

/// Host tables that count each look-up: of a class, of a row, of a rule.
struct Counted<'a> {
    tables: HostTables<'a>,
    look_ups: Cell<u32>,
}

impl Counted<'_> {
    fn count<T>(&self, found: T) -> T {
        self.look_ups.set(self.look_ups.get() + 1);
        found
    }
}

impl Tables for Counted<'_> {
    // Constants of the program, whose dead branches the verifier removes.
    fn default_action(&self) -> Verdict {
        self.tables.default_action()
    }
    fn malformed(&self) -> Verdict {
        self.tables.malformed()
    }
    fn non_ip(&self) -> Verdict {
        self.tables.non_ip()
    }
    fn essentials(&self) -> Essentials {
        self.tables.essentials()
    }
    fn has_rules(&self) -> bool {
        self.tables.has_rules()
    }
    fn has_shadow_rules(&self) -> bool {
        self.tables.has_shadow_rules()
    }
    fn is_basic(&self) -> bool {
        self.tables.is_basic()
    }
    fn uses(&self, dimension: Dimension) -> bool {
        self.tables.uses(dimension)
    }

    fn class_v4(&self, dimension: Dimension, address: [u8; 4]) -> u32 {
        self.count(self.tables.class_v4(dimension, address))
    }
    fn class_v6(&self, dimension: Dimension, address: [u8; 16]) -> u32 {
        self.count(self.tables.class_v6(dimension, address))
    }
    fn class_number(&self, dimension: Dimension, value: u32) -> Option<u32> {
        self.count(self.tables.class_number(dimension, value))
    }
    fn class_interface(&self, interface: u32) -> u32 {
        self.count(self.tables.class_interface(interface))
    }
    fn class_mac(&self, dimension: Dimension, address: Mac) -> u32 {
        self.count(self.tables.class_mac(dimension, address))
    }
    fn has_single_word_rows(&self) -> bool {
        self.tables.has_single_word_rows()
    }
    fn single_word_rule(&self, slot: usize) -> Option<Rule> {
        self.count(self.tables.single_word_rule(slot))
    }
    fn single_word_row(&self, dimension: Dimension, class: u32) -> Option<u64> {
        self.count(self.tables.single_word_row(dimension, class))
    }
    fn row(&self, dimension: Dimension, class: u32) -> Option<&Row> {
        self.count(self.tables.row(dimension, class))
    }
    fn rule(&self, index: u32) -> Option<Rule> {
        self.count(self.tables.rule(index))
    }
}

/// A main file and a set file.
struct Text(String, String);

impl Files for Text {
    fn read(&self, _path: &Path, role: Role) -> Result<String, FileError> {
        Ok(match role {
            Role::Main => self.0.clone(),
            Role::Set => self.1.clone(),
        })
    }
    fn glob(&self, _pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

/// A rule on a set of so many hosts, and rules with a source, a protocol and ports each; with
/// `more`, the last one has these criteria besides.
fn tables(rules: u32, prefixes: u32, more: &str) -> policy::Tables {
    let mut main = String::from(
        "interfaces = \"eth0\"\n[set.blocklist]\nfiles = \"set.txt\"\n\
         [[rule]]\nname = \"blocklist\"\naction = \"drop\"\nsource = \"@blocklist\"\n",
    );
    for number in 1..rules {
        let [_, _, high, low] = number.to_be_bytes();
        write!(
            main,
            "[[rule]]\nname = \"rule-{number}\"\naction = \"pass\"\nsource = \"10.0.{high}.{low}\"\n\
             protocol = \"tcp\"\ndestination_port = \"{number}-65535\"\n"
        )
        .unwrap();
    }
    main.push_str(more);
    let set = (0..prefixes).map(|number| {
        let [_, high, middle, low] = number.to_be_bytes();
        format!("{}.{middle}.{low}.1\n", 100 + u32::from(high))
    });
    let loaded = config::load(Path::new("test.toml"), &Text(main, set.collect())).unwrap();
    compile(&Policy::from_config(&loaded.config), &[]).unwrap()
}

fn look_ups(tables: &policy::Tables, packet: &str) -> u32 {
    let frame = packet::parse(packet).unwrap().frame;
    let counted = Counted {
        tables: HostTables::new(tables),
        look_ups: Cell::new(0),
    };
    let arrival = Arrival {
        interface: 1,
        length: frame.len(),
        now: 0,
    };
    let mut effects = Recorder::default();
    decide(frame.as_slice(), &arrival, &counted, &mut effects);
    counted.look_ups.get() + u32::try_from(effects.shadows.len()).unwrap()
}

const MATCHING: &str = "tcp 10.0.0.9:40000 > 192.0.2.1:50000 syn";
const LISTED: &str = "tcp 100.0.0.1:40000 > 192.0.2.1:50000 syn";
const STRANGER: &str = "tcp 203.0.113.1:40000 > 192.0.2.1:50000 syn";

#[test]
fn three_criteria_cost_a_class_and_a_row_each_and_a_match_its_rule() {
    let tables = tables(10, 10, "");
    assert_eq!(look_ups(&tables, MATCHING), 7);
    assert_eq!(look_ups(&tables, LISTED), 7);
    assert_eq!(look_ups(&tables, STRANGER), 6);
}

#[test]
fn neither_rules_nor_prefixes_cost_a_look_up() {
    let small = tables(10, 10, "");
    for large in [tables(4_096, 10, ""), tables(10, 20_000, "")] {
        for packet in [MATCHING, LISTED, STRANGER] {
            assert_eq!(
                look_ups(&large, packet),
                look_ups(&small, packet),
                "{packet}"
            );
        }
    }
}

#[test]
fn a_dimension_that_no_rule_names_costs_nothing() {
    let by_source = tables(1, 10, "");
    assert_eq!(look_ups(&by_source, LISTED), 3);
    assert_eq!(look_ups(&by_source, "udp 100.0.0.1:1 > 192.0.2.1:53"), 3);
}

#[test]
fn all_criteria_together_cost_two_look_ups_each() {
    let more = "[[rule]]\nname = \"last\"\naction = \"pass\"\ndestination = \"192.0.2.0/24\"\n\
                protocol = \"tcp\"\nsource_port = 1\ninterface = \"eth0\"\nfamily = \"ipv4\"\n\
                vlan = \"none\"\ntcp_flags = \"syn\"\nfragment = \"none\"\nlength = \"40-1500\"\n\
                ttl = \"1-64\"\ndscp = \"0-10\"\necn = \"not-ect\"\nsource_mac = \"02:00:00:00:00:01\"\n\
                destination_mac = \"02:00:00:00:00:02\"\n\
                [[rule]]\nname = \"ping\"\naction = \"pass\"\nicmp_type = \"echo-request\"\n";
    let tables = tables(10, 10, more);
    assert!(tables.settings.row_counts.iter().all(|rows| *rows != 0));
    // A TCP packet has no ICMP type to look up, which leaves its row.
    assert_eq!(look_ups(&tables, MATCHING), 2 * 17 - 1 + 1);
    assert_eq!(
        look_ups(&tables, "icmp 203.0.113.1 > 192.0.2.1"),
        2 * 17 - 2
    );
}

#[test]
fn what_needs_no_rule_is_looked_up_nowhere() {
    let tables = tables(10, 10, "");
    for packet in [
        "arp",
        "ethertype 0x88cc",
        "udp 192.0.2.1:67 > 192.0.2.2:68",
        "tcp 192.0.2.1:1 > 192.0.2.2:2 fragment first length 24",
    ] {
        assert_eq!(look_ups(&tables, packet), 0, "{packet}");
    }
}
