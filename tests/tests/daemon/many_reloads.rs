//! Two thousand reloads: what the daemon and the kernel hold at the end is what they held at the
//! beginning.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod heavy {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use aya::maps::{MapInfo, loaded_maps};
    use aya::programs::{ProgramInfo, loaded_programs};
    use xdp_fw_tests::daemon::Daemon;
    use xdp_fw_tests::packet::*;
    use xdp_fw_tests::two_hosts::{Hosts, config, passes, rule};

    const RELOADS: u32 = 2_000;
    /// Until here, caches and the allocator may grow.
    const WARM_UP: u32 = 500;
    /// How many times memory is looked at, there and at the end.
    const SAMPLES: u32 = 50;
    /// What the allocator may differ by; a page lost with each reload is six times as much.
    const MEMORY_BOUND_KIB: u64 = 1_024;
    /// The kernel frees maps and programs when it has the time.
    const DEADLINE: Duration = Duration::from_secs(30);

    /// The rules of a turn: their names, number and sets change, so that counters come and go.
    fn text(turn: u32) -> String {
        let mut text = config(&format!(
            "[set.deny]\nprefixes = [\"192.0.2.{}\"]\n",
            turn % 2
        ));
        for number in 0..=turn % 3 {
            let criteria = format!("source = \"@deny\"\nlength = \"0-{}\"", 1_000 + number);
            text += &rule(&format!("deny-{}", turn + number), "drop", &criteria);
        }
        text
    }

    /// Ids of programs and of maps.
    #[derive(Debug, Default, Clone, PartialEq, Eq)]
    struct Objects {
        programs: BTreeSet<u32>,
        maps: BTreeSet<u32>,
    }

    impl Objects {
        /// Everything that is pinned there, and the maps that the programs use.
        fn pinned(directory: &Path) -> Self {
            let mut objects = Self::default();
            for path in files(directory) {
                // A pin does not tell what it is of: a map's id reads as a program's.
                let name = path.file_name().and_then(|name| name.to_str());
                match name.expect("pins have names") {
                    "root" | "filter" | "probe" => objects.add_program(&path),
                    "entry" | "counters" | "rules" | "gone" | "info" | "result" | "tables" => {
                        let map = MapInfo::from_pin(&path).expect("a map is pinned there");
                        objects.maps.insert(map.id());
                    }
                    map if map.starts_with(char::is_uppercase) => {
                        let map = MapInfo::from_pin(&path).expect("a map is pinned there");
                        objects.maps.insert(map.id());
                    }
                    link => assert!(link.parse::<u32>().is_ok(), "{}", path.display()),
                }
            }
            objects
        }

        fn add_program(&mut self, pin: &Path) {
            let program = ProgramInfo::from_pin(pin).expect("a program is pinned there");
            let maps = program.map_ids().expect("a program tells its maps");
            self.maps.extend(maps.unwrap_or_default());
            self.programs.insert(program.id());
        }

        /// Everything that the kernel knows, whoever made it.
        fn loaded() -> Self {
            Self {
                programs: loaded_programs().flatten().map(|it| it.id()).collect(),
                maps: loaded_maps().flatten().map(|it| it.id()).collect(),
            }
        }

        fn add(&mut self, other: &Self) {
            self.programs.extend(&other.programs);
            self.maps.extend(&other.maps);
        }

        fn both(&self, other: &Self) -> Self {
            Self {
                programs: &self.programs & &other.programs,
                maps: &self.maps & &other.maps,
            }
        }
    }

    /// Every pin below a directory.
    fn files(directory: &Path) -> Vec<std::path::PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![directory.to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(&directory).expect("the pins can be listed") {
                let path = entry.expect("the pins can be listed").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found
    }

    /// What a daemon holds, without numbers that are others each time.
    #[derive(Debug, PartialEq, Eq)]
    struct Held {
        /// Descriptors, by what they are of.
        descriptors: BTreeMap<String, usize>,
        /// Pins, by their names.
        pins: BTreeMap<String, usize>,
        /// Files of its state.
        state: usize,
    }

    impl Held {
        fn by(daemon: &Daemon<'_>) -> Self {
            let without_numbers = |text: String| text.replace(|char: char| char.is_numeric(), "");
            let mut descriptors = BTreeMap::new();
            let directory = format!("/proc/{}/fd", daemon.pid());
            for entry in fs::read_dir(directory).expect("the daemon runs").flatten() {
                // One may be closed by now.
                if let Ok(target) = fs::read_link(entry.path()) {
                    let kind = without_numbers(target.display().to_string());
                    *descriptors.entry(kind).or_default() += 1;
                }
            }
            let mut pins = BTreeMap::new();
            for pin in files(daemon.pin_dir()) {
                let name = without_numbers(pin.display().to_string());
                *pins.entry(name).or_default() += 1;
            }
            // What is being read is noted for as long as that takes.
            let state = files(daemon.state_dir()).into_iter();
            let state = state.filter(|path| !path.ends_with("attempt"));
            Self {
                descriptors,
                pins,
                state: state.count(),
            }
        }

        /// The less of both: a look may find a connection that is about to be closed.
        fn or_less(mut self, other: &Self) -> Self {
            for (kind, count) in &mut self.descriptors {
                *count = other.descriptors.get(kind).map_or(0, |it| *it.min(count));
            }
            self.descriptors.retain(|_, count| *count != 0);
            self
        }
    }

    /// Anonymous memory: pages of the program itself come and go as the kernel likes.
    fn resident_kib(daemon: &Daemon<'_>) -> u64 {
        let path = format!("/proc/{}/status", daemon.pid());
        let status = fs::read_to_string(path).expect("the daemon runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        number.unwrap_or_else(|| panic!("no RssAnon in {status}"))
    }

    /// Repeats a look at what the kernel does in its own time, until it is as it should be.
    fn await_equal<T: PartialEq + std::fmt::Debug>(expected: &T, look: impl Fn() -> T) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let found = look();
            if found == *expected {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "left: {found:#?}\nexpected: {expected:#?}"
            );
            std::thread::yield_now();
        }
    }

    #[test]
    fn two_thousand_reloads_leak_no_descriptor_pin_map_program_or_memory() {
        let hosts = Hosts::new("leaks");
        let _cable = hosts.cable(1_500);
        let daemon = Daemon::start(&hosts.edge, &text(0));
        let mut held = Held::by(&daemon);
        let mut ever = Objects::default();
        // The least of some: a moment in a reload holds what is given back at its end.
        let (mut warm, mut grown) = (u64::MAX, u64::MAX);
        let start = Instant::now();
        for turn in 1..=RELOADS {
            daemon.write_config(&text(turn));
            let reload = daemon.cli(&["reload"]);
            assert!(reload.status.success(), "reload {turn}: {reload:?}");
            daemon.forget_messages();
            ever.add(&Objects::pinned(daemon.pin_dir()));
            if (WARM_UP - SAMPLES..WARM_UP).contains(&turn) {
                warm = warm.min(resident_kib(&daemon));
            }
            if turn >= RELOADS - SAMPLES {
                grown = grown.min(resident_kib(&daemon).saturating_sub(warm));
            }
            if turn == WARM_UP {
                // Only by now there is a configuration to go back to.
                held = Held::by(&daemon).or_less(&held);
            }
        }
        let took = start.elapsed();
        assert_eq!(daemon.generation(), u64::from(RELOADS) + 1);

        await_equal(&held, || Held::by(&daemon));
        let in_force = Objects::pinned(daemon.pin_dir());
        await_equal(&in_force, || ever.both(&Objects::loaded()));
        println!(
            "{RELOADS} reloads in {took:.1?}: {} descriptors, {} pins, {} of {} programs and {} \
             of {} maps are left; resident memory {warm} KiB after {WARM_UP}, then {grown} KiB more",
            held.descriptors.values().sum::<usize>(),
            held.pins.values().sum::<usize>(),
            in_force.programs.len(),
            ever.programs.len(),
            in_force.maps.len(),
            ever.maps.len(),
        );
        assert!(
            grown <= MEMORY_BOUND_KIB,
            "resident memory grew by {grown} KiB"
        );

        // And it is the last rule set that filters.
        let from = |host| eth() / ipv4(host, "198.51.100.1") / udp(1, 2);
        let mut wire = hosts.wire();
        assert!(!passes(&mut wire, &from("192.0.2.0")));
        assert!(passes(&mut wire, &from("192.0.2.1")));
    }
}
