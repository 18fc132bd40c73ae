//! A flood from many sources, and the policy that drops all of them.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};
use xdp_fw::config;
use xdp_fw::packet;
use xdp_fw::policy::{Policy, Tables, compile};

use crate::generator::address;
use crate::policy::{Dimensions, Family, Memory, SET_FILE, Shape};
use crate::wire::FILTERED;

/// The destination port of the flood.
pub(crate) const PORT: u16 = 53;

/// A policy by its size, over IPv4. The sources of the flood are drawn evenly from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Flood {
    /// Number of rules; each has a host and the port.
    pub(crate) rules: u32,
    /// Number of prefixes in a set, for which another rule comes first. Zero: no such rule.
    pub(crate) prefixes: u32,
}

impl Flood {
    /// Number of sources; a network counts as one.
    pub(crate) fn sources(self) -> u32 {
        self.rules + self.prefixes
    }

    /// The host of each rule.
    pub(crate) fn hosts(self) -> impl Iterator<Item = IpAddr> {
        (self.prefixes..self.sources()).map(|index| address(Family::V4, index))
    }

    /// The prefixes of the set.
    pub(crate) fn set(self) -> Result<Vec<IpNetwork>> {
        let shape = Shape {
            family: Family::V4,
            rules: 1,
            prefixes: self.prefixes,
            dimensions: Dimensions::Basic,
        };
        (0..self.prefixes)
            .map(|index| shape.prefix(index))
            .collect()
    }

    /// A frame without a source, which the generator writes.
    pub(crate) fn frame() -> Result<Vec<u8>> {
        let text = format!("udp 0.0.0.0:40000 > 192.0.2.1:{PORT} frame 60");
        let packet = packet::parse(&text).map_err(|mistake| anyhow!("{text}: {mistake}"))?;
        Ok(packet.frame)
    }

    /// The configuration file of xdp-fw; its set is in [`SET_FILE`].
    pub(crate) fn configuration(self) -> Result<String> {
        let mut text = format!("interfaces = \"{FILTERED}\"\nmetrics.listen = false\n");
        if self.prefixes > 0 {
            write!(
                text,
                "[set.blocklist]\nfiles = \"{SET_FILE}\"\n\
                 [[rule]]\nname = \"blocklist\"\naction = \"drop\"\nsource = \"@blocklist\"\n"
            )?;
        }
        for (number, host) in self.hosts().enumerate() {
            write!(
                text,
                "[[rule]]\nname = \"rule-{number}\"\naction = \"drop\"\nsource = \"{host}\"\n\
                 protocol = \"udp\"\ndestination_port = {PORT}\n"
            )?;
        }
        Ok(text)
    }

    /// The same file with a last rule on this port, for edits of one line.
    pub(crate) fn configuration_with(self, port: u16) -> Result<String> {
        let mut text = self.configuration()?;
        write!(
            text,
            "[[rule]]\nname = \"edited\"\naction = \"pass\"\nprotocol = \"tcp\"\n\
             destination_port = {port}\n"
        )?;
        Ok(text)
    }

    /// The set file, a prefix per line.
    pub(crate) fn set_file(self) -> Result<String> {
        let lines = self.set()?.into_iter().map(|prefix| format!("{prefix}\n"));
        Ok(lines.collect())
    }

    /// A set file with as many prefixes, all different from the first file's.
    pub(crate) fn other_set_file(self) -> Result<String> {
        let all = Self {
            prefixes: self.prefixes * 2,
            ..self
        };
        let other = all.set()?.into_iter().skip(self.prefixes as usize);
        Ok(other.map(|prefix| format!("{prefix}\n")).collect())
    }

    /// The compiled tables of xdp-fw.
    pub(crate) fn tables(self) -> Result<Tables> {
        let files = Memory {
            main: self.configuration()?,
            set: self.set_file()?,
        };
        let loaded = config::load(Path::new("bench.toml"), &files)
            .map_err(|problems| anyhow!("the policy has mistakes: {problems}"))?;
        compile(&Policy::from_config(&loaded.config), &[]).context("the policy does not compile")
    }
}
