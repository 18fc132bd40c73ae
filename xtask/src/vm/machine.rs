//! Boots a virtual machine, watches it, and finds out how it ended.

use std::{
    fmt,
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::kernels::Kernel;
use crate::command;

/// The start of every line that the guest prints for this program.
const OURS: &str = "vm: ";

/// The status of QEMU when all tests pass in the guest. QEMU's own are 0, also after a panic, and
/// 1.
const WELL: i32 = 33;

/// Emulation is ten times slower than hardware, and the machine may be busy.
const LIMIT: Duration = Duration::from_secs(600);

/// How a virtual machine ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    /// A test failed; the text names the step.
    Failed(String),
    /// The machine did not end in time.
    Hung,
    /// The machine ended without a report: the kernel panicked, or QEMU failed.
    Died(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => write!(f, "passed"),
            Self::Failed(why) => write!(f, "{why}"),
            Self::Hung => write!(f, "no end after {} s", LIMIT.as_secs()),
            Self::Died(status) => write!(f, "the machine died ({status})"),
        }
    }
}

/// A run of a machine.
pub(super) struct Run {
    pub(super) outcome: Outcome,
    console: String,
}

impl Run {
    /// The texts of the guest's lines that begin with this word.
    pub(super) fn lines<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        lines(&self.console, word)
    }

    /// The last lines of the console: the daemon's log, or the kernel's panic.
    pub(super) fn last_lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.console.lines().count();
        self.console.lines().skip(lines.saturating_sub(40))
    }
}

/// Boots, and boots again if the machine failed. A failed test is not repeated.
pub(super) fn boot_twice_at_most(kernel: &Kernel, image: &Path, log: &Path) -> Result<Run> {
    let first = boot(kernel, image, log)?;
    match &first.outcome {
        Outcome::Passed | Outcome::Failed(_) => Ok(first),
        Outcome::Hung | Outcome::Died(_) => {
            println!("vm: {}: {}; booting again", kernel.label, first.outcome);
            fs::rename(log, log.with_extension("first.log"))?;
            boot(kernel, image, log)
        }
    }
}

fn boot(kernel: &Kernel, image: &Path, log: &Path) -> Result<Run> {
    let mut qemu = qemu(kernel, image);
    let console = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    qemu.stdin(Stdio::null())
        .stderr(console.try_clone()?)
        .stdout(console);
    let status = wait(&mut qemu)?;
    let console = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    Ok(Run {
        outcome: outcome(
            status.as_ref().map(std::process::ExitStatus::code),
            &console,
        ),
        console,
    })
}

fn qemu(kernel: &Kernel, image: &Path) -> Command {
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(["-machine", "q35", "-accel", "tcg"])
        // QEMU 7.2 gets the flags after CMPXCHG16B wrong: one boot in seven crashes.
        .args(["-cpu", "max,-cx16", "-m", "768"])
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none", "-nic", "none", "-serial", "stdio"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x01"])
        .arg("-kernel")
        .arg(kernel.image())
        .arg("-initrd")
        .arg(image)
        .args(["-append", "console=ttyS0 panic=-1 quiet"]);
    command
}

/// Returns the status of QEMU; `None` if it was stopped at the limit.
fn wait(qemu: &mut Command) -> Result<Option<std::process::ExitStatus>> {
    let mut child = qemu
        .spawn()
        .with_context(|| format!("cannot start `{}`", command::shown(qemu)))?;
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// A success needs both the status and the guest's report.
fn outcome(status: Option<Option<i32>>, console: &str) -> Outcome {
    if let Some(why) = lines(console, "failed: ").last() {
        return Outcome::Failed(why.to_owned());
    }
    match status {
        None => Outcome::Hung,
        Some(Some(WELL)) if lines(console, "passed").next().is_some() => Outcome::Passed,
        Some(Some(status)) => Outcome::Died(format!("status {status}")),
        Some(None) => Outcome::Died("by a signal".to_owned()),
    }
}

fn lines<'a>(console: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    console
        .lines()
        .filter_map(move |line| line.trim_end().strip_prefix(OURS)?.strip_prefix(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_needs_the_status_and_the_report() {
        let outcome = |status, console| outcome(Some(Some(status)), console);
        assert_eq!(outcome(33, "vm: booted\r\nvm: passed\r\n"), Outcome::Passed);
        assert!(matches!(outcome(33, "vm: booted\r\n"), Outcome::Died(_)));
        assert!(matches!(outcome(0, "vm: passed\r\n"), Outcome::Died(_)));
    }

    #[test]
    fn a_failed_test_is_reported_with_any_status() {
        let console = "vm: step: a\r\nvm: failed: a: no answer\r\n";
        let failed = Outcome::Failed("a: no answer".to_owned());
        assert_eq!(outcome(Some(Some(35)), console), failed);
        assert_eq!(outcome(None, console), failed);
        assert_eq!(outcome(None, "vm: step: a\r\n"), Outcome::Hung);
    }
}
