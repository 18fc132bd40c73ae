//! What the checked-in BPF object is built from, each input with a digest.
//!
//! Shared by the build script of `xdp-fw`, which compares them with the object's record, and by
//! `cargo xtask ebpf`, which writes the record. Only what can change the object counts: a new
//! dependency of another crate, or a bump of one that never reaches the BPF target, does not.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

/// The workspace crates that are compiled for BPF.
pub(crate) const CRATES: [&str; 2] = ["xdp-fw-ebpf", "xdp-fw-common"];

/// The cargo profile of the BPF crate; it is an input, too.
pub(crate) const PROFILE: &str = "bpf";

/// Where the object is in the crate `xdp-fw`.
pub(crate) const OBJECT: &str = "src/datapath/object/xdp-fw.bpf.o";

/// Where its record is in the crate `xdp-fw`.
pub(crate) const RECORD: &str = "src/datapath/object/xdp-fw.bpf.toml";

/// Starts the name of an input that is a registry crate: `Cargo.lock: aya-ebpf 0.2.1`.
pub(crate) const LOCKED: &str = "Cargo.lock: ";

/// Every input by name, with its SHA-256.
pub(crate) type Inputs = BTreeMap<String, String>;

/// The SHA-256 of some bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The inputs as they are now; `crates` are the registry crates, as "name version".
pub(crate) fn read(root: &Path, crates: &[String]) -> Result<Inputs, String> {
    let mut inputs = Inputs::new();
    for name in CRATES {
        let directory = root.join(name);
        for file in source_files(&directory)? {
            let bytes = fs::read(&file).map_err(|error| at(&file, &error))?;
            inputs.insert(relative(root, &file)?, sha256(&bytes));
        }
    }
    inputs.extend(manifests(root)?);
    inputs.extend(locked(root, crates)?);
    Ok(inputs)
}

/// What is not as recorded, a line each.
pub(crate) fn differences(recorded: &Inputs, found: &Inputs) -> Vec<String> {
    let gone = recorded.keys().filter(|name| !found.contains_key(*name));
    let others = found
        .iter()
        .filter_map(|(name, sum)| match recorded.get(name) {
            None => Some(format!("new: {name}")),
            Some(before) if before != sum => Some(format!("changed: {name}")),
            Some(_) => None,
        });
    gone.map(|name| format!("gone: {name}"))
        .chain(others)
        .collect()
}

/// A crate's source files, in order. Test modules in files of their own never reach the object.
fn source_files(krate: &Path) -> Result<Vec<PathBuf>, String> {
    let build_script = Some(krate.join("build.rs"));
    let mut files: Vec<PathBuf> = build_script.into_iter().filter(|it| it.is_file()).collect();
    let mut directories = vec![krate.join("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).map_err(|error| at(&directory, &error))? {
            let path = entry.map_err(|error| at(&directory, &error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') || name == "tests" || name == "tests.rs" {
                continue;
            }
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The parts of the manifests that reach the compiler.
fn manifests(root: &Path) -> Result<Inputs, String> {
    let workspace = read_toml(&root.join("Cargo.toml"))?;
    let mut inputs = Inputs::new();
    let mut inherited = Table::new();
    for name in CRATES {
        let manifest = read_toml(&root.join(name).join("Cargo.toml"))?;
        let facts = crate_facts(&manifest);
        for dependency in dependency_names(&facts) {
            if let Some(spec) = look_up(&workspace, &["workspace", "dependencies", &dependency]) {
                inherited.insert(dependency, spec.clone());
            }
        }
        inputs.insert(
            format!("{name}/Cargo.toml"),
            canonical_digest(&Value::Table(facts)),
        );
    }
    let mut facts = Table::new();
    facts.insert("dependencies".to_owned(), Value::Table(inherited));
    for path in [
        &["workspace", "package", "version"][..],
        &["workspace", "package", "edition"],
        &["profile", PROFILE],
        &["patch"],
    ] {
        if let Some(value) = look_up(&workspace, path) {
            facts.insert(path.join("."), value.clone());
        }
    }
    inputs.insert(
        "Cargo.toml".to_owned(),
        canonical_digest(&Value::Table(facts)),
    );
    Ok(inputs)
}

/// A crate's manifest without what the BPF target never sees: lints, tests, optional crates.
fn crate_facts(manifest: &Table) -> Table {
    let mut facts = Table::new();
    for path in [
        &["package", "name"][..],
        &["package", "version"],
        &["package", "edition"],
        &["features"],
        &["dependencies"],
        &["build-dependencies"],
        &["target"],
        &["lib"],
        &["bin"],
    ] {
        if let Some(value) = look_up(manifest, path) {
            facts.insert(path.join("."), value.clone());
        }
    }
    if let Some(Value::Table(dependencies)) = facts.get_mut("dependencies") {
        dependencies.retain(|_, spec| spec.get("optional") != Some(&Value::Boolean(true)));
    }
    facts
}

fn dependency_names(facts: &Table) -> Vec<String> {
    ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|kind| facts.get(*kind)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}

/// Each registry crate that the lock file still has, with the checksum it has there.
fn locked(root: &Path, crates: &[String]) -> Result<Inputs, String> {
    let lock = read_toml(&root.join("Cargo.lock"))?;
    let empty = Vec::new();
    let packages = lock
        .get("package")
        .and_then(Value::as_array)
        .unwrap_or(&empty);
    let field = |package: &Value, name: &str| {
        package
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Ok(packages
        .iter()
        .map(|it| {
            (
                format!("{} {}", field(it, "name"), field(it, "version")),
                it,
            )
        })
        .filter(|(name, _)| crates.contains(name))
        .map(|(name, it)| (format!("{LOCKED}{name}"), field(it, "checksum")))
        .collect())
}

fn look_up<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(table.get(*first)?, |value, key| value.get(*key))
}

/// Independent of key order, comments and layout.
fn canonical_digest(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    sha256(text.as_bytes())
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Table(table) => {
            let sorted: BTreeMap<_, _> = table.iter().collect();
            for (key, value) in sorted {
                *text += &format!("{key:?}={{");
                canonical(value, text);
                *text += "}";
            }
        }
        Value::Array(values) => {
            for value in values {
                *text += "[";
                canonical(value, text);
                *text += "]";
            }
        }
        scalar => *text += &scalar.to_string(),
    }
}

fn read_toml(path: &Path) -> Result<Table, String> {
    let text = fs::read_to_string(path).map_err(|error| at(path, &error))?;
    text.parse().map_err(|error| at(path, &error))
}

fn relative(root: &Path, path: &Path) -> Result<String, String> {
    let path = path.strip_prefix(root).map_err(|error| at(path, &error))?;
    Ok(path.to_string_lossy().into_owned())
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
#[path = "bpf_sources_tests.rs"]
mod tests;
