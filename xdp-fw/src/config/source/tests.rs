use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use std::fs::{File, OpenOptions};
use std::thread;

use super::stream::read_at_most;
use super::trust::{Facts, refusal};
use super::*;

fn file(dir: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    path
}

fn refused(path: &Path) -> String {
    Disk.read(path, Role::Main).unwrap_err().to_string()
}

const GOOD: Facts = Facts {
    odd_kind: None,
    mode: 0o644,
    owner: 0,
    size: 10,
};

#[test]
fn a_regular_file_is_read_also_through_a_symlink() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "a", "interfaces = [\"ø\"]".as_bytes());
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(
        Disk.read(&path, Role::Main).unwrap(),
        "interfaces = [\"ø\"]"
    );
    assert_eq!(Disk.read(&link, Role::Set).unwrap(), "interfaces = [\"ø\"]");
}

#[test]
fn a_missing_file_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        refused(&dir.path().join("no")),
        "no such file; create it, or correct the path"
    );
}

#[test]
fn a_configuration_that_is_no_text_is_no_list_of_prefixes() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "fw.toml", b"interfaces = 1\n\0");
    assert_eq!(refused(&path), "is no text; byte 16 is NUL, expected TOML");
}

#[test]
fn files_of_the_kernel_are_recognised_unopened() {
    for path in [
        "/proc/self/environ",
        "/proc/cpuinfo",
        "/sys/class/net/lo/mtu",
    ] {
        for role in [Role::Main, Role::Set] {
            let error = Disk.read(Path::new(path), role).unwrap_err();
            assert_eq!(
                error.to_string(),
                "is a file of the kernel (proc or sysfs); expected a regular file"
            );
        }
    }
}

#[test]
fn what_is_not_a_regular_file_is_refused_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let socket = dir.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let knot = dir.path().join("knot");
    symlink(&knot, &knot).unwrap();

    assert_eq!(
        refused(dir.path()),
        "is a directory; expected a regular file"
    );
    assert_eq!(refused(&fifo), "is a FIFO; expected a regular file");
    assert_eq!(refused(&socket), "is a socket; expected a regular file");
    assert_eq!(
        refused(&knot),
        "is a loop of symbolic links; expected a regular file"
    );
    assert_eq!(
        refused(Path::new("/dev/null")),
        "is a device; expected a regular file"
    );
}

#[test]
fn a_file_that_group_or_others_can_write_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "a", b"");
    for mode in [0o664, 0o646, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            refused(&path),
            format!(
                "is writable by group or others (mode {mode:04o}); run `chmod go-w {}`",
                path.display()
            )
        );
    }
}

#[test]
fn a_file_in_a_directory_that_others_can_change_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "a", b"");
    let chmod = |mode| {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o770, 0o707] {
        chmod(mode);
        let directory = dir.path().display();
        assert_eq!(
            refused(&path),
            format!(
                "lies in {directory}, which is writable by group or others (mode {mode:04o}); \
                 run `chmod go-w {directory}`"
            )
        );
    }
    // As in /tmp: others can add files there, and not touch this one.
    chmod(0o1777);
    assert!(Disk.read(&path, Role::Main).is_ok());
}

#[test]
fn what_a_link_leads_to_must_lie_in_a_safe_place_too() {
    let (dir, open) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = file(open.path(), "a", b"");
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let link = dir.path().join("link");
    symlink(&target, &link).unwrap();
    assert!(refused(&link).starts_with("lies in "), "{}", refused(&link));
}

#[test]
fn a_file_of_another_user_is_refused_unless_that_is_root() {
    let path = Path::new("/etc/xdp-fw.toml");
    let theirs = Facts {
        owner: 1000,
        ..GOOD
    };
    assert_eq!(
        refusal(path, &theirs, 0, Role::Main).unwrap().to_string(),
        "is owned by user 1000, neither root nor user 0; run `chown root /etc/xdp-fw.toml`"
    );
    assert!(refusal(path, &theirs, 1000, Role::Main).is_none());
    assert!(refusal(path, &GOOD, 1000, Role::Main).is_none());
}

#[test]
fn size_is_bounded_by_role() {
    let path = Path::new("/etc/xdp-fw.toml");
    let large = Facts {
        size: defaults::MAX_MAIN_FILE_BYTES + 1,
        ..GOOD
    };
    assert_eq!(
        refusal(path, &large, 0, Role::Main).unwrap().to_string(),
        "has 16777217 bytes; expected at most 16777216"
    );
    assert!(refusal(path, &large, 0, Role::Set).is_none());
    let huge = Facts {
        size: defaults::MAX_SET_FILE_BYTES + 1,
        ..GOOD
    };
    assert!(refusal(path, &huge, 0, Role::Set).is_some());
}

#[test]
fn the_first_bad_byte_is_located_in_characters() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "a", b"one\n\xc3\xb8\xc3\xb8\xff\n\xff");
    match Disk.read(&path, Role::Main).unwrap_err() {
        FileError::NotUtf8 { byte, line, column } => assert_eq!((byte, line, column), (0xff, 2, 3)),
        other => panic!("{other}"),
    }
}

#[test]
fn a_file_that_keeps_growing_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "a", &vec![b'#'; 4 << 20]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
            while !stop.load(Ordering::Relaxed) {
                io::Write::write_all(&mut writer, b"#").unwrap();
            }
        });
        // Whether one attempt slips through is up to the scheduler; a torn read never does.
        let result = Disk.read(&path, Role::Set);
        stop.store(true, Ordering::Relaxed);
        assert!(
            matches!(result, Err(FileError::Changing) | Ok(_)),
            "{result:?}"
        );
    });
    assert!(Disk.read(&path, Role::Set).is_ok());
}

#[test]
fn a_file_that_shrank_or_grew_since_it_was_measured_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "a", b"0123456789");
    let read = |size| read_at_most(&mut File::open(&path).unwrap(), size, |_| ()).unwrap();
    assert_eq!((read(20), read(10), read(5)), (10, 10, 6));
}

fn globbed(dir: &Path, pattern: &str) -> Result<Vec<String>, String> {
    let paths = Disk.glob(&dir.join(pattern));
    let paths = paths.map_err(|error| error.to_string())?;
    let name = |path: &PathBuf| path.strip_prefix(dir).unwrap().display().to_string();
    Ok(paths.iter().map(name).collect())
}

#[test]
fn a_glob_is_every_file_that_matches_by_name() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "b.toml", "10.toml", "a.toml", ".c.toml", "a.toml~", "B.toml",
    ] {
        file(dir.path(), name, b"");
    }
    assert_eq!(
        globbed(dir.path(), "*.toml").unwrap(),
        ["10.toml", "B.toml", "a.toml", "b.toml"]
    );
    assert_eq!(globbed(dir.path(), "?.toml").unwrap().len(), 3);
    assert_eq!(globbed(dir.path(), "no*").unwrap(), [""; 0]);
}

#[test]
fn the_directory_of_a_glob_must_be_there_and_belong_to_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "file", b"");
    assert_eq!(
        globbed(dir.path(), "no/*").unwrap_err(),
        "no such file; create it, or correct the path"
    );
    assert_eq!(
        globbed(dir.path(), "file/*").unwrap_err(),
        "is not a directory; expected one that holds the files"
    );
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    assert_eq!(
        globbed(dir.path(), "*").unwrap_err(),
        "is a directory for everybody (mode 1777); move the files to a directory of their own"
    );
}

#[test]
fn no_more_than_one_byte_behind_the_end_is_streamed() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), "grown", b"0123456789");
    for (size, expected) in [(4, "01234"), (9, "0123456789"), (10, "0123456789")] {
        let mut text = Vec::new();
        stream(&path, size, |piece| text.extend_from_slice(piece)).unwrap();
        assert_eq!(text, expected.as_bytes());
    }
}
