//! A child process whose end can be waited for beside other events, and its log.

use std::io::Read;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use nix::poll::PollFlags;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;

#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Readable once the child has ended.
    pidfd: OwnedFd,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
}

/// What a child wrote, and word that there is more.
#[derive(Debug, Default)]
struct Log {
    bytes: Mutex<Vec<u8>>,
    grown: Condvar,
}

impl Process {
    pub(super) fn spawn(command: &mut Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = Arc::new(Log::default());
        let reader = child.stderr.take().map(|stderr| {
            let log = Arc::clone(&log);
            std::thread::spawn(move || read_log(stderr, &log))
        });
        Self {
            pidfd: pidfd(child.id()),
            child,
            log,
            reader,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32);
        kill(pid, signal).expect("a child of one's own can be signalled");
    }

    /// How it ended, if it has.
    pub(super) fn exited(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("a child can be waited for");
        if status.is_some() {
            self.finish_log();
        }
        status
    }

    /// Waits for its end; `None` when the deadline comes first.
    pub(super) fn wait(&mut self, deadline: Instant) -> Option<ExitStatus> {
        wait::any_ready(&[(self.pidfd.as_fd(), PollFlags::POLLIN)], deadline);
        self.exited()
    }

    /// Waits for its end or for something to read; false when the deadline comes first.
    pub(super) fn wait_or_hear(&self, other: &impl AsFd, deadline: Instant) -> bool {
        let events = [
            (self.pidfd.as_fd(), PollFlags::POLLIN),
            (other.as_fd(), PollFlags::POLLIN),
        ];
        wait::any_ready(&events, deadline)
    }

    /// Kills it and waits for its end; all of its log is there afterwards.
    pub(super) fn kill(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.finish_log();
    }

    /// What it wrote to standard error so far.
    pub(super) fn log(&self) -> String {
        let log = self.log.bytes.lock();
        String::from_utf8_lossy(&log.unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until `found` finds something in the log, which comes through a pipe and so after what
    /// the daemon has told elsewhere; false when the deadline comes first.
    pub(super) fn await_log(&self, found: impl Fn(&str) -> bool, deadline: Instant) -> bool {
        let mut log = self
            .log
            .bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while !found(&String::from_utf8_lossy(&log)) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.log.grown.wait_timeout(log, left);
            log = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Reads the log to its end. A child of the child may hold the pipe, but the daemon has none.
    fn finish_log(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read_log(mut stderr: ChildStderr, log: &Log) {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = stderr.read(&mut chunk) {
        let mut bytes = log.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend(chunk.iter().take(length));
        log.grown.notify_all();
    }
}

/// A descriptor for a child that has not been waited for.
fn pidfd(pid: u32) -> OwnedFd {
    // SAFETY: the call takes two numbers and touches no memory.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    assert!(
        descriptor >= 0,
        "pidfd_open: {}",
        std::io::Error::last_os_error()
    );
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(descriptor as i32) }
}
