//! The sessions that logind lists.
//!
//! Owns the reading of its session files, which any process may read, also one that sees no other
//! process. Only logind writes them, for what PAM tells it after authentication.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use super::files;
use super::logins::{Host, Listing, Login};

/// Where logind writes a file for each session.
const SESSIONS: &str = "run/systemd/sessions";

/// The seat that logind always has. The directory alone is no sign of it: systemd-tmpfiles makes
/// that, too.
const SEAT: &str = "run/systemd/seats/seat0";

/// The control groups of services, in the unified and in the hybrid layout, and logind's.
const SLICES: [&str; 2] = [
    "sys/fs/cgroup/system.slice",
    "sys/fs/cgroup/unified/system.slice",
];
const UNITS: [&str; 2] = ["systemd-logind.service", "elogind.service"];

/// Most entries of the directory that are looked at, two for each session.
const MOST_ENTRIES: usize = 1 << 16;

/// Largest session file in bytes; they have a few hundred.
const LARGEST: u64 = 1 << 14;

/// The sessions with a remote host; none is an answer. `None` where logind does not run.
pub(super) fn read(root: &Path) -> Option<Listing> {
    if has_stopped(root) {
        return None;
    }
    let mut listing = Listing::default();
    let entries = match fs::read_dir(root.join(SESSIONS)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            let what = format!("the sessions of logind cannot be read: {error}");
            listing.unseen.push(what);
            return Some(listing);
        }
    };
    let mut is_empty = true;
    for (number, entry) in entries.enumerate() {
        if number >= MOST_ENTRIES {
            let what = format!("logind has more sessions than the {number} that are read");
            listing.unseen.push(what);
            break;
        }
        match entry.and_then(|entry| session(&entry)) {
            Ok(Some(login)) => listing.logins.extend(login),
            // A FIFO that holds a session open.
            Ok(None) => continue,
            // It has ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let what = format!("a session of logind cannot be read: {error}");
                if !listing.unseen.contains(&what) {
                    listing.unseen.push(what);
                }
            }
        }
        is_empty = false;
    }
    (!is_empty || root.join(SEAT).exists()).then_some(listing)
}

/// Whether there is a list, be it empty.
pub(super) fn is_here(root: &Path) -> bool {
    if has_stopped(root) {
        return false;
    }
    let entries = fs::read_dir(root.join(SESSIONS));
    let is_session = |entry: io::Result<DirEntry>| {
        let kind = entry.and_then(|entry| entry.file_type());
        kind.is_ok_and(|kind| kind.is_file())
    };
    match entries {
        Ok(mut entries) => entries.any(is_session) || root.join(SEAT).exists(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Whether systemd has no such service running: what logind wrote is left over then.
fn has_stopped(root: &Path) -> bool {
    let mut slices = SLICES.iter().map(|slice| root.join(slice));
    let slice = slices.find(|slice| slice.exists());
    let has_group = |slice: &Path| UNITS.iter().any(|unit| slice.join(unit).exists());
    slice.is_some_and(|slice| !has_group(&slice))
}

/// The login of a session file, if it is one from another host; `None` for what is no session.
fn session(entry: &DirEntry) -> io::Result<Option<Option<Login>>> {
    if !entry.file_type()?.is_file() {
        return Ok(None);
    }
    let text = files::read_up_to(&entry.path(), LARGEST)?;
    Ok(Some(login(&text)))
}

fn login(text: &str) -> Option<Login> {
    let value = |key: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    };
    // The user is gone, and left a process behind.
    let is_over = value("STATE") == Some("closing");
    // A greeter may be remote as well, and nobody is logged in there.
    let is_user = value("CLASS").is_none_or(|class| class.starts_with("user"));
    if value("REMOTE") != Some("1") || is_over || !is_user {
        return None;
    }
    let since = value("REALTIME").and_then(|since| since.parse().ok());
    Some(Login {
        since: since.unwrap_or(u64::MAX),
        host: Host::read(value("REMOTE_HOST")?)?,
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn session(rest: &str) -> String {
        format!("# generated\nUID=0\nREMOTE=1\nSTATE=active\nCLASS=user\n{rest}\n")
    }

    fn hosts(root: &Path) -> Option<Vec<String>> {
        let mut logins = read(root)?.logins;
        logins.sort_unstable();
        let host = |login: &Login| match &login.host {
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name.clone(),
        };
        Some(logins.iter().map(host).collect())
    }

    fn root_of(sessions: &[String]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join(SESSIONS);
        fs::create_dir_all(&directory).unwrap();
        for (number, text) in sessions.iter().enumerate() {
            fs::write(directory.join(number.to_string()), text).unwrap();
            let fifo = directory.join(format!("{number}.ref"));
            nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        }
        root
    }

    fn hosts_of(sessions: &[String]) -> Option<Vec<String>> {
        hosts(root_of(sessions).path())
    }

    #[test]
    fn sessions_with_a_remote_host_are_logins() {
        let sessions = [
            session("REMOTE_HOST=192.0.2.2\nSERVICE=sshd"),
            session("REMOTE_HOST=::ffff:192.0.2.3\nSERVICE=sshd"),
            session("REMOTE_HOST=fe80::1%eth0\nSERVICE=sshd"),
            session("REMOTE_HOST=desk.example.net\nSERVICE=sshd"),
            "REMOTE=0\nSERVICE=login\n".to_owned(),
        ];
        let found = hosts_of(&sessions).unwrap();
        let expected = ["192.0.2.2", "192.0.2.3", "fe80::1", "desk.example.net"];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_closing_session_and_a_greeter_are_no_logins() {
        let closing = session("REMOTE_HOST=192.0.2.2").replace("active", "closing");
        let greeter = session("REMOTE_HOST=192.0.2.3").replace("=user", "=greeter");
        assert_eq!(hosts_of(&[closing, greeter]), Some(Vec::new()));
    }

    #[test]
    fn this_host_is_no_remote_host() {
        let here = ["127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1", ""];
        let here = here.map(|host| session(&format!("REMOTE_HOST={host}")));
        assert_eq!(hosts_of(&here), Some(Vec::new()));
    }

    #[test]
    fn hostile_session_files_are_no_logins() {
        let hostile = [
            session(&format!("REMOTE_HOST={}", "x".repeat(100_000))),
            session("REMOTE_HOST=a b;c\u{1b}[2J"),
            "\0\0\0REMOTE=1".repeat(50_000),
            String::new(),
        ];
        assert_eq!(hosts_of(&hostile), Some(Vec::new()));
    }

    #[test]
    fn an_empty_directory_without_logind_is_no_list() {
        let root = root_of(&[]);
        assert_eq!(hosts(root.path()), None);
        assert_eq!(hosts(Path::new("/nowhere")), None);
        // logind has been started, and runs as far as anybody can tell.
        let seat = root.path().join(SEAT);
        fs::create_dir_all(seat.parent().unwrap()).unwrap();
        fs::write(seat, "").unwrap();
        assert_eq!(hosts(root.path()), Some(Vec::new()));
        // What a logind wrote that has been stopped is left over.
        let slice = root.path().join("sys/fs/cgroup/system.slice");
        fs::create_dir_all(slice.join("ssh.service")).unwrap();
        assert_eq!(hosts(root.path()), None);
        fs::write(
            root.path().join(SESSIONS).join("1"),
            session("REMOTE_HOST=192.0.2.2"),
        )
        .unwrap();
        assert_eq!(hosts(root.path()), None);
        assert!(!is_here(root.path()));
        fs::create_dir(slice.join("systemd-logind.service")).unwrap();
        assert_eq!(hosts(root.path()).unwrap(), ["192.0.2.2"]);
        assert!(is_here(root.path()));
    }

    #[test]
    fn ten_thousand_sessions_are_read() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join(SESSIONS);
        fs::create_dir_all(&directory).unwrap();
        let mut text = String::new();
        for number in 0..10_000_u32 {
            text.clear();
            let address = std::net::Ipv4Addr::from(0xc612_0000 + number);
            let _ = writeln!(text, "REMOTE=1\nREMOTE_HOST={address}\nCLASS=user");
            fs::write(directory.join(number.to_string()), &text).unwrap();
        }
        let listing = read(root.path()).unwrap();
        assert_eq!((listing.logins.len(), listing.unseen.len()), (10_000, 0));
    }
}
