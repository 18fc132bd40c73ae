//! Two hosts on one link, and the daemon on one of them. Dropping the stage removes them.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, setns};

use super::interrupt;
use crate::command;

/// Longest time that the daemon may need to answer.
const READY: Duration = Duration::from_secs(20);

/// A network namespace.
pub(super) struct Namespace(String);

impl Namespace {
    fn new(host: &str) -> Result<Self> {
        let name = format!("xdp-fw-demo-{}-{host}", std::process::id());
        ip(&["netns", "add", &name])?;
        let namespace = Self(name);
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    fn ip(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", &self.0], arguments].concat())
    }

    /// A command that runs in the namespace. `ip netns exec` would mount another /sys, which
    /// hides bpffs.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let namespace = self.open()?;
        let mut command = Command::new(program);
        // SAFETY: setns is one system call, safe between fork and exec.
        unsafe {
            command.pre_exec(move || Ok(setns(&namespace, CloneFlags::CLONE_NEWNET)?));
        }
        Ok(command)
    }

    fn open(&self) -> Result<File> {
        let path = Path::new("/run/netns").join(&self.0);
        File::open(&path).with_context(|| format!("cannot open {}", path.display()))
    }

    /// Moves the calling thread into the namespace. There is no way back.
    pub(super) fn enter(&self) -> Result<()> {
        setns(self.open()?, CloneFlags::CLONE_NEWNET).context("cannot enter the network namespace")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&["netns", "delete", &self.0]);
    }
}

/// The hosts, the link, the daemon and its directory.
pub(super) struct Stage {
    daemon: Option<Child>,
    program: PathBuf,
    pins: PathBuf,
    directory: PathBuf,
    /// The host that is filtered.
    pub(super) edge: Namespace,
    /// The host that sends.
    pub(super) client: Namespace,
}

impl Stage {
    /// Makes both hosts and the link between them.
    pub(super) fn build(program: &Path, configuration: &Path) -> Result<Self> {
        let name = format!("xdp-fw-demo-{}", std::process::id());
        let directory = std::env::temp_dir().join(&name);
        fs::create_dir(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let stage = Self {
            daemon: None,
            program: program.to_owned(),
            pins: Path::new("/sys/fs/bpf").join(&name),
            directory,
            edge: Namespace::new("edge")?,
            client: Namespace::new("client")?,
        };
        stage.link()?;
        fs::copy(configuration, stage.configuration())
            .with_context(|| format!("cannot copy {}", configuration.display()))?;
        Ok(stage)
    }

    fn link(&self) -> Result<()> {
        self.edge.ip(&[
            "link",
            "add",
            "edge0",
            "type",
            "veth",
            "peer",
            "client0",
            "netns",
            &self.client.0,
        ])?;
        for (host, device, v4, v6) in [
            (&self.edge, "edge0", "192.0.2.1/24", "2001:db8::1/64"),
            (&self.client, "client0", "192.0.2.10/24", "2001:db8::10/64"),
        ] {
            host.ip(&["address", "add", v4, "dev", device])?;
            host.ip(&["address", "add", v6, "dev", device, "nodad"])?;
            host.ip(&["link", "set", device, "up"])?;
        }
        Ok(())
    }

    /// The file that the daemon watches.
    pub(super) fn configuration(&self) -> PathBuf {
        self.directory.join("xdp-fw.toml")
    }

    /// `xdp-fw` with the directories of this stage, on the filtered host.
    pub(super) fn xdp_fw(&self, verb: &str) -> Result<Command> {
        let mut command = self.edge.command(&self.program)?;
        command.arg(verb);
        for (option, path) in [
            ("--config", self.configuration()),
            ("--pin-dir", self.pins.clone()),
            ("--state-dir", self.directory.join("state")),
            ("--run-dir", self.directory.join("run")),
        ] {
            command.arg(option).arg(path);
        }
        Ok(command)
    }

    /// Starts the daemon and waits until it reports that it filters.
    pub(super) fn start(&mut self) -> Result<()> {
        let log = self.directory.join("log");
        let file = File::options().create(true).append(true).open(&log)?;
        let child = self
            .xdp_fw("run")?
            .stdin(Stdio::null())
            .stderr(file)
            // Ctrl-C reaches only the demo, which ends the daemon itself.
            .process_group(0)
            .spawn()
            .context("cannot start the daemon")?;
        let child = self.daemon.insert(child);
        let start = Instant::now();
        let pid = child.id();
        loop {
            interrupt::check()?;
            let status = self
                .xdp_fw("status")?
                .output()
                .context("cannot ask for the status")?;
            if status.status.success() {
                return Ok(());
            }
            let ended = self
                .daemon
                .as_mut()
                .is_none_or(|it| it.try_wait().is_ok_and(|s| s.is_some()));
            if ended || start.elapsed() > READY {
                let log = fs::read_to_string(&log).unwrap_or_default();
                bail!("the daemon (pid {pid}) does not filter; its output:\n{log}");
            }
        }
    }

    /// Kills the daemon with SIGKILL.
    pub(super) fn kill(&mut self) -> Result<u32> {
        let Some(mut daemon) = self.daemon.take() else {
            bail!("there is no daemon to kill");
        };
        let pid = daemon.id();
        daemon.kill().context("cannot kill the daemon")?;
        daemon.wait().context("cannot wait for the daemon")?;
        Ok(pid)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.kill();
        if let Ok(mut unload) = self.xdp_fw("unload") {
            let _ = unload.output();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    command::run(Command::new("ip").args(arguments))
}
