//! The real daemon in a namespace of the test's own, and the CLI beside it.
//!
//! Owns one daemon's process, directories and pins, and removes them, also when the test panics.
//! Never polls: readiness and reloads are what the daemon tells its service manager.

mod denied;
mod host_files;
mod notify;
mod places;
mod process;
mod unit;

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::process::{ExitStatus, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use serde_json::Value;
use xdp_fw::fault;

use self::host_files::HostFiles;
pub use self::notify::Message;
use self::places::Places;
pub use self::places::binary;
use self::process::Process;
use crate::netns::Netns;

/// How long a start or a reload may take: loading and verifying are seconds on a slow machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the daemon's watcher waits for after a write, at least and at most.
const WATCHER_QUIET: Duration = Duration::from_millis(50);
const WATCHER_LONGEST: Duration = Duration::from_millis(500);

/// Runs a program as systemd does: its environment names the device and inode of its standard error.
const UNDER_THE_JOURNAL: &str =
    "JOURNAL_STREAM=$(stat -Lc %d:%i /dev/stderr); export JOURNAL_STREAM; exec \"$0\" \"$@\"";

/// Of the moments in messages.
const RESOLUTION: Duration = Duration::from_micros(1);

/// A daemon under test. Its CLI works whether or not it runs.
#[derive(Debug)]
pub struct Daemon<'a> {
    netns: &'a Netns,
    places: Places,
    process: Option<Process>,
    host_files: Option<HostFiles>,
    denied_netlink: Option<u32>,
    watches: bool,
    confined: bool,
    /// Soft and hard limit on descriptors.
    descriptors: Option<(u64, u64)>,
    hides_processes: bool,
    /// Arguments of `run` beside the places.
    arguments: Vec<String>,
    /// Whether its standard error passes for the journal's.
    journal: bool,
    /// What the last process wrote that has ended.
    last_log: String,
    /// The fault that the next one is to meet.
    fault: Option<String>,
}

/// Why a daemon did not become ready.
#[derive(Debug)]
pub struct Failure {
    /// How it ended; `None` if it still ran at the deadline.
    pub status: Option<ExitStatus>,
    /// Everything it wrote to standard error.
    pub log: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(formatter, "the daemon ended early: {status}")?,
            None => write!(formatter, "the daemon said nothing within {DEADLINE:?}")?,
        }
        write!(formatter, "\n{}", self.log)
    }
}

impl<'a> Daemon<'a> {
    /// Starts a daemon with this configuration in `netns` and waits until it is ready.
    pub fn start(netns: &'a Netns, config: &str) -> Self {
        let mut daemon = Self::prepare(netns, config);
        daemon.restart();
        daemon
    }

    /// Makes its directories and its configuration, and starts nothing yet.
    pub fn prepare(netns: &'a Netns, config: &str) -> Self {
        let places = Places::new();
        places.write_config(config);
        Self {
            netns,
            places,
            process: None,
            host_files: None,
            denied_netlink: None,
            watches: true,
            confined: false,
            descriptors: None,
            hides_processes: false,
            arguments: Vec::new(),
            journal: false,
            last_log: String::new(),
            fault: None,
        }
    }

    /// From its next start on, it has the capabilities that the unit leaves it, and no other.
    pub fn confine(&mut self) {
        self.confined = true;
    }

    /// From its next start on, it may have so many descriptors.
    pub fn limit_descriptors(&mut self, soft: u64, hard: u64) {
        self.descriptors = Some((soft, hard));
    }

    /// From its next start on, its pins are those of the next layout, beside those that it leaves.
    pub fn upgrade_layout(&mut self) {
        self.places.pins.set_file_name("v2");
    }

    /// Starts it with the directories it has, and waits until it is ready.
    pub fn restart(&mut self) {
        if let Err(failure) = self.try_restart() {
            panic!("{failure}");
        }
    }

    /// As [`Daemon::restart`], for a start that is meant to fail.
    pub fn try_restart(&mut self) -> Result<(), Failure> {
        self.start_without_waiting();
        self.await_message(|message| message.has("READY", "1"))
            .map(drop)
    }

    /// Starts it and waits for nothing. Gives its process id.
    pub fn start_without_waiting(&mut self) -> u32 {
        assert!(self.process.is_none(), "the daemon runs already");
        self.places.notify.drain();
        let mut command = match self.journal {
            true => self.netns.command("sh"),
            false => self.netns.command(&self.places.binary),
        };
        if self.journal {
            command
                .args(["-c", UNDER_THE_JOURNAL])
                .arg(&self.places.binary);
        }
        command.arg("run").args(self.places.arguments());
        command.args(&self.arguments);
        if let Some(files) = &self.host_files {
            files.show(&mut command);
        }
        if let Some(family) = self.denied_netlink {
            denied::deny_netlink(&mut command, family);
        }
        if !self.watches {
            denied::deny_inotify(&mut command);
        }
        if self.hides_processes {
            unit::hide_processes(&mut command);
        }
        if self.confined {
            unit::confine(&mut command);
        }
        if let Some((soft, hard)) = self.descriptors {
            unit::limit_descriptors(&mut command, soft, hard);
        }
        command.env("NOTIFY_SOCKET", self.places.notify.path());
        if let Some(fault) = self.fault.take() {
            command.env(fault::VARIABLE, fault);
        }
        let process = Process::spawn(&mut command);
        let pid = process.pid();
        self.process = Some(process);
        pid
    }

    /// Has the next process, and no other, meet a fault: `"task.links:error"`, in the words of
    /// [`fault`].
    pub fn arm(&mut self, fault: impl Into<String>) {
        self.fault = Some(fault.into());
    }

    /// Waits until it ends by itself.
    pub fn await_end(&mut self) -> Failure {
        match self.await_message(|_| false) {
            Err(failure) if failure.status.is_some() => failure,
            other => panic!("it has not ended: {other:?}"),
        }
    }

    /// From its next start on it sees an `/etc` and a `/run` with nothing in them but such files:
    /// `host_file("etc/resolv.conf", …)`.
    pub fn host_file(&mut self, path: &str, content: impl AsRef<[u8]>) {
        let root = self.places.directory().join("host");
        self.host_files
            .get_or_insert_with(|| HostFiles::new(root))
            .write(path, content.as_ref());
    }

    /// Removes such a file.
    pub fn remove_host_file(&self, path: &str) {
        let files = self.host_files.as_ref();
        files.expect("a file was written").remove(path);
    }

    /// From its next start on it sees no process but its own in `/proc`, as under the unit.
    pub fn hide_processes(&mut self) {
        self.hides_processes = true;
    }

    /// From its next start on it gets no netlink socket of this family: `EPERM`.
    pub fn without_netlink(&mut self, family: u32) {
        self.denied_netlink = Some(family);
    }

    /// From its next start on it does not notice edits: a reload is one that a test asks for, and
    /// no other comes between.
    pub fn without_watches(&mut self) {
        self.watches = false;
    }

    /// From its next start on it does again.
    pub fn with_watches(&mut self) {
        self.watches = true;
    }

    /// Arguments for `xdp-fw run` at its next starts.
    pub fn run_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|&it| it.to_owned()).collect();
    }

    /// From its next start on its standard error passes for the journal's.
    pub fn log_to_journal(&mut self) {
        self.journal = true;
    }

    /// From its next start on it may have as many descriptors as this process.
    pub fn unlimit_descriptors(&mut self) {
        self.descriptors = None;
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.running().pid()
    }

    /// Replaces the configuration by an atomic rename, and waits until the daemon has reloaded
    /// or refused it. Gives its last message: `READY=1`, with the outcome in `STATUS`.
    pub fn edit(&mut self, config: &str) -> Message {
        self.places.notify.drain();
        let written = monotonic();
        self.write_config(config);
        let first = self.await_beginning(written, DEADLINE);
        let first = first.unwrap_or_else(|failure| panic!("no reload: {failure}"));
        let outcome = self.await_outcome();
        // One that began so early was due before: this edit's own is still to come, unless it was
        // written before the watches were in place.
        if first < written + WATCHER_QUIET
            && self
                .await_beginning(first + RESOLUTION, WATCHER_LONGEST)
                .is_ok()
        {
            return self.await_outcome();
        }
        outcome
    }

    /// Replaces the configuration by an atomic rename, and waits for nothing.
    pub fn write_config(&self, config: &str) {
        self.places.write_config(config);
    }

    /// Waits for `RELOADING=1`, and then for the `READY=1` that ends it.
    pub fn await_reload(&mut self) -> Message {
        let begins = self.await_beginning(Duration::ZERO, DEADLINE);
        begins.unwrap_or_else(|failure| panic!("no reload: {failure}"));
        self.await_outcome()
    }

    /// Waits for a reload that begins no earlier than `from`, and gives when.
    fn await_beginning(&mut self, from: Duration, patience: Duration) -> Result<Duration, Failure> {
        let moment = |message: &Message| {
            let moment = message.has("RELOADING", "1").then(|| message.moment())?;
            moment.filter(|moment| *moment >= from)
        };
        let message = self.await_within(patience, |message| moment(message).is_some())?;
        Ok(moment(&message).unwrap_or(from))
    }

    fn await_outcome(&mut self) -> Message {
        let outcome = self.await_message(|message| message.has("READY", "1"));
        outcome.unwrap_or_else(|failure| panic!("a reload does not end: {failure}"))
    }

    /// Waits for a message to the service manager; those before it are passed over.
    pub fn await_message(&mut self, wanted: impl Fn(&Message) -> bool) -> Result<Message, Failure> {
        self.await_within(DEADLINE, wanted)
    }

    fn await_within(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&Message) -> bool,
    ) -> Result<Message, Failure> {
        let deadline = Instant::now() + patience;
        let process = self.process.as_mut().expect("the daemon was started");
        loop {
            let exited = process.exited();
            if let Some(message) = self.places.notify.next_matching(&wanted) {
                return Ok(message);
            }
            // Asked before the messages were read: what it said last has been heard.
            if exited.is_some() || !process.wait_or_hear(&self.places.notify, deadline) {
                return Err(self.failure(exited));
            }
        }
    }

    /// Reads away what it has told its service manager: the socket holds ten messages, and more
    /// have to wait.
    pub fn forget_messages(&self) {
        self.places.notify.drain();
    }

    /// Has the service manager hear nothing more until its messages are read or forgotten.
    pub fn stuff_messages(&self) {
        self.places.notify.stuff();
    }

    /// Runs `xdp-fw VERB …` against this daemon's directories, in its namespace.
    pub fn cli<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Output {
        let (verb, rest) = arguments.split_first().expect("a command has a verb");
        let mut command = self.netns.command(&self.places.binary);
        command.arg(verb).args(self.places.arguments()).args(rest);
        match command.output() {
            Ok(output) => output,
            Err(error) => panic!("{command:?}: {error}"),
        }
    }

    /// Runs `xdp-fw VERB` on its pins with another run directory, as one that does not know of it.
    /// Killed if it does not end.
    pub fn stranger(&self, verb: &str, run_dir: &Path) -> Output {
        let mut command = self.netns.command("timeout");
        command.args(["-s", "KILL", "20"]).arg(&self.places.binary);
        command
            .arg(verb)
            .args(["--config".as_ref(), self.config_path()]);
        command.args(["--pin-dir".as_ref(), self.pin_dir()]);
        command.args(["--state-dir".as_ref(), run_dir]);
        command.args(["--run-dir".as_ref(), run_dir]);
        command.output().expect("coreutils are installed")
    }

    /// The same without `--config`, for commands that then ask what is in force.
    pub fn cli_in_force<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Output {
        let mut command = self.netns.command(&self.places.binary);
        command
            .args(arguments)
            .args(self.places.arguments_without_config());
        match command.output() {
            Ok(output) => output,
            Err(error) => panic!("{command:?}: {error}"),
        }
    }

    /// `xdp-fw stats --json`.
    pub fn stats(&self) -> Value {
        self.json("stats")
    }

    /// `xdp-fw status --json`. The exit code says "degraded" and is not looked at.
    pub fn status(&self) -> Value {
        self.json("status")
    }

    /// `generation` of the status, which grows with each commit.
    pub fn generation(&self) -> u64 {
        let status = self.status();
        let Some(generation) = status.get("generation").and_then(Value::as_u64) else {
            panic!("no generation in {status}");
        };
        generation
    }

    /// An interface of the status.
    pub fn interface(&self, name: &str) -> Value {
        let status = self.status();
        let interfaces = status.pointer("/interfaces").and_then(Value::as_array);
        let mut interfaces = interfaces.into_iter().flatten();
        let found = interfaces.find(|it| it.get("name").is_some_and(|found| found == name));
        let Some(found) = found else {
            panic!("no {name} in {status}");
        };
        found.clone()
    }

    /// What the status says is wrong with an interface; empty if nothing is.
    pub fn interface_error(&self, name: &str) -> String {
        let interface = self.interface(name);
        let error = interface.get("error").and_then(Value::as_str);
        error.unwrap_or_default().to_owned()
    }

    /// Everything it wrote to standard error since its last start, also when it has ended.
    pub fn log(&self) -> String {
        match &self.process {
            Some(process) => process.log(),
            None => self.last_log.clone(),
        }
    }

    /// Waits until its log, from this byte on, contains each of these lines.
    pub fn await_log(&self, from: usize, lines: &str) {
        let told = |log: &str| {
            let log = log.get(from..).unwrap_or_default();
            lines.lines().all(|line| log.contains(line))
        };
        let found = match &self.process {
            Some(process) => process.await_log(told, Instant::now() + DEADLINE),
            // All of it is there.
            None => told(&self.last_log),
        };
        assert!(found, "not logged:\n{lines}\nbut:\n{}", self.log());
    }

    /// Kills it as a crash would; its pins stay.
    pub fn kill9(&mut self) {
        self.end(Signal::SIGKILL);
    }

    /// Stops it as the service manager does, and waits for its end.
    pub fn stop(&mut self) -> ExitStatus {
        self.end(Signal::SIGTERM)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.running().signal(signal);
    }

    /// Waits until it stands still: at a fault point, or because of a signal.
    pub fn await_stop(&self) {
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
        let child = Id::Pid(Pid::from_raw(self.pid() as i32));
        let status = waitid(child, flags).expect("the daemon is a child of the test");
        assert!(matches!(status, WaitStatus::Stopped(..)), "{status:?}");
    }

    /// The program.
    pub fn binary(&self) -> &Path {
        &self.places.binary
    }

    /// Its configuration file.
    pub fn config_path(&self) -> &Path {
        &self.places.config
    }

    /// Its pins.
    pub fn pin_dir(&self) -> &Path {
        &self.places.pins
    }

    /// Its state, the last good configuration among it.
    pub fn state_dir(&self) -> &Path {
        &self.places.state
    }

    /// Its socket and its lock.
    pub fn run_dir(&self) -> &Path {
        &self.places.run
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("the daemon runs")
    }

    /// What to say of a daemon that has ended, or has not done what was waited for.
    fn failure(&mut self, status: Option<ExitStatus>) -> Failure {
        let log = self.log();
        if status.is_some() {
            self.process = None;
            self.last_log.clone_from(&log);
        }
        Failure { status, log }
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        let mut process = self.process.take().expect("the daemon runs");
        process.signal(signal);
        let status = process.wait(Instant::now() + DEADLINE);
        self.last_log = process.log();
        match status {
            Some(status) => status,
            None => panic!(
                "still running {DEADLINE:?} after {signal}:\n{}",
                process.log()
            ),
        }
    }

    fn json(&self, verb: &str) -> Value {
        let output = self.cli(&[verb, "--json"]);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("`xdp-fw {verb} --json`: {error}: {output:?}"))
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        // Killed first: unload must not have to ask a daemon that may be stuck.
        if let Some(mut process) = self.process.take() {
            process.kill();
            self.last_log = process.log();
        }
        let unloaded = self
            .netns
            .command(&self.places.binary)
            .arg("unload")
            .args(self.places.arguments())
            .output();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}\nunload: {unloaded:?}", self.last_log);
        }
        // The directories go with `places`, whatever unload left there.
    }
}

/// Since boot, as messages to the service manager tell it.
fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock that every kernel has");
    now.into()
}
