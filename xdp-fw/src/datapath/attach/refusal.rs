//! Why an interface takes no program, told to operators: cause, and the command that mends it.
//!
//! Pure. Drivers word the same few causes in many ways; what they have in common are the words
//! that are looked for here.

use crate::interfaces::{Device, InterfaceName, drivers};

use crate::datapath::error::Error;
use crate::datapath::error::remedy;
use crate::datapath::model::AttachMode;

/// What is known of a refused attachment.
pub(in crate::datapath) struct Refusal<'a> {
    pub(in crate::datapath) interface: &'a str,
    pub(in crate::datapath) mode: AttachMode,
    /// The error number of the link.
    pub(in crate::datapath) errno: Option<i32>,
    /// The chain of errors, should nothing better be known.
    pub(in crate::datapath) chain: String,
    /// The driver's or the kernel's own words.
    pub(in crate::datapath) said: Option<String>,
    pub(in crate::datapath) device: &'a Device,
}

impl Refusal<'_> {
    /// The error that the operator reads.
    pub(in crate::datapath) fn into_error(self) -> Error {
        Error::Attach {
            interface: self.interface.to_owned(),
            cause: self.cause(),
            remedy: self.remedy(),
            driver: !matches!(
                self.errno,
                Some(
                    libc::EBUSY
                        | libc::EEXIST
                        | libc::EPERM
                        | libc::EACCES
                        | libc::ENODEV
                        | libc::ENXIO
                        | libc::EMFILE
                        | libc::ENFILE
                        | libc::EINTR
                )
            ),
        }
    }

    /// Its name in a command.
    fn word(&self) -> String {
        InterfaceName::from_text(self.interface).shell()
    }

    fn cause(&self) -> String {
        if self.is_ours() {
            return self.chain.clone();
        }
        match (self.errno, self.mode, &self.said) {
            (Some(libc::EBUSY | libc::EEXIST), _, None) => {
                "another XDP program is attached, and we replace none but ours".to_owned()
            }
            (Some(libc::EPERM | libc::EACCES), ..) => "not permitted".to_owned(),
            (Some(libc::ENODEV | libc::ENXIO), ..) => "there is no such interface".to_owned(),
            (Some(libc::EOPNOTSUPP), AttachMode::Native, None) => {
                "the driver has no native XDP, or not in this state".to_owned()
            }
            (.., Some(said)) => format!("refused with \"{said}\""),
            _ => format!("refused without a reason ({})", self.chain),
        }
    }

    /// Whether this process could not even ask.
    fn is_ours(&self) -> bool {
        let ours = [libc::EMFILE, libc::ENFILE, libc::EINTR];
        self.errno.is_some_and(|errno| ours.contains(&errno))
    }

    fn remedy(&self) -> String {
        if self.is_ours() {
            return remedy(self.errno).to_owned();
        }
        let said = self.said.as_deref().unwrap_or_default().to_lowercase();
        let by_words = BY_WORDS
            .iter()
            .find(|(words, _)| words.iter().any(|word| said.contains(word)));
        match (by_words, self.errno) {
            (Some((_, remedy)), _) => remedy(self),
            (None, Some(libc::EBUSY | libc::EEXIST)) => remove_the_other(self),
            (None, Some(libc::EOPNOTSUPP)) => other_mode(self),
            (None, Some(libc::EPERM | libc::EACCES)) => {
                "run as root, or with CAP_NET_ADMIN and CAP_BPF".to_owned()
            }
            (None, Some(libc::ENODEV | libc::ENXIO)) => "it is attached when it appears".to_owned(),
            (None, Some(libc::ENOSPC | libc::ENOMEM)) => fewer_channels(self),
            (None, Some(libc::ERANGE | libc::E2BIG | libc::EINVAL)) => by_state(self),
            _ => "`dmesg` may have the driver's reason".to_owned(),
        }
    }
}

type Remedy = fn(&Refusal<'_>) -> String;

/// What drivers say (in lower case), and what helps. The first that is found counts.
const BY_WORDS: &[(&[&str], Remedy)] = &[
    (
        &[
            "does not support xdp",
            "no native xdp support",
            "not supported by",
            // Of the machine that hosts this one.
            "any_header_sg",
        ],
        other_mode,
    ),
    (&["upper device"], filter_the_upper),
    (
        &[
            "already active",
            "already attached",
            "can't replace",
            "same time",
            "does not match",
        ],
        remove_the_other,
    ),
    (&["data-split", "header split"], no_split),
    (&["gro_hw", "gro-hw", "hw-gro", "hw gro"], no_hardware_gro),
    (&["lro"], no_lro),
    (&["rx queues not less than peer"], match_the_peer),
    (&["peer mtu"], lower_the_peers_mtu),
    (
        &[
            "mtu",
            "jumbo",
            "frame size",
            "linear frames",
            "single buffer",
        ],
        lower_mtu,
    ),
    (&["queue", "rings", "tx ring", "channel"], fewer_channels),
];

fn other_mode(refusal: &Refusal<'_>) -> String {
    let name = refusal.interface;
    format!("set `mode = \"generic\"` for {name} (slower), or \"auto\"")
}

fn remove_the_other(refusal: &Refusal<'_>) -> String {
    let (name, word) = (refusal.interface, refusal.word());
    format!(
        "see which with `ip link show dev {word}`; remove it there, or leave {name} out of `interfaces`"
    )
}

fn filter_the_upper(refusal: &Refusal<'_>) -> String {
    let name = refusal.interface;
    format!(
        "the bond above {name} has a program already: take it off (`ip link` shows it), or leave {name} out of `interfaces`"
    )
}

fn no_split(refusal: &Refusal<'_>) -> String {
    let word = refusal.word();
    format!("switch it off: `ethtool -G {word} tcp-data-split off`")
}

fn no_hardware_gro(refusal: &Refusal<'_>) -> String {
    let word = refusal.word();
    format!("switch it off: `ethtool -K {word} rx-gro-hw off`")
}

fn no_lro(refusal: &Refusal<'_>) -> String {
    let word = refusal.word();
    format!("switch LRO off: `ethtool -K {word} lro off`")
}

fn match_the_peer(refusal: &Refusal<'_>) -> String {
    let name = refusal.interface;
    let most = refusal
        .device
        .channels
        .map_or(1, |channels| channels.max_rx);
    format!(
        "give its peer no more tx queues than {name} has rx queues (at most {most}): `ethtool -L PEER tx {most}`"
    )
}

fn fewer_channels(refusal: &Refusal<'_>) -> String {
    let word = refusal.word();
    let most = refusal
        .device
        .channels
        .map_or(0, |channels| channels.max_combined);
    // Drivers that send from queues of their own need one for each that receives.
    let half = (most / 2).max(1);
    format!(
        "leave queues for XDP: `ethtool -L {word} combined {half}`, or set `mode = \"generic\"`"
    )
}

fn lower_mtu(refusal: &Refusal<'_>) -> String {
    let word = refusal.word();
    let driver = refusal.device.driver.as_deref().unwrap_or_default();
    let (mtu, whose) = match drivers::mtu_limit(driver) {
        Some(limit) => (limit, format!("the most that {driver} takes with XDP")),
        None => (1_500, "`dmesg` may have the driver's limit".to_owned()),
    };
    format!("lower the MTU: `ip link set dev {word} mtu {mtu}` ({whose})")
}

fn lower_the_peers_mtu(_: &Refusal<'_>) -> String {
    "lower the MTU of its peer: `ip link set dev PEER mtu 1500`".to_owned()
}

/// A driver without words: what is most often the cause.
fn by_state(refusal: &Refusal<'_>) -> String {
    if refusal.device.lro {
        return no_lro(refusal);
    }
    lower_mtu(refusal)
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
