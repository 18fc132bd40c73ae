//! What reading a configuration takes at its height, whatever the text is: bytes that are allocated
//! at one time, counted by the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use xdp_fw::config::{self, FileError, Files, Loaded, Problems, Role};
use xdp_fw::policy::{self, Policy};

/// Knows how much is allocated, and how much was at most.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static HEIGHT: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        HEIGHT.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Large ones are moved by the kernel, page by page, and are never there twice.
        let now = NOW.fetch_add(size, Ordering::Relaxed) + size;
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        HEIGHT.fetch_max(now - layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn height<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = NOW.load(Ordering::Relaxed);
    HEIGHT.store(before, Ordering::Relaxed);
    let result = work();
    (HEIGHT.load(Ordering::Relaxed) - before, result)
}

/// A main file, and what each set file holds.
struct Text<'a>(&'a str, &'a str);

impl Files for Text<'_> {
    fn read(&self, _: &Path, role: Role) -> Result<String, FileError> {
        Ok(match role {
            Role::Main => self.0.to_owned(),
            Role::Set => self.1.to_owned(),
        })
    }

    fn glob(&self, _: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

const MIB: usize = 1 << 20;

/// What 16 MiB of configuration take at most, whatever is in them.
const TEXT: usize = 256 * MIB;

/// A text of `size` bytes that repeats what `part` makes of a number.
fn text(head: &str, size: usize, part: impl Fn(u32) -> String) -> String {
    let mut text = format!("interfaces = \"eth0\"\n{head}");
    for number in 0.. {
        let part = part(number);
        if text.len() + part.len() > size {
            break;
        }
        text.push_str(&part);
    }
    text
}

fn load(main: &str, set: &str) -> Result<Loaded, Problems> {
    config::load(Path::new("fw.toml"), &Text(main, set))
}

type Part = fn(u32) -> String;

/// One at a time: what is counted is the whole process.
static COUNTED: Mutex<()> = Mutex::new(());

#[test]
fn sixteen_mebibytes_of_anything_stay_below_the_bound() {
    let _alone = COUNTED.lock();
    let rule = "[[rule]]\nname = \"a\"\naction = \"drop\"\n";
    let shapes: [(&str, String, Part); 23] = [
        ("lists in lists", "a = ".into(), |_| "[".into()),
        ("empty lists", String::new(), |_| "[]".into()),
        ("tables in tables", "a = ".into(), |_| "{a=".into()),
        ("tables", String::new(), |number| format!("[t{number:x}]\n")),
        ("a list of tables", String::new(), |_| "[[a]]\n".into()),
        ("rules", String::new(), |_| "[[rule]]\n".into()),
        ("a list", "a = [".into(), |_| "1,".into()),
        ("keys", String::new(), |number| format!("k{number:x}=1\n")),
        ("a key of parts", "a".into(), |_| ".a".into()),
        ("keys of parts", String::new(), |number| {
            format!("k{number:x}.a.b.c=1\n")
        }),
        ("tables of parts", String::new(), |number| {
            format!("[t{number:x}.a.b.c]\n")
        }),
        ("tables in a list", "a = [".into(), |_| "{a.b.c=1},".into()),
        ("the same key", String::new(), |_| "a=1\n".into()),
        ("junk", String::new(), |_| "@\n".into()),
        ("signs", String::new(), |_| "=".into()),
        ("empty lines", String::new(), |_| "\n".into()),
        ("comments", String::new(), |_| "#\n".into()),
        ("quotes", String::new(), |_| "\"\n".into()),
        ("one string", "a = \"".into(), |_| "aaaaaaaa".into()),
        ("repeated sources", format!("{rule}source=["), |_| {
            "\"::\",".into()
        }),
        ("wrong sources", format!("{rule}source=["), |_| {
            "\"\",".into()
        }),
        ("sets", String::new(), |number| {
            format!("[set.s{number:x}]\nprefixes=\"::\"\n")
        }),
        ("files", "[set.a]\nfiles=[".into(), |number| {
            format!("\"f{number:x}\",")
        }),
    ];
    for (name, head, part) in shapes {
        // As many tokens as may be parsed, and as many bytes as may be read.
        // A dot counts as several.
        let most = if part(0).contains('.') {
            400_000
        } else {
            900_000
        };
        for size in [most, 16 * MIB] {
            let text = text(&head, size, part);
            let (height, _) = height(|| load(&text, "192.0.2.1\n").map(drop));
            println!("{name}, {size} bytes: {} MiB", height / MIB);
            assert!(
                height <= TEXT,
                "{name}: {} MiB for {size} bytes",
                height / MIB
            );
        }
    }
}

#[test]
fn unknown_keys_beyond_the_bound_are_counted_and_not_kept() {
    let _alone = COUNTED.lock();
    let main = text("", 900_000, |number| format!("k{number:x}=1\n"));
    let problems = load(&main, "").unwrap_err().problems;
    assert_eq!(problems.len(), 101);
    let last = problems.last().unwrap().to_string();
    assert!(
        last.starts_with("fw.toml:102:1: … and ") && last.ends_with(" more"),
        "{last}"
    );
    assert!(
        problems
            .iter()
            .map(|it| it.to_string().len())
            .sum::<usize>()
            < 100_000
    );
}

#[test]
fn repeated_entries_beyond_the_bound_are_counted_and_not_kept() {
    let _alone = COUNTED.lock();
    let head = "[[rule]]\nname = \"a\"\naction = \"drop\"\nsource_port = [";
    let main = text(head, 500_000, |_| "1,".to_owned()) + "1]\n";
    let warnings = load(&main, "").unwrap().warnings;
    assert_eq!(warnings.len(), 101);
    assert!(warnings[100].message.contains(" more"), "{}", warnings[100]);
}

/// Ranges that come to some 160 prefixes each.
fn ranges(count: u32) -> String {
    let range = |at: u32| {
        format!(
            "2001:db8:{:x}:{:x}::1-2001:db8:{0:x}:{1:x}:ffff:ffff:ffff:fffe\n",
            at >> 16,
            at & 0xffff
        )
    };
    (0..count).map(range).collect()
}

const SET: &str = "interfaces = \"eth0\"\n[set.a]\nfiles = \"set.txt\"\n\
                   [[rule]]\nname = \"a\"\naction = \"drop\"\nsource = \"@a\"\n";

#[test]
fn sixty_thousand_ranges_are_refused_where_they_pass_the_limit() {
    let _alone = COUNTED.lock();
    let set = ranges(60_000);
    let (height, result) = height(|| load(SET, &set).map(drop));
    let problems = result.unwrap_err().problems;
    let problem = problems[0].to_string();
    println!("{} MiB: {problem}", height / MIB);
    assert_eq!(problems.len(), 1);
    assert!(problem.starts_with("set.txt:"), "{problem}");
    assert!(problem.contains(":1: set `a`: "), "{problem}");
    assert!(problem.contains("`[limits] memory`"), "{problem}");
    // The text is 4 MiB, and a half of what a daemon in a group of 256 MiB may take is left.
    assert!(height < 200 * MIB, "{} MiB", height / MIB);
}

#[test]
fn a_limit_of_prefixes_names_the_line_the_set_and_the_key() {
    let _alone = COUNTED.lock();
    let main = format!("{SET}[limits]\nprefixes = 1000\n");
    let problem = load(&main, &ranges(60_000)).unwrap_err().to_string();
    assert_eq!(
        problem,
        "set.txt:8:1: set `a`: this is prefix 1001 of the configuration, and `[limits] prefixes` \
         allows 1000; shorten the lists, or allow more"
    );
}

#[test]
fn sets_in_sets_are_counted_before_they_are_joined() {
    let _alone = COUNTED.lock();
    let mut main = String::from(
        "interfaces = \"eth0\"\n[limits]\nprefixes = 1000000\n[set.s0]\nfiles = \"set.txt\"\n",
    );
    for number in 1..=3_000 {
        main += &format!(
            "[set.s{number}]\nprefixes = [\"@s{}\", \"::{number:x}\"]\n",
            number - 1
        );
    }
    main += "[[rule]]\nname = \"a\"\naction = \"drop\"\nsource = \"@s3000\"\n";
    let set: String = (0..2_000)
        .map(|at| format!("{}\n", Ipv4Addr::from_bits(at)))
        .collect();
    let (height, result) = height(|| load(&main, &set).map(drop));
    let problem = result.unwrap_err().to_string();
    assert!(
        problem.contains(": set `s") && problem.contains("`[limits] prefixes`"),
        "{problem}"
    );
    assert_eq!(problem.lines().count(), 1, "{problem}");
    assert!(height < 64 * MIB, "{} MiB", height / MIB);
}

#[test]
fn lists_in_rules_are_counted() {
    let _alone = COUNTED.lock();
    let rule = |number| {
        format!(
            "[[rule]]\nname = \"r{number}\"\naction = \"drop\"\nsource = [\"192.0.2.1\", \"2001:db8::{number:x}\"]\n"
        )
    };
    let rules: String = (0..10).map(rule).collect();
    let main = format!("interfaces = \"eth0\"\n[limits]\nprefixes = 19\n{rules}");
    let problem = load(&main, "").unwrap_err().to_string();
    assert!(
        problem.starts_with("fw.toml:40:1: rule `r9`: this is prefix 20"),
        "{problem}"
    );
}

/// What is reckoned and what is taken: within a factor of two.
#[test]
fn a_prefix_takes_about_what_is_reckoned_for_it() {
    let _alone = COUNTED.lock();
    let v4: String = (0..200_000)
        .map(|at| format!("{}\n", Ipv4Addr::from_bits(at << 4)))
        .collect();
    let v6: String = (0..200_000u128)
        .map(|at| format!("{}\n", Ipv6Addr::from_bits(0x2001_0db8 << 96 | at << 16)))
        .collect();
    for (set, reckoned) in [(v4, 5 + 29), (v6, 17 + 56)] {
        let (height, _) = height(|| {
            let loaded = load(SET, &set).unwrap();
            policy::compile(&Policy::from_config(&loaded.config), &[]).unwrap()
        });
        // The test's files are in memory as a whole.
        let height = (height - set.len()) / 200_000;
        println!("{height} bytes a prefix, {reckoned} reckoned");
        assert!(
            height <= reckoned * 2 && height * 2 >= reckoned,
            "{height} for {reckoned}"
        );
    }
}
