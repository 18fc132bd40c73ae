//! Whether the host follows the route that a sender wrote into a packet.
//!
//! Owns the settings and what each means to rules. The filter judges a packet as it arrives: where Linux
//! then writes another destination into it, or unpacks another packet from it, rules have not seen that.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::names::InterfaceName;

use super::{Finding, Group};

/// A setting of the kernel. It counts where it is on for the interface and for `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    family: &'static str,
    key: &'static str,
    follows: &'static str,
    unseen: &'static str,
}

const REWRITTEN: &str =
    "rules on `destination` see the address of this hop, not where the packet ends";

pub(super) const SETTINGS: [Setting; 3] = [
    Setting {
        family: "ipv4",
        key: "accept_source_route",
        follows: "source routes of IPv4",
        unseen: REWRITTEN,
    },
    Setting {
        family: "ipv6",
        key: "seg6_enabled",
        follows: "segment routes, and unpacks what they carry",
        unseen: "rules see the outer packet alone; a rule on protocols 4 and 41 says who may send \
                 packets in packets",
    },
    Setting {
        family: "ipv6",
        key: "rpl_seg_enabled",
        follows: "source routes of RPL",
        unseen: REWRITTEN,
    },
];

/// The settings by which packets from this interface are sent on, or unpacked.
pub(super) fn look(name: &InterfaceName) -> Vec<Setting> {
    look_in(Path::new("/proc/sys/net"), name)
}

pub(super) fn look_in(root: &Path, name: &InterfaceName) -> Vec<Setting> {
    let is_on = |setting: &Setting, whose: &OsStr| {
        let file = root.join(setting.family).join("conf").join(whose);
        let text = fs::read_to_string(file.join(setting.key)).unwrap_or_default();
        !matches!(text.trim(), "" | "0")
    };
    let name = OsStr::from_bytes(name.as_bytes());
    let followed = SETTINGS.into_iter();
    followed
        .filter(|setting| is_on(setting, name) && is_on(setting, OsStr::new("all")))
        .collect()
}

pub(super) fn check(group: Group, name: &InterfaceName, followed: &[Setting]) -> Vec<Finding> {
    let findings = followed.iter().map(|setting| {
        let Setting {
            family,
            key,
            follows,
            unseen,
        } = setting;
        group.warning(
            format!("{name}: follows {follows} (net.{family}.conf.all.{key} is on): {unseen}"),
            format!("unless that is wanted, `sysctl -w net.{family}.conf.all.{key}=0`"),
        )
    });
    findings.collect()
}
