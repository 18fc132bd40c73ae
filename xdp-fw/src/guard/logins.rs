//! From where someone is logged in over SSH.
//!
//! Owns the reading of logind's session files. A connection to port 22 may as well be someone who
//! tries passwords: the rule that is to drop those must not be refused because of them.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::files;

/// Where logind writes a file per session.
const SESSIONS: &str = "run/systemd/sessions";

/// Most sessions that are looked at.
const MOST: usize = 4096;

/// PAM services of SSH servers.
const SERVICES: [&str; 3] = ["sshd", "ssh", "dropbear"];

/// The addresses that someone is logged in from over SSH; `None` where that is not known: no
/// logind, an SSH server that does not use PAM, or a host of which only a name is told. `root`
/// is `/` but in tests.
pub(super) fn read(root: &Path) -> Option<BTreeSet<IpAddr>> {
    let mut addresses = BTreeSet::new();
    for entry in fs::read_dir(root.join(SESSIONS)).ok()?.take(MOST) {
        let path = entry.ok()?.path();
        // A session that ended meanwhile, or the FIFO that holds it open.
        let Ok(text) = files::read(&path) else {
            continue;
        };
        let value = |key: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        };
        let ssh = value("SERVICE").is_some_and(|service| SERVICES.contains(&service));
        if ssh && value("REMOTE") == Some("1") {
            let host = value("REMOTE_HOST")?.split('%').next()?;
            addresses.insert(host.parse::<IpAddr>().ok()?.to_canonical());
        }
    }
    (!addresses.is_empty()).then_some(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(service: &str, remote: &str) -> String {
        format!("# generated\nUID=0\nACTIVE=1\nREMOTE=1\n{remote}\nSERVICE={service}\nCLASS=user\n")
    }

    fn read_all(files: &[String]) -> Option<Vec<String>> {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join(SESSIONS);
        fs::create_dir_all(&directory).unwrap();
        for (number, text) in files.iter().enumerate() {
            fs::write(directory.join(number.to_string()), text).unwrap();
        }
        let fifo = directory.join("1.ref");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let read = read(root.path())?;
        Some(read.iter().map(IpAddr::to_string).collect())
    }

    #[test]
    fn remote_sessions_of_ssh_tell_their_addresses() {
        let sessions = [
            session("sshd", "REMOTE_HOST=192.0.2.2"),
            session("sshd", "REMOTE_HOST=::ffff:192.0.2.3"),
            session("sshd", "REMOTE_HOST=fe80::1%eth0"),
            session("cockpit", "REMOTE_HOST=192.0.2.4"),
            "REMOTE=0\nSERVICE=login\n".to_owned(),
        ];
        let found = read_all(&sessions).unwrap();
        assert_eq!(found, ["192.0.2.2", "192.0.2.3", "fe80::1"]);
    }

    #[test]
    fn nobody_logged_in_over_ssh_is_not_known() {
        assert_eq!(read_all(&["REMOTE=0\nSERVICE=login\n".to_owned()]), None);
        assert_eq!(read(Path::new("/nowhere")), None);
    }

    #[test]
    fn a_host_known_by_name_alone_is_not_known() {
        let sessions = [
            session("sshd", "REMOTE_HOST=192.0.2.2"),
            session("sshd", "REMOTE_HOST=desk.example.net"),
        ];
        assert_eq!(read_all(&sessions), None);
    }
}
