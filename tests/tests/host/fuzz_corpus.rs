//! The fuzz targets over their checked-in corpus, without a fuzzer.
//!
//! `XDP_FW_FUZZ_CORPUS=write` writes the seeds again after they were changed in
//! `tests/src/fuzz/corpus.rs`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use xdp_fw_tests::fuzz;

fn corpus() -> PathBuf {
    // Asked at run time: a build directory may be shared between checkouts.
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../fuzz/corpus")
}

#[test]
fn every_seed_is_in_the_corpus() {
    let write = std::env::var_os("XDP_FW_FUZZ_CORPUS").is_some_and(|what| what == "write");
    for seed in fuzz::seeds() {
        let directory = corpus().join(seed.target);
        let path = directory.join(seed.name);
        if write {
            fs::create_dir_all(directory).unwrap();
            fs::write(&path, &seed.bytes).unwrap();
        }
        let current = fs::read(&path).is_ok_and(|bytes| bytes == seed.bytes);
        assert!(
            current,
            "{} is missing or old: run this test with XDP_FW_FUZZ_CORPUS=write",
            path.display()
        );
    }
}

#[test]
fn every_target_takes_its_corpus() {
    for target in fuzz::TARGETS {
        let mut taken = 0;
        for entry in fs::read_dir(corpus().join(target)).unwrap() {
            fuzz::run(target, &fs::read(entry.unwrap().path()).unwrap());
            taken += 1;
        }
        assert!(taken >= 4, "{target} has {taken} inputs");
    }
}
