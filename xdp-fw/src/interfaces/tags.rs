//! Interfaces whose device takes VLAN tags off frames before a program sees them.
//!
//! Owns which devices that is asked of, and the command that ends it. A frame whose tag has been
//! taken off looks untagged to XDP in either mode: the tag travels beside it (ADR 13).

use std::io;

use super::Interface;
use super::ethtool::active_features;
use super::stacked::carriers;

/// What takes tags off: the kernel's name of the feature, and that of `ethtool -K`.
const OFFLOADS: [(&str, &str); 2] = [
    ("rx-vlan-hw-parse", "rxvlan"),
    ("rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse"),
];

/// The other end's part of it, for a veth.
const PEER_OFFLOADS: &str = "txvlan off tx-vlan-stag-hw-insert off";

/// How to make an interface's tags visible to programs, as a clause for operators; `None` if they
/// are visible.
///
/// # Errors
/// When the kernel does not tell what a device does.
pub fn hides_tags(interface: &Interface, all: &[Interface]) -> io::Result<Option<String>> {
    let mut commands = Vec::new();
    let mut is_veth = false;
    for carrier in carriers(interface, all) {
        let features = match active_features(&carrier.name) {
            Ok(features) => features,
            // Gone since it was listed: the next event says so.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => continue,
            Err(error) => return Err(error),
        };
        if let Some(command) = command(&carrier.name.shell(), &features) {
            commands.push(command);
            is_veth |= carrier.kind.as_deref() == Some("veth");
        }
    }
    if commands.is_empty() {
        return Ok(None);
    }
    let mut remedy = format!("leave them on with {}", commands.join(" and "));
    if is_veth {
        // A veth only hands on what it is given, whatever its own feature says (ADR 13).
        remedy += &format!(", and on its other end with `ethtool -K PEER {PEER_OFFLOADS}`");
    }
    Ok(Some(remedy))
}

/// What ends the offloads among a device's features.
fn command(device: &str, features: &[String]) -> Option<String> {
    let active = |name: &str| features.iter().any(|it| it == name);
    let offloads = OFFLOADS.iter().filter(|(name, _)| active(name));
    let words: Vec<String> = offloads.map(|(_, word)| format!("{word} off")).collect();
    (!words.is_empty()).then(|| format!("`ethtool -K {device} {}`", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::command as command_for;

    #[test]
    fn the_command_switches_off_what_is_on() {
        let command = |features: &[&str]| {
            let features: Vec<String> = features.iter().map(ToString::to_string).collect();
            command_for("eth0", &features)
        };
        assert_eq!(command(&["rx-checksum", "tx-vlan-hw-insert"]), None);
        assert_eq!(
            command(&["rx-vlan-hw-parse"]).unwrap(),
            "`ethtool -K eth0 rxvlan off`"
        );
        assert_eq!(
            command(&["rx-vlan-stag-hw-parse", "rx-vlan-hw-parse"]).unwrap(),
            "`ethtool -K eth0 rxvlan off rx-vlan-stag-hw-parse off`"
        );
    }
}
