//! Names and paths as words of a command that an operator pastes into a shell.

use std::fmt::Write as _;

use super::printable::is_printable;

/// A word that a POSIX shell reads as these bytes; with bytes that cannot be printed, as bash,
/// zsh and ksh read them (`$'\xff'`).
#[must_use]
pub fn word(bytes: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:@+,=%".contains(byte);
    let text = std::str::from_utf8(bytes).ok();
    match text.filter(|text| text.chars().all(is_printable)) {
        Some(text) if !bytes.is_empty() && bytes.iter().all(is_plain) => text.to_owned(),
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        None => ansi_c(bytes),
    }
}

/// The same, for commands that would take it for an option.
#[must_use]
pub fn operand(bytes: &[u8]) -> String {
    let word = word(bytes);
    if bytes.starts_with(b"-") {
        return format!("-- {word}");
    }
    word
}

fn ansi_c(bytes: &[u8]) -> String {
    let mut word = "$'".to_owned();
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => {
                word.push('\\');
                word.push(*byte as char);
            }
            b' '..=b'~' => word.push(*byte as char),
            // Three digits: a hexadecimal digit may follow.
            _ => drop(write!(word, "\\{byte:03o}")),
        }
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn plain_names_stay_as_they_are() {
        for name in ["eth0", "wan0.100", "veth@if2"] {
            assert_eq!(word(name.as_bytes()), name);
        }
        assert_eq!(operand(b"-x0"), "-- -x0");
    }

    #[test]
    fn a_shell_reads_the_name_again() {
        let names: [&[u8]; 9] = [
            b"a;reboot",
            b"$(id)",
            b"`id`",
            b"a'b",
            b"a\"b",
            b"*",
            b"a\\b",
            b"\xff1\x1b'",
            b"~",
        ];
        for name in names {
            let script = format!("printf %s {}", word(name));
            let read = Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(read.stdout, name, "{script}");
        }
    }
}
