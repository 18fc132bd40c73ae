//! Targets that take text: the configuration, and a set file.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnetwork::IpNetwork;
use xdp_fw::config::{FileError, Files, Loaded, Problems, Role, load};
use xdp_fw::policy::{Policy, compile};

const MAIN: &str = "xdp-fw.toml";
const FEED: &str = "feed.txt";

/// Two files, and no disk.
struct Memory<'a> {
    main: &'a [u8],
    feed: &'a [u8],
}

impl Files for Memory<'_> {
    fn read(&self, path: &Path, _role: Role) -> Result<String, FileError> {
        let bytes = match path.to_str() {
            Some(MAIN) => self.main,
            Some(FEED) => self.feed,
            _ => return Err(FileError::Missing),
        };
        // As from disk: what is no text comes to no parser.
        String::from_utf8(bytes.to_vec()).map_err(|_| FileError::Changing)
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        // A directory with the set file alone, whatever is asked of it.
        let is_here = pattern
            .parent()
            .is_some_and(|parent| parent == Path::new(""));
        Ok(is_here.then(|| PathBuf::from(FEED)).into_iter().collect())
    }
}

/// Any main file: it loads and compiles, or every problem is a line with a place.
pub fn config(main: &[u8]) {
    let feed = b"192.0.2.0/24 # one\n2001:db8::/32\n";
    let files = Memory { main, feed };
    match load(Path::new(MAIN), &files) {
        Ok(loaded) => {
            // A policy may not fit, but it says so.
            let _ = compile(&Policy::from_config(&loaded.config), &[]);
            let warnings = loaded.warnings.iter().map(ToString::to_string);
            let notes = loaded.notes.iter().map(ToString::to_string);
            warnings.chain(notes).for_each(|line| check_line(&line));
        }
        Err(problems) => check(&problems),
    }
}

/// Any set file: every prefix in it is in the set, and the set has no host bits.
pub fn set_file(feed: &[u8]) {
    let main = format!(
        "interfaces = [\"eth0\"]\n[set.s]\nfiles = [\"{FEED}\"]\nallow_empty = true\n\
         [[rule]]\nname = \"r\"\naction = \"drop\"\nsource = [\"@s\"]\n"
    );
    let files = Memory {
        main: main.as_bytes(),
        feed,
    };
    match load(Path::new(MAIN), &files) {
        Ok(loaded) => holds_every_prefix(&loaded, feed),
        Err(problems) => check(&problems),
    }
}

fn holds_every_prefix(loaded: &Loaded, feed: &[u8]) {
    let set = loaded.config.sets.get("s");
    let prefixes: Vec<_> = set.map_or_else(Vec::new, |set| set.prefixes.iter().collect());
    for prefix in &prefixes {
        assert_eq!(prefix.ip(), prefix.network(), "host bits in {prefix}");
    }
    let Ok(text) = str::from_utf8(feed) else {
        panic!("what is no text was read");
    };
    // The plainest reading there is, of lines that need no other.
    let lines = text
        .lines()
        .filter_map(|line| line.split(['#', ';']).next());
    for written in lines.filter_map(|line| line.trim().parse::<IpNetwork>().ok()) {
        let written = unmapped(written);
        let held = prefixes.iter().any(|prefix| holds(prefix, &written));
        assert!(held, "{written} is not in the set");
    }
}

/// IPv4, where it is written as IPv6.
fn unmapped(written: IpNetwork) -> IpNetwork {
    let IpAddr::V6(address) = written.ip() else {
        return written;
    };
    let length = written.prefix().checked_sub(96);
    let unmapped = address.to_ipv4_mapped().zip(length);
    let unmapped = unmapped.and_then(|(ip, length)| IpNetwork::new(ip.into(), length).ok());
    unmapped.unwrap_or(written)
}

fn holds(prefix: &IpNetwork, inner: &IpNetwork) -> bool {
    let network: IpAddr = inner.network();
    prefix.contains(network) && prefix.prefix() <= inner.prefix()
}

/// Each problem is a line that names a file, and has nothing in it that a terminal acts on.
fn check(problems: &Problems) {
    let text = problems.to_string();
    assert!(!text.is_empty(), "an error without a problem");
    text.lines().for_each(check_line);
}

fn check_line(line: &str) {
    // Whatever else is read is what the configuration names.
    assert!(line.contains(": "), "{line:?} has no place");
    assert!(
        !line.chars().any(char::is_control),
        "{line:?} has control characters"
    );
}
