//! Why an interface takes no program, in the kernel's and the driver's own words.
//!
//! The answer to a link has an error number and nothing else. The older way to attach, a netlink
//! request, goes through the same checks of the same driver, and its answer has the sentence. So
//! what a link was refused for is asked again there (ADR 12).

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage, LinkXdp};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::datapath::model::AttachMode;

/// `XDP_FLAGS_*` of `include/uapi/linux/if_link.h`.
const UPDATE_IF_NOEXIST: u32 = 1 << 0;
const SKB_MODE: u32 = 1 << 1;
const DRV_MODE: u32 = 1 << 2;
const REPLACE: u32 = 1 << 4;

/// `NLMSGERR_ATTR_MSG`: a text that ends with a zero byte.
const MESSAGE: u16 = 1;
/// What of the request the answer repeats: its header.
const REQUEST_HEADER: usize = 16;

/// What a request was answered.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::datapath) enum Answer {
    /// Refused, in these words; some drivers have none.
    Refused(Option<String>),
    /// The program could be attached, and was taken off again.
    Possible,
}

/// Asks whether `interface` takes `program`. It never replaces a program, and if the answer is yes
/// it takes its own off again: an attachment of this kind ends with nobody.
pub(in crate::datapath) fn ask(
    program: BorrowedFd<'_>,
    interface: u32,
    mode: AttachMode,
) -> io::Result<Answer> {
    let flags = match mode {
        AttachMode::Native => DRV_MODE,
        AttachMode::Generic => SKB_MODE,
    };
    let fd = program.as_raw_fd();
    let attach = [LinkXdp::Fd(fd), LinkXdp::Flags(flags | UPDATE_IF_NOEXIST)];
    let answer = request(interface, attach.into())?;
    if answer == Answer::Possible {
        let detach = [
            LinkXdp::Fd(-1),
            LinkXdp::Flags(flags | REPLACE),
            LinkXdp::ExpectedFd(fd as u32),
        ];
        request(interface, detach.into())?;
    }
    Ok(answer)
}

fn request(interface: u32, xdp: Vec<LinkXdp>) -> io::Result<Answer> {
    let mut link = LinkMessage::default();
    link.header.index = interface;
    link.attributes.push(LinkAttribute::Xdp(xdp));
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::SetLink(link));
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);

    let socket = Socket::new(NETLINK_ROUTE)?;
    socket.set_cap_ack(true)?;
    socket.set_ext_ack(true)?;
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
    let (answer, _) = socket.recv_from_full()?;
    read(&answer)
}

fn read(bytes: &[u8]) -> io::Result<Answer> {
    let senseless = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes)
        .map_err(|error| senseless(error.to_string()))?;
    let NetlinkPayload::Error(error) = message.payload else {
        return Err(senseless("no acknowledgement".to_owned()));
    };
    if error.code.is_none() {
        return Ok(Answer::Possible);
    }
    let attributes = error.header.get(REQUEST_HEADER..).unwrap_or_default();
    Ok(Answer::Refused(text(attributes)))
}

fn text(attributes: &[u8]) -> Option<String> {
    let mut attributes = NlasIterator::new(attributes).filter_map(Result::ok);
    let message = attributes.find(|attribute| attribute.kind() == MESSAGE)?;
    let text = String::from_utf8_lossy(message.value());
    let text = text.trim_end_matches('\0').trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An `NLMSG_ERROR` with a shortened request and these attributes.
    fn acknowledgement(code: i32, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes.extend(code.to_ne_bytes());
        bytes.extend([0; REQUEST_HEADER]);
        bytes.extend(attributes);
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes[4..6].copy_from_slice(&2u16.to_ne_bytes());
        bytes
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((value.len() as u16 + 4).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_refusal_has_the_drivers_words() {
        let attributes = [attribute(2, &[0; 4]), attribute(1, b"MTU too large\0")].concat();
        let answer = read(&acknowledgement(-34, &attributes)).unwrap();
        assert_eq!(answer, Answer::Refused(Some("MTU too large".to_owned())));
    }

    #[test]
    fn a_driver_without_words_is_a_refusal_as_well() {
        for attributes in [vec![], attribute(1, b"\0"), vec![0xff; 7]] {
            let answer = read(&acknowledgement(-95, &attributes)).unwrap();
            assert_eq!(answer, Answer::Refused(None));
        }
    }

    #[test]
    fn an_acknowledgement_says_that_it_is_possible() {
        assert_eq!(read(&acknowledgement(0, &[])).unwrap(), Answer::Possible);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert!(read(&[]).is_err());
        assert!(read(&acknowledgement(-1, &[])[..18]).is_err());
    }
}
