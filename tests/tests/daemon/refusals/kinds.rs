//! Every kind of mistake that a configuration can have, and of file that is none.
//!
//! Owns the table: how to make each, and what is to be said of it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use xdp_fw_tests::two_hosts::rule;

use super::config;

/// A kind of mistake.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Puts it in the place of the configuration file, whose directory is the test's own.
    pub(crate) make: Box<dyn Fn(&Path)>,
    /// What has to be in every message about it.
    pub(crate) says: &'static str,
}

fn kind(name: &'static str, says: &'static str, make: impl Fn(&Path) + 'static) -> Kind {
    let make = Box::new(make);
    Kind { name, make, says }
}

/// A main file with this text.
fn text(name: &'static str, says: &'static str, text: impl Into<String>) -> Kind {
    let text = text.into();
    kind(name, says, move |path| write(path, &text))
}

/// A rule on a set of the file `set.txt`, which is made by `make`.
fn set_file(name: &'static str, says: &'static str, make: impl Fn(&Path) + 'static) -> Kind {
    kind(name, says, move |path| {
        let set = "[set.deny]\nfiles = [\"set.txt\"]\n".to_owned();
        write(
            path,
            config(&(set + &rule("deny", "drop", "source = \"@deny\""))),
        );
        make(&path.with_file_name("set.txt"));
    })
}

/// An `include` of `more/extra.toml`, which is made by `make`.
fn include(name: &'static str, says: &'static str, make: impl Fn(&Path) + 'static) -> Kind {
    kind(name, says, move |path| {
        write(path, config("include = [\"more/extra.toml\"]\n"));
        make(&directory(path, 0o755).join("extra.toml"));
    })
}

/// The directory `more` beside the configuration.
fn directory(path: &Path, mode: u32) -> std::path::PathBuf {
    let more = path.with_file_name("more");
    fs::create_dir_all(&more).expect("a directory of the test's own");
    set_mode(&more, mode);
    more
}

/// Puts a file in place whole, that nobody else may write.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    fs::write(&new, text).expect("a directory of the test's own");
    set_mode(&new, 0o644);
    fs::rename(&new, path).expect("a directory of the test's own");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of the test's own");
}

/// A file of this size that takes no room.
fn sparse(path: &Path, size: u64) {
    let file = File::create(path).expect("a directory of the test's own");
    file.set_len(size).expect("a file system with sparse files");
}

fn link(target: &str) -> impl Fn(&Path) + 'static {
    let target = target.to_owned();
    move |path| {
        let _ = fs::remove_file(path);
        symlink(&target, path).expect("a directory of the test's own");
    }
}

/// Instead of the file, something else; `make` finds the place empty.
fn instead(make: impl Fn(&Path) + 'static) -> impl Fn(&Path) + 'static {
    move |path| {
        let _ = fs::remove_file(path);
        make(path);
    }
}

fn fifo(path: &Path) {
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).expect("a directory of the test's own");
}

fn drop_rule(name: &str, criteria: &str) -> String {
    config(&rule(name, "drop", criteria))
}

/// What is wrong with the text of the main file.
fn texts() -> Vec<Kind> {
    let rules = |count: u32, more: &str| {
        let criteria = |n| format!("source = \"2001:db8::{n:x}\"\n{more}");
        let rules = (0..count).map(|n| rule(&format!("r{n}"), "drop", &criteria(n)));
        config(&rules.collect::<String>())
    };
    vec![
        text("not TOML", "xdp-fw.toml:1:", "this is not TOML"),
        text(
            "cut off in a list",
            "xdp-fw.toml:1:",
            "interfaces = [\"e0\"",
        ),
        text("an empty file", "`interfaces`", ""),
        text("an unknown key", "`interfaces`", "interface = [\"e0\"]\n"),
        text(
            "an unknown key of a rule",
            "`source`",
            drop_rule("r", "souce = \"192.0.2.1\""),
        ),
        text("a wrong type", "expected", config("default_action = 7\n")),
        text(
            "a prefix too long",
            "192.0.2.0/33",
            drop_rule("r", "source = \"192.0.2.0/33\""),
        ),
        text(
            "host bits",
            "192.0.2.0/24",
            drop_rule("r", "source = \"192.0.2.1/24\""),
        ),
        text(
            "an unknown set",
            "@nobody",
            drop_rule("r", "source = \"@nobody\""),
        ),
        text(
            "a port out of range",
            "65536",
            drop_rule("r", "protocol = \"udp\"\ndestination_port = 65536"),
        ),
        text(
            "a name twice",
            "`r`",
            drop_rule("r", "source = \"192.0.2.1\"") + &rule("r", "pass", ""),
        ),
        text(
            "an empty list",
            "xdp-fw.toml:6:",
            drop_rule("r", "source = []"),
        ),
        text(
            "an expectation's packet",
            "did you mean `syn`?",
            config(
                "[[expect]]\npacket = \"tcp 192.0.2.1:1 > 192.0.2.2:22 sny\"\nverdict = \"pass\"\n",
            ),
        ),
        text(
            "an expectation that fails",
            "is dropped by rule `r` (line 3); expected pass",
            drop_rule("r", "protocol = \"gre\"")
                + "[[expect]]\npacket = \"gre 192.0.2.1 > 192.0.2.2\"\nverdict = \"pass\"\n",
        ),
        text("too many rules", "4096", rules(4_097, "")),
        text("too many shadow rules", "256", rules(257, "shadow = true")),
        kind("not UTF-8", "xdp-fw.toml:2:3", |path| {
            write(path, b"# x\n# \xff\n");
        }),
    ]
}

/// What is no file that one may read rules from.
fn files() -> Vec<Kind> {
    let write_only = "/proc/sys/net/ipv4/route/flush";
    vec![
        kind("no file", "no such file", instead(|_| ())),
        kind(
            "a directory",
            "is a directory",
            instead(|path| {
                fs::create_dir(path).expect("a directory of the test's own");
            }),
        ),
        kind("a FIFO", "is a FIFO", instead(fifo)),
        kind(
            "a socket",
            "is a socket;",
            instead(|path| {
                drop(UnixListener::bind(path).expect("a directory of the test's own"));
            }),
        ),
        kind("a device", "is a device", link("/dev/zero")),
        kind(
            "a loop of links",
            "loop of symbolic links",
            link("xdp-fw.toml"),
        ),
        kind("a link to nothing", "no such file", link("nowhere.toml")),
        // Not even root may read it; it is known for what it is before it is opened.
        kind(
            "an unreadable file",
            "expected a regular file",
            link(write_only),
        ),
        kind("a gigabyte", "expected at most 16777216", |path| {
            sparse(path, 1 << 30);
        }),
        kind("writable by others", "chmod go-w", |path| {
            write(path, config(""));
            set_mode(path, 0o666);
        }),
        kind("of another user", "chown root", |path| {
            write(path, config(""));
            chown(path, Some(65_534), None).expect("root may give a file away");
        }),
    ]
}

/// What is wrong with files that the main one names.
fn named_files() -> Vec<Kind> {
    vec![
        set_file("no set file", "set.txt does not exist", |_| ()),
        set_file("an empty set file", "set.txt", |path| {
            write(path, "# nothing\n");
        }),
        set_file("a bad line in a set file", "set.txt:2:1", |path| {
            write(path, "192.0.2.1\nnonsense\n");
        }),
        set_file("host bits in a set file", "set.txt:1:1", |path| {
            write(path, "192.0.2.1/24\n");
        }),
        set_file("a set file that is not UTF-8", "set.txt:1:1", |path| {
            write(path, b"\xff\n");
        }),
        set_file("a set file of zeros", "set.txt", |path| {
            sparse(path, 1 << 20);
        }),
        set_file("a set file that is too large", "expected at most", |path| {
            sparse(path, (1 << 30) + 1);
        }),
        set_file("a set file writable by the group", "chmod go-w", |path| {
            write(path, "192.0.2.1\n");
            set_mode(path, 0o664);
        }),
        set_file("a set file that is a FIFO", "is a FIFO", fifo),
        set_file("a set file that is a directory", "is a directory", |path| {
            fs::create_dir(path).expect("a directory of the test's own");
        }),
        include("no included file", "does not exist", |_| ()),
        include("a mistake in an included file", "extra.toml:1:1", |path| {
            write(path, "unknown = 1\n");
        }),
        include(
            "an included file writable by others",
            "chmod go-w",
            |path| {
                write(path, "");
                set_mode(path, 0o646);
            },
        ),
        include("an included file that is a FIFO", "is a FIFO", fifo),
        include("a directory writable by others", "lies in ", |path| {
            write(path, "");
            set_mode(path.parent().expect("it has a directory"), 0o777);
        }),
        kind(
            "a link into a directory writable by others",
            "lies in ",
            |path| {
                write(&directory(path, 0o777).join("main.toml"), config(""));
                link("more/main.toml")(path);
            },
        ),
        kind(
            "an included directory writable by others",
            "chmod go-w",
            |path| {
                write(path, config("include = [\"more/*.toml\"]\n"));
                write(&directory(path, 0o777).join("extra.toml"), "");
            },
        ),
    ]
}

/// Every kind.
pub(crate) fn all() -> Vec<Kind> {
    let mut kinds = texts();
    kinds.extend(files());
    kinds.extend(named_files());
    kinds
}

/// Removes what a kind has left behind.
pub(crate) fn clear(path: &Path) {
    for path in [
        path,
        &path.with_file_name("set.txt"),
        &path.with_file_name("more"),
    ] {
        let is_directory = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
        let _ = if is_directory {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
    }
}
