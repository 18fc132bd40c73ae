use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use nix::unistd::Uid;

use super::*;

/// A directory of ours below `/tmp`, by its real path.
struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        for directory in ["a", "a/b", "a/b/c", "other"] {
            fs::create_dir(ground.path(directory)).unwrap();
            ground.chmod(directory, 0o755);
        }
        fs::write(ground.path("a/b/c/file"), "text").unwrap();
        ground.chmod("a/b/c/file", 0o644);
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    fn link(&self, name: &str, target: impl AsRef<Path>) {
        symlink(target, self.path(name)).unwrap();
    }

    /// What is said of a way, with the ground as `/g`.
    fn said(&self, name: &str) -> String {
        let said = match Found::file(&self.path(name), Uid::effective().as_raw()) {
            Ok(found) => format!("{} bytes", found.meta.len()),
            Err(error) => error.to_string(),
        };
        let here = self.path("");
        said.replace(here.to_str().unwrap().trim_end_matches('/'), "/g")
    }
}

#[test]
fn every_directory_on_the_way_is_judged() {
    let ground = Ground::new();
    assert_eq!(ground.said("a/b/c/file"), "4 bytes");
    for directory in ["a", "a/b", "a/b/c"] {
        for mode in [0o775, 0o757] {
            ground.chmod(directory, mode);
            assert_eq!(
                ground.said("a/b/c/file"),
                format!(
                    "lies in /g/{directory}, which is writable by group or others (mode {mode:04o}); \
                     run `chmod go-w /g/{directory}`"
                )
            );
        }
        ground.chmod(directory, 0o755);
    }
}

#[test]
fn every_directory_on_the_way_of_a_link_is_judged() {
    let ground = Ground::new();
    ground.link("other/middle", "../a/b");
    ground.link("link", ground.path("other/middle/c/file"));
    assert_eq!(ground.said("link"), "4 bytes");
    for directory in ["other", "a", "a/b/c"] {
        ground.chmod(directory, 0o777);
        let said = ground.said("link");
        assert!(
            said.starts_with(&format!("lies in /g/{directory}, ")),
            "{said}"
        );
        ground.chmod(directory, 0o755);
    }
}

#[test]
fn a_way_through_dots_is_the_way_of_the_kernel() {
    let ground = Ground::new();
    ground.link("other/deep", "../a/b/c");
    // Above the target of the link, not above the link.
    fs::write(ground.path("a/b/beside"), "12").unwrap();
    assert_eq!(ground.said("other/deep/../beside"), "2 bytes");
    assert_eq!(ground.said("other/../a/./b/c/file"), "4 bytes");
    ground.link("up", "../../../../../../../../../../etc/passwd");
    assert!(ground.said("up").ends_with(" bytes"));
}

#[test]
fn links_are_followed_as_often_as_the_kernel_does() {
    let ground = Ground::new();
    ground.link("0", "a/b/c/file");
    for link in 1..=40 {
        ground.link(&link.to_string(), (link - 1).to_string());
    }
    assert_eq!(ground.said("39"), "4 bytes");
    assert!(fs::metadata(ground.path("39")).is_ok() && fs::metadata(ground.path("40")).is_err());
    let expected = "is a loop of symbolic links; expected a regular file";
    assert_eq!(ground.said("40"), expected);
    ground.link("x", "y");
    ground.link("y", "x");
    assert_eq!(ground.said("x"), expected);
}

#[test]
fn what_is_missing_or_no_directory_is_said() {
    let ground = Ground::new();
    ground.link("dangling", "nowhere/file");
    for path in ["nowhere", "a/nowhere/file", "dangling"] {
        assert_eq!(
            ground.said(path),
            "no such file; create it, or correct the path"
        );
    }
    assert!(ground.said("a/b/c/file/more").contains("Not a directory"));
    assert_eq!(
        Found::file(Path::new("/proc/self/ns/net"), Uid::effective().as_raw())
            .err()
            .map(|error| error.to_string()),
        Some("is a pipe or a socket of a process; expected a regular file".into())
    );
}

#[test]
fn a_second_name_in_a_directory_for_everybody_is_refused() {
    let ground = Ground::new();
    ground.chmod("other", 0o1777);
    fs::write(ground.path("other/file"), "text").unwrap();
    assert_eq!(ground.said("other/file"), "4 bytes");
    fs::hard_link(ground.path("a/b/c/file"), ground.path("other/second")).unwrap();
    assert_eq!(
        ground.said("other/second"),
        "has 2 names, and this one lies in a directory for everybody; \
         move the file to a directory of its own"
    );
    // Where nobody else can put one, it is as good as the first.
    assert_eq!(ground.said("a/b/c/file"), "4 bytes");
}

#[test]
fn another_file_in_its_place_is_not_opened() {
    let ground = Ground::new();
    let path = ground.path("a/b/c/file");
    let found = Found::file(&path, Uid::effective().as_raw()).unwrap();
    assert!(found.open().unwrap().is_some());
    fs::write(ground.path("a/b/c/new"), "other").unwrap();
    fs::rename(ground.path("a/b/c/new"), &path).unwrap();
    assert!(found.open().unwrap().is_none());
    fs::remove_file(&path).unwrap();
    assert!(found.open().unwrap().is_none());
    symlink("/etc/passwd", &path).unwrap();
    assert!(found.open().unwrap().is_none());
}

#[test]
fn a_directory_that_is_replaced_after_it_was_judged_is_not_read() {
    let ground = Ground::new();
    let found = Found::file(&ground.path("a/b/c/file"), Uid::effective().as_raw()).unwrap();
    fs::rename(ground.path("a"), ground.path("moved")).unwrap();
    fs::create_dir_all(ground.path("a/b/c")).unwrap();
    fs::write(ground.path("a/b/c/file"), "swapped").unwrap();
    // It is the file that was judged, wherever its directory is now.
    assert_eq!(found.open().unwrap().unwrap().metadata().unwrap().len(), 4);
}
