use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::Duration;

use super::*;

/// A configuration with a set file, on disk.
struct Host {
    dir: tempfile::TempDir,
    cache: Cache,
}

impl Host {
    fn new(list: &str) -> Self {
        let host = Self {
            dir: tempfile::tempdir().unwrap(),
            cache: Cache::default(),
        };
        host.write("list.txt", list);
        host.write(
            "fw.toml",
            "interfaces = \"eth0\"\n[set.list]\nfiles = \"list.txt\"\n[set.more]\n\
             prefixes = [\"@list\", \"::1\"]\n[[rule]]\nname = \"a\"\naction = \"drop\"\nsource = \"@more\"\n",
        );
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes in place: the inode stays.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// The list as it is now in the configuration.
    fn list(&self) -> Arc<Prefixes> {
        let loaded = self.cache.load(&self.path("fw.toml")).unwrap();
        Arc::clone(&loaded.config.sets["list"].prefixes)
    }

    fn text(&self) -> Vec<String> {
        self.list()
            .iter()
            .map(|prefix| prefix.to_string())
            .collect()
    }

    /// The list is known by its identity of now, with another content than it has.
    fn forge(&self, is_settled: bool) {
        let named = self.path("list.txt");
        let kept = Kept {
            identity: look(&named, Role::Set).unwrap(),
            is_settled,
            file: Arc::new(SetFile {
                digest: [7; 32],
                ..SetFile::parse(&named, b"198.51.100.0/24\n").unwrap()
            }),
        };
        self.cache.keep(&named, kept);
    }

    fn is_settled(&self) -> bool {
        self.cache.known().files[&self.path("list.txt")].is_settled
    }

    /// The list is read, after its last change is long past.
    fn settle(&self) -> Arc<Prefixes> {
        // The clock of the file system is what is waited for.
        while {
            self.list();
            !self.is_settled()
        } {
            sleep(Duration::from_millis(5));
        }
        self.list()
    }
}

#[test]
fn a_file_that_did_not_change_is_not_read() {
    let host = Host::new("192.0.2.0/24\n");
    host.settle();
    host.forge(true);
    assert_eq!(host.text(), ["198.51.100.0/24"], "it was read again");
}

#[test]
fn a_file_that_was_read_within_the_tick_of_its_change_is_read_again() {
    let host = Host::new("192.0.2.0/24\n");
    host.settle();
    host.forge(false);
    assert_eq!(host.text(), ["192.0.2.0/24"]);
}

#[test]
fn who_doubts_has_every_file_read_once() {
    let host = Host::new("192.0.2.0/24\n");
    let before = host.settle();
    host.cache.doubt();
    assert!(Arc::ptr_eq(&host.list(), &before));
    assert!(host.is_settled(), "it is not doubted any more");
    host.forge(true);
    host.cache.doubt();
    assert_eq!(host.text(), ["192.0.2.0/24"]);
}

#[test]
fn a_change_within_the_tick_of_the_clock_is_seen() {
    let host = Host::new("192.0.2.0/24\n");
    for round in 0..50 {
        // The same size, the same inode, and as often as not the same time.
        let text = format!("192.0.2.{}/32\n", 10 + round);
        host.write("list.txt", &text);
        assert_eq!(host.text(), [text.trim_end()]);
    }
}

#[test]
fn what_says_the_same_is_the_same_in_memory() {
    let host = Host::new("192.0.2.0/24\n10.0.0.0/8\n");
    let before = host.settle();
    let union = |host: &Host| {
        let loaded = host.cache.load(&host.path("fw.toml")).unwrap();
        Arc::clone(&loaded.config.sets["more"].prefixes)
    };
    let more = union(&host);
    // Touched, written again, and with a comment.
    host.write("list.txt", "192.0.2.0/24\n10.0.0.0/8\n");
    assert!(Arc::ptr_eq(&host.list(), &before));
    host.write("new", "# of today\n10.0.0.0/8\n192.0.2.0/24\n");
    fs::rename(host.path("new"), host.path("list.txt")).unwrap();
    assert!(Arc::ptr_eq(&host.list(), &before));
    assert!(Arc::ptr_eq(&union(&host), &more));
    host.write("list.txt", "192.0.2.0/24\n");
    assert!(!Arc::ptr_eq(&host.list(), &before));
}

#[test]
fn whose_a_file_is_is_asked_each_time() {
    let host = Host::new("192.0.2.0/24\n");
    host.settle();
    let mode = |mode| fs::set_permissions(host.path(""), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    let problems = host.cache.load(&host.path("fw.toml")).unwrap_err();
    assert!(
        problems.to_string().contains("writable by group or others"),
        "{problems}"
    );
    mode(0o755);
    host.list();
}

#[test]
fn a_file_with_mistakes_is_not_kept_and_the_former_one_is() {
    let host = Host::new("192.0.2.0/24\n");
    let before = host.settle();
    host.write("list.txt", "192.0.2.1/24\n");
    for _ in 0..2 {
        let problems = host.cache.load(&host.path("fw.toml")).unwrap_err();
        assert_eq!(problems.problems.len(), 1);
    }
    host.write("list.txt", "192.0.2.0/24\n");
    assert!(Arc::ptr_eq(&host.list(), &before));
}

#[test]
fn what_no_set_names_any_more_is_forgotten() {
    let host = Host::new("192.0.2.0/24\n");
    host.list();
    host.write("fw.toml", "interfaces = \"eth0\"\n");
    host.cache.load(&host.path("fw.toml")).unwrap();
    let known = host.cache.known();
    assert!(known.files.is_empty() && known.sets.is_empty());
}

#[test]
fn what_failed_loads_named_is_forgotten_and_what_was_in_force_is_not() {
    let host = Host::new("192.0.2.0/24\n");
    let before = host.settle();
    let good = fs::read_to_string(host.path("fw.toml")).unwrap();
    for round in 0..3 {
        let list = format!("{round}.txt");
        host.write(&list, "203.0.113.0/24\n");
        let more = format!("[set.a{round}]\nfiles = \"{list}\"\n[[rule]]\nname = 1\n");
        host.write("fw.toml", &(good.clone() + &more));
        host.cache.load(&host.path("fw.toml")).unwrap_err();
        let known = host.cache.known();
        let known: Vec<_> = known.files.keys().cloned().collect();
        assert_eq!(known, [host.path(&list), host.path("list.txt")]);
    }
    host.write("fw.toml", "no TOML");
    host.cache.load(&host.path("fw.toml")).unwrap_err();
    host.write("fw.toml", &good);
    assert!(Arc::ptr_eq(&host.list(), &before));
    assert_eq!(host.cache.known().files.len(), 1);
}

#[test]
fn a_clock_that_knows_whole_seconds_is_waited_for() {
    let at = |nanoseconds| {
        let mut identity = look(Path::new("/etc/passwd"), Role::Set).unwrap();
        identity.set_changed(1_000, nanoseconds);
        identity
    };
    let moment = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    assert!(!at(5).is_settled_at(moment(1_000_010)));
    assert!(at(5).is_settled_at(moment(1_000_030)));
    assert!(!at(0).is_settled_at(moment(1_001_000)));
    assert!(at(0).is_settled_at(moment(1_003_000)));
    // A clock that was set back.
    assert!(!at(5).is_settled_at(moment(1_000)));
}
