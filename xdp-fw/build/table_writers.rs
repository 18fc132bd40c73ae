//! What decides the bytes of the address tables, besides the BPF object and what it is made of.
//!
//! Shared by the build script, which tells the crate its digest, and by the crate's tests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Files, and directories with all that is in them.
pub(crate) const PATHS: [&str; 3] = [
    "src/datapath/generation/addresses.rs",
    "src/datapath/kernel/mapping.rs",
    "src/policy",
];

/// The SHA-256 of their names and contents, in hexadecimal.
pub(crate) fn digest(krate: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    let mut left: Vec<PathBuf> = PATHS.iter().map(|path| krate.join(path)).collect();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                left.push(entry?.path());
            }
        } else {
            files.push(path);
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let name = file.strip_prefix(krate).unwrap_or(&file);
        hash.update(Sha256::digest(name.as_os_str().as_encoded_bytes()));
        hash.update(Sha256::digest(fs::read(&file)?));
    }
    let digest = hash.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
