//! Kernels of several releases of Debian. A kernel is fetched once and never installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::apt::Apt;
use crate::command;

/// The source of a kernel. It pins no version: archives drop superseded ones.
pub(super) struct Source {
    /// Its name in messages.
    pub(super) label: &'static str,
    /// The Debian suite.
    pub(super) suite: &'static str,
}

/// The oldest supported kernel, the long-term ones after it, and the newest.
pub(super) const KERNELS: [Source; 4] = [
    Source {
        label: "5.10",
        suite: "bullseye-security",
    },
    Source {
        label: "6.1",
        suite: "bookworm-security",
    },
    Source {
        label: "6.12",
        suite: "trixie",
    },
    Source {
        label: "newest",
        suite: "trixie-backports",
    },
];

/// A small flavour with every driver that a virtual machine needs.
const FLAVOUR: &str = "cloud-amd64";

/// A fetched kernel.
pub(super) struct Kernel {
    /// Its name in messages.
    pub(super) label: &'static str,
    /// `uname -r`.
    pub(super) release: String,
    directory: PathBuf,
}

impl Kernel {
    /// The image that QEMU boots.
    pub(super) fn image(&self) -> PathBuf {
        self.directory.join("vmlinuz")
    }

    /// The files of a module and of its dependencies, in loading order.
    pub(super) fn modules(&self, name: &str) -> Result<Vec<PathBuf>> {
        let mut command = Command::new("/sbin/modprobe");
        command.arg("--dirname").arg(&self.directory).args([
            "--set-version",
            &self.release,
            "--show-depends",
            name,
        ]);
        let text = command::output(&mut command)?;
        let files = text.lines().filter_map(|it| it.strip_prefix("insmod "));
        Ok(files.map(|it| PathBuf::from(it.trim())).collect())
    }
}

/// The release of a fetched kernel.
pub(super) fn release(directory: &Path, source: &Source) -> Option<String> {
    fs::read_to_string(directory.join(source.label).join("release")).ok()
}

/// Fetches the missing kernels; with `update`, all kernels.
pub(super) fn fetch(directory: &Path, sources: &[&Source], update: bool) -> Result<Vec<Kernel>> {
    let missing: Vec<&Source> = sources
        .iter()
        .copied()
        .filter(|it| update || release(directory, it).is_none())
        .collect();
    if !missing.is_empty() {
        let suites: Vec<&str> = missing.iter().map(|it| it.suite).collect();
        let apt = Apt::for_suites(&directory.join("apt"), &suites)?;
        for source in missing {
            fetch_one(&apt, directory, source)
                .with_context(|| format!("cannot fetch the kernel of {}", source.suite))?;
        }
    }
    let found = |source: &&Source| {
        Some(Kernel {
            label: source.label,
            release: release(directory, source)?,
            directory: directory.join(source.label),
        })
    };
    Ok(sources.iter().filter_map(found).collect())
}

/// Unpacks beside the final path and renames, so that a kernel there is complete.
fn fetch_one(apt: &Apt, directory: &Path, source: &Source) -> Result<()> {
    let packages = packages(apt, source)?;
    let Some((image, _)) = packages.first() else {
        bail!("its metapackage names no kernel");
    };
    let release = image.trim_start_matches("linux-image-");
    let place = directory.join(source.label);
    if self::release(directory, source).as_deref() == Some(release) {
        println!("vm: {}: {release} is still current", source.label);
        return Ok(());
    }
    println!("vm: {}: fetching {release}", source.label);
    let scratch = place.with_extension("partial");
    remove(&scratch)?;
    fs::create_dir_all(scratch.join("packages"))
        .with_context(|| format!("cannot create {}", scratch.display()))?;
    let versioned: Vec<String> = packages
        .iter()
        .map(|(name, version)| format!("{name}={version}"))
        .collect();
    apt.download(&versioned, &scratch.join("packages"))?;
    unpack(&scratch, release)?;
    remove(&place)?;
    fs::rename(&scratch, &place).with_context(|| format!("cannot create {}", place.display()))
}

/// The packages of the kernel; the first has the release in its name.
fn packages(apt: &Apt, source: &Source) -> Result<Vec<(String, String)>> {
    let metapackage = format!("linux-image-{FLAVOUR}/{}", source.suite);
    let image = apt
        .exact_dependencies(&metapackage)?
        .into_iter()
        .find(|(name, _)| name.starts_with("linux-image-"))
        .with_context(|| format!("{metapackage} names no kernel"))?;
    // Since 7.0 that package is empty, and depends on packages with the kernel.
    let release = image.0.trim_start_matches("linux-image-");
    let parts = apt.exact_dependencies(&format!("{}={}", image.0, image.1))?;
    let parts = parts
        .into_iter()
        .filter(|(name, _)| name.ends_with(release));
    let parts: Vec<_> = parts.collect();
    Ok(std::iter::once(image).chain(parts).collect())
}

/// Writes `vmlinuz`, `release`, and `lib/modules` with the index that modprobe expects.
fn unpack(scratch: &Path, release: &str) -> Result<()> {
    let root = scratch.join("root");
    for package in fs::read_dir(scratch.join("packages"))? {
        let mut command = Command::new("dpkg-deb");
        command::run(command.arg("-x").arg(package?.path()).arg(&root))?;
    }
    // Newer packages have all files below usr.
    let modules = ["lib/modules", "usr/lib/modules"]
        .map(|it| root.join(it).join(release))
        .into_iter()
        .find(|it| it.is_dir())
        .context("its packages have no modules")?;
    let image = [
        root.join(format!("boot/vmlinuz-{release}")),
        modules.join("vmlinuz"),
    ]
    .into_iter()
    .find(|it| it.is_file())
    .context("its packages have no vmlinuz")?;
    fs::rename(image, scratch.join("vmlinuz"))?;
    fs::create_dir_all(scratch.join("lib/modules"))?;
    fs::rename(modules, scratch.join("lib/modules").join(release))?;
    remove(&root)?;
    remove(&scratch.join("packages"))?;
    let mut depmod = Command::new("/sbin/depmod");
    command::run(depmod.arg("-b").arg(scratch).arg(release))?;
    fs::write(scratch.join("release"), release)?;
    Ok(())
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)
            .with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    Ok(())
}
