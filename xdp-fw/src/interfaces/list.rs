//! The listing, and how a netlink message becomes an [`Interface`].

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::{
    InfoKind, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
    LinkXdp, XdpAttached,
};
use tokio::task::AbortHandle;

use super::{Interface, XdpMode, XdpState};

/// Why the kernel did not tell.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No netlink socket.
    #[error("cannot open a netlink socket: {0}")]
    Socket(#[from] std::io::Error),
    /// The kernel refused, or its answer makes no sense.
    #[error("cannot list the network interfaces: {0}")]
    List(#[from] rtnetlink::Error),
}

/// Lists the interfaces of this network namespace, by index.
///
/// # Errors
/// [`Error`] when netlink does not answer.
pub async fn list() -> Result<Vec<Interface>, Error> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    let _socket = Connection(tokio::spawn(connection).abort_handle());
    let request = handle
        .link()
        .get()
        // Statistics are most of an answer, and nobody here reads them.
        .set_filter_mask(AddressFamily::Unspec, vec![LinkExtentMask::SkipStats]);
    let messages: Vec<LinkMessage> = request.execute().try_collect().await?;
    let mut interfaces: Vec<Interface> = messages.iter().map(interface).collect();
    interfaces.sort_by_key(|interface| interface.index);
    Ok(interfaces)
}

/// The task that drives a netlink socket; the socket closes with it.
pub(super) struct Connection(pub(super) AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads what we need of a link message.
pub(super) fn interface(message: &LinkMessage) -> Interface {
    let mut interface = Interface {
        index: message.header.index,
        name: String::new(),
        ethernet: message.header.link_layer_type == LinkLayerType::Ether,
        kind: None,
        up: message.header.flags.contains(LinkFlags::Up),
        mtu: 0,
        controller: None,
        lower: None,
        xdp: None,
    };
    let mut elsewhere = false;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => interface.mtu = *mtu,
            LinkAttribute::Controller(index) => interface.controller = Some(*index),
            LinkAttribute::Link(index) => interface.lower = Some(*index),
            // The number below is one of another namespace then.
            LinkAttribute::LinkNetNsId(_) => elsewhere = true,
            LinkAttribute::LinkInfo(infos) => interface.kind = kind(infos),
            LinkAttribute::Xdp(state) => interface.xdp = xdp(state),
            _ => {}
        }
    }
    interface.lower = interface.lower.filter(|_| !elsewhere);
    interface
}

fn kind(infos: &[LinkInfo]) -> Option<String> {
    infos.iter().find_map(|info| match info {
        LinkInfo::Kind(InfoKind::Other(kind)) => Some(kind.clone()),
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    })
}

/// The kernel names the mode where one program is attached, and each mode's program where there
/// are several. Only one in the driver or in the stack can be ours, so these are looked at first.
fn xdp(state: &[LinkXdp]) -> Option<XdpState> {
    let program = |mode: XdpMode| {
        state.iter().find_map(|attribute| match (mode, attribute) {
            (XdpMode::Native, LinkXdp::DrvProgId(id))
            | (XdpMode::Generic, LinkXdp::SkbProgId(id))
            | (XdpMode::Offload, LinkXdp::HwProgId(id)) => Some(XdpState { mode, program: *id }),
            _ => None,
        })
    };
    [XdpMode::Native, XdpMode::Generic, XdpMode::Offload]
        .into_iter()
        .find_map(program)
        .or_else(|| single(state))
}

/// What kernels say that give the program's id without its mode's own attribute.
fn single(state: &[LinkXdp]) -> Option<XdpState> {
    let mode = state.iter().find_map(|attribute| match attribute {
        LinkXdp::Attached(XdpAttached::Driver) => Some(XdpMode::Native),
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(XdpMode::Generic),
        LinkXdp::Attached(XdpAttached::Hardware) => Some(XdpMode::Offload),
        _ => None,
    })?;
    let program = state.iter().find_map(|attribute| match attribute {
        LinkXdp::ProgId(id) => Some(*id),
        _ => None,
    })?;
    Some(XdpState { mode, program })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(attributes: Vec<LinkAttribute>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = 7;
        message.header.link_layer_type = LinkLayerType::Ether;
        message.attributes = attributes;
        message
    }

    #[test]
    fn a_message_tells_name_kind_and_mtu() {
        let read = interface(&message(vec![
            LinkAttribute::IfName("wan0".to_owned()),
            LinkAttribute::Mtu(1500),
            LinkAttribute::Controller(3),
            LinkAttribute::Link(8),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth)]),
        ]));
        assert_eq!((read.controller, read.lower), (Some(3), Some(8)));
        assert_eq!((read.index, read.mtu, read.ethernet), (7, 1500, true));
        assert_eq!(
            (read.name.as_str(), read.kind.as_deref()),
            ("wan0", Some("veth"))
        );
        assert_eq!((read.up, read.xdp), (false, None));
    }

    #[test]
    fn a_lower_device_of_another_namespace_is_not_ours() {
        for attributes in [
            vec![LinkAttribute::Link(8), LinkAttribute::LinkNetNsId(0)],
            vec![LinkAttribute::LinkNetNsId(0), LinkAttribute::Link(8)],
        ] {
            assert_eq!(interface(&message(attributes)).lower, None);
        }
    }

    #[test]
    fn the_mode_comes_from_the_attachment() {
        for (attributes, mode, program) in [
            (
                vec![
                    LinkXdp::Attached(XdpAttached::Driver),
                    LinkXdp::ProgId(5),
                    LinkXdp::DrvProgId(5),
                ],
                XdpMode::Native,
                5,
            ),
            (
                vec![
                    LinkXdp::Attached(XdpAttached::SocketBuffer),
                    LinkXdp::ProgId(6),
                ],
                XdpMode::Generic,
                6,
            ),
            (
                vec![
                    LinkXdp::Attached(XdpAttached::Multiple),
                    LinkXdp::HwProgId(8),
                    LinkXdp::SkbProgId(9),
                ],
                XdpMode::Generic,
                9,
            ),
        ] {
            let read = interface(&message(vec![LinkAttribute::Xdp(attributes)]));
            assert_eq!(read.xdp, Some(XdpState { mode, program }));
        }
    }

    #[test]
    fn nothing_attached_is_nothing() {
        let none = vec![LinkAttribute::Xdp(vec![LinkXdp::Attached(
            XdpAttached::None,
        )])];
        assert_eq!(interface(&message(none)).xdp, None);
    }

    #[tokio::test]
    async fn every_namespace_has_loopback_which_is_not_ethernet() {
        let interfaces = list().await.expect("netlink answers everyone");
        let lo = interfaces.iter().find(|interface| interface.name == "lo");
        assert!(lo.is_some_and(|lo| !lo.ethernet));
    }
}
