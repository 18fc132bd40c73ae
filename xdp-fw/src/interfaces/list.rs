//! The listing, and how a message about a link becomes an [`Interface`].

use std::io;

use super::link::{self, Link};
use super::{Interface, XdpMode, XdpState};

/// Why the kernel did not tell.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No netlink socket.
    #[error("cannot open a netlink socket: {0}")]
    Socket(#[from] io::Error),
    /// The kernel refused, or its answer makes no sense.
    #[error("cannot list the network interfaces: {0}")]
    List(io::Error),
}

/// Lists the interfaces of this network namespace, by index.
///
/// # Errors
/// [`Error`] when netlink does not answer.
pub async fn list() -> Result<Vec<Interface>, Error> {
    let links = link::dump().await?;
    let mut interfaces: Vec<Interface> = links.iter().map(interface).collect();
    interfaces.sort_by_key(|interface| interface.index);
    Ok(interfaces)
}

/// The Ethernet addresses of this network namespace.
///
/// # Errors
/// [`Error`] when netlink does not answer.
pub async fn ethernet_addresses() -> Result<Vec<[u8; 6]>, Error> {
    let links = link::dump().await?;
    let links = links.iter().filter(|link| link.ethernet);
    let addresses = links.filter_map(|link| link.attribute(link::ADDRESS)?.try_into().ok());
    Ok(addresses.collect())
}

/// Reads what we need of a link.
pub(super) fn interface(link: &Link) -> Interface {
    Interface {
        index: link.index,
        name: link.name(),
        flaw: link.flaw(),
        ethernet: link.ethernet,
        kind: link.kind(),
        up: link.up,
        mtu: link.number(link::MTU).unwrap_or_default(),
        controller: link.number(link::CONTROLLER),
        lower: link.lower(),
        xdp: link.attribute(link::XDP).and_then(xdp),
    }
}

/// `IFLA_XDP_*`: the mode, the one program, and each mode's program.
const ATTACHED: u16 = 2;
const PROGRAM: u16 = 4;
const DRIVER_PROGRAM: u16 = 5;
const STACK_PROGRAM: u16 = 6;
const CARD_PROGRAM: u16 = 7;

/// The kernel names the mode where one program is attached, and each mode's program where there
/// are several. Only one in the driver or in the stack can be ours, so these are looked at first.
fn xdp(state: &[u8]) -> Option<XdpState> {
    let program = |kind| link::number(link::nested(state, kind)?);
    [
        (XdpMode::Native, DRIVER_PROGRAM),
        (XdpMode::Generic, STACK_PROGRAM),
        (XdpMode::Offload, CARD_PROGRAM),
    ]
    .into_iter()
    .find_map(|(mode, kind)| {
        Some(XdpState {
            mode,
            program: program(kind)?,
        })
    })
    .or_else(|| single(state))
}

/// What kernels say that give the program's id without its mode's own attribute.
fn single(state: &[u8]) -> Option<XdpState> {
    let mode = match link::nested(state, ATTACHED)? {
        [1] => XdpMode::Native,
        [2] => XdpMode::Generic,
        [3] => XdpMode::Offload,
        _ => return None,
    };
    let program = link::number(link::nested(state, PROGRAM)?)?;
    Some(XdpState { mode, program })
}

#[cfg(test)]
mod tests {
    use super::super::link::testing::{link as message, nest};
    use super::*;

    #[test]
    fn a_message_tells_name_kind_and_mtu() {
        let read = interface(&message(&[
            (link::NAME, b"wan0\0"),
            (link::MTU, &1500u32.to_ne_bytes()),
            (link::CONTROLLER, &3u32.to_ne_bytes()),
            (link::LOWER, &8u32.to_ne_bytes()),
            (link::INFO, &nest(&[(link::INFO_KIND, b"veth\0")])),
        ]));
        assert_eq!((read.controller, read.lower), (Some(3), Some(8)));
        assert_eq!((read.index, read.mtu, read.ethernet), (7, 1500, true));
        assert_eq!(read.name, "wan0");
        assert_eq!(read.kind.as_deref(), Some("veth"));
        assert_eq!((read.up, read.xdp, read.flaw), (false, None, None));
    }

    #[test]
    fn a_lower_device_of_another_namespace_is_not_ours() {
        let lower = (link::LOWER, &8u32.to_ne_bytes()[..]);
        let elsewhere = (link::LOWER_NAMESPACE, &0u32.to_ne_bytes()[..]);
        for attributes in [[lower, elsewhere], [elsewhere, lower]] {
            assert_eq!(interface(&message(&attributes)).lower, None);
        }
    }

    #[test]
    fn the_mode_comes_from_the_attachment() {
        let id = u32::to_ne_bytes;
        for (attributes, mode, program) in [
            (
                nest(&[
                    (ATTACHED, &[1]),
                    (PROGRAM, &id(5)),
                    (DRIVER_PROGRAM, &id(5)),
                ]),
                XdpMode::Native,
                5,
            ),
            (
                nest(&[(ATTACHED, &[2]), (PROGRAM, &id(6))]),
                XdpMode::Generic,
                6,
            ),
            (
                nest(&[
                    (ATTACHED, &[4]),
                    (CARD_PROGRAM, &id(8)),
                    (STACK_PROGRAM, &id(9)),
                ]),
                XdpMode::Generic,
                9,
            ),
        ] {
            let read = interface(&message(&[(link::XDP, &attributes)]));
            assert_eq!(read.xdp, Some(XdpState { mode, program }));
        }
    }

    #[test]
    fn nothing_attached_is_nothing() {
        let none = nest(&[(ATTACHED, &[0])]);
        assert_eq!(interface(&message(&[(link::XDP, &none)])).xdp, None);
    }

    #[tokio::test]
    async fn every_namespace_has_loopback_which_is_not_ethernet() {
        let interfaces = list().await.expect("netlink answers everyone");
        let lo = interfaces.iter().find(|interface| interface.name == "lo");
        assert!(lo.is_some_and(|lo| !lo.ethernet));
    }
}
