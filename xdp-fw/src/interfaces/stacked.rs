//! Devices on top of others, and devices that cannot be filtered: what to filter instead.
//!
//! Pure: functions of the listing. Most devices on top of others have no native XDP of their own,
//! and those that have it only hand the program down.

use super::Interface;

/// What to do about an interface that is made of others, should it not take a program; `None` for
/// one that stands by itself.
#[must_use]
pub fn advice(interface: &Interface, all: &[Interface]) -> Option<String> {
    let kind = interface.kind.as_deref()?;
    let name = &interface.name;
    let generic = format!("or set `mode = \"generic\"` for {name} (slower)");
    let (what, whose) = match kind {
        "bond" | "team" => (format!("a {kind}"), "members"),
        "bridge" => ("a bridge".to_owned(), "ports"),
        _ => return lower_advice(interface, all, kind, &generic),
    };
    let members = members(interface, all);
    let members = if members.is_empty() {
        String::new()
    } else {
        format!(" ({})", members.join(", "))
    };
    Some(format!(
        "{name} is {what}: name its {whose}{members} in `interfaces` instead, {generic}"
    ))
}

fn lower_advice(
    interface: &Interface,
    all: &[Interface],
    kind: &str,
    generic: &str,
) -> Option<String> {
    let name = &interface.name;
    let what = match kind {
        "vlan" => "a VLAN",
        "macvlan" | "macvtap" | "ipvlan" | "ipvtap" | "macsec" => kind,
        "dsa" => "a port of a switch",
        _ => return None,
    };
    let lower = all
        .iter()
        .find(|other| Some(other.index) == interface.lower);
    // The device below a switch's ports sees frames that begin with the switch's own tag.
    let lower = lower.filter(|_| kind != "dsa");
    Some(match lower {
        Some(lower) => {
            let lower = &lower.name;
            let rules = if kind == "vlan" {
                ", where rules on `vlan` tell it apart"
            } else {
                ""
            };
            format!(
                "{name} is {what} on {lower}: name {lower} in `interfaces` instead{rules}, {generic}"
            )
        }
        None => format!(
            "{name} is {what}, which has no native XDP: set `mode = \"generic\"` for it (slower)"
        ),
    })
}

/// Why an interface cannot be filtered in any mode, and what to do; `None` for one that can.
#[must_use]
pub fn why_unfit(interface: &Interface, all: &[Interface]) -> Option<String> {
    if let Some(what) = not_ethernet(interface) {
        return Some(format!("{what}; remove it from `interfaces`"));
    }
    let ports = switch_ports(interface, all);
    (!ports.is_empty()).then(|| {
        let ports = ports.join(", ");
        format!(
            "its frames begin with the tag of a switch, behind which no rule sees anything; name \
             the switch's ports ({ports}) in `interfaces` instead, with `mode = \"generic\"`"
        )
    })
}

/// What an interface is whose frames have no Ethernet header, as a clause; `None` for others.
#[must_use]
pub fn not_ethernet(interface: &Interface) -> Option<String> {
    (!interface.ethernet).then(|| match &interface.kind {
        Some(kind) => format!("not an Ethernet interface but {kind}"),
        None => "not an Ethernet interface".to_owned(),
    })
}

/// The ports of a switch whose conduit this interface is.
fn switch_ports<'a>(interface: &Interface, all: &'a [Interface]) -> Vec<&'a str> {
    let ports = all.iter().filter(|other| {
        other.kind.as_deref() == Some("dsa") && other.lower == Some(interface.index)
    });
    ports.map(|port| port.name.as_str()).collect()
}

fn members<'a>(interface: &Interface, all: &'a [Interface]) -> Vec<&'a str> {
    let members = member_interfaces(interface, all);
    members.map(|member| member.name.as_str()).collect()
}

fn member_interfaces<'a>(
    interface: &Interface,
    all: &'a [Interface],
) -> impl Iterator<Item = &'a Interface> {
    let index = interface.index;
    all.iter()
        .filter(move |other| other.controller == Some(index))
}

/// The interfaces whose devices receive the frames of this one: its members if it has any, or
/// what a macvlan is on, else itself.
pub(super) fn carriers<'a>(interface: &'a Interface, all: &'a [Interface]) -> Vec<&'a Interface> {
    let below: Vec<_> = match interface.kind.as_deref() {
        Some("bond" | "team" | "bridge") => member_interfaces(interface, all).collect(),
        Some("macvlan" | "macvtap") => all
            .iter()
            .filter(|other| Some(other.index) == interface.lower)
            .collect(),
        _ => Vec::new(),
    };
    if below.is_empty() {
        return vec![interface];
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(index: u32, name: &str, kind: Option<&str>) -> Interface {
        Interface {
            index,
            name: crate::names::InterfaceName::from_text(name),
            flaw: None,
            ethernet: true,
            kind: kind.map(str::to_owned),
            up: true,
            mtu: 1500,
            controller: None,
            lower: None,
            xdp: None,
        }
    }

    /// eth0 and eth1 in bond0, eth2 alone, and what is made on them.
    fn host() -> Vec<Interface> {
        let on = |lower, interface| Interface {
            lower: Some(lower),
            ..interface
        };
        let of = |controller, interface| Interface {
            controller: Some(controller),
            ..interface
        };
        vec![
            of(9, interface(2, "eth0", None)),
            of(9, interface(3, "eth1", None)),
            interface(4, "eth2", None),
            interface(9, "bond0", Some("bond")),
            interface(10, "br0", Some("bridge")),
            on(4, interface(11, "eth2.7", Some("vlan"))),
            on(4, interface(12, "mac0", Some("macvlan"))),
            on(4, interface(13, "lan1", Some("dsa"))),
            on(4, interface(14, "lan2", Some("dsa"))),
            on(77, interface(15, "veth0", Some("veth"))),
            on(77, interface(16, "far.7", Some("vlan"))),
            interface(17, "moved0", Some("macvlan")),
        ]
    }

    #[test]
    fn what_is_made_of_others_is_said_with_their_names() {
        let host = host();
        let told = host.iter().filter_map(|it| advice(it, &host));
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn frames_are_received_by_members_and_lower_devices() {
        let host = host();
        let carriers = |name: &str| {
            let interface = host.iter().find(|it| it.name == name).unwrap();
            let carriers = carriers(interface, &host);
            carriers
                .iter()
                .map(|it| it.name.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(carriers("bond0"), ["eth0", "eth1"]);
        assert_eq!(carriers("mac0"), ["eth2"]);
        assert_eq!(carriers("br0"), ["br0"], "without ports");
        assert_eq!(carriers("eth0"), ["eth0"]);
        assert_eq!(carriers("veth0"), ["veth0"], "not its peer");
    }

    #[test]
    fn what_cannot_be_filtered_is_said_with_the_reason() {
        let mut host = host();
        host.push(Interface {
            ethernet: false,
            ..interface(1, "lo", None)
        });
        host.push(Interface {
            ethernet: false,
            ..interface(20, "wg0", Some("wireguard"))
        });
        let told = host.iter().filter_map(|it| {
            let why = why_unfit(it, &host)?;
            Some(format!("{}: {why}", it.name))
        });
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
    }
}
