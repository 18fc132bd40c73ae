//! Formats that are no text, by their first bytes.

use super::Format;

/// The first bytes, what it is, and the command that unpacks it.
const SIGNS: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "compressed by gzip", "`gunzip -c FILE > NEW`"),
    (b"\xfd7zXZ\0", "compressed by xz", "`xz -dc FILE > NEW`"),
    (b"BZh", "compressed by bzip2", "`bunzip2 -c FILE > NEW`"),
    (
        b"\x28\xb5\x2f\xfd",
        "compressed by zstd",
        "`zstd -dc FILE > NEW`",
    ),
    (
        b"\x04\x22\x4d\x18",
        "compressed by lz4",
        "`lz4 -dc FILE > NEW`",
    ),
    (
        b"\x1f\x9d",
        "compressed by compress",
        "`uncompress -c FILE > NEW`",
    ),
    (b"PK\x03\x04", "a ZIP archive", "`unzip -p FILE > NEW`"),
    (
        b"7z\xbc\xaf\x27\x1c",
        "a 7z archive",
        "`7z x -so FILE > NEW`",
    ),
    (b"PK\x05\x06", "an empty ZIP archive", "pack it again"),
    (b"\x5d\0\0", "compressed by lzma", "`xz -dc FILE > NEW`"),
    (b"\x89PNG", "an image", "use a plain-text list"),
    (b"\xff\xd8\xff", "an image", "use a plain-text list"),
    (b"GIF8", "an image", "use a plain-text list"),
    (
        b"\xd0\xcf\x11\xe0",
        "a document of an office program",
        "save it as plain text",
    ),
    (b"%PDF-", "a PDF document", "use a plain-text list"),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "`sqlite3 FILE 'SELECT …' > NEW`",
    ),
    (b"\x7fELF", "a program", "expected one prefix per line"),
];

const UTF_16: &str = "text in UTF-16";
const UTF_32: &str = "text in UTF-32";

/// What begins with these bytes, if it is no text in UTF-8.
pub(in crate::config) fn of_bytes(head: &[u8]) -> Option<Format> {
    // An archive of XML, of which `unzip -p` would print everything.
    if head.starts_with(b"PK") && head.get(30..49) == Some(b"[Content_Types].xml") {
        let remedy = "save it as plain text";
        return Some(Format::new("a document of an office program", remedy));
    }
    let mut signs = SIGNS.iter();
    if let Some((_, name, remedy)) = signs.find(|(sign, ..)| head.starts_with(sign)) {
        return Some(Format::new(name, *remedy));
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(Format::new("a tar archive", "`tar -xOf FILE > NEW`"));
    }
    let recode = |name, from: &str| {
        let remedy = format!("`iconv -f {from} -t UTF-8 FILE > NEW`");
        Some(Format::new(name, remedy))
    };
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return recode(UTF_32, "UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return recode(UTF_16, "UTF-16"),
        _ => {}
    }
    let first = head.iter().position(|&byte| byte == 0)?;
    match head {
        [0, 0, 0, 1..=255, ..] => recode(UTF_32, "UTF-32BE"),
        [1..=255, 0, 0, 0, ..] => recode(UTF_32, "UTF-32LE"),
        [0, 1..=255, 0, 1..=255, ..] => recode(UTF_16, "UTF-16BE"),
        [1..=255, 0, 1..=255, 0, ..] => recode(UTF_16, "UTF-16LE"),
        _ => {
            let remedy = format!("byte {} is NUL, expected one prefix per line", first + 1);
            Some(Format::new("no text", remedy))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        let mut tar = vec![b'x'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let utf16 = |be: bool| {
            let units = "192.0.2.1\n".encode_utf16();
            let bytes = units.map(|unit| {
                if be {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            });
            bytes.flatten().collect::<Vec<u8>>()
        };
        for (head, expected) in [
            (&b"\x1f\x8b\x08\0"[..], "gunzip"),
            (b"\xfd7zXZ\0\0", "xz -dc"),
            (b"BZh91AY", "bunzip2"),
            (b"\x28\xb5\x2f\xfd\x24", "zstd -dc"),
            (b"\x04\x22\x4d\x18", "lz4"),
            (b"PK\x03\x04\x14", "unzip -p"),
            (b"PK\x05\x06\0", "empty ZIP"),
            (b"\x5d\0\0\x80", "xz -dc"),
            (b"\x89PNG\r\n", "an image"),
            (b"\xd0\xcf\x11\xe0\xa1", "office"),
            (&tar, "tar -xOf"),
            (b"\xff\xfe1\0", "-f UTF-16 "),
            (b"\xfe\xff\x001", "-f UTF-16 "),
            (&utf16(false), "-f UTF-16LE"),
            (&utf16(true), "-f UTF-16BE"),
            (b"\xff\xfe\0\x001\0\0\0", "-f UTF-32 "),
            (b"192.0.2.1\n\0\n", "byte 11 is NUL"),
        ] {
            let said = of_bytes(head).expect(expected).to_string();
            assert!(said.contains(expected), "{said}");
        }
        assert_eq!(of_bytes(b"192.0.2.1\n"), None);
        assert_eq!(of_bytes(b""), None);
    }
}
