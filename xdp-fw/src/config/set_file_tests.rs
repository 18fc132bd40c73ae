use ipnetwork::IpNetwork;
use proptest::prelude::*;

use super::*;

/// The prefixes and the problems.
fn parsed(text: &str) -> (Vec<String>, Vec<String>) {
    let file = SetFile::parse(Path::new("set.txt"), text.as_bytes()).unwrap();
    let prefixes = file.prefixes().iter().map(|prefix| prefix.to_string());
    let problems = file.problems.iter().map(ToString::to_string);
    (prefixes.collect(), problems.collect())
}

#[test]
fn comments_blank_lines_crlf_and_a_byte_order_mark_are_skipped() {
    let text = "\u{feff}192.0.2.0/24 # office\r\n\r\n;x\n \t2001:db8::1;SBL1\n# end\n10.0.0.0/8";
    let (prefixes, problems) = parsed(text);
    assert_eq!(prefixes, ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::1/128"]);
    assert_eq!(problems, [""; 0]);
}

#[test]
fn the_formats_of_common_lists_are_read() {
    let text = "; Spamhaus DROP List 2026/11/22\n1.10.16.0/20 ; SBL256894\n\
                # FireHOL level 1\n0.0.0.0/8\n\
                2001:db8:bad::/48 ; SBL000001\n203.0.113.7\n\
                198.51.100.0 - 198.51.100.255 # a range\n192.0.2.1-192.0.2.2\n\
                2001:db8::10 - 2001:db8::1f\n";
    let (prefixes, problems) = parsed(text);
    assert_eq!(
        prefixes,
        [
            "0.0.0.0/8",
            "1.10.16.0/20",
            "192.0.2.1/32",
            "192.0.2.2/32",
            "198.51.100.0/24",
            "203.0.113.7/32",
            "2001:db8::10/124",
            "2001:db8:bad::/48",
        ]
    );
    assert_eq!(problems, [""; 0]);
}

#[test]
fn comments_in_latin_1_are_skipped() {
    let text = b"# Verzeichnis f\xfcr \xe4lle\n192.0.2.1 ; \xdcbel\n# \xc3\xbc\n::1 // \xfc";
    let file = SetFile::parse(Path::new("set.txt"), text).unwrap();
    let prefixes: Vec<_> = file.prefixes().iter().map(|it| it.to_string()).collect();
    assert_eq!(prefixes, ["192.0.2.1/32", "::1/128"]);
    assert_eq!(file.problems, []);
}

#[test]
fn comments_of_other_formats_are_named() {
    for line in ["% RIPE", "! list", "-- list", "/* list */", "REM list"] {
        let (_, problems) = parsed(&format!("192.0.2.1\n{line}\n"));
        let expected = format!("`{line}` looks like a comment; expected #, ; or //");
        assert!(problems[0].contains(&expected), "{problems:?}");
    }
    let (_, problems) = parsed("192.0.2.1\n!192.0.2.9\n");
    assert!(problems[0].contains("is for rules"), "{problems:?}");
}

#[test]
fn mapped_entries_are_ipv4_and_counted() {
    let text = "::ffff:203.0.113.50\n::ffff:cb00:7100/120\n::ffff:192.0.2.1 - ::ffff:192.0.2.2\n\
                203.0.113.50\n2001:db8::1\n";
    let file = SetFile::parse(Path::new("set.txt"), text.as_bytes()).unwrap();
    let prefixes: Vec<_> = file.prefixes().iter().map(|it| it.to_string()).collect();
    assert_eq!(
        prefixes,
        [
            "192.0.2.1/32",
            "192.0.2.2/32",
            "203.0.113.0/24",
            "2001:db8::1/128"
        ]
    );
    assert_eq!((file.mapped.count, file.mapped.whole), (3, None));
    let all = SetFile::parse(Path::new("set.txt"), b"::1\n::ffff:0:0/96\n").unwrap();
    assert_eq!((all.mapped.count, all.mapped.whole), (0, Some(2)));
}

#[test]
fn each_bad_line_is_a_problem_with_its_column() {
    let (prefixes, problems) = parsed(
        "10.0.0.1/8\n192.0.2.1\n  \tnonsense # c\n10.0.0.0/8 eth0\n@office\n!10.0.0.0/8\n\
         10.0.0.9 - 10.0.0.1\n10.0.0.1-::1\n10.0.0.1-9\n192.0.2.0\t192.0.2.255\t24\n\
         list.example.com\n{\"cidr\":\"10.0.0.0/8\"}",
    );
    assert_eq!(prefixes, ["192.0.2.1/32"]);
    insta::assert_snapshot!(problems.join("\n"));
}

#[test]
fn slashes_and_commas_are_comment_and_separator() {
    let text = "// head\n192.0.2.0/24, // office\n192.0.2.0/25 //x\n203.0.113.7,\n2001:db8::/32 ,\r\n\
                198.51.100.1 - 198.51.100.2,;x\n\u{feff}10.0.0.0/8\n";
    let (prefixes, problems) = parsed(text);
    assert_eq!(
        prefixes,
        [
            "10.0.0.0/8",
            "192.0.2.0/24",
            "198.51.100.1/32",
            "198.51.100.2/32",
            "203.0.113.7/32",
            "2001:db8::/32"
        ]
    );
    assert_eq!(problems, [""; 0]);
    let (_, problems) = parsed("::1\n192.0.2.0//24\n,\n192.0.2.1,192.0.2.9\n::2\n::3\n::4\n");
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn a_file_of_another_format_is_one_problem() {
    for (text, expected) in [
        (
            "{\n  \"a\": [\n    \"192.0.2.1\",\n    \"192.0.2.2\"\n  ]\n}\n",
            "1:1: this is JSON; run `jq",
        ),
        (
            "# saved\ncreate a hash:ip\nadd a 192.0.2.1\n",
            "2:1: this is what `ipset save` prints; run",
        ),
        (
            "network,name\n192.0.2.0/24,x\n198.51.100.0/24,y\n",
            "1:1: this is CSV; run `cut -d, -f1 ",
        ),
        (
            "127.0.0.1 localhost\n::1 localhost\n192.0.2.9\n",
            "1:1: this is a hosts file",
        ),
        ("<html>\n192.0.2.1\n</html>\n", "1:1: this is HTML"),
    ] {
        let (_, problems) = parsed(text);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(problems[0].contains(expected), "{}", problems[0]);
    }
}

#[test]
fn nothing_is_quoted_of_a_file_without_a_good_line() {
    let shadow = "root:$6$salt$hash:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n";
    let tokens = "hunter2\n";
    let mixed = "10.0.0.1/8\nhunter2 # and so on\n";
    let key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    for text in [
        shadow,
        tokens,
        mixed,
        key,
        "hunter2 hunter3\n",
        "\"hunter2\"\n",
        "!hunter2\n",
    ] {
        let (_, problems) = parsed(text);
        let said = problems.join("\n");
        assert_eq!(problems.len(), 1, "{said}");
        for secret in ["salt", "hash", "root", "hunter", "c2Vj"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
    assert_eq!(
        parsed(tokens).1,
        [
            "set.txt:1:1: this is a host name, and names are not resolved; expected an address such as \
          192.0.2.1 or a prefix such as 2001:db8::/32 (no line of 1 is good, so none is quoted)"
        ]
    );
    // Once a line is good, it is a list, and the others are slips.
    assert!(parsed("192.0.2.1\nhunter2\n").1[0].contains("hunter2"));
}

#[test]
fn what_is_no_text_is_named() {
    let said = |bytes: &[u8]| {
        let error = SetFile::parse(Path::new("set.txt"), bytes).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        said(b"\x1f\x8b\x08\0\xff\xfe"),
        "is compressed by gzip; run `gunzip -c FILE > NEW`"
    );
    assert!(said(b"\xff\xfe1\09\0\n\0").contains("`iconv -f UTF-16 -t UTF-8 FILE > NEW`"));
    assert!(said(b"1\0:\0:\0\n\0").contains("UTF-16LE"));
    assert_eq!(
        said(b"::1\n\0\n"),
        "is no text; byte 5 is NUL, expected one prefix per line"
    );
    assert_eq!(
        said("192.0.2.1\r".repeat(10_000).as_bytes()),
        "is text with CR between its lines; run `tr '\\r' '\\n' < FILE > NEW`"
    );
    assert_eq!(
        said(b"192.0.2.1\r192.0.2.2\r"),
        "is text with CR between its lines; run `tr '\\r' '\\n' < FILE > NEW`"
    );
    let long = format!("::1\n# {}\n", "x".repeat(70_000));
    assert_eq!(
        said(long.as_bytes()),
        "has a line 2 of more than 65536 bytes; expected one prefix per line"
    );
    assert!(said(format!("[{}]", "\"192.0.2.1\", ".repeat(9000)).as_bytes()).contains("is JSON"));
}

#[test]
fn a_file_of_nonsense_reports_the_first_twenty_lines() {
    let (_, problems) = parsed(&"10.0.0.1/8\n".repeat(500));
    assert_eq!(problems.len(), 21);
    assert_eq!(problems[20], "set.txt:21:1: … and 480 more");
    let (_, problems) = parsed(&"10.0.0.1/8\n".repeat(20));
    assert_eq!(problems.len(), 20);
}

#[test]
fn what_is_no_text_is_told_by_line_and_column() {
    let broken = |bytes: &[u8]| {
        let error = SetFile::parse(Path::new("set.txt"), bytes).unwrap_err();
        let FileError::NotUtf8 { byte, line, column } = error else {
            panic!("{error}");
        };
        (byte, line, column)
    };
    assert_eq!(
        broken(b"::1\n\n10.0.0.1 \xc3\xb8\xe9t\xe9 # x\n::2"),
        (0xe9, 3, 11)
    );
    assert_eq!(broken(b"# \xfc\n::1\ncut off \xc3"), (0xc3, 3, 9));
    assert_eq!(broken(b"\xff\n"), (0xff, 1, 1));
}

/// What the judge of all lines says of one: its prefixes.
fn judged(line: &str) -> Option<Prefixes> {
    let mut prefixes = Unsorted::default();
    let line = set_line::read(set_line::content(line), &mut prefixes);
    (line != Line::Bad).then(|| Prefixes::clone(&prefixes.merged().prefixes))
}

proptest! {
    #[test]
    fn the_short_way_says_what_the_judge_says(
        octets in proptest::collection::vec("0|[1-9][0-9]{0,3}|0[0-9]", 3..=5),
        length in "|/|/[0-9]{1,3}|/0[0-9]",
        end in "|\r|\n|\r\n| \n|\r\r\n|#\n|x\n",
        host_bits: bool,
    ) {
        let mut octets = octets;
        if !host_bits {
            octets.iter_mut().skip(1).for_each(|octet| *octet = "0".into());
        }
        let line = format!("{}{length}{end}", octets.join("."));
        if let Some(((address, length), taken)) = plain(line.as_bytes()) {
            prop_assert_eq!(taken, line.len());
            let network = IpNetwork::new(address.into(), length).unwrap();
            let judged = judged(line.strip_suffix('\n').unwrap_or(&line));
            prop_assert_eq!(judged, Some([network].into_iter().collect()));
        } else {
            // The judge comes next, whatever it says.
            let is_plain = ["", "\n", "\r\n", "\r"].contains(&&end[..]);
            prop_assert!(!is_plain || judged(line.trim_end()).is_none());
        }
    }

    #[test]
    fn however_a_file_is_cut_it_says_the_same(
        text in "(\u{feff})?((10\\.0\\.0\\.[0-3](/32)?|::[0-3]|x|ø|#é|10\\.0\\.0\\.1-10\\.0\\.0\\.3)?( |\r)?\n?){0,8}",
        broken in proptest::option::of(0usize..40),
        cuts in proptest::collection::vec(1usize..9, 0..40),
    ) {
        let mut bytes = text.into_bytes();
        if let Some(at) = broken && at < bytes.len() {
            bytes[at] |= 0x80;
        }
        let path = Path::new("set.txt");
        let whole = SetFile::parse(path, &bytes);
        let mut lines = Lines::of(path, Room::endless());
        let mut rest = &bytes[..];
        for cut in cuts {
            let (piece, others) = rest.split_at(cut.min(rest.len()));
            lines.take(piece);
            rest = others;
        }
        lines.take(rest);
        let cut = lines.finish();
        prop_assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
    }
}
