//! What a measurement makes is seen by it alone, and gone with it, however it ends.
//!
//! Owns a mount namespace with a bpffs and a temporary directory of its own, and network
//! namespaces without a name: the kernel removes all of it with the last process inside.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::unistd::Pid;

/// Where the private bpffs is.
pub(crate) const BPFFS: &str = "/sys/fs/bpf";
/// Where the private temporary directory is: a place that exists everywhere and that we do not
/// need.
pub(crate) const SCRATCH: &str = "/mnt";

/// Moves this process into mounts of its own. Call it before there are threads.
///
/// # Errors
/// If this is not root.
pub(crate) fn enter() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("cannot make a mount namespace; run as root")?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .context("cannot make mounts private")?;
    for (kind, place) in [("bpf", BPFFS), ("tmpfs", SCRATCH)] {
        // The daemon trusts no directory that others can write to.
        mount(
            Some(kind),
            place,
            Some(kind),
            MsFlags::empty(),
            Some("mode=0755"),
        )
        .with_context(|| format!("cannot mount a {kind} at {place}"))?;
    }
    Ok(())
}

/// Moves this thread into a network namespace of its own.
///
/// # Errors
/// If this is not root.
pub(crate) fn enter_network() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")
}

/// Keeps this thread, and what it starts, on the last CPU: the first serves most interrupts.
///
/// # Errors
/// If the kernel refuses.
pub(crate) fn pin() -> Result<()> {
    pin_to(online()?.saturating_sub(1))
}

/// The same for a CPU by its number.
///
/// # Errors
/// If the kernel refuses.
pub(crate) fn pin_to(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set).context("cannot stay on one CPU")
}

/// CPUs of this machine.
fn online() -> Result<usize> {
    Ok(std::thread::available_parallelism()?.get())
}

/// Writes a file below the private temporary directory.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write(name: &str, text: &str) -> Result<PathBuf> {
    let path = Path::new(SCRATCH).join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
