//! Which ports are SSH's.
//!
//! Owns the reading of `sshd_config`, as far as it names ports, and of control groups. The daemon
//! may not see whose a socket is (`ProtectProc=invisible`, no `CAP_SYS_PTRACE`), so three signs are
//! taken together: port 22, the ports that the configuration names, and the control group that a
//! listening socket was made in.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files;
use crate::names::glob::matches;

/// The port of RFC 4253: whoever listens there is taken for SSH.
const PORT: u16 = 22;

/// Most ports that a configuration names; each is a question to the kernel.
const MOST_PORTS: usize = 16;

/// Most files that are read, and deepest `Include` (sshd stops there, too).
const MOST_FILES: usize = 256;
const DEEPEST: usize = 16;

/// Units that SSH servers run in, or that listen for them.
const UNITS: [&str; 6] = [
    "ssh.service",
    "ssh.socket",
    "sshd.service",
    "sshd.socket",
    "dropbear.service",
    "dropbear.socket",
];

/// Where systemd has its units' control groups, in the unified and in the hybrid layout.
const SLICES: [&str; 2] = [
    "sys/fs/cgroup/system.slice",
    "sys/fs/cgroup/unified/system.slice",
];

/// By what a listening socket is known as SSH's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// Its port is one of these.
    pub(super) ports: BTreeSet<u16>,
    /// It was made in one of these control groups, by id.
    pub(super) groups: BTreeSet<u64>,
}

impl Signs {
    /// Reads them; `root` is `/` but in tests. A file that is not there names no port.
    pub(super) fn read(root: &Path) -> Self {
        let directory = root.join("etc/ssh");
        let mut reader = Reader {
            directory: &directory,
            ports: BTreeSet::from([PORT]),
            files: 0,
        };
        reader.file(&directory.join("sshd_config"), 0);
        Self {
            ports: reader.ports,
            groups: groups(root),
        }
    }
}

/// A control group's id is its directory's inode number.
fn groups(root: &Path) -> BTreeSet<u64> {
    let paths = SLICES
        .iter()
        .flat_map(|slice| UNITS.map(|unit| root.join(slice).join(unit)));
    paths
        .filter_map(|path| Some(fs::metadata(path).ok()?.ino()))
        .collect()
}

struct Reader<'a> {
    directory: &'a Path,
    ports: BTreeSet<u16>,
    files: usize,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, depth: usize) {
        self.files += 1;
        if self.files > MOST_FILES || depth > DEEPEST {
            return;
        }
        let Ok(text) = files::read(path) else {
            return;
        };
        for line in text.lines() {
            self.line(line, depth);
        }
    }

    fn line(&mut self, line: &str, depth: usize) {
        let Some((keyword, arguments)) = split(line) else {
            return;
        };
        if keyword.eq_ignore_ascii_case("include") {
            for pattern in arguments {
                for path in self.included(pattern) {
                    self.file(&path, depth + 1);
                }
            }
            return;
        }
        let port = match arguments.first() {
            Some(value) if keyword.eq_ignore_ascii_case("port") => value.parse().ok(),
            Some(value) if keyword.eq_ignore_ascii_case("listenaddress") => port(value),
            _ => None,
        };
        if let Some(port) = port.filter(|port| *port != 0)
            && self.ports.len() < MOST_PORTS
        {
            self.ports.insert(port);
        }
    }

    /// The files of an `Include`; wildcards count in its last part.
    fn included(&self, pattern: &str) -> Vec<PathBuf> {
        let pattern = self.directory.join(pattern);
        let (Some(directory), Some(name)) = (pattern.parent(), pattern.file_name()) else {
            return Vec::new();
        };
        let name = name.to_string_lossy();
        let Ok(entries) = fs::read_dir(directory) else {
            return Vec::new();
        };
        let found = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            matches(&name, &entry.file_name().to_string_lossy()).then(|| entry.path())
        });
        found.take(MOST_FILES).collect()
    }
}

/// Keyword and arguments: apart by blanks or one `=`, maybe in quotes, up to a comment.
fn split(line: &str) -> Option<(&str, Vec<&str>)> {
    let line = line.trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=')?;
    let (keyword, rest) = line.split_at_checked(end)?;
    if keyword.starts_with('#') {
        return None;
    }
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '=');
    let words = rest
        .split_whitespace()
        .take_while(|word| !word.starts_with('#'))
        .map(|word| word.trim_matches('"'));
    Some((keyword, words.collect()))
}

/// The port of `host:port` or `[host]:port`; an address of IPv6 alone has colons, too.
fn port(address: &str) -> Option<u16> {
    let (host, port) = address.rsplit_once(':')?;
    let whole = host.starts_with('[') == host.ends_with(']');
    let bare = host.contains(':') && !host.starts_with('[');
    (whole && !bare).then(|| port.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(files: &[(&str, &str)]) -> Vec<u16> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join("etc/ssh").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Signs::read(root.path()).ports.into_iter().collect()
    }

    #[test]
    fn without_a_configuration_it_is_port_22() {
        assert_eq!(ports(&[]), [22]);
        assert_eq!(ports(&[("sshd_config", "#Port 23\nUsePAM yes\n")]), [22]);
    }

    #[test]
    fn port_lines_are_read_in_every_spelling() {
        let text =
            "Port 2222\nport=2223\nPORT = 2224\n\tPort\t\"2225\" # why\nPort 0\nPort x\nPort\n";
        assert_eq!(
            ports(&[("sshd_config", text)]),
            [22, 2222, 2223, 2224, 2225]
        );
    }

    #[test]
    fn a_listen_address_may_have_a_port() {
        let text = "ListenAddress 192.0.2.1:2201\nListenAddress [2001:db8::1]:2202\n\
                    ListenAddress 2001:db8::2\nListenAddress 192.0.2.2\nListenAddress host:2203\n";
        assert_eq!(ports(&[("sshd_config", text)]), [22, 2201, 2202, 2203]);
    }

    #[test]
    fn included_files_are_read_by_glob_and_relative_to_the_directory() {
        let files = [
            (
                "sshd_config",
                "Include sshd_config.d/*.conf other\nInclude /nowhere/*.conf\n",
            ),
            ("sshd_config.d/a.conf", "Port 2201"),
            ("sshd_config.d/b.conf.off", "Port 2202"),
            ("other", "Port 2203"),
        ];
        assert_eq!(ports(&files), [22, 2201, 2203]);
    }

    #[test]
    fn a_file_that_includes_itself_ends() {
        assert_eq!(
            ports(&[("sshd_config", "Include sshd_config\nPort 2222\n")]),
            [22, 2222]
        );
    }

    #[test]
    fn a_configuration_with_a_thousand_ports_is_bounded() {
        let text: String = (1..1000).map(|port| format!("Port {port}\n")).collect();
        assert_eq!(ports(&[("sshd_config", &text)]).len(), MOST_PORTS);
    }

    #[test]
    fn the_control_groups_of_ssh_units_are_known_by_their_inodes() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("sys/fs/cgroup/system.slice/ssh.service");
        fs::create_dir_all(&group).unwrap();
        let other = root.path().join("sys/fs/cgroup/system.slice/cron.service");
        fs::create_dir_all(other).unwrap();
        let inode = fs::metadata(group).unwrap().ino();
        assert_eq!(Signs::read(root.path()).groups, BTreeSet::from([inode]));
    }
}
