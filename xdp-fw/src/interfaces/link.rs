//! Messages about links, as the kernel sends them: bytes and attributes.
//!
//! Owns the socket that they come by, and how an attribute is found. A parser that takes names for
//! text loses the whole message of a link whose name is none, so that the bytes are kept here.

use std::convert::Infallible;
use std::io;

use futures_util::StreamExt;
use rtnetlink::packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use rtnetlink::proto::new_connection;
use rtnetlink::sys::{SocketAddr, protocols::NETLINK_ROUTE};
use tokio::task::AbortHandle;

use super::Error;
use crate::names::InterfaceName;

/// `RTM_NEWLINK`, `RTM_DELLINK` and `RTM_GETLINK`.
pub(super) const NEW: u16 = 16;
pub(super) const DELETED: u16 = 17;
const GET: u16 = 18;

/// `IFLA_*` of `include/uapi/linux/if_link.h`.
pub(crate) const ADDRESS: u16 = 1;
pub(crate) const NAME: u16 = 3;
pub(crate) const MTU: u16 = 4;
pub(crate) const LOWER: u16 = 5;
pub(crate) const CONTROLLER: u16 = 10;
pub(crate) const INFO: u16 = 18;
pub(crate) const LOWER_NAMESPACE: u16 = 37;
pub(crate) const XDP: u16 = 43;
const EXTENSIONS: u16 = 29;
/// Below [`INFO`]: `IFLA_INFO_KIND` and `IFLA_INFO_DATA`.
pub(crate) const INFO_KIND: u16 = 1;
pub(crate) const INFO_DATA: u16 = 2;

/// `RTEXT_FILTER_SKIP_STATS`: statistics are most of an answer, and nobody here reads them.
const SKIP_STATISTICS: u32 = 1 << 3;
/// `ARPHRD_ETHER`, and `IFF_UP`.
const ETHERNET: u16 = 1;
const UP: u32 = 1;

/// The length of `struct ifinfomsg`.
const HEADER: usize = 16;

/// A message of the routing family, unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u16,
    pub(super) payload: Vec<u8>,
}

impl NetlinkDeserializable for Message {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        Ok(Self {
            kind: header.message_type,
            payload: payload.to_vec(),
        })
    }
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.payload.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        if let Some(room) = buffer.get_mut(..self.payload.len()) {
            room.copy_from_slice(&self.payload);
        }
    }
}

/// The task that drives a netlink socket; the socket closes with it.
pub(super) struct Connection(pub(super) AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The links of this network namespace.
///
/// # Errors
/// [`Error`] when netlink does not answer, or sends what is no message about a link.
pub(crate) async fn dump() -> Result<Vec<Link>, Error> {
    let (connection, handle, _) = new_connection::<Message>(NETLINK_ROUTE)?;
    let _socket = Connection(tokio::spawn(connection).abort_handle());
    let mut payload = vec![0; HEADER];
    push(&mut payload, EXTENSIONS, &SKIP_STATISTICS.to_ne_bytes());
    let request = NetlinkPayload::InnerMessage(Message { kind: GET, payload });
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut answers = handle
        .request(NetlinkMessage::new(header, request), SocketAddr::new(0, 0))
        .map_err(|error| Error::List(io::Error::other(error.to_string())))?;
    let mut links = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer.payload {
            NetlinkPayload::InnerMessage(message) => {
                links.push(Link::read(message.payload).ok_or_else(senseless)?);
            }
            NetlinkPayload::Error(error) if error.code.is_some() => {
                return Err(Error::List(error.to_io()));
            }
            NetlinkPayload::Overrun(_) => {
                return Err(Error::List(io::Error::from_raw_os_error(libc::ENOBUFS)));
            }
            _ => {}
        }
    }
    Ok(links)
}

fn senseless() -> Error {
    let text = "the kernel sent a message that is too short for one about an interface";
    Error::List(io::Error::new(io::ErrorKind::InvalidData, text))
}

/// Appends an attribute.
fn push(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend((value.len() as u16 + 4).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// What the kernel says of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) ethernet: bool,
    pub(crate) up: bool,
    payload: Vec<u8>,
}

impl Link {
    /// Reads the header; `None` where there is none.
    pub(super) fn read(payload: Vec<u8>) -> Option<Self> {
        let hardware = payload.get(2..4)?.try_into().ok()?;
        let flags = payload.get(8..12)?.try_into().ok()?;
        (payload.len() >= HEADER).then_some(())?;
        Some(Self {
            index: number(payload.get(4..8)?)?,
            ethernet: u16::from_ne_bytes(hardware) == ETHERNET,
            up: u32::from_ne_bytes(flags) & UP != 0,
            payload,
        })
    }

    fn attributes(&self) -> Attributes<'_> {
        Attributes(self.payload.get(HEADER..).unwrap_or_default())
    }

    /// What is wrong with the message, as a clause for operators.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        if self.attributes().any(|attribute| attribute.is_none()) {
            return Some("its attributes do not end where they should");
        }
        match self.attribute(NAME) {
            None => Some("its name is absent"),
            Some(name) if until_zero(name).is_empty() => Some("its name is empty"),
            Some(_) => None,
        }
    }

    /// Its name; where that cannot be read, its number, in a form that no name has.
    pub(crate) fn name(&self) -> InterfaceName {
        let name = self.attribute(NAME).map(until_zero).unwrap_or_default();
        if name.is_empty() {
            return InterfaceName::from_text(&format!("number:{}", self.index));
        }
        InterfaceName::from_bytes(name)
    }

    /// An attribute's value.
    pub(crate) fn attribute(&self, kind: u16) -> Option<&[u8]> {
        find(self.attributes(), kind)
    }

    /// An attribute that is a number.
    pub(crate) fn number(&self, kind: u16) -> Option<u32> {
        number(self.attribute(kind)?)
    }

    /// What made it (`veth`, `vlan` …).
    pub(crate) fn kind(&self) -> Option<String> {
        let kind = nested(self.attribute(INFO)?, INFO_KIND)?;
        Some(String::from_utf8_lossy(until_zero(kind)).into_owned())
    }

    /// What it is made on, if that is in this namespace; in another one its number means another.
    pub(crate) fn lower(&self) -> Option<u32> {
        if self.attribute(LOWER_NAMESPACE).is_some() {
            return None;
        }
        self.number(LOWER)
    }
}

/// An attribute inside another one.
pub(crate) fn nested(attributes: &[u8], kind: u16) -> Option<&[u8]> {
    find(Attributes(attributes), kind)
}

/// Four bytes as a number.
pub(crate) fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

fn find<'a>(mut attributes: Attributes<'a>, wanted: u16) -> Option<&'a [u8]> {
    attributes.find_map(|attribute| {
        let (kind, value) = attribute?;
        (kind == wanted).then_some(value)
    })
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Attributes one after the other; `None` for what is none, which ends them.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = Option<(u16, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        /// Nested, and in network order: no part of the kind.
        const MARKS: u16 = 0xc000;
        let bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() {
            return None;
        }
        let part = |at: usize| {
            let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
            Some(u16::from_ne_bytes(bytes))
        };
        let (Some(length), Some(kind)) = (part(0).map(usize::from), part(2)) else {
            return Some(None);
        };
        let Some(value) = bytes.get(4..length) else {
            return Some(None);
        };
        self.0 = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Some((kind & !MARKS, value)))
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A message about the Ethernet link 7 with these attributes.
    pub(crate) fn link(attributes: &[(u16, &[u8])]) -> Link {
        let mut payload = vec![0; HEADER];
        payload[2..4].copy_from_slice(&ETHERNET.to_ne_bytes());
        payload[4..8].copy_from_slice(&7u32.to_ne_bytes());
        for (kind, value) in attributes {
            push(&mut payload, *kind, value);
        }
        Link::read(payload).unwrap()
    }

    /// Attributes inside an attribute.
    pub(crate) fn nest(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, value) in attributes {
            push(&mut bytes, *kind, value);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::testing::link;
    use super::*;

    #[test]
    fn a_name_need_not_be_text() {
        let link = link(&[(NAME, b"\xff0\0"), (MTU, &1500u32.to_ne_bytes())]);
        assert_eq!(link.name().as_bytes(), b"\xff0");
        assert_eq!((link.flaw(), link.number(MTU)), (None, Some(1500)));
    }

    #[test]
    fn a_link_without_a_name_has_a_flaw_and_a_number() {
        let absent = link(&[(MTU, &1500u32.to_ne_bytes())]);
        assert_eq!(absent.flaw(), Some("its name is absent"));
        assert_eq!(absent.name(), "number:7");
        assert_eq!(link(&[(NAME, b"\0")]).flaw(), Some("its name is empty"));
    }

    #[test]
    fn an_attribute_that_is_cut_is_a_flaw() {
        let mut link = link(&[(NAME, b"eth0\0")]);
        link.payload.extend([40, 0, 4, 0, 1]);
        assert!(link.flaw().unwrap().contains("do not end"));
        assert_eq!(link.name(), "eth0");
    }

    #[test]
    fn what_is_too_short_is_no_link() {
        assert_eq!(Link::read(vec![0; 15]), None);
    }
}
