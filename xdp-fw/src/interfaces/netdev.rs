//! What a driver can do with XDP, as the kernel has it told since 6.3: generic netlink's family
//! `netdev`.
//!
//! Owns the two requests that this takes. Changes nothing.

use std::io;

use rtnetlink::packet_core::{NlaBuffer, NlasIterator};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};

const GENERIC_CONTROLLER: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

const GET_DEVICE: u8 = 1;
const DEVICE_INDEX: u16 = 1;
const XDP_FEATURES: u16 = 3;

/// `NETDEV_XDP_ACT_BASIC` and `NETDEV_XDP_ACT_RX_SG`.
const BASIC: u64 = 1 << 0;
const SEVERAL_BUFFERS: u64 = 1 << 5;

const REQUEST: u16 = 1;
const ERROR: u16 = 2;
/// Lengths of the headers of a netlink message and of a generic one.
const HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;

/// What a driver can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XdpFeatures {
    /// Run programs at all.
    pub native: bool,
    /// Hand them frames of several buffers, so that the MTU does not matter.
    pub several_buffers: bool,
}

/// Asks for the interface `index` of this network namespace.
///
/// # Errors
/// `NotFound` on kernels before 6.3, which do not know.
pub fn xdp_features(index: u32) -> io::Result<XdpFeatures> {
    let answer = ask(GENERIC_CONTROLLER, GET_FAMILY, FAMILY_NAME, b"netdev\0")?;
    let family = number(&answer, FAMILY_ID).ok_or(io::ErrorKind::InvalidData)?;
    let family = u16::try_from(family).map_err(|_| io::ErrorKind::InvalidData)?;
    let answer = ask(family, GET_DEVICE, DEVICE_INDEX, &index.to_ne_bytes())?;
    let features = number(&answer, XDP_FEATURES).ok_or(io::ErrorKind::InvalidData)?;
    Ok(XdpFeatures {
        native: features & BASIC != 0,
        several_buffers: features & SEVERAL_BUFFERS != 0,
    })
}

/// Sends a request with one attribute; gives the attributes of the answer.
fn ask(family: u16, command: u8, kind: u16, value: &[u8]) -> io::Result<Vec<u8>> {
    let mut attribute = Vec::new();
    attribute.extend((4 + value.len() as u16).to_ne_bytes());
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);

    let mut message = Vec::new();
    let length = HEADER + GENERIC_HEADER + attribute.len();
    message.extend((length as u32).to_ne_bytes());
    message.extend(family.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    // Sequence, port; then command, version, and two bytes for nothing.
    message.extend([0; 8]);
    message.extend([command, 1, 0, 0]);
    message.extend(attribute);

    let socket = Socket::new(NETLINK_GENERIC)?;
    socket.send_to(&message, &SocketAddr::new(0, 0), 0)?;
    let (answer, _) = socket.recv_from_full()?;
    read(&answer)
}

fn read(answer: &[u8]) -> io::Result<Vec<u8>> {
    let truncated = || io::Error::from(io::ErrorKind::InvalidData);
    let kind = answer.get(4..6).ok_or_else(truncated)?;
    if kind == ERROR.to_ne_bytes() {
        let code = answer.get(HEADER..HEADER + 4).ok_or_else(truncated)?;
        let code = code.try_into().map(i32::from_ne_bytes);
        let code = code.map_err(|_| truncated())?;
        return Err(io::Error::from_raw_os_error(-code));
    }
    let attributes = answer.get(HEADER + GENERIC_HEADER..);
    Ok(attributes.ok_or_else(truncated)?.to_vec())
}

/// The number in an attribute of two, four or eight bytes.
fn number(attributes: &[u8], kind: u16) -> Option<u64> {
    let attributes = NlasIterator::new(attributes).filter_map(Result::ok);
    let wanted = |attribute: &NlaBuffer<&[u8]>| attribute.kind() == kind;
    let found = attributes.into_iter().find(wanted)?;
    match *found.value() {
        [a, b] => Some(u16::from_ne_bytes([a, b]).into()),
        [a, b, c, d] => Some(u32::from_ne_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(u64::from_ne_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_kernels_error() {
        let mut answer = vec![0; HEADER];
        answer[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        answer.extend((-libc::ENOENT).to_ne_bytes());
        let error = read(&answer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        answer.truncate(HEADER + 1);
        assert_eq!(
            read(&answer).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }

    #[test]
    fn an_attribute_is_found_by_its_kind() {
        let attributes = [
            [8, 0, 1, 0].as_slice(),
            &7u32.to_ne_bytes(),
            &[12, 0, 3, 0],
            &0x21u64.to_ne_bytes(),
        ]
        .concat();
        assert_eq!(number(&attributes, 3), Some(0x21));
        assert_eq!(number(&attributes, 1), Some(7));
        assert_eq!(number(&attributes, 2), None);
        assert_eq!(number(&[9, 9, 9], 1), None);
    }

    /// Loopback is everywhere, and has no native XDP; kernels before 6.3 say that they do not know.
    #[test]
    fn the_kernel_answers() {
        match xdp_features(1) {
            Ok(features) => assert!(!features.native),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
        }
    }
}
