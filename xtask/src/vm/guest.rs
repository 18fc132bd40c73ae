//! The content of a virtual machine: an initramfs with busybox, iproute2, ethtool, the daemon and
//! the tests.
//!
//! The programs are those that the tests of this machine run, with their shared libraries. Nothing
//! is built for guests only.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::kernels::Kernel;
use crate::{command, ebpf::object::CRATE as BPF_CRATE, workspace::Workspace};

/// The modules that the tests need.
const MODULES: [&str; 3] = ["veth", "8021q", "tcp_diag"];

/// Mount points, and directories that programs write to.
const DIRECTORIES: [&str; 9] = [
    "bin", "dev", "etc", "modules", "proc", "run", "sys", "tmp", "var",
];

/// The scripts of the test: name, text, mode.
const SCRIPTS: [(&str, &str, u32); 5] = [
    ("init", include_str!("guest/init"), 0o755),
    ("smoke", include_str!("guest/smoke"), 0o755),
    ("verify", include_str!("guest/verify"), 0o755),
    ("simple.toml", include_str!("guest/simple.toml"), 0o644),
    (
        "everything.toml",
        include_str!("guest/everything.toml"),
        0o644,
    ),
];

/// The programs that run in every guest, as the tests of this machine build them.
pub(super) struct Programs {
    daemon: PathBuf,
    verifier: PathBuf,
    exit: PathBuf,
}

/// A message of cargo about a file that it built.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

impl Programs {
    /// Builds the programs.
    pub(super) fn build(workspace: &Workspace, directory: &Path) -> Result<Self> {
        // The same packages as in `test`: others would select other features.
        let packages = ["--locked", "--quiet", "--workspace", "--exclude", BPF_CRATE];
        let build = |what: [&str; 3]| -> Result<PathBuf> {
            let [verb, kind, name] = what;
            let mut cargo = workspace.cargo()?;
            cargo.arg(verb).args(packages).args([kind, name]);
            if verb == "test" {
                cargo.arg("--no-run");
            }
            executable(&command::output(cargo.arg("--message-format=json"))?, name)
        };
        let daemon = build(["build", "--bin", "xdp-fw"])?;
        let verifier = build(["test", "--test", "verifier"])?;

        let exit = directory.join("exit-qemu");
        let mut rustc = workspace.command("rustc")?;
        rustc
            .args(["--edition", "2024", "-Copt-level=s", "-Cpanic=abort"])
            .args(["-Cstrip=symbols", "-o"])
            .arg(&exit)
            .arg(workspace.root().join("xtask/src/vm/guest/exit-qemu.rs"));
        command::run(&mut rustc)?;
        Ok(Self {
            daemon,
            verifier,
            exit,
        })
    }

    /// Each program, and its name in the guest.
    fn named(&self) -> [(&Path, &'static str); 3] {
        [
            (&self.daemon, "xdp-fw"),
            (&self.verifier, "verifier"),
            (&self.exit, "exit-qemu"),
        ]
    }
}

/// The path of the program with this name in cargo's messages.
fn executable(messages: &str, name: &str) -> Result<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(|artifact| artifact.target.name == name)
        .find_map(|artifact| artifact.executable)
        .with_context(|| format!("cargo reports no built program `{name}`"))
}

/// Writes the initramfs for a kernel.
pub(super) fn pack(kernel: &Kernel, programs: &Programs, image: &Path) -> Result<()> {
    let root = image.with_extension("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for directory in DIRECTORIES {
        fs::create_dir_all(root.join(directory))?;
    }
    for (name, text, mode) in SCRIPTS {
        fs::write(root.join(name), text)?;
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode))?;
    }
    copy(Path::new("/bin/busybox"), &root.join("bin/busybox"))?;
    for name in ["ip", "ethtool"] {
        copy_with_libraries(&find(name)?, name, &root)?;
    }
    for (program, name) in programs.named() {
        copy_with_libraries(program, name, &root)?;
    }
    for (index, module) in modules(kernel)?.iter().enumerate() {
        unpack_module(module, &root.join("modules"), index)?;
    }
    archive(&root, image)
}

/// The modules in loading order, each once.
fn modules(kernel: &Kernel) -> Result<Vec<PathBuf>> {
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for name in MODULES {
        for file in kernel.modules(name)? {
            if seen.insert(file.clone()) {
                files.push(file);
            }
        }
    }
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Finds a program. The PATH of a user often lacks the programs for administrators.
fn find(program: &str) -> Result<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .map(|it| Path::new(it).join(program))
        .into_iter()
        .find(|it| it.exists())
        .with_context(|| format!("there is no program `{program}`: `cargo xtask setup`"))
}

/// Copies a program of this machine, and its libraries to the paths that its loader searches.
fn copy_with_libraries(program: &Path, name: &str, root: &Path) -> Result<()> {
    copy(program, &root.join("usr/bin").join(name))?;
    let text = command::output(Command::new("ldd").arg(program))?;
    for library in text.split_whitespace().filter(|it| it.starts_with('/')) {
        copy(
            Path::new(library),
            &root.join(library.trim_start_matches('/')),
        )?;
    }
    Ok(())
}

/// Unpacks a module, since not every kernel can; the number keeps the order.
fn unpack_module(module: &Path, directory: &Path, index: usize) -> Result<()> {
    let name = module.file_name().unwrap_or_default().to_string_lossy();
    let program = match module.extension().and_then(|it| it.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("ko") => "cat",
        _ => bail!("{} is packed in an unknown way", module.display()),
    };
    let to = directory.join(format!("{index:02}-{name}"));
    let mut command = Command::new(program);
    if program != "cat" {
        command.args(["--decompress", "--stdout"]);
    }
    command::run(command.arg(module).stdout(File::create(to)?))
}

/// Writes a cpio archive in "newc", the only format that the kernel reads.
fn archive(root: &Path, image: &Path) -> Result<()> {
    let mut names = Vec::new();
    list(root, root, &mut names)?;
    let mut cpio = Command::new("cpio");
    cpio.args(["--null", "--create", "--format=newc", "--owner=0:0"])
        .arg("--quiet")
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(File::create(image)?);
    let mut child = cpio
        .spawn()
        .with_context(|| format!("cannot start `{}`", command::shown(&cpio)))?;
    if let Some(mut input) = child.stdin.take() {
        for name in names {
            input.write_all(name.as_os_str().as_encoded_bytes())?;
            input.write_all(&[0])?;
        }
    }
    if !child.wait()?.success() {
        bail!("`{}` failed; its output is above", command::shown(&cpio));
    }
    Ok(())
}

/// Lists what is below a directory, each directory before its contents.
fn list(root: &Path, directory: &Path, names: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        names.push(entry.path().strip_prefix(root)?.to_path_buf());
        if entry.file_type()?.is_dir() {
            list(root, &entry.path(), names)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_the_messages_of_cargo() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"verifier_of"},"executable":"/a"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"verifier"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"verifier"},"executable":"/b"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages, "verifier").unwrap(), Path::new("/b"));
        assert!(executable(messages, "xdp-fw").is_err());
    }
}
