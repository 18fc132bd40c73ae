//! The independent oracle: what the firewall must do with a frame, by the slowest and plainest
//! way there is, so that the kernel's answer can be compared with it.
//!
//! Owns a byte-by-byte reading of the frame and a linear scan over the rules. Shares no code
//! with `xdp-fw-common` or the policy compiler: only the checked configuration's types. Knows
//! nothing of bans, limiters or state; it answers for one packet alone.

mod bytes;
mod essential;
mod read;
mod rules;
#[cfg(test)]
mod tests;

use std::fmt;

use xdp_fw::config::{Action, Config, Essential};

use self::read::Frame;
use self::rules::Subject;

/// Why a packet met its fate: the reasons of `xdp-fw stats`, as far as one packet can have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A rule decided.
    Rule,
    /// No rule matched.
    Default,
    /// What a host cannot live without: see [`Essential`].
    Essential,
    /// Neither IPv4 nor IPv6.
    NonIp,
    /// Less than an Ethernet header.
    TruncatedEthernet,
    /// A tag whose four bytes are not all there.
    TruncatedVlan,
    /// More than two tags.
    VlanDepth,
    /// The IP header goes beyond the frame.
    TruncatedIp,
    /// The version nibble belies the EtherType.
    IpVersion,
    /// IHL below five.
    IpHeaderLength,
    /// The IP length goes beyond the frame, or ends within the header.
    IpLength,
    /// An extension header goes beyond the IP length, or there are too many.
    ExtensionHeaders,
    /// A fragment made to hide its transport header (RFC 1858, RFC 3128).
    TinyFragment,
    /// An address that cannot be on a wire.
    Martian,
    /// What cannot happen; the oracle never says so.
    Internal,
}

impl Reason {
    /// The name in statistics and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Default => "default",
            Self::Essential => "essential",
            Self::NonIp => "non_ip",
            Self::TruncatedEthernet => "truncated_ethernet",
            Self::TruncatedVlan => "truncated_vlan",
            Self::VlanDepth => "vlan_depth",
            Self::TruncatedIp => "truncated_ip",
            Self::IpVersion => "ip_version",
            Self::IpHeaderLength => "ip_header_length",
            Self::IpLength => "ip_length",
            Self::ExtensionHeaders => "extension_headers",
            Self::TinyFragment => "tiny_fragment",
            Self::Martian => "martian",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What happens to a packet, and what counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Passed or dropped.
    pub verdict: Action,
    /// What decided.
    pub reason: Reason,
    /// The kind; only with [`Reason::Essential`].
    pub essential: Option<Essential>,
    /// The rule that decided; only with [`Reason::Rule`].
    pub rule: Option<String>,
    /// Shadow rules that matched before the deciding one, in file order.
    pub shadows: Vec<String>,
}

/// What the firewall must do with `frame` that came in by `interface` under `config`.
pub fn judge(config: &Config, interface: &str, frame: &[u8]) -> Judgement {
    let (link, frame) = read::frame(frame);
    let subject = Subject {
        interface,
        link,
        addresses: None,
        packet: None,
    };
    match frame {
        Frame::Malformed { reason, addresses } => {
            let subject = Subject {
                addresses,
                ..subject
            };
            malformed(config, reason, &subject)
        }
        Frame::Tiny(packet) => {
            let subject = Subject {
                addresses: Some(packet.addresses),
                packet: Some(&packet),
                ..subject
            };
            match config.malformed {
                Action::Drop => by_reason(Action::Drop, Reason::TinyFragment),
                Action::Pass => by_rules(config, &subject, Reason::TinyFragment),
            }
        }
        Frame::NonIp { ether_type } => {
            if config.essentials.has(Essential::Arp) && ether_type == essential::ARP {
                as_essential(Essential::Arp)
            } else {
                by_reason(config.non_ip, Reason::NonIp)
            }
        }
        Frame::Ip(packet) => {
            let kind = essential::kind(&packet);
            if let Some(kind) = kind.filter(|kind| config.essentials.has(*kind)) {
                return as_essential(kind);
            }
            let subject = Subject {
                addresses: Some(packet.addresses),
                packet: Some(&packet),
                ..subject
            };
            by_rules(config, &subject, Reason::Default)
        }
    }
}

/// A packet that cannot be parsed: with `malformed = "pass"` what is known of it is judged; but what
/// the stack delivers all the same never passes.
fn malformed(config: &Config, reason: Reason, subject: &Subject<'_>) -> Judgement {
    let is_delivered = matches!(
        reason,
        Reason::VlanDepth | Reason::ExtensionHeaders | Reason::TinyFragment | Reason::Martian
    );
    match config.malformed {
        _ if is_delivered => by_reason(Action::Drop, reason),
        Action::Drop => by_reason(Action::Drop, reason),
        Action::Pass => by_rules(config, subject, reason),
    }
}

/// The first rule that matches and decides, else the default under the name `otherwise`.
fn by_rules(config: &Config, subject: &Subject<'_>, otherwise: Reason) -> Judgement {
    let mut shadows = Vec::new();
    for rule in rules::matching(config, subject) {
        if rule.shadow {
            shadows.push(rule.name.clone());
        } else {
            return Judgement {
                verdict: rule.action,
                reason: Reason::Rule,
                essential: None,
                rule: Some(rule.name.clone()),
                shadows,
            };
        }
    }
    Judgement {
        shadows,
        ..by_reason(config.default_action, otherwise)
    }
}

fn by_reason(verdict: Action, reason: Reason) -> Judgement {
    Judgement {
        verdict,
        reason,
        essential: None,
        rule: None,
        shadows: Vec::new(),
    }
}

fn as_essential(kind: Essential) -> Judgement {
    Judgement {
        essential: Some(kind),
        ..by_reason(Action::Pass, Reason::Essential)
    }
}
