//! A frame in hexadecimal digits.

use super::text::Mistake;
use super::{FRAME_MAX, FRAME_MIN};

/// The frame that these digits are: `0x…`, or digits alone; spaces, colons and line ends between
/// them mean nothing. `None` if this is not meant as hexadecimal.
pub(super) fn frame(text: &str) -> Option<Result<Vec<u8>, Mistake>> {
    let lead = text.len() - text.trim_start().len();
    let body = text.trim_start();
    let digits = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X"));
    let is_separator = |char: char| char.is_whitespace() || char == ':';
    let fits = |char: char| char.is_ascii_hexdigit() || is_separator(char);
    let first = body.split(is_separator).next().unwrap_or_default();
    // A protocol number or a word such as `ddp` is no byte.
    let looks_like = || !body.is_empty() && body.chars().all(fits) && first.len().is_multiple_of(2);
    if digits.is_none() && !looks_like() {
        return None;
    }
    let start = lead + body.len() - digits.unwrap_or(body).len();
    Some(bytes(digits.unwrap_or(body), start))
}

/// `start` is how many characters, all of one byte, come before.
fn bytes(digits: &str, start: usize) -> Result<Vec<u8>, Mistake> {
    let mut frame = Vec::with_capacity(digits.len() / 2);
    let mut high = None;
    let mut last = start + 1;
    for (column, char) in (start + 1..).zip(digits.chars()) {
        if char.is_whitespace() || char == ':' {
            continue;
        }
        let digit = char.to_digit(16).ok_or_else(|| Mistake {
            column,
            message: format!("`{}` is no hexadecimal digit", char.escape_debug()),
        })?;
        last = column;
        high = match high {
            None => Some(digit),
            Some(high) => {
                // Two digits of four bits.
                frame.push((high << 4 | digit) as u8);
                None
            }
        };
    }
    let wrong = |message: String| Mistake {
        column: last,
        message,
    };
    if high.is_some() {
        return Err(wrong(
            "half a byte; expected an even number of digits".to_owned(),
        ));
    }
    // `22` is a number that somebody typed, not the beginning of a frame.
    if frame.len() < 6 {
        return Err(Mistake {
            column: start + 1,
            message: "neither a packet in words nor a frame in hexadecimal; expected for example \
                      `tcp 203.0.113.9:40000 > 192.0.2.1:22 syn`"
                .to_owned(),
        });
    }
    if !(FRAME_MIN..=FRAME_MAX).contains(&frame.len()) {
        return Err(wrong(format!(
            "a frame of {} bytes; expected {FRAME_MIN} to {FRAME_MAX}, from the Ethernet header on",
            frame.len()
        )));
    }
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_frame_however_they_are_spaced() {
        let expected: Vec<u8> = (0..14).collect();
        for text in [
            "000102030405060708090a0b0c0d",
            "0x000102030405060708090A0B0C0D",
            " 00:01:02:03:04:05 06:07:08:09:0a:0b 0c0d\n",
            "0x 00 01 0203 0405 0607 0809 0a0b 0c0d",
        ] {
            assert_eq!(frame(text), Some(Ok(expected.clone())), "{text}");
        }
    }

    #[test]
    fn what_is_no_frame_is_told_with_its_column() {
        for (text, column) in [("0x00g1", 5), ("00 01 0", 7), ("0x0001", 3), ("aa:bb", 1)] {
            let mistake = frame(text).unwrap().unwrap_err();
            assert_eq!(mistake.column, column, "{text}: {mistake}");
        }
    }

    #[test]
    fn a_packet_in_words_is_not_taken_for_digits() {
        for text in ["", "arp", "47 192.0.2.1 > 192.0.2.2", "dd p", "tcp", "ddp"] {
            assert_eq!(frame(text), None, "{text}");
        }
    }
}
