//! Runs the release build of the daemon in the network namespace of this thread.
//!
//! Owns its process, files and pins. Knows when it is ready, and when an edit is in force.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::bpf::Slot;
use crate::isolation::{self, BPFFS, SCRATCH};
use crate::machine::field;
use crate::policy::SET_FILE;

/// Longest time of a start or a reload.
const PATIENCE: Duration = Duration::from_secs(120);
/// Time between two checks whether an edit is in force.
const GLANCE: Duration = Duration::from_micros(100);

const CONFIGURATION: &str = "xdp-fw.toml";

/// A running daemon. Dropping it ends the process and removes its files and pins.
pub(crate) struct Daemon {
    process: Child,
    pins: PathBuf,
    notify: UnixDatagram,
}

/// Resident memory of a process, MB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    pub(crate) now: f64,
    /// The largest value since its start.
    pub(crate) peak: f64,
}

impl Daemon {
    /// Writes the files, starts the daemon, and waits until it reports that it filters. Returns the
    /// time from its start.
    ///
    /// # Errors
    /// If the daemon ends or refuses; the error contains its log.
    pub(crate) fn start(configuration: &str, set: &str) -> Result<(Self, Duration)> {
        isolation::write(SET_FILE, set)?;
        isolation::write(CONFIGURATION, configuration)?;
        let socket = Path::new(SCRATCH).join("notify");
        // The pins of the previous daemon.
        let _ = fs::remove_file(&socket);
        let notify = UnixDatagram::bind(&socket).context("cannot listen to the daemon")?;
        notify.set_read_timeout(Some(Duration::from_millis(50)))?;
        let program = std::env::current_exe()?.with_file_name("xdp-fw");
        let pins = Path::new(BPFFS).join("daemon");
        let mut command = Command::new(&program);
        command
            .arg("run")
            .args(arguments(&pins))
            .env("NOTIFY_SOCKET", &socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(log())?);
        // SAFETY: prctl is one system call, safe between fork and exec; the daemon ends with this
        // thread.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let start = Instant::now();
        let process = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut daemon = Self {
            process,
            pins,
            notify,
        };
        daemon.await_ready()?;
        let took = start.elapsed();
        Ok((daemon, took))
    }

    /// Replaces the configuration and waits until the new one is in force. Returns the time from
    /// the replacement.
    ///
    /// # Errors
    /// If it is not in force in time.
    pub(crate) fn edit(&mut self, configuration: &str) -> Result<Duration> {
        self.replace(CONFIGURATION, configuration)
    }

    /// Replaces the prefixes of the set, and waits in the same way.
    ///
    /// # Errors
    /// If they are not in force in time.
    pub(crate) fn edit_set(&mut self, set: &str) -> Result<Duration> {
        self.replace(SET_FILE, set)
    }

    fn replace(&mut self, name: &str, text: &str) -> Result<Duration> {
        let entry = Slot::pinned(&self.pins.join("entry"))?;
        let before = entry.program();
        let beside = isolation::write("new", text)?;
        let start = Instant::now();
        fs::rename(beside, Path::new(SCRATCH).join(name))?;
        while entry.program() == before {
            if start.elapsed() > PATIENCE {
                bail!("an edit is not in force: {}", last_words());
            }
            thread::sleep(GLANCE);
        }
        let took = start.elapsed();
        // The daemon's work after the commit must not slow the next edit.
        self.await_ready()?;
        Ok(took)
    }

    /// Returns the resident memory of the daemon.
    ///
    /// # Errors
    /// If the daemon has ended.
    pub(crate) fn resident(&self) -> Result<Resident> {
        let status = format!("/proc/{}/status", self.process.id());
        let megabytes = |name| {
            let value = field(&status, name)?;
            let kibibytes: f64 = value.split(' ').next()?.parse().ok()?;
            Some(kibibytes * 1024.0 / 1e6)
        };
        Ok(Resident {
            now: megabytes("VmRSS").context("the daemon has ended")?,
            peak: megabytes("VmHWM").context("the daemon has ended")?,
        })
    }

    /// Returns how often its threads have waited since their start.
    ///
    /// # Errors
    /// If the daemon has ended.
    pub(crate) fn waits(&self) -> Result<HashMap<OsString, u64>> {
        let mut waits = HashMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let task = task?;
            let status = task.path().join("status");
            let count = field(&status.to_string_lossy(), "voluntary_ctxt_switches");
            let count = count.context("the daemon has ended")?;
            waits.insert(task.file_name(), count.parse()?);
        }
        Ok(waits)
    }

    fn await_ready(&mut self) -> Result<()> {
        let start = Instant::now();
        let mut message = [0; 4096];
        while start.elapsed() < PATIENCE {
            if let Ok(length) = self.notify.recv(&mut message) {
                let message = String::from_utf8_lossy(message.get(..length).unwrap_or_default());
                if message.lines().any(|line| line == "READY=1") {
                    return Ok(());
                }
            } else if self.process.try_wait()?.is_some() {
                bail!("the daemon has ended: {}", last_words());
            }
        }
        bail!("the daemon is not ready: {}", last_words())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Files left behind go with the mounts of this process.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = xdp_fw::datapath::unload(&self.pins);
        let _ = fs::remove_dir_all(Path::new(SCRATCH).join("state"));
    }
}

fn arguments(pins: &Path) -> Vec<PathBuf> {
    let scratch = Path::new(SCRATCH);
    [
        ("--config", scratch.join(CONFIGURATION)),
        ("--pin-dir", pins.to_owned()),
        ("--state-dir", scratch.join("state")),
        ("--run-dir", scratch.join("run")),
    ]
    .into_iter()
    .flat_map(|(option, path)| [PathBuf::from(option), path])
    .collect()
}

fn log() -> PathBuf {
    Path::new(SCRATCH).join("log")
}

fn last_words() -> String {
    let log = fs::read_to_string(log()).unwrap_or_default();
    log.lines()
        .last()
        .unwrap_or("it printed nothing")
        .to_owned()
}
