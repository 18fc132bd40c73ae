//! Measures the host's part of a load: text to a configuration, configuration to tables, by numbers
//! of rules and prefixes.
//!
//! `cargo xtask bench compile` runs it and collects its figures.
#![expect(
    clippy::expect_used,
    reason = "a benchmark of a broken policy has nothing to measure"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use xdp_fw::config::{self, FileError, Files, Loaded, Role};
use xdp_fw::policy::{Policy, compile};

/// Numbers of rules with the smallest set, and sizes of the set with the fewest rules.
const RULES: [u32; 4] = [10, 100, 1_000, 4_096];
const PREFIXES: [u32; 5] = [10, 1_000, 10_000, 100_000, 1_000_000];

/// The text of a configuration: a number of rules, the first with a set of prefixes.
struct Text {
    main: String,
    set: String,
}

impl Text {
    fn new(rules: u32, prefixes: u32) -> Self {
        let mut main = String::from(
            "interfaces = \"eth0\"\n[set.blocklist]\nfiles = \"blocklist.txt\"\n\
             [[rule]]\nname = \"blocklist\"\naction = \"drop\"\nsource = \"@blocklist\"\n",
        );
        for number in 1..rules {
            let host = address(prefixes + number);
            write!(
                main,
                "[[rule]]\nname = \"rule-{number}\"\naction = \"pass\"\nsource = \"{host}\"\n\
                 protocol = \"tcp\"\ndestination_port = \"{number}-{}\"\n",
                65_535 - number
            )
            .expect("a string takes everything");
        }
        let mut set = String::new();
        for number in 0..prefixes {
            let host = address(number);
            // A quarter of the prefixes are networks.
            if number % 4 == 0 {
                let network = Ipv4Addr::from_bits(host.to_bits() & 0xffff_ff00);
                writeln!(set, "{network}/24").expect("a string takes everything");
            } else {
                writeln!(set, "{host}").expect("a string takes everything");
            }
        }
        Self { main, set }
    }

    fn load(&self) -> Loaded {
        config::load(Path::new("bench.toml"), self).expect("the policy has no mistake")
    }
}

impl Files for Text {
    fn read(&self, _path: &Path, role: Role) -> Result<String, FileError> {
        Ok(match role {
            Role::Main => self.main.clone(),
            Role::Set => self.set.clone(),
        })
    }

    fn glob(&self, _pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(Vec::new())
    }
}

/// Returns the address of a number; neighbours are far apart.
fn address(number: u32) -> Ipv4Addr {
    let mixed = (number ^ number >> 16).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35);
    Ipv4Addr::from_bits(mixed ^ mixed >> 16)
}

fn host_side(criterion: &mut Criterion) {
    let rules = RULES.map(|rules| (rules, 10)).into_iter();
    // The first policy of both series is the same.
    let prefixes = PREFIXES.map(|prefixes| (10, prefixes)).into_iter().skip(1);
    for (rules, prefixes) in rules.chain(prefixes) {
        let text = Text::new(rules, prefixes);
        let size = format!("{rules}-{prefixes}");
        let mut group = criterion.benchmark_group("read");
        // Reads a million prefixes once per run, not up to ten times.
        group.sampling_mode(SamplingMode::Flat);
        group.bench_function(BenchmarkId::from_parameter(&size), |bencher| {
            bencher.iter_batched(|| (), |()| text.load(), BatchSize::PerIteration);
        });
        group.finish();
        let config = text.load().config;
        let mut group = criterion.benchmark_group("compile");
        group.sampling_mode(SamplingMode::Flat);
        group.bench_function(BenchmarkId::from_parameter(&size), |bencher| {
            bencher.iter_batched(
                || (),
                |()| compile(&Policy::from_config(black_box(&config)), &[]),
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    targets = host_side
}
criterion_main!(benches);
