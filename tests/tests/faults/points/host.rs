//! A filtered host under a stream of packets, of which each is accounted for.

use std::fs;
use std::path::Path;

use xdp_fw_tests::daemon::Daemon;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::stream::{Sent, Stream};
use xdp_fw_tests::two_hosts::{Hosts, config, packets, rule, totals};

/// Two rule sets. Both pass 192.0.2.3 and drop 192.0.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// Drops 192.0.2.2, too.
    Old,
    /// Drops 192.0.2.4, too.
    New,
}

impl Rules {
    pub(super) fn text(self) -> String {
        let deny = |name, source| rule(name, "drop", &format!("source = \"192.0.2.{source}\""));
        let second = match self {
            Self::Old => deny("old", 2),
            Self::New => deny("new", 4),
        };
        config(&(second + &deny("both", 1)))
    }
}

pub(super) fn from(last: u8) -> Packet {
    let source = format!("192.0.2.{last}");
    eth() / ipv4(source.as_str(), "198.51.100.1") / udp(1, 2)
}

/// A filtered host, and everything that was ever sent to it.
pub(super) struct Host<'a> {
    pub(super) hosts: &'a Hosts,
    pub(super) daemon: Daemon<'a>,
    pub(super) sent: Sent,
}

impl<'a> Host<'a> {
    pub(super) fn prepare(hosts: &'a Hosts) -> Self {
        Self {
            hosts,
            daemon: Daemon::prepare(&hosts.edge, &Rules::Old.text()),
            sent: Sent::default(),
        }
    }

    /// Does this while packets come in, of which each must meet its fate.
    pub(super) fn during(&mut self, work: impl FnOnce(&mut Daemon<'a>)) {
        let stream = Stream {
            passing: &[from(3)],
            dropped: &[from(1)],
            either: &[from(2), from(4)],
        };
        let ((), sent) = stream.during(self.hosts, || work(&mut self.daemon));
        self.sent += sent;
    }

    /// Which rules are in force, asked by packets.
    pub(super) fn rules(&mut self) -> Rules {
        let frames = [from(2).bytes(), from(4).bytes()];
        let arrived = self.hosts.wire().exchange(&frames);
        self.sent.either += 2;
        self.sent.passing += 1;
        let [two, four] = frames.map(|frame| arrived.contains(&frame));
        match (two, four) {
            (false, true) => Rules::Old,
            (true, false) => Rules::New,
            _ => panic!("neither rule set: 2 passes: {two}, 4 passes: {four}"),
        }
    }

    /// Whatever happened to the daemon, the kernel knows of every packet.
    pub(super) fn assert_counted(&self) {
        let stats = self.daemon.stats();
        let [passed, dropped] = totals(&stats);
        assert_eq!(passed + dropped, self.sent.all(), "{stats}");
        assert_eq!(packets(&stats, "both"), self.sent.dropped, "{stats}");
    }

    /// One generation, one link, and nothing half-made.
    pub(super) fn assert_clean(&self) {
        let pins = self.daemon.pin_dir();
        let shared = ["counters", "entry", "generations", "links", "root"];
        assert_eq!(names(pins), shared);
        assert_eq!(names(&pins.join("links")).len(), 1);
        let generation = self.daemon.generation().to_string();
        let generations = pins.join("generations");
        assert_eq!(names(&generations), *std::slice::from_ref(&generation));
        let (maps, pieces): (Vec<_>, Vec<_>) = names(&generations.join(generation))
            .into_iter()
            .partition(|name| name.starts_with(char::is_uppercase));
        let all = [
            "filter", "gone", "info", "probe", "result", "rules", "tables",
        ];
        assert_eq!(pieces, all);
        assert_eq!(maps.len(), 8, "{maps:?}");
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
