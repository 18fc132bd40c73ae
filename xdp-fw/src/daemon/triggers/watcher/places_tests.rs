use std::os::unix::fs::symlink;

use notify::event::DataChange;

use super::*;

/// A directory by its real path, removed at the end.
struct Directory {
    real: PathBuf,
    _temporary: tempfile::TempDir,
}

impl Directory {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Self {
            real: fs::canonicalize(temporary.path()).unwrap(),
            _temporary: temporary,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.real.join(name)
    }

    fn write(&self, name: &str) -> PathBuf {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), "").unwrap();
        self.path(name)
    }
}

fn places(file: &Path) -> Places {
    Places::of([file.to_owned()].iter())
}

fn event(kind: EventKind, path: &Path) -> Event {
    Event::new(kind).add_path(path.to_owned())
}

const CLOSED: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));
const MOVED_TO: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::To));
const CREATED: EventKind = EventKind::Create(CreateKind::File);
const REMOVED: EventKind = EventKind::Remove(RemoveKind::File);

#[test]
fn a_plain_file_is_seen_in_its_directory() {
    let directory = Directory::new();
    let file = directory.write("a/fw.toml");
    let places = places(&file);
    assert!(places.directories().contains(&directory.path("a")));
    assert!(places.concern(&event(CLOSED, &file)));
    assert!(places.concern(&event(MOVED_TO, &file)));
    assert!(!places.concern(&event(CLOSED, &directory.path("a/other"))));
}

#[test]
fn what_is_not_finished_is_no_change() {
    let directory = Directory::new();
    let file = directory.write("fw.toml");
    let places = places(&file);
    for kind in [
        EventKind::Modify(ModifyKind::Data(DataChange::Any)),
        EventKind::Access(AccessKind::Open(AccessMode::Any)),
        CREATED,
        REMOVED,
    ] {
        assert!(!places.concern(&event(kind, &file)), "{kind:?}");
    }
}

#[test]
fn a_change_of_mode_matters_only_where_the_mode_was_what_was_wrong() {
    let directory = Directory::new();
    let (closed, other) = (directory.write("a/closed"), directory.write("b/other"));
    let files = [closed.clone(), other.clone()];
    let places = Places::of(files.iter()).closed(files.iter().take(1));
    let mode = EventKind::Modify(ModifyKind::Metadata(notify::event::MetadataKind::Any));
    assert!(places.concern(&event(mode, &closed)));
    // The directory that it is in may have been the reason.
    assert!(places.concern(&event(mode, &directory.path("a"))));
    assert!(!places.concern(&event(mode, &other)));
    assert!(!places.concern(&event(mode, &directory.path("b"))));
}

#[test]
fn a_link_is_complete_when_it_is_made_and_missed_when_it_is_gone() {
    let directory = Directory::new();
    let (target, link) = (directory.write("target"), directory.path("fw.toml"));
    symlink(&target, &link).unwrap();
    let places = places(&link);
    assert!(places.concern(&event(CREATED, &link)));
    assert!(places.concern(&event(REMOVED, &link)));
    assert!(!places.concern(&event(REMOVED, &target)));
}

#[test]
fn a_hard_link_is_complete_when_it_is_made() {
    let directory = Directory::new();
    let (target, link) = (directory.write("target"), directory.path("fw.toml"));
    fs::hard_link(&target, &link).unwrap();
    assert!(places(&link).concern(&event(CREATED, &link)));
}

#[test]
fn every_link_on_the_way_is_watched() {
    // As Kubernetes mounts: fw.toml -> ..data/fw.toml, ..data -> ..1/
    let directory = Directory::new();
    let file = directory.write("..1/fw.toml");
    symlink("..1", directory.path("..data")).unwrap();
    symlink("..data/fw.toml", directory.path("fw.toml")).unwrap();
    let places = places(&directory.path("fw.toml"));
    assert!(places.directories().contains(&directory.path("..1")));
    assert!(places.concern(&event(MOVED_TO, &directory.path("..data"))));
    assert!(places.concern(&event(MOVED_TO, &directory.path("fw.toml"))));
    assert!(places.concern(&event(CLOSED, &file)));
}

#[test]
fn a_directory_that_is_replaced_is_noticed() {
    let directory = Directory::new();
    let file = directory.write("sets/drop.txt");
    let places = places(&file);
    assert!(places.concern(&event(MOVED_TO, &directory.path("sets"))));
    let created = EventKind::Create(CreateKind::Folder);
    assert!(places.concern(&event(created, &directory.path("sets"))));
}

#[test]
fn a_file_in_a_directory_that_does_not_exist_yet_is_waited_for() {
    let directory = Directory::new();
    let places = places(&directory.path("later/fw.toml"));
    let created = EventKind::Create(CreateKind::Folder);
    assert!(places.concern(&event(created, &directory.path("later"))));
}

#[test]
fn a_loop_of_links_ends() {
    let directory = Directory::new();
    symlink("b", directory.path("a")).unwrap();
    symlink("a", directory.path("b")).unwrap();
    assert!(
        places(&directory.path("a"))
            .directories()
            .contains(&directory.real)
    );
}

#[test]
fn a_glob_is_changed_by_what_it_stands_for() {
    let directory = Directory::new();
    let file = directory.write("real/a.txt");
    symlink("real", directory.path("lists")).unwrap();
    let pattern = directory.path("lists/*.txt");
    let glob = places(&pattern);
    assert!(glob.directories().contains(&directory.path("real")));
    for name in ["a.txt", "new.txt"] {
        assert!(glob.concern(&event(CLOSED, &directory.path("real").join(name))));
        assert!(glob.concern(&event(REMOVED, &directory.path("real").join(name))));
    }
    for name in ["a.txt~", ".a.txt.swp", "#a.txt#", "a.txt.dpkg-new", "a.csv"] {
        let path = directory.path("real").join(name);
        assert!(!glob.concern(&event(CLOSED, &path)), "{name}");
        assert!(!glob.concern(&event(MOVED_TO, &path)), "{name}");
    }
    // One that asks for them has them.
    let asked = places(&directory.path("lists/*~"));
    assert!(asked.concern(&event(CLOSED, &directory.path("real/a.txt~"))));
    assert!(asked.adds_to(&glob) && !glob.adds_to(&places(&pattern)));
    drop(file);
}

#[test]
fn a_directory_that_is_closed_is_watched_itself() {
    let directory = Directory::new();
    let file = directory.write("a/b/fw.toml");
    let closed = [directory.path("a")];
    let places = Places::of([file].iter()).closed(closed.iter());
    assert!(places.directories().contains(&directory.path("a")));
    let mode = EventKind::Modify(ModifyKind::Metadata(notify::event::MetadataKind::Any));
    assert!(places.concern(&event(mode, &directory.path("a"))));
}

#[test]
fn a_lost_event_counts_as_a_change() {
    let lost = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
    assert!(Places::default().concern(&lost));
}

#[test]
fn a_change_since_the_files_were_read_is_found_without_an_event() {
    let directory = Directory::new();
    let file = directory.write("fw.toml");
    let places = places(&file);
    let hour = Duration::from_secs(3600);
    assert!(places.changed_since(SystemTime::now() - hour));
    assert!(!places.changed_since(SystemTime::now() + hour));
}
