//! Isolates a measurement: nothing outside sees what it makes, and all of it goes when it ends.
//!
//! Owns a mount namespace with a private bpffs and temporary directory, and network namespaces
//! without names. The kernel removes them with the last process inside.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::unistd::Pid;

/// The path of the private bpffs.
pub(crate) const BPFFS: &str = "/sys/fs/bpf";
/// The path of the private temporary directory. It exists everywhere, and the benchmark needs
/// nothing else from it.
pub(crate) const SCRATCH: &str = "/mnt";

/// Moves this process into a private mount namespace. Call it before threads start.
///
/// # Errors
/// If this process is not root.
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

/// Moves this thread into a new network namespace.
///
/// # Errors
/// If this process is not root.
pub(crate) fn enter_network() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")
}

/// Pins this thread and its children to the last CPU: the first serves most interrupts.
///
/// # Errors
/// If the kernel refuses.
pub(crate) fn pin() -> Result<()> {
    pin_to(online()?.saturating_sub(1))
}

/// Pins this thread and its children to a CPU.
///
/// # Errors
/// If the kernel refuses.
pub(crate) fn pin_to(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set).context("cannot stay on one CPU")
}

/// The number of CPUs.
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
