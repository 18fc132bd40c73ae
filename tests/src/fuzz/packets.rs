//! Targets that take packets from outside: the packet notation, and a capture.

use std::io::Cursor;
use std::path::Path;

use xdp_fw::packet::capture::Capture;
use xdp_fw::packet::{FRAME_MAX, FRAME_MIN, parse, printed};

/// Any line: it is a frame that can be printed, or a mistake within it.
pub fn packet(line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    match parse(&line) {
        Ok(packet) => {
            let length = packet.frame.len();
            assert!((FRAME_MIN..=FRAME_MAX).contains(&length), "{length} bytes");
            let text = printed(&packet.frame).brief;
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        Err(mistake) => {
            let behind = line.chars().count() + 1;
            assert!((1..=behind).contains(&mistake.column), "{mistake}");
            let message = &mistake.message;
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }
}

/// Any file: it ends in frames or an error, and holds no more than it says.
pub fn capture(file: &[u8]) {
    let Ok(capture) = Capture::of(Path::new("fuzz.pcap"), Cursor::new(file.to_vec())) else {
        return;
    };
    let mut bytes = 0;
    for captured in capture.flatten() {
        bytes += captured.captured;
        assert!(captured.captured <= captured.frame.len());
        assert!(captured.frame.len() <= FRAME_MAX.max(captured.captured));
    }
    assert!(bytes <= file.len(), "{bytes} bytes of {}", file.len());
}
