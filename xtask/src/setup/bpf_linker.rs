//! bpf-linker, built against the LLVM that rustc itself brings: no other LLVM is needed.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::{command, rustc::Rustc, workspace::Workspace};

/// The object is compared bit for bit, so the linker is pinned to the patch level.
pub(crate) const VERSION: &str = "0.13.0";

/// Builds it into `.tools/bin` unless the one there is of this version and for this compiler.
pub(super) fn install(workspace: &Workspace, rustc: &Rustc) -> Result<Outcome> {
    if is_current(workspace, rustc) {
        return Ok(Outcome::AlreadyThere);
    }
    println!("setup: bpf-linker {VERSION}: building it, about a minute");
    let prefix = link_llvm(&workspace.tools().join("llvm"), rustc)?;
    let feature = format!("llvm-{}", rustc.version.llvm_major());
    let mut cargo = workspace.cargo()?;
    cargo
        .args(["install", "bpf-linker", "--version", VERSION, "--locked"])
        .args(["--force", "--no-default-features", "--features", &feature])
        .arg("--root")
        .arg(workspace.tools())
        // The linker's build script takes this for its run-time library path, too.
        .env("LLVM_PREFIX", prefix);
    command::run(&mut cargo).with_context(|| {
        format!(
            "cannot build bpf-linker {VERSION} against LLVM {}",
            rustc.version.llvm
        )
    })?;
    fs::write(stamp(workspace), identity(rustc)).context("cannot note which bpf-linker this is")?;
    Ok(Outcome::Done(format!(
        "built into .tools, on rustc's LLVM {}",
        rustc.version.llvm
    )))
}

/// The version says nothing about the LLVM inside, hence the stamp; and a linker that lost its
/// LLVM (the checkout or the toolchain moved) does not run at all.
fn is_current(workspace: &Workspace, rustc: &Rustc) -> bool {
    let runs = workspace
        .bpf_linker()
        .to_str()
        .and_then(|linker| workspace.command(linker).ok())
        .and_then(|mut command| command.arg("--version").output().ok())
        .is_some_and(|it| {
            String::from_utf8_lossy(&it.stdout).trim() == format!("bpf-linker {VERSION}")
        });
    runs && fs::read_to_string(stamp(workspace)).is_ok_and(|text| text == identity(rustc))
}

fn stamp(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bpf-linker.stamp")
}

fn identity(rustc: &Rustc) -> String {
    format!(
        "bpf-linker {VERSION} for rustc {}\n",
        rustc.version.identity()
    )
}

/// An LLVM prefix as bpf-linker's build script expects one: `lib/libLLVM.so` and the name that
/// the library calls itself by.
fn link_llvm(prefix: &Path, rustc: &Rustc) -> Result<PathBuf> {
    let library = find_llvm(rustc)?;
    let own_name = library
        .file_name()
        .with_context(|| format!("{} has no file name", library.display()))?;
    let directory = prefix.join("lib");
    if directory.exists() {
        fs::remove_dir_all(&directory)
            .with_context(|| format!("cannot clear {}", directory.display()))?;
    }
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    for name in [Path::new("libLLVM.so"), Path::new(own_name)] {
        symlink(&library, directory.join(name))
            .with_context(|| format!("cannot link {} into .tools", library.display()))?;
    }
    Ok(prefix.to_path_buf())
}

/// `libLLVM.so.22.1-rust-1.95.0-stable`; the other file of that kind is a linker script.
fn find_llvm(rustc: &Rustc) -> Result<PathBuf> {
    let directory = rustc.library_dir();
    let prefix = format!("libLLVM.so.{}", rustc.version.llvm_major());
    fs::read_dir(&directory)
        .with_context(|| format!("cannot list {}", directory.display()))?
        .filter_map(Result::ok)
        .find(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .with_context(|| {
            format!(
                "this rustc brings no {prefix}* in {}, so bpf-linker has no LLVM to use: \
                 install Rust {} with rustup",
                directory.display(),
                rustc.version.release
            )
        })
}
