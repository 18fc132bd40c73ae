//! Refuses to build around a BPF object that was made from other sources than those in the tree, and
//! tells the crate which sources write its address tables.
//!
//! It only reads and compares; `cargo xtask ebpf` makes the object and its record.

#[path = "build/bpf_sources.rs"]
mod bpf_sources;
#[path = "build/table_writers.rs"]
mod table_writers;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use bpf_sources::{Inputs, LOCKED, OBJECT, RECORD};
use toml::{Table, Value};

fn main() {
    // Cargo fails the build for these lines; a failure of ours would add our whole output.
    if let Err(message) = check() {
        for line in message.lines() {
            println!("cargo::error={line}");
        }
    }
}

fn check() -> Result<(), String> {
    let crate_dir = env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .ok_or("CARGO_MANIFEST_DIR is not set: cargo runs this build script")?;
    for path in table_writers::PATHS {
        watch(&crate_dir.join(path));
    }
    let writers = table_writers::digest(&crate_dir)
        .map_err(|error| format!("read what writes the address tables: {error}"))?;
    println!("cargo::rustc-env=XDP_FW_TABLE_WRITERS={writers}");
    watch(&crate_dir.join(OBJECT));
    watch(&crate_dir.join(RECORD));
    let record = Record::read(&crate_dir)?;
    record.matches_object(&crate_dir)?;
    match crate_dir.parent() {
        Some(root) if root.join("xdp-fw-ebpf").is_dir() => record.matches_sources(root),
        // A packaged crate: the sources are not there, and the object cannot be out of date.
        _ => Ok(()),
    }
}

/// What the object says it was made from.
struct Record {
    object: String,
    inputs: Inputs,
}

impl Record {
    fn read(crate_dir: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(crate_dir.join(RECORD)).map_err(|error| {
            format!("there is no BPF object: xdp-fw/{RECORD}: {error}\n{MAKE_IT}")
        })?;
        let table: Table = text
            .parse()
            .map_err(|error| format!("xdp-fw/{RECORD} is not a record: {error}\n{MAKE_IT}"))?;
        let object = table.get("object").and_then(Value::as_str);
        let inputs = table.get("inputs").and_then(Value::as_table);
        let (Some(object), Some(inputs)) = (object, inputs) else {
            return Err(format!(
                "xdp-fw/{RECORD} lacks `object` or `inputs`\n{MAKE_IT}"
            ));
        };
        let inputs = inputs
            .iter()
            .map(|(name, sum)| (name.clone(), sum.as_str().unwrap_or_default().to_owned()))
            .collect();
        Ok(Self {
            object: object.to_owned(),
            inputs,
        })
    }

    fn matches_object(&self, crate_dir: &Path) -> Result<(), String> {
        let bytes = fs::read(crate_dir.join(OBJECT)).map_err(|error| {
            format!("there is no BPF object: xdp-fw/{OBJECT}: {error}\n{MAKE_IT}")
        })?;
        if bpf_sources::sha256(&bytes) == self.object {
            return Ok(());
        }
        Err(format!(
            "the checked-in BPF object is not the one that its record describes: \
             only one of the two was committed or merged\n{MAKE_IT}"
        ))
    }

    fn matches_sources(&self, root: &Path) -> Result<(), String> {
        for path in ["Cargo.toml", "Cargo.lock"]
            .into_iter()
            .chain(bpf_sources::CRATES)
        {
            watch(&root.join(path));
        }
        let crates: Vec<String> = self
            .inputs
            .keys()
            .filter_map(|name| name.strip_prefix(LOCKED))
            .map(str::to_owned)
            .collect();
        let found = bpf_sources::read(root, &crates)?;
        let differences = bpf_sources::differences(&self.inputs, &found);
        if differences.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the checked-in BPF object was built from other sources:\n  {}\n{MAKE_IT}",
            differences.join("\n  ")
        ))
    }
}

/// The end of every message.
const MAKE_IT: &str = "run `cargo xtask ebpf` and commit what it writes";

fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}
