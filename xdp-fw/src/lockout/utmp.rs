//! The logins that utmp lists.
//!
//! Owns the reading of its records. Local users can have a record written with any name of a host
//! in it (utempter), but not with an address: only the address counts.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::files;
use super::logins::{Host, Listing, Login};

/// Where it may be.
const FILES: [&str; 2] = ["run/utmp", "var/run/utmp"];

/// Most records that are read.
const MOST_RECORDS: usize = 1 << 15;

/// `USER_PROCESS`: somebody is logged in.
const USER_PROCESS: i16 = 7;

/// Where the GNU C library has the time and the address in a record, and how long that is. Times have
/// 32 bits where there were 32-bit programs before, and 64 elsewhere.
#[cfg(not(target_arch = "aarch64"))]
const RECORD: Layout = Layout {
    size: 384,
    time: 340,
    address: 348,
};
#[cfg(target_arch = "aarch64")]
const RECORD: Layout = Layout {
    size: 400,
    time: 344,
    address: 360,
};

struct Layout {
    size: usize,
    time: usize,
    address: usize,
}

/// The logins with a remote address; none is an answer. `None` where there is no such file.
pub(super) fn read(root: &Path) -> Option<Listing> {
    let mut listing = Listing::default();
    for path in FILES {
        let read = files::open(&root.join(path)).and_then(records);
        match read {
            Ok(found) => return Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let what = format!("/{path} cannot be read: {error}");
                listing.unseen.push(what);
            }
        }
    }
    (!listing.unseen.is_empty()).then_some(listing)
}

/// Whether there is such a file.
pub(super) fn is_here(root: &Path) -> bool {
    FILES.iter().any(|path| root.join(path).is_file())
}

fn records(file: File) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut file = BufReader::new(file);
    let mut record = [0; RECORD.size];
    for _ in 0..MOST_RECORDS {
        match file.read_exact(&mut record) {
            Ok(()) => listing.logins.extend(login(&record)),
            // The last one may be cut.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(listing),
            Err(error) => return Err(error),
        }
    }
    if file.read(&mut [0])? > 0 {
        let what = format!("utmp has more records than the {MOST_RECORDS} that are read");
        listing.unseen.push(what);
    }
    Ok(listing)
}

fn login(record: &[u8; RECORD.size]) -> Option<Login> {
    let kind = i16::from_ne_bytes(*record.first_chunk()?);
    let pid = i32::from_ne_bytes(*record.get(4..)?.first_chunk()?);
    if kind != USER_PROCESS || is_gone(pid) {
        return None;
    }
    let since = u32::from_ne_bytes(*record.get(RECORD.time..)?.first_chunk()?);
    let bytes: [u8; 16] = *record.get(RECORD.address..)?.first_chunk()?;
    Some(Login {
        since: since.into(),
        host: Host::address(address(bytes))?,
    })
}

/// Whether the process of the login has ended without a word: its record stays then. The kernel tells
/// that also of processes that this one does not see in `/proc`.
fn is_gone(pid: i32) -> bool {
    pid > 0 && kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
}

/// An address of IPv4 stands in the first four bytes, and nothing in the others.
fn address(bytes: [u8; 16]) -> IpAddr {
    let [a, b, c, d, rest @ ..] = bytes;
    if rest == [0; 12] {
        return Ipv4Addr::new(a, b, c, d).into();
    }
    Ipv6Addr::from(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: i16, pid: i32, address: &str) -> Vec<u8> {
        let mut record = vec![0; RECORD.size];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[4..8].copy_from_slice(&pid.to_ne_bytes());
        record[76..90].copy_from_slice(b"203.0.113.9\0ab");
        let bytes = match address.parse().unwrap() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        record[RECORD.address..][..bytes.len()].copy_from_slice(&bytes);
        record
    }

    fn here(kind: i16, address: &str) -> Vec<u8> {
        record(kind, std::process::id().cast_signed(), address)
    }

    fn read_all(path: &str, bytes: &[u8]) -> Option<Vec<String>> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        let host = |login: &Login| match &login.host {
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name.clone(),
        };
        Some(read(root.path())?.logins.iter().map(host).collect())
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn the_layout_is_that_of_the_c_library() {
        assert_eq!(RECORD.size, size_of::<libc::utmpx>());
        assert_eq!(
            RECORD.address,
            std::mem::offset_of!(libc::utmpx, ut_addr_v6)
        );
        assert_eq!(RECORD.time, std::mem::offset_of!(libc::utmpx, ut_tv));
        assert_eq!(USER_PROCESS, libc::USER_PROCESS);
    }

    #[test]
    fn user_processes_with_an_address_are_logins() {
        let records = [
            here(USER_PROCESS, "192.0.2.2"),
            here(USER_PROCESS, "2001:db8::2"),
            here(USER_PROCESS, "::ffff:192.0.2.3"),
            // Boot, a login prompt, a session that has ended, one of this host.
            here(2, "192.0.2.4"),
            here(6, "192.0.2.5"),
            here(8, "192.0.2.6"),
            here(USER_PROCESS, "0.0.0.0"),
        ];
        for path in FILES {
            let found = read_all(path, &records.concat()).unwrap();
            assert_eq!(found, ["192.0.2.2", "2001:db8::2", "192.0.2.3"]);
        }
    }

    #[test]
    fn a_record_of_a_process_that_is_gone_is_no_login() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id().cast_signed();
        child.wait().unwrap();
        let records = record(USER_PROCESS, pid, "192.0.2.2");
        assert_eq!(read_all("run/utmp", &records), Some(Vec::new()));
    }

    #[test]
    fn a_cut_record_and_garbage_are_no_logins() {
        let mut records = here(USER_PROCESS, "192.0.2.2");
        records.extend(&here(USER_PROCESS, "192.0.2.3")[..200]);
        assert_eq!(read_all("run/utmp", &records).unwrap(), ["192.0.2.2"]);
        for garbage in [vec![0xff; 100_000], b"not a record".to_vec(), Vec::new()] {
            assert_eq!(read_all("run/utmp", &garbage), Some(Vec::new()));
        }
    }

    #[test]
    fn a_huge_file_is_read_up_to_a_bound_and_says_so() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("run")).unwrap();
        let file = File::create(root.path().join("run/utmp")).unwrap();
        file.set_len(10 << 20).unwrap();
        assert_eq!(read(root.path()).unwrap(), Listing::default());
        file.set_len(1 << 34).unwrap();
        let unseen = read(root.path()).unwrap().unseen;
        assert_eq!(
            unseen,
            ["utmp has more records than the 32768 that are read"]
        );
    }

    #[test]
    fn what_is_no_file_is_no_list() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run/utmp");
        std::fs::create_dir_all(&path).unwrap();
        assert!(!is_here(root.path()));
        assert_eq!(read(root.path()).unwrap().logins, []);
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert!(is_here(root.path()));
    }

    #[test]
    fn without_a_file_there_is_no_list() {
        assert_eq!(read(Path::new("/nowhere")), None);
    }
}
