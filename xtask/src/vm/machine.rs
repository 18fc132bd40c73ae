//! A virtual machine: booted, watched, and its end understood.

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

/// What every line begins with that the guest prints for us.
const OURS: &str = "vm: ";

/// QEMU's status when the guest says that all is well. Its own are 0, which a panic has too, and 1.
const WELL: i32 = 33;

/// Ten times slower than hardware, on a machine that may be busy.
const LIMIT: Duration = Duration::from_secs(600);

/// How a virtual machine ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    /// The test said no, and where.
    Failed(String),
    /// It did not end in time.
    Hung,
    /// It ended without a word: a panic, or QEMU itself.
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

/// What came of a machine.
pub(super) struct Run {
    pub(super) outcome: Outcome,
    console: String,
}

impl Run {
    /// What the guest told under this word.
    pub(super) fn said<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        said(&self.console, word)
    }

    /// The end of what it printed: the daemon's log, or the kernel's last words.
    pub(super) fn last_lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.console.lines().count();
        self.console.lines().skip(lines.saturating_sub(40))
    }
}

/// Boots, and once more if the machine itself failed: never if the test did.
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

/// Its status, or nothing if it had to be stopped.
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

/// Only the status and the guest's own word together are a success.
fn outcome(status: Option<Option<i32>>, console: &str) -> Outcome {
    if let Some(why) = said(console, "failed: ").last() {
        return Outcome::Failed(why.to_owned());
    }
    match status {
        None => Outcome::Hung,
        Some(Some(WELL)) if said(console, "passed").next().is_some() => Outcome::Passed,
        Some(Some(status)) => Outcome::Died(format!("status {status}")),
        Some(None) => Outcome::Died("by a signal".to_owned()),
    }
}

fn said<'a>(console: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    console
        .lines()
        .filter_map(move |line| line.trim_end().strip_prefix(OURS)?.strip_prefix(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_needs_the_status_and_the_word() {
        let outcome = |status, console| outcome(Some(Some(status)), console);
        assert_eq!(outcome(33, "vm: booted\r\nvm: passed\r\n"), Outcome::Passed);
        assert!(matches!(outcome(33, "vm: booted\r\n"), Outcome::Died(_)));
        assert!(matches!(outcome(0, "vm: passed\r\n"), Outcome::Died(_)));
    }

    #[test]
    fn a_failed_test_is_told_whatever_the_status() {
        let console = "vm: step: a\r\nvm: failed: a: no answer\r\n";
        let failed = Outcome::Failed("a: no answer".to_owned());
        assert_eq!(outcome(Some(Some(35)), console), failed);
        assert_eq!(outcome(None, console), failed);
        assert_eq!(outcome(None, "vm: step: a\r\n"), Outcome::Hung);
    }
}
