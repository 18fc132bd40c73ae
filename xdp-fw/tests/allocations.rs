//! How often a reload asks for memory before it comes to the kernel, and how much: budgets that
//! hold whatever the clock says. One test alone, since what it counts is the whole process.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use xdp_fw::config::{self, Action, Cache, FileError, Files, Role};
use xdp_fw::policy::{Policy, Tables, compile, compile_after};
use xdp_fw_common::Dimension;

/// Half as much again as it took when this was written: room for another criterion, none for a loop
/// that allocates. Ten rules and ten prefixes.
const SMALL: u64 = 1_500;
/// One rule more.
const PER_RULE: u64 = 120;
/// 100,000 prefixes more, all together: tables that double as they grow, and one for each of the 391
/// nodes of the address table that they lie in.
const PREFIXES: u64 = 600;
/// One prefix more, with all that is made of it and given back.
const BYTES_PER_PREFIX: u64 = 180;

/// Reading a configuration of which no set file changed, whatever is in those.
const UNCHANGED: u64 = 220;
/// The same in bytes.
const UNCHANGED_BYTES: u64 = 45_000;
/// The same while only the digest of the file tells that it did not change: it is read in pieces.
const UNCHANGED_PIECES: u64 = 200_000;

/// Counts what it hands out.
struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// A main file and a set file.
struct Text(String, String);

impl Files for Text {
    fn read(&self, _path: &Path, role: Role) -> Result<String, FileError> {
        Ok(match role {
            Role::Main => self.0.clone(),
            Role::Set => self.1.clone(),
        })
    }
    fn glob(&self, _pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

/// Allocations, and bytes allocated, of reading and compiling so many rules and prefixes.
fn reload(rules: u32, prefixes: u32) -> (u64, u64) {
    let files = files(rules, prefixes);
    counted(|| {
        let loaded = config::load(Path::new("test.toml"), &files).unwrap();
        compile(&Policy::from_config(&loaded.config), &[]).unwrap();
    })
}

/// The same of compiling them once more, with what identifies the tables, where the sets are as they
/// were and the rules are others.
fn edit(rules: u32, prefixes: u32) -> (u64, u64) {
    let mut loaded = config::load(Path::new("test.toml"), &files(rules, prefixes)).unwrap();
    let contents = |tables: &Tables| {
        let of = |dimension| [tables.content_v4(dimension), tables.content_v6(dimension)];
        [Dimension::Source, Dimension::Destination].map(of)
    };
    let tables = compile(&Policy::from_config(&loaded.config), &[]).unwrap();
    let (memo, former) = (tables.memo(), contents(&tables));
    drop(tables);
    for rule in &mut std::sync::Arc::make_mut(&mut loaded.config).rules {
        rule.action = Action::Pass;
        rule.name.push('x');
    }
    counted(|| {
        let tables = compile_after(&memo, &Policy::from_config(&loaded.config), &[]).unwrap();
        assert_eq!(contents(&tables), former);
    })
}

fn counted(work: impl FnOnce()) -> (u64, u64) {
    let before = (CALLS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
    work();
    (
        CALLS.load(Ordering::Relaxed) - before.0,
        BYTES.load(Ordering::Relaxed) - before.1,
    )
}

fn files(rules: u32, prefixes: u32) -> Text {
    let mut main = String::from(
        "interfaces = \"eth0\"\n[set.blocklist]\nfiles = \"set.txt\"\n\
         [[rule]]\nname = \"blocklist\"\naction = \"drop\"\nsource = \"@blocklist\"\n",
    );
    for number in 1..rules {
        let [_, _, high, low] = number.to_be_bytes();
        write!(
            main,
            "[[rule]]\nname = \"rule-{number}\"\naction = \"pass\"\nsource = \"10.0.{high}.{low}\"\n\
             protocol = \"tcp\"\ndestination_port = \"{number}-65535\"\n"
        )
        .unwrap();
    }
    let set = (0..prefixes).map(|number| {
        let [_, high, middle, low] = number.to_be_bytes();
        format!("{}.{middle}.{low}.1\n", 100 + u32::from(high))
    });
    Text(main, set.collect())
}

/// Allocations, and bytes allocated, of reading a configuration again whose set file of so many
/// prefixes did not change.
fn read_again(prefixes: u32) -> (u64, u64) {
    let directory = tempfile::tempdir().unwrap();
    let main = directory.path().join("test.toml");
    let set = (0..prefixes).map(|number| format!("{}\n", Ipv4Addr::from(number << 4)));
    fs::write(directory.path().join("set.txt"), set.collect::<String>()).unwrap();
    fs::write(
        &main,
        "interfaces = \"eth0\"\n[set.blocklist]\nfiles = \"set.txt\"\n\
         [[rule]]\nname = \"blocklist\"\naction = \"drop\"\nsource = \"@blocklist\"\n",
    )
    .unwrap();
    let cache = Cache::default();
    let first = cache.load(&main).unwrap();
    loop {
        let before = (CALLS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
        let again = cache.load(&main).unwrap();
        let took = (
            CALLS.load(Ordering::Relaxed) - before.0,
            BYTES.load(Ordering::Relaxed) - before.1,
        );
        assert_eq!(
            again.config.sets.get("blocklist").unwrap().prefixes.len(),
            prefixes as usize
        );
        assert_eq!(again.hash(), first.hash());
        // Its digest counts until it was read a while after it was written.
        if took.1 <= UNCHANGED_BYTES {
            return took;
        }
        assert!(took.1 <= UNCHANGED_PIECES, "read again: {} bytes", took.1);
    }
}

#[test]
fn a_reload_asks_for_memory_by_the_rule_and_not_by_the_prefix() {
    // Whatever is made once is made now.
    reload(2, 2);
    let (small, _) = reload(10, 10);
    let (rules, rule_bytes) = reload(1_010, 10);
    let (prefixes, prefix_bytes) = reload(10, 100_010);
    let per_rule = (rules - small) / 1_000;
    println!(
        "10 rules: {small} allocations; a rule more: {per_rule}; 100,000 prefixes more: {}; \
         bytes: {rule_bytes} with 1,010 rules, {prefix_bytes} with 100,010 prefixes",
        prefixes - small
    );
    assert!(small <= SMALL, "10 rules: {small} allocations");
    assert!(per_rule <= PER_RULE, "a rule: {per_rule} allocations");
    let more = prefixes - small;
    assert!(more <= PREFIXES, "100,000 prefixes: {more} allocations");
    let each = prefix_bytes / 100_000;
    assert!(each <= BYTES_PER_PREFIX, "a prefix: {each} bytes allocated");

    // An edit of rules asks for nothing by the prefix at all.
    let (few, many) = (edit(10, 10), edit(10, 100_010));
    println!("an edit: {few:?} with 10 prefixes, {many:?} with 100,010: allocations and bytes");
    assert_eq!(many, few, "an edit of rules");
    let (calls, bytes) = read_again(100_000);
    println!("100,000 prefixes that did not change: {calls} allocations, {bytes} bytes");
    assert!(calls <= UNCHANGED, "read again: {calls} allocations");
}
