//! The checksums of the Internet protocols.
//!
//! Owns arithmetic only; which bytes are covered is each header's business.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

/// Writes the checksum of `header`, in which its field is still zero, into that field at `at`.
pub(super) fn seal<const N: usize>(
    mut header: Vec<u8>,
    at: usize,
    check: impl FnOnce(&[u8]) -> [u8; N],
) -> Vec<u8> {
    let check = check(&header);
    if let Some(field) = header.get_mut(at..at + N) {
        field.copy_from_slice(&check);
    }
    header
}

/// RFC 1071 over `parts`, each of which but the last is even in length.
pub(super) fn internet(parts: &[&[u8]]) -> [u8; 2] {
    sum(parts).ones_complement().to_ne_bytes()
}

/// RFC 1071 over the pseudo header of `addresses` and `parts`; zeros without addresses.
pub(super) fn with_pseudo_header(
    addresses: Option<(IpAddr, IpAddr)>,
    protocol: u8,
    parts: &[&[u8]],
) -> [u8; 2] {
    let length = parts.iter().map(|part| part.len()).sum::<usize>() as u32;
    let pseudo = match addresses {
        Some((IpAddr::V4(source), IpAddr::V4(destination))) => {
            Sum16BitWords::new().add_slice(&[source.octets(), destination.octets()].concat())
        }
        Some((IpAddr::V6(source), IpAddr::V6(destination))) => {
            Sum16BitWords::new().add_slice(&[source.octets(), destination.octets()].concat())
        }
        _ => return [0, 0],
    };
    let pseudo = pseudo
        .add_slice(&length.to_be_bytes())
        .add_2bytes([0, protocol]);
    parts
        .iter()
        .fold(pseudo, |sum, part| sum.add_slice(part))
        .ones_complement()
        .to_ne_bytes()
}

/// CRC-32C as SCTP puts it on the wire: reflected, least significant byte first (RFC 9260, B).
pub(super) fn crc32c(parts: &[&[u8]]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    (!crc).to_le_bytes()
}

fn sum(parts: &[&[u8]]) -> Sum16BitWords {
    parts
        .iter()
        .fold(Sum16BitWords::new(), |sum, part| sum.add_slice(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32c_of_the_standard_check_input() {
        assert_eq!(crc32c(&[b"1234", b"56789"]), 0xe306_9283_u32.to_le_bytes());
    }

    #[test]
    fn a_sum_over_its_own_checksum_is_zero() {
        let bytes = [0x45, 0, 0, 20, 1, 2];
        let check = internet(&[&bytes]);
        assert_eq!(internet(&[&bytes, &check]), [0, 0]);
    }
}
