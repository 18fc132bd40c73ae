//! Builds the object, bit for bit the same on every machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::{
    record::{self, Record, Tools},
    sources,
};
use crate::{command, rustc::Rustc, setup::BPF_LINKER_VERSION, workspace::Workspace};

mod closure;

/// The crate that becomes the object.
pub(crate) const CRATE: &str = "xdp-fw-ebpf";
/// The target, built in to rustc.
pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// The flags of rustc. Further flags only replace the names of this machine's directories.
const FLAGS: [&str; 4] = [
    // Selects bindings to the registers of a host. XDP uses none, so one value serves all hosts.
    "--cfg=bpf_target_arch=\"x86_64\"",
    // BTF is made from the debug information that rustc leaves.
    "-Cdebuginfo=2",
    "-Clink-arg=--btf",
    // 32-bit jumps and arithmetic, in every kernel since 5.1. The default of rustc is v1.
    "-Ctarget-cpu=v3",
];

/// Environment variables of the caller that would change the build.
const FOREIGN: [&str; 8] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
];

/// A build of the object, ready to run.
pub(crate) struct Build<'a> {
    workspace: &'a Workspace,
    rustc: Rustc,
    /// The registry crates that go into the object.
    crates: Vec<closure::Crate>,
}

/// The path of a built object.
pub(crate) fn output(workspace: &Workspace) -> PathBuf {
    workspace.ebpf_target().join("xdp-fw.bpf.o")
}

impl<'a> Build<'a> {
    /// Reads the compiler's version and the list of crates.
    pub(crate) fn prepare(workspace: &'a Workspace) -> Result<Self> {
        Ok(Self {
            workspace,
            rustc: Rustc::ask(workspace)?,
            crates: closure::of(workspace, CRATE, TARGET)?,
        })
    }

    /// A cargo command for the BPF crate, with the flags, target and tools that the object needs.
    pub(crate) fn cargo(&self, verb: &str) -> Result<Command> {
        let mut cargo = self.workspace.cargo()?;
        for variable in FOREIGN {
            cargo.env_remove(variable);
        }
        cargo
            .args([verb, "--locked", "--package", CRATE, "--target", TARGET])
            .args([
                "--profile",
                sources::PROFILE,
                "-Z",
                "build-std=core",
                "--target-dir",
            ])
            .arg(self.workspace.ebpf_target())
            // Allows `-Z build-std` on a stable compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags()?.join("\x1f"))
            .env(
                "CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER",
                self.workspace.bpf_linker(),
            );
        Ok(cargo)
    }

    /// Builds the object and returns its bytes.
    pub(crate) fn run(&self) -> Result<Vec<u8>> {
        // Cargo does not notice a changed linker: force it to link again.
        command::run(&mut self.clean()?)?;
        command::run(&mut self.cargo("build")?)?;
        let linked = self
            .workspace
            .ebpf_target()
            .join(TARGET)
            .join(sources::PROFILE)
            .join(CRATE);
        let output = output(self.workspace);
        self.strip(&linked, &output)?;
        let bytes =
            fs::read(&output).with_context(|| format!("cannot read {}", output.display()))?;
        self.refuse_paths(&bytes)?;
        Ok(bytes)
    }

    fn clean(&self) -> Result<Command> {
        let mut cargo = self.workspace.cargo()?;
        cargo
            .args([
                "clean",
                "--quiet",
                "--locked",
                "--package",
                CRATE,
                "--target",
                TARGET,
            ])
            .args(["--profile", sources::PROFILE, "--target-dir"])
            .arg(self.workspace.ebpf_target());
        Ok(cargo)
    }

    /// The record of an object that this build made.
    pub(crate) fn record(&self, object: &[u8]) -> Result<Record> {
        let crates: Vec<String> = self.crates.iter().map(closure::Crate::identity).collect();
        let inputs = sources::read(self.workspace.root(), &crates).map_err(anyhow::Error::msg)?;
        Ok(Record {
            object: sources::sha256(object),
            sources: record::digest(&inputs),
            tools: Tools {
                rustc: self.rustc.version.identity(),
                llvm: self.rustc.version.llvm.clone(),
                bpf_linker: BPF_LINKER_VERSION.to_owned(),
                flags: FLAGS.map(str::to_owned).into(),
            },
            inputs,
        })
    }

    /// The fixed flags, and a fixed name for every directory in the debug information.
    fn flags(&self) -> Result<Vec<String>> {
        let rust_src = format!("/rustc/{}", self.rustc.version.commit);
        let mut maps = vec![
            (self.workspace.root().to_path_buf(), "/xdp-fw".to_owned()),
            (self.rustc.rust_src(), rust_src),
        ];
        for it in &self.crates {
            maps.push((
                it.directory.clone(),
                format!("/crates/{}-{}", it.name, it.version),
            ));
        }
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
        for (from, to) in maps {
            let from = from.to_str().with_context(|| {
                format!("{} is not UTF-8, so rustc cannot map it", from.display())
            })?;
            flags.push(format!("--remap-path-prefix={from}={to}"));
        }
        Ok(flags)
    }

    /// Removes DWARF, which bpf-linker leaves beside the BTF.
    fn strip(&self, linked: &Path, stripped: &Path) -> Result<()> {
        let objcopy = self.rustc.objcopy();
        if !objcopy.is_file() {
            bail!(
                "this rustc contains no {}: install Rust {} with rustup",
                objcopy.display(),
                self.rustc.version.release
            );
        }
        let mut command = Command::new(&objcopy);
        command
            .arg("--strip-debug")
            .args([linked, stripped])
            // rustc sets this path too: objcopy does not find its LLVM by itself.
            .env("LD_LIBRARY_PATH", self.rustc.library_dir());
        command::run(&mut command)
    }

    /// The name of a directory in the object would make it differ between machines.
    fn refuse_paths(&self, object: &[u8]) -> Result<()> {
        let directories = [self.workspace.root(), &self.rustc.sysroot]
            .into_iter()
            .chain(self.crates.iter().map(|it| it.directory.as_path()));
        for directory in directories {
            let name = directory.as_os_str().as_encoded_bytes();
            if object.windows(name.len()).any(|window| window == name) {
                bail!(
                    "the object names the directory {}: it is missing from the mapped prefixes",
                    directory.display()
                );
            }
        }
        Ok(())
    }
}
