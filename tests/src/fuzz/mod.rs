//! What must hold of any bytes at all: the bodies of the fuzz targets.
//!
//! Owns the properties, so that a plain test can hold the checked-in corpus against them without
//! a fuzzer. The targets themselves, in `fuzz/`, only call these.

mod corpus;
mod frames;
mod packets;
mod texts;

pub use corpus::{Seed, TARGETS, seeds};
pub use frames::{decide, parser};
pub use packets::{capture, packet};
pub use texts::{config, set_file};

/// Runs a target of [`TARGETS`].
pub fn run(target: &str, data: &[u8]) {
    match target {
        "parser" => parser(data),
        "decide" => decide(data),
        "config" => config(data),
        "set_file" => set_file(data),
        "packet" => packet(data),
        "capture" => capture(data),
        _ => panic!("there is no fuzz target {target:?}"),
    }
}
