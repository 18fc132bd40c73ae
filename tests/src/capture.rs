//! Captures as tcpdump and Wireshark write them.

/// The link type of Ethernet.
pub const ETHERNET: u32 = 1;

/// A classic pcap file of this link type with these frames.
#[must_use]
pub fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let magic = 0xa1b2_c3d4_u32.to_le_bytes();
    let mut file = [&magic[..], &[2, 0, 4, 0], &[0; 8]].concat();
    file.extend(262_144_u32.to_le_bytes());
    file.extend(link.to_le_bytes());
    for frame in frames {
        let length = (frame.len() as u32).to_le_bytes();
        file.extend([&[0; 8][..], &length, &length, frame].concat());
    }
    file
}

/// A pcapng file of one Ethernet interface, `eth0`.
#[must_use]
pub fn pcapng(frames: &[Vec<u8>]) -> Vec<u8> {
    let section = [
        &0x1a2b_3c4d_u32.to_le_bytes()[..],
        &[1, 0, 0, 0],
        &u64::MAX.to_le_bytes(),
    ];
    let name = [&[2, 0, 4, 0][..], b"eth0", &[0; 4]];
    let interface = [&[1, 0, 0, 0, 0xff, 0xff, 0, 0][..], &name.concat()];
    let mut file = block(0x0a0d_0d0a, &section.concat());
    file.extend(block(1, &interface.concat()));
    for frame in frames {
        let length = (frame.len() as u32).to_le_bytes();
        let body = [&[0; 12][..], &length, &length, frame];
        file.extend(block(6, &body.concat()));
    }
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
    let length = (body.len() + padding.len() + 12) as u32;
    let length = length.to_le_bytes();
    [&kind.to_le_bytes()[..], &length, body, &padding, &length].concat()
}
