//! `xdp-fw explain`: what would happen to a packet, and why.

mod basis;
mod evaluator;
mod render;
mod replay;
mod report;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{ArgGroup, Args};

use crate::packet;

use super::table::Audience;
use crate::names::InterfaceName;
use crate::names::printable::is_printable;

use super::{Exit, Failure, Paths, output, shown_name};
use basis::Basis;
use evaluator::Evaluator;
use report::Report;

/// Show what would happen to a packet, by which rule, and why not by the earlier ones
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["packet", "pcap"]))]
#[command(after_help = "\
Runs the packet through the active program in the kernel, also with the daemon stopped, and counts \
nothing. With --config it loads that file as a private program beside the active one. With --host it \
runs the same code on the host, without privilege, over the configuration file.

The answer is about packets that arrive on a filtered interface. xdp-fw does not filter what this host \
sends: in a capture, such packets are marked `sent`.

A packet is written like `tcp 203.0.113.9:40000 > 192.0.2.1:22 syn`, in quotes: see \
docs/reference/packet-notation.md. A frame in hexadecimal is fine, too.

Examples:
  xdp-fw explain 'tcp 203.0.113.9:40000 > 192.0.2.1:22 syn'
  xdp-fw explain 'udp [2001:db8::1] > [2001:db8::2] fragment later in eth1'
  xdp-fw explain --config new.toml 'icmp 192.0.2.1 > 198.51.100.1 echo-request'
  xdp-fw explain --host --config ./new.toml 'gre 192.0.2.1 > 198.51.100.1'
  tcpdump -i eth0 -Q in -c 100 -w - | xdp-fw explain --pcap -")]
pub(super) struct Explain {
    /// The packet, or a frame in hexadecimal
    packet: Vec<String>,
    /// Every packet of a capture (pcap, pcapng; `-` is standard input), then totals
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// The interface that it comes in by, unless the packet says so [default: the first that is
    /// filtered]
    #[arg(long, value_name = "NAME", value_parser = OsStringValueParser::new().map(|name| shown_name(&name)))]
    interface: Option<InterfaceName>,
    /// Run on the host, not in the kernel
    #[arg(long)]
    host: bool,
    /// One JSON document (with --pcap, one a line, the totals last)
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(self, paths: &Paths) -> Result<Exit, Failure> {
        let packet = match &self.pcap {
            Some(_) => None,
            None => Some(self.packet()?),
        };
        let named = packet
            .as_ref()
            .and_then(|packet| packet.interface.as_deref());
        let named = named.or(self.interface.as_deref());
        let basis = Basis::read(paths, self.host, named)?;
        let mut evaluator = Evaluator::open(basis.as_ref(), paths, self.host)?;
        match (packet, &self.pcap) {
            (Some(packet), _) => self.one(&mut evaluator, &packet),
            (None, Some(file)) => replay::run(&self, &mut evaluator, file),
            (None, None) => Ok(Exit::Ok),
        }
    }

    /// The packet as the shell has left it: of several words, or of one.
    fn packet(&self) -> Result<packet::Packet, Failure> {
        let text = self.packet.join(" ");
        packet::parse(&text).map_err(|mistake| {
            let pointer = " ".repeat(mistake.column.saturating_sub(1));
            let line: String = text
                .chars()
                .map(|char| if is_printable(char) { char } else { ' ' })
                .collect();
            Failure::new(Exit::Usage, format!("{mistake}\n{line}\n{pointer}^"))
        })
    }

    fn one(&self, evaluator: &mut Evaluator<'_>, packet: &packet::Packet) -> Result<Exit, Failure> {
        let asked = packet.interface.as_deref().or(self.interface.as_deref());
        let report = Report::of(evaluator, &packet.frame, asked)?;
        if self.json {
            output::json(&report)?;
        } else {
            output::print(&render::text(&report, Audience::of_output()))?;
        }
        Ok(Exit::Ok)
    }
}
