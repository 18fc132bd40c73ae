//! Installs the source of the standard library, of exactly the compiler's version.
//!
//! No compiled `core` exists for BPF, so a build of the BPF crate compiles it too.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::Outcome;
use crate::{command, rustc::Rustc};

mod from_debian;

/// Names the version that this step unpacked: an update by rustup does not replace it.
const STAMP: &str = ".unpacked-by-xdp-fw-setup";

/// Longest time for a download of four megabytes.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// Tries the cache, rustup and Debian in this order, unless the source is there.
pub(super) fn install(rustc: &Rustc, cache: Option<&Path>) -> Result<Outcome> {
    if is_current(rustc) {
        return Ok(Outcome::AlreadyThere);
    }
    type Source<'a> = (&'static str, Box<dyn Fn() -> Result<()> + 'a>);
    let sources: [Source<'_>; 3] = [
        ("the cache", Box::new(|| from_cache(rustc, cache))),
        ("rustup", Box::new(from_rustup)),
        ("Debian's package", Box::new(|| from_debian::install(rustc))),
    ];
    let mut failures = String::new();
    for (name, fetch) in sources {
        match fetch() {
            Ok(()) if is_current(rustc) => return Ok(Outcome::Done(format!("taken from {name}"))),
            Ok(()) => {
                failures += &format!("\n  {name}: succeeded, but the source is still missing");
            }
            Err(error) => failures += &format!("\n  {name}: {error:#}"),
        }
    }
    bail!(
        "cannot get the library source of Rust {release}; it belongs at {place}\n\
         tried:{failures}\n\
         by hand: `rustup component add rust-src`",
        release = rustc.version.release,
        place = rustc.rust_src().display(),
    )
}

fn is_current(rustc: &Rustc) -> bool {
    let place = rustc.rust_src();
    let complete = ["library/Cargo.lock", "library/core/src/lib.rs"]
        .iter()
        .all(|file| place.join(file).is_file());
    let stamped = fs::read_to_string(place.join(STAMP)).ok();
    complete && stamped.is_none_or(|text| text.trim() == rustc.version.release)
}

fn from_cache(rustc: &Rustc, cache: Option<&Path>) -> Result<()> {
    let directory = cache.context("XDP_FW_CACHE names no directory")?;
    let archive = directory.join(format!("rust-src-{}.tar.xz", rustc.version.release));
    if !archive.is_file() {
        bail!("{} does not exist", archive.display());
    }
    put_in_place(rustc, |scratch| {
        command::run(
            Command::new("tar")
                .arg("-xJf")
                .arg(&archive)
                .arg("-C")
                .arg(scratch),
        )
    })
}

fn from_rustup() -> Result<()> {
    let mut command = Command::new("rustup");
    command.args(["component", "add", "rust-src"]);
    command::run_for_at_most(&mut command, RUSTUP_LIMIT)
}

/// Fills a directory beside the final path and renames it: a broken download leaves nothing.
fn put_in_place(rustc: &Rustc, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let place = rustc.rust_src();
    let scratch = place.with_extension("partial");
    remove(&scratch)?;
    fs::create_dir_all(&scratch)
        .with_context(|| format!("cannot write to {}", scratch.display()))?;
    fill(&scratch)?;
    fs::write(scratch.join(STAMP), &rustc.version.release)?;
    remove(&place)?;
    fs::rename(&scratch, &place).with_context(|| format!("cannot create {}", place.display()))
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)
            .with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    Ok(())
}

/// A private directory for downloads, removed with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("xdp-fw-setup-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A failure leaves a directory in /tmp behind, which does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}
