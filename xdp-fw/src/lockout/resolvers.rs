//! Which name servers this host asks.
//!
//! Owns the reading of `resolv.conf`, systemd-resolved's among them. Behind another resolver on
//! this host (a stub on a loopback address) nobody tells whom that one asks.

use std::net::IpAddr;
use std::path::Path;

use super::files;

/// Most that are looked at; the C library takes three.
const MOST: usize = 16;

/// What systemd-resolved asks, where `resolv.conf` names nothing but its stub.
const BEHIND_THE_STUB: &str = "run/systemd/resolve/resolv.conf";

/// A name server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resolver {
    pub(super) address: IpAddr,
    /// The interface of a link-local address, by name or number: `e0` of `fe80::1%e0`.
    pub(super) zone: Option<String>,
}

/// The configured name servers but those on this host; `root` is `/` but in tests.
pub(super) fn read(root: &Path) -> Vec<Resolver> {
    let of = |path: &str| servers(&files::read(&root.join(path)).unwrap_or_default());
    let mut found = of("etc/resolv.conf");
    if found.iter().any(|it| it.address.is_loopback()) {
        found.extend(of(BEHIND_THE_STUB));
    }
    found.retain(|it| !it.address.is_loopback() && !it.address.is_unspecified());
    found.sort_unstable();
    found.dedup();
    found.truncate(MOST);
    found
}

fn servers(text: &str) -> Vec<Resolver> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then_some(())?;
        let word = words.next()?;
        let (address, zone) = match word.split_once('%') {
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (word, None),
        };
        Some(Resolver {
            address: address.parse::<IpAddr>().ok()?.to_canonical(),
            zone,
        })
    };
    text.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(etc: &str, resolved: &str) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [("etc/resolv.conf", etc), (BEHIND_THE_STUB, resolved)] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = read(root.path());
        let text = |it: &Resolver| match &it.zone {
            Some(zone) => format!("{} on {zone}", it.address),
            None => it.address.to_string(),
        };
        found.iter().map(text).collect()
    }

    #[test]
    fn name_servers_of_both_families_are_read_each_once() {
        let text = "# nameserver 192.0.2.1\nsearch example.net\nnameserver 192.0.2.2\n\
                    nameserver\t2001:db8::2 \nnameserver 192.0.2.2\nnameserver fe80::1%eth0\n\
                    nameserver nonsense\nnameserver\n";
        let found = read_all(text, "nameserver 192.0.2.9\n");
        assert_eq!(found, ["192.0.2.2", "2001:db8::2", "fe80::1 on eth0"]);
    }

    #[test]
    fn behind_the_stub_are_those_of_resolved() {
        let found = read_all("nameserver 127.0.0.53\n", "nameserver 192.0.2.9\n");
        assert_eq!(found, ["192.0.2.9"]);
    }

    #[test]
    fn a_resolver_of_this_host_is_no_peer() {
        assert!(read_all("nameserver ::1\nnameserver 0.0.0.0\n", "").is_empty());
        assert!(read(Path::new("/nowhere")).is_empty());
    }
}
