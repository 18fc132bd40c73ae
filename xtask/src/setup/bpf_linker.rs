//! Builds bpf-linker against the LLVM of rustc, so that no other LLVM is needed.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::{command, rustc::Rustc, workspace::Workspace};

/// The exact version, since `ebpf --check` compares objects bit for bit.
pub(crate) const VERSION: &str = "0.13.0";

/// Builds bpf-linker into `.tools/bin`, unless one of this version and compiler is there.
pub(super) fn install(workspace: &Workspace, rustc: &Rustc) -> Result<Outcome> {
    if is_current(workspace, rustc) {
        return Ok(Outcome::AlreadyThere);
    }
    println!("setup: bpf-linker {VERSION}: building it takes about a minute");
    let prefix = link_llvm(&workspace.tools().join("llvm"), rustc)?;
    let feature = format!("llvm-{}", rustc.version.llvm_major());
    let mut cargo = workspace.cargo()?;
    cargo
        .args(["install", "bpf-linker", "--version", VERSION, "--locked"])
        .args(["--force", "--no-default-features", "--features", &feature])
        .arg("--root")
        .arg(workspace.tools())
        // The build script of bpf-linker sets its run-time library path to this, too.
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

/// Returns whether the installed linker fits. Its version does not name its LLVM, so a stamp file
/// does. A linker whose LLVM moved does not run.
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

/// Makes an LLVM prefix that the build script of bpf-linker accepts: `lib/libLLVM.so`, and the name
/// in the library's SONAME.
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

/// Finds `libLLVM.so.22.1-rust-1.95.0-stable`. The other file named libLLVM is a linker script.
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
                "this rustc has no {prefix}* in {}, so bpf-linker has no LLVM to use: \
                 install Rust {} with rustup",
                directory.display(),
                rustc.version.release
            )
        })
}
