use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::manifest::HEADER;
use super::*;
use crate::config::{Disk, Files, Role, load};

/// A state directory and a configuration with a set file, both on disk.
struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(host.path("etc")).unwrap();
        host.write("etc/list.txt", "192.0.2.0/24\n");
        host.write("etc/fw.toml", &text("drop"));
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("state")
    }

    fn stored(&self, name: &str) -> PathBuf {
        self.state().join(DIRECTORY).join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn load(&self) -> Loaded {
        load(&self.path("etc/fw.toml"), &Disk).unwrap()
    }

    fn store(&self) -> Loaded {
        let loaded = self.load();
        store(&self.state(), &index(&loaded), Some(&loaded)).unwrap();
        loaded
    }

    fn last_good(&self) -> Loaded {
        let last_good = Stored::last_good(&self.state(), &self.path("etc/fw.toml")).unwrap();
        load(last_good.main(), &last_good).unwrap()
    }

    fn refusal(&self) -> String {
        let message = Stored::last_good(&self.state(), &self.path("etc/fw.toml"))
            .unwrap_err()
            .to_string();
        message.replace(&self.dir.path().display().to_string(), "")
    }

    fn stored_names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.stored("")).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn store(state: &Path, index: &Index, new: Option<&Loaded>) -> Result<(), SnapshotError> {
    new.map_or(Ok(()), |loaded| {
        write_contents(state, loaded, index, &Whole::default(), &|| false)
    })?;
    write_index(state, index)
}

/// An index that remembers this and nothing else.
fn index(loaded: &Loaded) -> Index {
    Index::default().in_force(Content::of(loaded))
}

fn text(action: &str) -> String {
    format!(
        "interfaces = \"eth0\"\n[set.list]\nfiles = \"list.txt\"\n\
         [[rule]]\nname = \"a\"\naction = \"{action}\"\nsource = \"@list\"\n"
    )
}

#[test]
fn what_was_stored_loads_again_with_its_original_names() {
    let host = Host::new();
    let loaded = host.store();
    fs::remove_dir_all(host.path("etc")).unwrap();
    let again = host.last_good();
    assert_eq!(again, loaded);
    assert_eq!(again.hash(), loaded.hash());
    assert_eq!(again.set_files[0].0, host.path("etc/list.txt"));
}

#[test]
fn only_the_user_can_read_it() {
    let host = Host::new();
    host.store();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(host.stored("")), 0o700);
    for name in host.stored_names() {
        assert_eq!(mode(host.stored(&name)), 0o600, "{name}");
    }
}

#[test]
fn a_second_store_replaces_the_first_and_keeps_what_did_not_change() {
    let host = Host::new();
    host.store();
    let list = content_name("192.0.2.0/24\n");
    let inode = fs::metadata(host.stored(&list)).unwrap().ino();
    host.write("etc/fw.toml", &text("pass"));
    let loaded = host.store();
    assert_eq!(host.last_good(), loaded);
    assert_eq!(fs::metadata(host.stored(&list)).unwrap().ino(), inode);
    let expected = [INDEX.to_owned(), list, content_name(&text("pass"))];
    assert_eq!(host.stored_names(), BTreeSet::from(expected));
}

#[test]
fn paths_of_any_bytes_survive() {
    let host = Host::new();
    let mut loaded = host.load();
    let odd = host
        .dir
        .path()
        .join(OsString::from_vec(b"a b \xff\n%.txt".to_vec()));
    fs::rename(host.path("etc/list.txt"), &odd).unwrap();
    loaded.set_files[0].0 = odd.clone();
    store(&host.state(), &index(&loaded), Some(&loaded)).unwrap();
    let last_good = Stored::last_good(&host.state(), &host.path("etc/fw.toml")).unwrap();
    assert_eq!(last_good.read(&odd, Role::Set).unwrap(), "192.0.2.0/24\n");
}

/// Leaves what a crash leaves, given the name of the new content and the new index.
type Crash = fn(&Host, &str, &str);

/// Each state that a crash during the second of two stores can leave, in order.
#[test]
fn a_crash_at_any_point_leaves_the_old_or_the_new_snapshot() {
    let new_content = content_name(&text("pass"));
    let states: [(&str, Crash); 5] = [
        ("drop", |host, content, _| {
            fs::write(host.stored(&format!("{content}.new")), "inter").unwrap();
        }),
        ("drop", |host, content, _| {
            fs::write(host.stored(content), text("pass")).unwrap();
        }),
        ("drop", |host, content, index| {
            fs::write(host.stored(content), text("pass")).unwrap();
            fs::write(host.stored("index.new"), &index[..40]).unwrap();
        }),
        ("drop", |host, content, index| {
            fs::write(host.stored(content), text("pass")).unwrap();
            fs::write(host.stored("index.new"), index).unwrap();
        }),
        ("pass", |host, content, index| {
            fs::write(host.stored(content), text("pass")).unwrap();
            fs::write(host.stored(INDEX), index).unwrap();
        }),
    ];
    for (number, (in_force, crash)) in states.iter().enumerate() {
        let host = Host::new();
        host.store();
        host.write("etc/fw.toml", &text("pass"));
        let new = host.load();
        crash(&host, &new_content, &index(&new).text());
        assert_eq!(
            host.last_good().files[0].text,
            text(in_force),
            "state {number}"
        );
        // The next store finishes the work and clears up.
        host.store();
        assert_eq!(host.last_good(), new, "state {number}");
        assert_eq!(host.stored_names().len(), 3, "state {number}");
    }
}

#[test]
fn a_crash_during_the_first_store_leaves_none() {
    let host = Host::new();
    assert_eq!(
        host.refusal(),
        "no last good configuration in /state/last-good"
    );
    prepare(&host.state(), &host.stored("")).unwrap();
    fs::write(host.stored("index.new"), HEADER).unwrap();
    assert_eq!(
        host.refusal(),
        "no last good configuration in /state/last-good"
    );
    host.store();
    assert_eq!(host.stored_names().len(), 3);
}

#[test]
fn a_failed_store_leaves_the_former_snapshot() {
    let host = Host::new();
    let old = host.store();
    host.write("etc/fw.toml", &text("pass"));
    // A directory in the way of the new content.
    fs::create_dir(host.stored(&content_name(&text("pass")))).unwrap();
    let new = host.load();
    assert!(store(&host.state(), &index(&new), Some(&new)).is_err());
    assert_eq!(host.last_good(), old);
}

#[test]
fn damage_is_named() {
    let host = Host::new();
    host.store();
    let index = fs::read_to_string(host.stored(INDEX)).unwrap();
    let list = host.stored(&content_name("192.0.2.0/24\n"));
    let damaged = |what: &str, file: &str| {
        format!("the stored configuration is damaged: /state/last-good/{file}: {what}")
    };

    for (text, what) in [
        (String::new(), "it is cut off"),
        (index[..30].to_owned(), "it is cut off"),
        (index[..index.len() - 2].to_owned(), "it is cut off"),
        (index.replace("fw.toml", "fw.tomb"), "its checksum is wrong"),
        (
            sealed("something else 7\n"),
            "it was written by another version",
        ),
        (sealed(&format!("{HEADER}\nabc\n")), "an entry is malformed"),
        (
            sealed(&format!("{HEADER}\nabc %f\n")),
            "an entry is malformed",
        ),
    ] {
        fs::write(host.stored(INDEX), text).unwrap();
        assert_eq!(host.refusal(), damaged(what, "index"));
    }
    fs::write(host.stored(INDEX), index).unwrap();

    let name = list.file_name().unwrap().to_str().unwrap();
    fs::write(&list, "0.0.0.0/0\n").unwrap();
    assert_eq!(
        host.refusal(),
        damaged("its content does not match its name", name)
    );
    fs::remove_file(&list).unwrap();
    assert_eq!(host.refusal(), damaged("it is missing", name));
    // Damage is no obstacle to the next good configuration.
    host.store();
    host.last_good();
}

fn sealed(body: &str) -> String {
    format!("{body}{}\n", content_name(body))
}

#[test]
fn a_directory_that_others_could_have_written_is_refused() {
    let host = Host::new();
    host.store();
    fs::set_permissions(host.stored(""), fs::Permissions::from_mode(0o777)).unwrap();
    let user = Uid::effective();
    let expected =
        format!("/state/last-good is not a directory that only user {user} can write; remove it");
    // `join("")` leaves a slash at the end, so the message is compared without it.
    assert_eq!(host.refusal(), expected);
    let new = host.load();
    assert!(store(&host.state(), &index(&new), Some(&new)).is_err());
    fs::remove_dir_all(host.stored("")).unwrap();
    std::os::unix::fs::symlink(host.path("etc"), host.state().join(DIRECTORY)).unwrap();
    assert_eq!(host.refusal(), expected);
}

#[test]
fn globs_are_answered_from_what_was_stored() {
    let host = Host::new();
    host.write(
        "etc/fw.toml",
        "include = \"x.d/*.toml\"\ninterfaces = \"eth0\"\n",
    );
    fs::create_dir(host.path("etc/x.d")).unwrap();
    host.write(
        "etc/x.d/2.toml",
        "[set.list]\nfiles = \"*.txt\"\n[[rule]]\nname = \"b\"\naction = \"drop\"\nsource = \"@list\"\n",
    );
    host.write(
        "etc/x.d/1.toml",
        "[[rule]]\nname = \"a\"\naction = \"drop\"\nprotocol = 1\n",
    );
    host.write("etc/x.d/a.txt", "192.0.2.0/24\n");
    host.write("etc/x.d/b.txt", "198.51.100.0/24\n");
    let loaded = host.store();
    assert_eq!((loaded.files.len(), loaded.set_files.len()), (3, 2));
    // What came and went later is not in it.
    host.write("etc/x.d/c.txt", "203.0.113.0/24\n");
    fs::remove_file(host.path("etc/x.d/1.toml")).unwrap();
    let again = host.last_good();
    assert_eq!(again, loaded);
    assert_eq!(again.hash(), loaded.hash());
    assert_ne!(host.load().hash(), loaded.hash());
}

#[test]
fn every_content_that_the_index_names_is_kept_and_only_those() {
    let host = Host::new();
    let first = host.store();
    host.write("etc/fw.toml", &text("pass"));
    let second = host.load();
    let on_trial = Index {
        trial: Some(Trial {
            content: Content::of(&second),
            base: 3,
            until: crate::deadline::Deadline::after(std::time::Duration::from_secs(60)).unwrap(),
        }),
        ..index(&first)
    };
    store(&host.state(), &on_trial, Some(&second)).unwrap();
    assert_eq!(host.last_good(), first);
    let found = Stored::find(&host.state(), &second.hash())
        .unwrap()
        .unwrap();
    assert_eq!(load(found.main(), &found).unwrap(), second);
    assert!(Stored::find(&host.state(), &[0; 32]).unwrap().is_none());
    // The index, two main files, and the list that they share.
    assert_eq!(host.stored_names().len(), 4);
    let read_again = read(&host.state()).unwrap();
    assert_eq!(read_again.trial.as_ref().unwrap().base, 3);

    let confirmed = read_again.confirmed();
    store(&host.state(), &confirmed, None).unwrap();
    assert_eq!(host.last_good(), second);
    let previous = read(&host.state()).unwrap().previous.unwrap();
    let previous = Stored::open(&host.state(), &previous).unwrap();
    assert_eq!(load(previous.main(), &previous).unwrap(), first);

    let only = Index {
        previous: None,
        ..confirmed
    };
    store(&host.state(), &only, None).unwrap();
    assert_eq!(host.stored_names().len(), 3);
}

#[test]
fn nothing_is_remembered_where_nothing_was_stored() {
    let host = Host::new();
    assert_eq!(read(&host.state()).unwrap(), Index::default());
    store(
        &host.state(),
        &Index {
            refused: Some([5; 32]),
            ..Index::default()
        },
        None,
    )
    .unwrap();
    assert_eq!(read(&host.state()).unwrap().refused, Some([5; 32]));
    assert_eq!(
        host.refusal(),
        "no last good configuration in /state/last-good"
    );
}

#[test]
fn the_last_good_configuration_of_another_file_is_none_of_this_one_s() {
    let host = Host::new();
    host.store();
    let other = Stored::last_good(&host.state(), &host.path("home/fw.toml"));
    let message = other.unwrap_err().to_string();
    assert_eq!(
        message.replace(&host.dir.path().display().to_string(), ""),
        "the last good configuration is that of /etc/fw.toml, not of /home/fw.toml; \
         give this one a --state-dir of its own"
    );
}

#[test]
fn a_set_file_that_changed_since_it_was_read_is_not_stored() {
    let host = Host::new();
    let old = host.store();
    host.write("etc/list.txt", "198.51.100.0/24\n");
    let new = host.load();
    host.write("etc/list.txt", "203.0.113.0/24\n");
    let error = store(&host.state(), &index(&new), Some(&new)).unwrap_err();
    let told = error.to_string();
    assert!(
        told.ends_with("list.txt has changed since it was read"),
        "{told}"
    );
    let left = host.stored_names();
    assert!(
        !left.iter().any(|name| name.ends_with(UNFINISHED)),
        "{left:?}"
    );
    assert_eq!(host.last_good(), old);
    host.store();
    assert_eq!(host.last_good(), host.load());
    assert_eq!(host.stored_names().len(), 3);
}

#[test]
fn what_was_damaged_since_it_was_found_whole_is_written_again() {
    let host = Host::new();
    let whole = Whole::default();
    let loaded = host.load();
    let store = || {
        write_contents(&host.state(), &loaded, &index(&loaded), &whole, &|| false).unwrap();
        write_index(&host.state(), &index(&loaded)).unwrap();
    };
    store();
    store();
    let list = host.stored(&content_name("192.0.2.0/24\n"));
    fs::write(&list, "0.0.0.0/0 # cut\n").unwrap();
    store();
    assert_eq!(host.last_good(), loaded);
    fs::remove_file(&list).unwrap();
    store();
    assert_eq!(host.last_good(), loaded);
}

/// A configuration of so many set files, of which each says something of its own.
fn many(host: &Host, count: usize) -> Loaded {
    fs::create_dir(host.path("etc/lists")).unwrap();
    for number in 0..count {
        let address = std::net::Ipv4Addr::from_bits(number as u32);
        host.write(&format!("etc/lists/{number}.txt"), &format!("{address}\n"));
    }
    host.write(
        "etc/fw.toml",
        "interfaces = \"eth0\"\n[set.list]\nfiles = \"lists/*.txt\"\n",
    );
    host.load()
}

#[test]
fn storing_looks_at_each_of_many_files_once() {
    const FILES: usize = 2_000;
    let host = Host::new();
    let loaded = many(&host, FILES);
    let whole = Whole::default();
    let store = || {
        let before = verified::LOOKS.get();
        write_contents(&host.state(), &loaded, &index(&loaded), &whole, &|| false).unwrap();
        verified::LOOKS.get() - before
    };
    // The main file, and its set files: while they are not there, not known, and known.
    for _ in 0..3 {
        assert_eq!(store(), FILES + 1);
    }
    assert_eq!(whole.known(), FILES + 1);
    write_index(&host.state(), &index(&loaded)).unwrap();
    // Another configuration takes their place, and they are forgotten.
    host.write("etc/fw.toml", &text("drop"));
    let other = host.load();
    for _ in 0..2 {
        write_contents(&host.state(), &other, &index(&other), &whole, &|| false).unwrap();
        write_index(&host.state(), &index(&other)).unwrap();
    }
    assert!(whole.known() <= 2, "{} are known", whole.known());
}

#[test]
fn storing_ends_between_two_files_and_leaves_the_former_state() {
    let host = Host::new();
    let former = host.store();
    let names = host.stored_names();
    let loaded = many(&host, 100);
    let asked = std::cell::Cell::new(0);
    let stops = || {
        asked.set(asked.get() + 1);
        asked.get() > 20
    };
    let whole = Whole::default();
    let result = write_contents(&host.state(), &loaded, &index(&former), &whole, &stops);
    assert!(matches!(result, Err(SnapshotError::Stopped)), "{result:?}");
    assert!(asked.get() <= 23, "asked {} times", asked.get());
    assert!(host.stored_names().len() < names.len() + 20);
    assert!(host.stored_names().is_superset(&names));
    let state = read(&host.state()).unwrap();
    assert!(state.is_last_good(&former.hash()));
    write_index(&host.state(), &index(&former)).unwrap();
    assert_eq!(host.stored_names(), names);
}
