use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// A classic pcap file.
fn pcap(link: u32, packets: &[(&[u8], u32)]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(262_144_u32.to_le_bytes());
    file.extend(link.to_le_bytes());
    for (data, length) in packets {
        file.extend([0; 8]);
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(length.to_le_bytes());
        file.extend(*data);
    }
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let body = [body, &[0; 3][..(4 - body.len() % 4) % 4]].concat();
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &body, &length].concat()
}

/// A pcapng file of one section with two interfaces, `lo0` of this link type and `eth1`.
fn pcapng(first: u16, packets: &[(u32, &[u8])]) -> Vec<u8> {
    let section = [
        &0x1a2b_3c4d_u32.to_le_bytes()[..],
        &[1, 0, 0, 0],
        &u64::MAX.to_le_bytes(),
    ];
    let mut file = block(0x0a0d_0d0a, &section.concat());
    for (link, name) in [(first, b"lo0\0"), (1, b"eth1")] {
        let name_length = if name.ends_with(b"\0") { 3u16 } else { 4 };
        let body = [
            &link.to_le_bytes()[..],
            &[0; 2],
            &65_535_u32.to_le_bytes(),
            &[2, 0],
            &name_length.to_le_bytes(),
            name,
            &[0; 4],
        ];
        file.extend(block(1, &body.concat()));
    }
    file.extend(block(5, &[0; 12])); // statistics
    for (interface, data) in packets {
        let length = (data.len() as u32).to_le_bytes();
        let body = [
            &interface.to_le_bytes()[..],
            &[0; 8],
            &length,
            &length,
            data,
        ];
        file.extend(block(6, &body.concat()));
    }
    file
}

fn read(file: Vec<u8>) -> Result<Vec<Captured>, String> {
    let capture = Capture::of(Path::new("test.pcap"), Cursor::new(file));
    let capture = capture.map_err(|error| error.to_string())?;
    capture
        .map(|item| item.map_err(|error| error.to_string()))
        .collect()
}

const FRAME: &[u8] = &[2; 60];

#[test]
fn a_pcap_file_gives_its_frames_at_the_length_that_they_had() {
    let captured = read(pcap(1, &[(FRAME, 60), (&FRAME[..20], 1514)])).unwrap();
    assert_eq!(captured.len(), 2);
    assert_eq!((captured[0].number, &captured[0].frame[..]), (1, FRAME));
    let cut = &captured[1];
    assert_eq!((cut.number, cut.captured, cut.frame.len()), (2, 20, 1514));
    assert_eq!(cut.frame[19..21], [2, 0]);
}

#[test]
fn a_pcapng_file_names_its_interfaces() {
    let captured = read(pcapng(1, &[(1, FRAME), (0, &FRAME[..59])])).unwrap();
    let names: Vec<_> = captured.iter().map(|it| it.interface.as_deref()).collect();
    assert_eq!(names, [Some("eth1"), Some("lo0")]);
    let lengths = captured.iter().map(|it| it.frame.len());
    assert_eq!(lengths.collect::<Vec<_>>(), [60, 59]);
}

#[test]
fn what_is_not_ethernet_is_refused_by_name() {
    insta::assert_snapshot!(read(pcap(113, &[(FRAME, 60)])).unwrap_err(), @"test.pcap: its link type is LINUX_SLL (cooked, as of `any`), and rules judge Ethernet frames; capture on one Ethernet interface (not on `any`)");
    insta::assert_snapshot!(read(pcap(4242, &[(FRAME, 60)])).unwrap_err(), @"test.pcap: its link type is number 4242, and rules judge Ethernet frames; capture on one Ethernet interface (not on `any`)");
    // Only where a packet is of it.
    assert_eq!(read(pcapng(101, &[(1, FRAME)])).unwrap().len(), 1);
    assert!(
        read(pcapng(101, &[(0, FRAME)]))
            .unwrap_err()
            .contains("RAW")
    );
}

#[test]
fn what_is_no_capture_or_is_damaged_says_so() {
    let mut cut = pcap(1, &[(FRAME, 60), (FRAME, 60)]);
    cut.truncate(cut.len() - 1);
    let mut huge = pcap(1, &[(FRAME, 60)]);
    huge.extend([0; 8]);
    huge.extend([0xff; 8]);
    huge.resize(3 << 20, 0);
    let stray = pcapng(1, &[(7, FRAME)]);
    let all = [Vec::new(), b"interfaces = []".to_vec(), cut, huge, stray];
    let told = all.map(|file| read(file).unwrap_err());
    insta::assert_snapshot!(told.join("\n"));
    let nowhere = Capture::open(Path::new("/nonexistent.pcap")).err().unwrap();
    assert!(
        nowhere
            .to_string()
            .starts_with("/nonexistent.pcap: No such file")
    );
    let directory = Capture::open(Path::new("/")).err().unwrap();
    assert!(matches!(directory, CaptureError::Io { .. }), "{directory}");
}

proptest! {
    #[test]
    fn a_hostile_file_ends_in_frames_or_an_error(
        ng: bool,
        cut in 0usize..700,
        changes in proptest::collection::vec((0usize..700, any::<u8>()), 0..8),
    ) {
        let frames: &[(u32, &[u8])] = &[(0, FRAME), (1, FRAME), (1, &FRAME[..33])];
        let mut file = if ng {
            pcapng(1, frames)
        } else {
            pcap(1, &[(FRAME, 60), (&FRAME[..33], 1500), (FRAME, 60)])
        };
        for (at, byte) in changes {
            if let Some(place) = file.get_mut(at) {
                *place = byte;
            }
        }
        file.truncate(file.len().min(cut.max(1)));
        if let Ok(captured) = read(file) {
            prop_assert!(captured.len() <= 32);
            prop_assert!(captured.iter().all(|it| it.frame.len() <= FRAME_MAX));
        }
    }

    #[test]
    fn any_bytes_end_in_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(bytes);
    }
}
