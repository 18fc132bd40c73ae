//! The measured policies as configuration files, and packets that match them.
//!
//! A policy is a set of many prefixes for one rule, followed by rules that each have an address, a
//! protocol and ports. Addresses are random, and the same in every run.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};
use xdp_fw::config::{self, Config, FileError, Files, Role};
use xdp_fw::packet;
use xdp_fw::policy::{Policy, Tables, compile};

use crate::generator::address;

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Family {
    V4,
    V6,
}

/// The criteria of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Dimensions {
    /// Source, protocol and destination port.
    Basic,
    /// All criteria.
    All,
}

/// The set file of [`Shape::configuration`].
pub(crate) const SET_FILE: &str = "blocklist.txt";
/// The interface in rules, and its index in test runs: the loopback interface.
const INTERFACE: (u32, &str) = (1, "lo");
/// The destination port of the packets.
const PORT: u32 = 33_000;

/// A policy by its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Shape {
    /// The family of the prefixes and packets.
    pub(crate) family: Family,
    /// Number of rules: the first names the set, each other one a source prefix.
    pub(crate) rules: u32,
    /// Number of prefixes in the set: a quarter are networks, the others hosts.
    pub(crate) prefixes: u32,
    /// The criteria of all rules after the first.
    pub(crate) dimensions: Dimensions,
}

impl Shape {
    /// The number of addresses with a prefix in the policy. Their own numbers are below it.
    pub(crate) fn listed(&self) -> u32 {
        self.prefixes + self.rules - 1
    }

    /// Returns the prefix with this number: first those of the set, then one for each rule.
    pub(crate) fn prefix(&self, index: u32) -> Result<IpNetwork> {
        let address = address(self.family, index);
        let length = match (self.family, index % 8) {
            (Family::V4, 0 | 4) => 24,
            (Family::V4, _) => 32,
            (Family::V6, 0) => 48,
            (Family::V6, 4) => 64,
            (Family::V6, _) => 128,
        };
        let network = IpNetwork::new(address, length)?;
        Ok(IpNetwork::new(network.network(), length)?)
    }

    /// The set, a prefix per line.
    pub(crate) fn set_file(&self) -> Result<String> {
        let mut text = String::new();
        for index in 0..self.prefixes {
            writeln!(text, "{}", self.prefix(index)?)?;
        }
        Ok(text)
    }

    /// The configuration file, whose set is in [`SET_FILE`].
    pub(crate) fn configuration(&self) -> Result<String> {
        let mut text = format!(
            "interfaces = \"{}\"\nessentials = false\n\
             [set.blocklist]\nfiles = \"{SET_FILE}\"\n\
             [[rule]]\nname = \"blocklist\"\naction = \"drop\"\nsource = \"@blocklist\"\n",
            INTERFACE.1
        );
        for number in 1..self.rules {
            let prefix = self.prefix(self.prefixes + number - 1)?;
            write!(
                text,
                "[[rule]]\nname = \"rule-{number}\"\naction = \"{}\"\nsource = \"{prefix}\"\n",
                if number % 2 == 0 { "pass" } else { "drop" },
            )?;
            match self.dimensions {
                // No measured packet matches this rule.
                Dimensions::All if number == 1 => text.push_str("icmp_type = \"echo-request\"\n"),
                Dimensions::All => self.write_more(&mut text, number)?,
                Dimensions::Basic => {}
            }
            // Nested ranges, so that no two rules have the same ports.
            if self.dimensions == Dimensions::Basic || number != 1 {
                let ports = format!("{}-{}", PORT - number, PORT + number);
                write!(text, "protocol = \"tcp\"\ndestination_port = \"{ports}\"\n")?;
            }
        }
        Ok(text)
    }

    /// The criteria that few rules have. A packet of [`Shape::frame`] matches all of them.
    fn write_more(&self, text: &mut String, number: u32) -> Result<()> {
        let (any, family) = match self.family {
            Family::V4 => ("192.0.2.0/24", "ipv4"),
            Family::V6 => ("2001:db8::/32", "ipv6"),
        };
        write!(
            text,
            "destination = \"{any}\"\nsource_port = \"1024-{}\"\ninterface = \"{}\"\n\
             family = \"{family}\"\nvlan = \"none\"\ntcp_flags = \"syn,!rst\"\n\
             fragment = \"none\"\nlength = \"40-{}\"\nttl = \"1-{}\"\ndscp = \"0-{}\"\necn = \"not-ect\"\n\
             source_mac = \"02:00:00:00:00:01\"\ndestination_mac = \"02:00:00:00:00:02\"\n",
            40_000 + number,
            INTERFACE.1,
            1000 + number,
            65 + number % 190,
            1 + number % 62,
        )?;
        Ok(())
    }

    /// A packet to a port that every rule names, from this source.
    pub(crate) fn frame(&self, source: IpAddr) -> Result<Vec<u8>> {
        let text = match source {
            IpAddr::V4(source) => format!("tcp {source}:40000 > 192.0.2.1:{PORT} syn"),
            IpAddr::V6(source) => format!("tcp [{source}]:40000 > [2001:db8::1]:{PORT} syn"),
        };
        let packet = packet::parse(&text).map_err(|mistake| anyhow!("{text}: {mistake}"))?;
        Ok(packet.frame)
    }

    /// The packet that the last rule matches.
    pub(crate) fn last_rules_frame(&self) -> Result<Vec<u8>> {
        let last = self.listed() - 1;
        self.frame(address(self.family, if self.rules == 1 { 0 } else { last }))
    }

    /// A packet without a source, which the generator writes.
    pub(crate) fn blank_frame(&self) -> Result<Vec<u8>> {
        self.frame(match self.family {
            Family::V4 => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            Family::V6 => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
        })
    }

    /// Reads and compiles the policy, as the daemon does.
    pub(crate) fn tables(&self) -> Result<Tables> {
        compile(
            &Policy::from_config(&self.load()?),
            &[(INTERFACE.0, INTERFACE.1.to_owned())],
        )
        .context("the policy does not compile")
    }

    fn load(&self) -> Result<Config> {
        let files = Memory {
            main: self.configuration()?,
            set: self.set_file()?,
        };
        let loaded = config::load(Path::new("bench.toml"), &files)
            .map_err(|problems| anyhow!("the policy has mistakes: {problems}"))?;
        Ok(std::sync::Arc::unwrap_or_clone(loaded.config))
    }
}

/// A configuration and its set file in memory.
pub(crate) struct Memory {
    pub(crate) main: String,
    pub(crate) set: String,
}

impl Files for Memory {
    fn read(&self, _path: &Path, role: Role) -> Result<String, FileError> {
        Ok(match role {
            Role::Main => self.main.clone(),
            Role::Set => self.set.clone(),
        })
    }

    fn glob(&self, _pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_with_all_criteria_use_every_dimension() {
        for family in [Family::V4, Family::V6] {
            let shape = Shape {
                family,
                rules: 10,
                prefixes: 10,
                dimensions: Dimensions::All,
            };
            let rows = shape.tables().unwrap().settings.row_counts;
            assert!(rows.iter().all(|rows| *rows != 0), "{rows:?}");
        }
    }

    #[test]
    fn the_largest_policy_has_no_mistake() {
        let shape = Shape {
            family: Family::V6,
            rules: 4_096,
            prefixes: 10,
            dimensions: Dimensions::All,
        };
        assert_eq!(shape.load().unwrap().rules.len(), 4_096);
    }
}
